"""Clusterings and centroids: the nearest of a few centres, and how far it is to each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    FeatureAgglomeration,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.neighbors import NearestCentroid

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

CLUSTERINGS = [
    KMeans(5, n_init=1, random_state=0),
    MiniBatchKMeans(5, n_init=1, random_state=0),
    BisectingKMeans(5, random_state=0),
    Birch(threshold=0.8, n_clusters=4),
    Birch(threshold=0.8, n_clusters=None),
    MeanShift(bandwidth=1.5),
    AffinityPropagation(random_state=0),
]
FAR = [1e3, -1e6, 1e15, 1e300, np.nan, np.inf]


@pytest.fixture
def X() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(150, 4)) + 4 * random.integers(0, 3, (150, 1))


def far_out(X: np.ndarray, values: list[float] = FAR) -> np.ndarray:
    """Rows with one number far out of the ordinary."""
    rows = np.repeat(X[:4], len(values), axis=0)
    with np.errstate(over="ignore"):
        rows[np.arange(len(rows)), np.repeat(np.arange(4), len(values))] = np.tile(values, 4)
    return rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("clustering", CLUSTERINGS, ids=repr)
def test_rows_fall_into_the_same_clusters(clustering: Any, dtype: Any, X: np.ndarray, check_same: Same) -> None:
    X = X.astype(dtype)
    rows = (np.random.default_rng(1).normal(size=(200, 4)) * 4).astype(dtype)
    check_same(clone(clustering).fit(X), rows, tolerance=1e-12 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("clustering", CLUSTERINGS, ids=repr)
def test_rows_far_out_fall_into_the_same_clusters(clustering: Any, X: np.ndarray, check_same: Same) -> None:
    values = [value for value in FAR if value != 1e15]  # there all centres are as far, but for rounding
    check_same(clone(clustering).fit(X), X[:1] + 0.1, far_out(X, values))


def test_of_centres_as_near_as_each_other_the_first_is_taken(check_same: Same) -> None:
    X = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    model = KMeans(4, init=X, n_init=1).fit(X)
    check_same(model, np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 2.0]]))


def test_rows_of_another_dtype_than_the_centres_are_refused(X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match="float32"):
        export(KMeans(3, n_init=1).fit(X), X.astype(np.float32), name="model", to=tmp_path)


def test_whole_numbers_are_clustered_as_float64(check_same: Same) -> None:
    X = np.random.default_rng(0).integers(0, 50, (100, 3))
    check_same(KMeans(4, n_init=1, random_state=0).fit(X), X)


@pytest.mark.parametrize("pooling", [np.mean, np.max, np.min, np.sum])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_features_are_pooled(dtype: Any, pooling: Any, X: np.ndarray, check_same: Same) -> None:
    X = (X * [1, 2, 3, 4]).astype(dtype)
    model = FeatureAgglomeration(2, pooling_func=pooling).fit(X)
    check_same(model, X, far_out(X, FAR[:-3]), tolerance=1e-12 if dtype == np.float64 else 1e-6)


def test_pooling_of_ones_own_is_refused(X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match="pooled"):
        export(FeatureAgglomeration(2, pooling_func=np.median).fit(X), X, name="model", to=tmp_path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "centroid",
    [
        NearestCentroid(),
        NearestCentroid(shrink_threshold=0.2),
        NearestCentroid(priors="empirical"),
        NearestCentroid(metric="manhattan"),
    ],
    ids=repr,
)
def test_nearest_centroid(centroid: Any, classes: int, dtype: Any, X: np.ndarray, check_same: Same) -> None:
    y = np.digitize(X[:, 0] + X[:, 1], [3.0, 8.0][: classes - 1])
    rows = (np.random.default_rng(1).normal(size=(60, 4)) * 4).astype(dtype)
    check_same(clone(centroid).fit(X, y), rows, far_out(X, FAR[:1]).astype(dtype), tolerance=1e-11)
