"""Estimators of neighbours find scikit-learn's own neighbours, and measure them as exactly."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    LocalOutlierFactor,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    RadiusNeighborsTransformer,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

METRICS: list[dict[str, Any]] = [
    {},
    {"metric": "manhattan"},
    {"metric": "chebyshev"},
    {"p": 3},
    {"p": 1.5, "metric_params": {"w": [1.0, 2.0, 0.5, 3.0]}},
    {"metric": "cosine"},
    {"algorithm": "ball_tree"},
    {"algorithm": "brute"},
    {"algorithm": "brute", "metric": "manhattan"},
    {"algorithm": "brute", "p": 3},
]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(150, 4))


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    return np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [-0.5, 0.8])


@pytest.fixture
def rows(X: np.ndarray) -> np.ndarray:
    """Rows between, far out, next to training rows, and no numbers at all."""
    far = np.repeat(X[:6], 4, axis=0)
    far[np.arange(24), np.tile(np.arange(4), 6)] = np.repeat([1e3, -1e6, 1e300, np.nan, np.inf, -np.inf], 4)
    return np.vstack([np.random.default_rng(1).normal(size=(40, 4)), far])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_every_metric_finds_the_same_neighbours(
    metric: dict[str, Any], dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    X, rows = X.astype(dtype), np.random.default_rng(1).normal(size=(40, 4)).astype(dtype)
    rounded = metric.get("metric") == "cosine" and dtype == np.float32
    weights = "uniform" if rounded else "distance"
    check_same(KNeighborsClassifier(7, weights=weights, **deepcopy(metric)).fit(X, y), rows, tolerance=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(), KNeighborsRegressor()], ids=repr)
def test_rows_far_out_are_answered_as_scikit_learn_does(
    estimator: Any, algorithm: str, weights: str, X: np.ndarray, y: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    check_same(clone(estimator).set_params(algorithm=algorithm, weights=weights).fit(X, y), X[:2] + 0.1, rows)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(), KNeighborsRegressor()], ids=repr)
def test_near_duplicates_are_measured_exactly(
    estimator: Any, offset: float, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    X = X + offset
    rows = np.vstack([X, np.nextafter(X, np.inf), X + 1e-9, X * (1 + 1e-12)])
    check_same(clone(estimator).set_params(weights="distance").fit(X, y), rows, tolerance=1e-12)


def test_many_near_duplicates_are_told_apart(check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = np.vstack([1000 + 1e-9 * random.normal(size=(300, 3)), random.normal(size=(20, 3))])
    y = random.normal(size=len(X))
    check_same(KNeighborsRegressor(5, weights="distance").fit(X, y), 1000 + 1e-9 * random.normal(size=(50, 3)))


def test_many_columns_are_searched_by_brute_force(check_same: Same) -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(200, 30)), random.integers(0, 4, 200)
    model = KNeighborsClassifier(5, weights="distance").fit(X, y)
    assert model._fit_method == "brute"
    check_same(model, random.normal(size=(60, 30)), tolerance=1e-12)


@pytest.mark.parametrize("n_neighbors", [1, 4, 50])
def test_all_training_rows_may_be_neighbours(n_neighbors: int, check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(50, 3))
    check_same(KNeighborsRegressor(n_neighbors, weights="distance").fit(X, X[:, 0]), random.normal(size=(20, 3)))


def test_several_targets(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(KNeighborsRegressor(weights="distance").fit(X, X[:, :2] * 3), X + 0.01)
    check_same(KNeighborsRegressor().fit(X, X[:, :2] * 3), X + 0.01)


@pytest.mark.parametrize("kind", ["numbers", "words", "truths", "float32"])
def test_labels_and_targets_keep_their_dtype(kind: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    words = np.array(["a", "bb", "ccc"])[y]
    given = {"numbers": y + 0.0, "words": words, "truths": y > 0, "float32": y.astype(np.float32)}[kind]
    check_same(KNeighborsClassifier().fit(X, given), X + 0.01)
    if kind != "words":
        check_same(KNeighborsRegressor().fit(X, given), X + 0.01, tolerance=1e-6 if kind == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_rows_of_another_dtype_than_the_training_rows(
    dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    rows = (10 * X + 0.3).astype(dtype)
    for algorithm in ("kd_tree", "brute"):
        for fitted in (10 * X, (10 * X).astype(np.float32)):
            model = KNeighborsRegressor(algorithm=algorithm, weights="distance").fit(fitted, X[:, 0])
            check_same(model, rows, tolerance=1e-9 if algorithm == "brute" else 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_distances_may_be_given(weights: str, dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    given = pairwise_distances(X).astype(dtype)
    rows = pairwise_distances(X[:20] + 0.1, X).astype(dtype)
    negative = rows[:1].copy()
    negative[0, 3] = -1
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    for model in (
        KNeighborsClassifier(weights=weights, metric="precomputed"),
        KNeighborsRegressor(weights=weights, metric="precomputed"),
    ):
        check_same(model.fit(given, y), rows, negative, tolerance=tolerance)
    check_same(
        RadiusNeighborsRegressor(1.5, weights=weights, metric="precomputed").fit(given, y + 0.0),
        rows,
        tolerance=tolerance,
    )


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize(
    "transformer", [KNeighborsTransformer(n_neighbors=4), RadiusNeighborsTransformer(radius=1.2)], ids=repr
)
def test_graphs_of_neighbours(transformer: Any, mode: str, X: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    check_same(clone(transformer).set_params(mode=mode).fit(X), X, rows)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_neighbours_within_a_radius(
    metric: dict[str, Any], X: np.ndarray, y: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    radius = 0.3 if metric.get("metric") == "cosine" else 1.4
    weights = "uniform" if len(metric) < 2 else "distance"
    classifier = RadiusNeighborsClassifier(radius, weights=weights, outlier_label=1, **deepcopy(metric))
    check_same(classifier.fit(X, y), X + 0.01, rows)
    check_same(
        RadiusNeighborsRegressor(radius, weights="distance", **deepcopy(metric)).fit(X, X[:, :2]), X + 0.01, rows
    )


def test_the_mean_within_a_radius(X: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    check_same(RadiusNeighborsRegressor(1.0).fit(X, X[:, 0]), X + 0.01, rows)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_classes_of_several_targets(
    weights: str, X: np.ndarray, y: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    targets = np.column_stack([y, y > 0])
    check_same(KNeighborsClassifier(weights=weights).fit(X, targets), X + 0.01)
    check_same(RadiusNeighborsClassifier(1.0, weights=weights, outlier_label=[2, 0]).fit(X, targets), X + 0.01, rows)


@pytest.mark.parametrize("outlier_label", [None, 0, 7, "most_frequent"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "brute"])
@pytest.mark.filterwarnings("ignore:Outlier label")
def test_rows_without_neighbours(
    algorithm: str, outlier_label: Any, X: np.ndarray, y: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    model = RadiusNeighborsClassifier(1.0, algorithm=algorithm, outlier_label=outlier_label).fit(X, y)
    check_same(model, X + 0.01, rows)


def test_answers_whose_dtype_hangs_on_the_rows_are_refused(X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    """Of rows without neighbours the mean of whole numbers is the smallest integer, of others a float."""
    with pytest.raises(UnsupportedEstimator, match="whole numbers"):
        export(RadiusNeighborsRegressor(1.0).fit(X, y), X, name="model", to=tmp_path)


def test_rows_that_are_not_checked_are_refused(X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    model = RadiusNeighborsClassifier(1.0, algorithm="brute", metric="manhattan", outlier_label=0).fit(X, y)
    with pytest.raises(UnsupportedEstimator, match="not numbers"):
        export(model, X, name="model", to=tmp_path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("contamination", ["auto", 0.1])
@pytest.mark.parametrize("n_neighbors", [5, 500])
@pytest.mark.filterwarnings("ignore:n_neighbors")
def test_local_outlier_factor(
    n_neighbors: int, contamination: Any, dtype: Any, X: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    model = LocalOutlierFactor(n_neighbors, novelty=True, contamination=contamination).fit(X.astype(dtype))
    rows = rows[(np.abs(rows) < 1e300).all(axis=1)].astype(dtype)
    check_same(model, (X + 0.01).astype(dtype), rows, tolerance=1e-12 if dtype == np.float64 else 2e-6)


def test_neighbourhood_components(X: np.ndarray, y: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    check_same(NeighborhoodComponentsAnalysis(2, max_iter=5, random_state=0).fit(X, y), X, rows)


def test_neighbours_after_other_steps(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(make_pipeline(StandardScaler(), KNeighborsClassifier(weights="distance")).fit(X * 100, y), X * 101)


def test_tied_neighbours_are_counted(tmp_path: Path) -> None:
    """Of training rows as near as each other scikit-learn's choice hangs on its tree."""
    X = np.random.default_rng(0).integers(0, 3, (200, 3)).astype(float)
    model = KNeighborsClassifier(3).fit(X, np.random.default_rng(1).integers(0, 2, 200))
    assert export(model, X, name="model", to=tmp_path).manifest.parity.tied > 0


@pytest.mark.parametrize(
    "setting",
    [
        {"weights": lambda distances: distances},
        {"metric": lambda a, b: float(abs(a - b).sum())},
        {"metric": "canberra"},
    ],
    ids=["weights", "metric", "canberra"],
)
def test_what_is_ones_own_is_refused(setting: dict[str, Any], X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator):
        export(KNeighborsClassifier(**setting).fit(X, y), X, name="model", to=tmp_path)


def test_training_rows_whose_squares_overflow_are_refused(X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    X[0] = 1e200
    with pytest.raises(UnsupportedEstimator, match="overflow"):
        export(KNeighborsClassifier(algorithm="brute").fit(X, y), X[1:], name="model", to=tmp_path)


def test_training_rows_far_out_hide_no_neighbours(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    """The centre of the training rows is then far out too, and the product ranks nothing."""
    for algorithm, far in (("kd_tree", 1e200), ("brute", 1e4)):
        check_same(
            KNeighborsClassifier(algorithm=algorithm).fit(np.vstack([X, np.full((1, 4), far)]), np.append(y, 0)),
            X + 0.01,
        )
