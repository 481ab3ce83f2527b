"""TargetEncoder gives a category the mean it has learned, and the mean of all to what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from skerry.runtime import Model

Same = Callable[..., Model]

TARGETS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "continuous": lambda random: random.normal(size=60),
    "binary": lambda random: random.choice(["no", "yes"], 60),
    "multiclass": lambda random: random.choice(["x", "y", "z"], 60),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("smooth", ["auto", 0.0, 10.0])
def test_strings(kind: str, smooth: Any, check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = np.array([["a", "b", "c", None], ["u", "v", "", "w"]], object).T[random.integers(4, size=(60, 2)), [0, 1]]
    rows = np.array([["z", "u"], ["A", "w "], [None, "é"], ["a", ""]], object)
    encoder = TargetEncoder(smooth=smooth, target_type=kind).fit(X, TARGETS[kind](random))
    check_same(encoder, X, rows, tolerance=0)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_numbers(kind: str, dtype: Any, check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = random.integers(4, size=(60, 3)).astype(dtype)
    if dtype != np.int64:
        X[::9, 1] = np.nan
    rows = np.array([[0, 1, 9], [3, -1, 2], [1, 1, 1]], dtype)
    check_same(TargetEncoder(target_type=kind).fit(X, TARGETS[kind](random)), X, rows, tolerance=0)


def test_a_frame(table: pd.DataFrame, check_same: Same) -> None:
    encoder = TargetEncoder(target_type="binary").fit(table[["children", "member", "city"]], table["plan"])
    check_same(encoder, table, tolerance=0)
