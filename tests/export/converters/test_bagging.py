"""Members on some of the rows and some of the features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from skerry.export import export
from skerry.runtime import Model

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]

SUBSETS: list[dict[str, Any]] = [{}, {"max_features": 0.5}, {"max_features": 3, "bootstrap_features": True}]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    """Numbers of one scale, so that members in float32 are well conditioned."""
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 8, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10, 3.4e38]
    return np.concatenate([numbers[:20], ugly])


def labels_of(numbers: np.ndarray, classes: list[Any]) -> np.ndarray:
    sums = numbers[:, 0] + numbers[:, 1]
    return np.array(classes)[np.digitize(sums, np.quantile(sums, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize(
    "member",
    [
        None,
        DecisionTreeClassifier(max_depth=2),
        ExtraTreeClassifier(max_depth=3),
        LogisticRegression(),
        RidgeClassifier(),
        Perceptron(),
    ],
    ids=str,
)
def test_classifiers(
    member: Any, subset: dict[str, Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    classes = ["no", "yes"] if "bootstrap_features" in subset else [4, 1, 7]
    fitted = BaggingClassifier(member, 4, random_state=0, **subset).fit(numbers, labels_of(numbers, classes))
    check_same(fitted, numbers, rows)


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize("member", [None, DecisionTreeRegressor(max_depth=3), LinearRegression()], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_regressors(
    dtype: Any, member: Any, subset: dict[str, Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    X = numbers.astype(dtype)
    fitted = BaggingRegressor(member, 4, random_state=0, **subset).fit(X, numbers[:, 0] * 3 + numbers[:, 1])
    ugly = rows if dtype == np.float64 else rows[:20].astype(dtype)
    check_same(fitted, X, ugly, tolerance=1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("member", [DecisionTreeClassifier(), LogisticRegression()], ids=str)
def test_classes_that_a_member_has_not_seen(
    member: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    y = labels_of(numbers, ["common", "usual"])
    y[3] = "rarest"
    # a pipeline takes no weights, so it gets the rows drawn and no others
    fitted = BaggingClassifier(make_pipeline(member), 8, max_samples=0.3, random_state=0).fit(numbers, y)
    assert len({len(part.classes_) for part in fitted.estimators_}) == 2
    check_same(fitted, numbers, rows, methods=["predict", "predict_proba"])


def test_votes_where_members_have_no_probabilities(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    fitted = BaggingClassifier(RidgeClassifier(), 4, max_samples=0.2, random_state=3)
    model = check_same(fitted.fit(numbers, labels_of(numbers, ["a", "b", "c"])), numbers, rows)
    assert "decision_function" in model.manifest.methods


def test_splits_are_crossed_at_the_columns_of_the_model(numbers: np.ndarray, beside: Beside, check_same: Same) -> None:
    fitted = BaggingClassifier(n_estimators=5, max_features=0.5, random_state=0).fit(
        numbers, labels_of(numbers, [0, 1])
    )
    crossed = []
    for tree, features in zip(fitted.estimators_, fitted.estimators_features_, strict=True):
        for node in np.flatnonzero(tree.tree_.feature >= 0):
            for value in beside([tree.tree_.threshold[node], np.float32(tree.tree_.threshold[node])]):
                row = numbers[node % len(numbers)].copy()
                row[features[tree.tree_.feature[node]]] = value
                crossed.append(row)
    check_same(fitted, numbers, np.array(crossed), tolerance=0)


def test_trees_trained_with_missing_values(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.copy()
    X[::3, 1] = np.nan
    check_same(BaggingRegressor(n_estimators=5, max_features=0.5, random_state=0).fit(X, numbers[:, 0]), X)


def test_members_get_columns_of_several_dtypes_as_one_array(numbers: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame({"a": numbers[:, 0].astype(np.float32), "b": np.arange(120), "c": numbers[:, 1]})
    check_same(BaggingRegressor(Ridge(), 4, max_features=1, random_state=0).fit(frame, numbers[:, 0]), frame)


def test_several_targets(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    check_same(BaggingRegressor(Ridge(), 3, random_state=0).fit(numbers, numbers[:, :2] * 3), numbers, rows)


def test_a_column_that_no_tree_reads_may_be_beyond_float32(
    numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    fitted = BaggingClassifier(n_estimators=2, max_features=1, random_state=0).fit(numbers, labels_of(numbers, [0, 1]))
    assert len(set(np.concatenate(fitted.estimators_features_))) < numbers.shape[1]
    ugly = np.repeat(numbers[:1], numbers.shape[1], axis=0)
    np.fill_diagonal(ugly, 1e300)
    check_same(fitted, numbers, ugly)
    check_same(make_pipeline(StandardScaler(), fitted).fit(numbers, labels_of(numbers, [0, 1])), numbers, ugly)


def test_members_that_are_sure_of_different_classes(tmp_path: Path) -> None:
    """Each of two classes gets one half, but for the last bit."""
    X, y = load_wine(return_X_y=True)
    fitted = BaggingClassifier(GaussianNB(), max_samples=10, random_state=0).fit(X[::2], y[::2])
    assert export(fitted, X[1::2], name="model", to=tmp_path).manifest.parity.tied
