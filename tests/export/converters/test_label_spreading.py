"""Labels that spread from a few training rows to all, and on to new ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(90, 3))


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    y[::3] = -1
    return y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "spreading",
    [LabelPropagation(gamma=1), LabelSpreading(gamma=3), LabelSpreading(kernel="knn", n_neighbors=5)],
    ids=repr,
)
def test_new_rows_get_the_labels_around_them(
    spreading: Any, dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    rows = X[:6].copy()
    rows[np.arange(6), np.arange(6) % 3] = [30, -1e3, 5, np.nan, np.inf, -3]
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    X = X.astype(dtype)
    check_same(clone(spreading).fit(X, y), X + dtype(0.1), rows.astype(dtype), tolerance=tolerance)


def test_a_kernel_of_ones_own_is_refused(X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match="kernel"):
        export(LabelSpreading(kernel=rbf_kernel).fit(X, y), X, name="model", to=tmp_path)
