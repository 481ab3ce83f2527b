"""Trees and forests give scikit-learn's own leaves, for any row: at thresholds, beside them, missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, UnsupportedEstimator

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]

CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeClassifier(max_depth=3, random_state=0),
    ExtraTreeClassifier(random_state=0),
    RandomForestClassifier(7, random_state=0),
    RandomForestClassifier(10, max_depth=3, random_state=0),
    ExtraTreesClassifier(7, max_depth=4, random_state=0),
]
REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    DecisionTreeRegressor(max_depth=3, criterion="absolute_error", random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(7, random_state=0),
    RandomForestRegressor(10, max_depth=3, criterion="poisson", random_state=0),
    ExtraTreesRegressor(7, max_depth=4, random_state=0),
]
CLASSES: dict[str, list[Any]] = {
    "two ints": [0, 1],
    "two booleans": [False, True],
    "two strings": ["nein", "ja"],
    "three floats": [-1.0, 0.0, 5.0],
    "five ints": [9, -1, 4, 2**40, 0],
    "twelve strings": [f"class {index}" for index in range(12)],
}


def at_thresholds(estimator: Any, X: np.ndarray, beside: Beside) -> np.ndarray:
    """Rows whose compared feature is a threshold as float32, as float64, or a neighbour of either."""
    rows = []
    for tree in getattr(estimator, "estimators_", [estimator]):
        for node in np.flatnonzero(tree.tree_.feature >= 0)[:12]:
            threshold = tree.tree_.threshold[node]
            for value in [*beside([threshold]), *beside([np.float32(threshold)])]:
                row = X[node % len(X)].astype(np.float64)
                row[tree.tree_.feature[node]] = value
                rows.append(row)
    return np.array(rows)


@pytest.fixture
def X() -> np.ndarray:
    """Numbers with many ties, so that thresholds lie halfway between values that rows have."""
    random = np.random.default_rng(0)
    return np.column_stack([random.normal(size=200), random.integers(0, 9, 200) / 10, random.normal(size=200) * 1e4])


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    return X[:, 0] + 3 * X[:, 1] + X[:, 2] / 1e4 + np.random.default_rng(1).normal(size=len(X))


def in_classes(y: np.ndarray, classes: list[Any]) -> np.ndarray:
    return np.array(classes)[np.digitize(y, np.quantile(y, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
def test_classifiers(
    classifier: Any, classes: str, X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same
) -> None:
    fitted = clone(classifier).fit(X, in_classes(y, CLASSES[classes]))
    check_same(fitted, X, at_thresholds(fitted, X, beside), tolerance=0)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=repr)
def test_regressors(regressor: Any, X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same) -> None:
    fitted = clone(regressor).fit(X, np.exp(y / 4))
    check_same(fitted, X, at_thresholds(fitted, X, beside), tolerance=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32, np.uint8])
@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(5, random_state=0), DecisionTreeRegressor(random_state=0)], ids=repr
)
def test_other_dtypes_of_rows(estimator: Any, dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    rows = (np.abs(X) * [30, 10, 0.005]).astype(dtype)
    fitted = clone(estimator).fit(rows, np.rint(y))
    check_same(fitted, rows, np.append(rows[:5], rows[-5:] * 2, axis=0), tolerance=1e-15)


def test_integers_that_float32_rounds_are_compared_rounded(check_same: Same) -> None:
    X = np.arange(2**24 - 20, 2**24 + 20)[:, None]
    check_same(DecisionTreeClassifier(random_state=0).fit(X, X.ravel() % 2), X, X + 2**25, tolerance=0)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(random_state=0),
        DecisionTreeRegressor(random_state=0),
        RandomForestClassifier(5, random_state=0),
        RandomForestRegressor(5, random_state=0),
        ExtraTreesClassifier(5, random_state=0),
    ],
    ids=repr,
)
def test_trees_trained_with_missing_values(estimator: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X[y > 1.5, 0] = X[::4, 1] = np.nan
    rows = np.append(X, np.full((1, 3), np.nan), axis=0)
    model = check_same(clone(estimator).fit(X, (y > 0).astype(int)), X, rows, tolerance=1e-15)
    assert model.manifest.inputs[0].missing


def test_values_missing_for_the_first_time(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    rows = np.array([[np.nan, 0, 0], [0, np.nan, np.nan]])
    check_same(RandomForestClassifier(5, random_state=0).fit(X, y > 0), X, rows, tolerance=0)
    check_same(DecisionTreeRegressor(random_state=0).fit(X, y), X, rows, tolerance=0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, 3.5e38])
def test_numbers_beyond_float32_are_refused(value: float, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = check_same(DecisionTreeClassifier(random_state=0).fit(frame, y > 0), frame)
    with pytest.raises(InvalidInput, match="'b' row 2"):
        model.predict(frame.iloc[:5].assign(b=[0, 0, value, 0, 0]))


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        DecisionTreeRegressor(),
        RandomForestClassifier(3, random_state=0),
        RandomForestRegressor(3, random_state=0),
    ],
    ids=repr,
)
def test_a_tree_may_be_a_single_leaf(estimator: Any, X: np.ndarray, check_same: Same) -> None:
    check_same(clone(estimator).fit(X, np.ones(len(X), int)), X)


def test_a_forest_may_hold_single_leaves_beside_trees(X: np.ndarray, check_same: Same) -> None:
    y = np.zeros(len(X), int)
    y[3] = 1
    fitted = RandomForestClassifier(12, random_state=0).fit(X, y)
    assert {tree.tree_.node_count == 1 for tree in fitted.estimators_} == {True, False}
    check_same(fitted, X, tolerance=0)


@pytest.mark.parametrize("trees", [2, 4, 10])
def test_votes_that_tie_go_to_the_same_class(trees: int, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    fitted = RandomForestClassifier(trees, max_depth=2, random_state=3).fit(np.rint(X[:, :2]), in_classes(y, [0, 1, 2]))
    grid = np.array([[a, b] for a in range(-3, 4) for b in (0, 1)], float)
    check_same(fitted, np.rint(X[:, :2]), grid, tolerance=0)


@pytest.mark.parametrize("settings", [{"class_weight": "balanced"}, {"bootstrap": False}, {"ccp_alpha": 0.01}], ids=str)
def test_settings_of_training_do_not_matter(
    settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    fitted = RandomForestClassifier(6, max_depth=4, random_state=0, **settings).fit(X, in_classes(y, [0, 1, 2]))
    check_same(fitted, X, tolerance=0)


@pytest.mark.parametrize("kind", [DecisionTreeRegressor, RandomForestRegressor, ExtraTreesRegressor])
def test_values_of_several_targets(kind: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    targets = np.column_stack([X[:, 0] ** 2, X[:, 1]])
    check_same(kind(max_depth=5, random_state=0).fit(X, targets), X, -X)


@pytest.mark.parametrize("depth", [3, None])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, RandomForestClassifier, ExtraTreesClassifier])
def test_labels_and_probabilities_of_several_targets(
    kind: Any, depth: int | None, X: np.ndarray, check_same: Same
) -> None:
    numbers = np.digitize(X[:, 0], [-0.5, 0.5])
    model = check_same(kind(max_depth=depth, random_state=0).fit(X, np.column_stack([numbers, X[:, 1] > 0])), X, -X)
    assert model.manifest.methods == ("predict", "predict_proba_0", "predict_proba_1")
    assert [part.shape for part in model.predict_proba(X)] == [(len(X), 3), (len(X), 2)]
    words = np.column_stack([np.array(["a", "b", "c"])[numbers], np.where(X[:, 1] > 0, "yes", "no")])
    check_same(kind(max_depth=depth, random_state=0).fit(X, words), X, -X)


def test_deep_trees(check_same: Same) -> None:
    X = np.arange(300.0)[:, None]
    fitted = DecisionTreeClassifier(splitter="random", random_state=0).fit(X, X.ravel() % 2)
    assert fitted.get_depth() > 10
    check_same(fitted, X, tolerance=0)


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier])
def test_imputation_before_trees_is_a_direction_of_theirs(
    kind: Any, X: np.ndarray, check_same: Same, tmp_path: Path
) -> None:
    gaps = X.copy()
    gaps[::3, 0], gaps[1::5, 2] = np.nan, np.nan
    pipeline = make_pipeline(SimpleImputer(), kind(8, random_state=0)).fit(gaps, np.digitize(X[:, 0], [-0.5, 0.5]))
    check_same(pipeline, gaps, np.append(gaps, np.full_like(X[:1], np.nan), axis=0))
    nodes = onnx.load(next(tmp_path.glob("model/*/model.onnx"))).graph.node
    assert not {"Where", "IsNaN"} & {node.op_type for node in nodes}


def test_trees_with_and_without_imputation_before_them(X: np.ndarray, check_same: Same) -> None:
    gaps = X.copy()
    gaps[::3, 0], gaps[1::5, 2] = np.nan, np.nan
    tree = DecisionTreeClassifier(max_depth=6, random_state=0)
    voters = [("imputed", make_pipeline(SimpleImputer(strategy="median"), tree)), ("learned", tree)]
    check_same(VotingClassifier(voters, voting="soft").fit(gaps, X[:, 1] > 0), gaps)


def test_labels_of_bytes_are_refused(numbers: np.ndarray, check_same: Same) -> None:
    fitted = DecisionTreeClassifier().fit(numbers, np.where(numbers[:, 0] > 0, b"yes", b"no"))
    with pytest.raises(UnsupportedEstimator, match="got bytes"):
        check_same(fitted, numbers)
