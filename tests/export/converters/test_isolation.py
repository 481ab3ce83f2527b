"""How soon rows stand alone, and in which leaves they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest, RandomTreesEmbedding
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.runtime import Model

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    """Numbers of one scale, so that members in float32 are well conditioned."""
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 9, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10, 3.4e38, 1e300]
    return np.concatenate([numbers[:20], ugly, np.full((1, 4), np.nan)])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"contamination": 0.1},
        {"contamination": 0.25, "max_samples": 16},
        {"max_features": 0.5, "contamination": 0.2},
        {"max_features": 1},
        {"bootstrap": True, "max_samples": 0.3},
        {"max_samples": 2},
        {"max_samples": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_isolation_forests(
    dtype: Any, settings: dict[str, Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    X = numbers.astype(dtype)
    ugly = rows if dtype != np.int64 else rows[:20]
    with np.errstate(all="ignore"):
        check_same(IsolationForest(n_estimators=20, random_state=0, **settings).fit(X), X, ugly.astype(dtype))


@pytest.mark.parametrize("seed", range(5))
def test_rows_at_the_very_edge_of_the_inliers(seed: int, check_same: Same) -> None:
    """The offset is the score of a training row, so that row's decision is 0 but for rounding; and rows with the same
    depths in other trees differ from it in their last bits."""
    X = np.random.default_rng(seed).integers(0, 9, size=(101, 3)).astype(float)
    fitted = IsolationForest(n_estimators=30, contamination=0.1, random_state=seed).fit(X)
    assert (fitted.decision_function(X) == 0).any()
    check_same(fitted, X, tolerance=1e-15)


def test_splits_are_crossed_exactly(numbers: np.ndarray, beside: Beside, check_same: Same) -> None:
    fitted = IsolationForest(n_estimators=5, max_features=0.5, random_state=0).fit(numbers)
    crossed = []
    for tree, features in zip(fitted.estimators_, fitted.estimators_features_, strict=True):
        for node in np.flatnonzero(tree.tree_.feature >= 0)[:8]:
            for value in beside([tree.tree_.threshold[node], np.float32(tree.tree_.threshold[node])]):
                row = numbers[node % len(numbers)].copy()
                row[features[tree.tree_.feature[node]]] = value
                crossed.append(row)
    check_same(fitted, numbers, np.array(crossed), tolerance=1e-15)


def test_isolation_forests_after_a_scaler(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    check_same(
        make_pipeline(StandardScaler(), IsolationForest(n_estimators=10, random_state=0)).fit(numbers), numbers, rows
    )


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("settings", [{}, {"max_depth": 2}, {"max_leaf_nodes": 6}], ids=str)
def test_embeddings(
    sparse: bool, settings: dict[str, Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    fitted = RandomTreesEmbedding(7, random_state=0, sparse_output=sparse, **settings).fit(numbers)
    check_same(fitted, numbers, rows, tolerance=0)


def test_embeddings_feed_a_model(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    fitted = make_pipeline(RandomTreesEmbedding(7, random_state=0), Ridge()).fit(numbers, numbers[:, 0])
    check_same(fitted, numbers, rows)
