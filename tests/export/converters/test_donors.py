"""KNNImputer fills gaps from the training rows that are near and have the number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.impute import KNNImputer

from skerry.export.converters import donors
from skerry.runtime import Model

Same = Callable[..., Model]


@pytest.fixture
def gaps() -> np.ndarray:
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 5)) * [1, 10, 0.1, 3, 1] + [0, 5, 0, 0, 2]
    X[random.random(X.shape) < 0.2] = np.nan
    return X


@pytest.mark.parametrize(
    "setting",
    [{}, {"n_neighbors": 1}, {"n_neighbors": 500}, {"weights": "distance"}, {"add_indicator": True}],
    ids=repr,
)
def test_gaps_are_filled_from_the_nearest(setting: dict[str, Any], gaps: np.ndarray, check_same: Same) -> None:
    rows = np.vstack([np.full((1, 5), np.nan), gaps[:5] * 1e3, np.ones((1, 5)), np.full((1, 5), np.inf)])
    tolerance = 1e-8 if "weights" in setting else 1e-11  # near duplicates, which scikit-learn measures by a difference
    check_same(KNNImputer(**setting).fit(gaps), gaps + 0.01, rows, tolerance=tolerance)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_numbers_that_none_of_the_near_rows_has(weights: str, check_same: Same) -> None:
    random = np.random.default_rng(1)
    known = random.normal(size=(400, 4))
    known[known[:, 0] > 0, 2] = np.nan
    known[3:, 3] = np.nan
    rows = random.normal(size=(200, 4))
    rows[:, 2:] = np.nan
    check_same(KNNImputer(weights=weights).fit(known), rows, tolerance=1e-11)


def test_rows_of_many_blocks(monkeypatch: pytest.MonkeyPatch, gaps: np.ndarray, check_same: Same) -> None:
    monkeypatch.setattr(donors, "CELLS", 7 * len(gaps))
    whole = np.nan_to_num(gaps[:14])
    check_same(KNNImputer().fit(gaps), np.vstack([whole, gaps + 0.01]), tolerance=1e-11)


@pytest.mark.parametrize("keep_empty_features", [True, False])
def test_columns_that_were_empty(keep_empty_features: bool, gaps: np.ndarray, check_same: Same) -> None:
    empty = np.insert(gaps, 2, np.nan, axis=1)
    rows = np.insert(gaps, 2, 7.0, axis=1) + 0.01
    check_same(KNNImputer(keep_empty_features=keep_empty_features).fit(empty), empty + 0.01, rows, tolerance=1e-11)
