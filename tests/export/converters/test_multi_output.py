"""One estimator for each target, side by side or in a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.runtime import Model

Same = Callable[..., Model]

REGRESSORS = [Ridge(), DecisionTreeRegressor(max_depth=4), make_pipeline(StandardScaler(), Ridge())]
CLASSIFIERS = [LogisticRegression(), RidgeClassifier(), DecisionTreeClassifier(max_depth=3)]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


@pytest.fixture
def targets(numbers: np.ndarray) -> np.ndarray:
    return np.column_stack([numbers[:, 0] * 3, numbers[:, 1] - numbers[:, 2], numbers.sum(axis=1)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("member", REGRESSORS, ids=str)
def test_regressors_side_by_side(
    member: Any, dtype: Any, numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    ugly = rows if dtype == np.float64 else rows[:20].astype(dtype)
    fitted = MultiOutputRegressor(member).fit(numbers.astype(dtype), targets)
    check_same(fitted, numbers.astype(dtype), ugly, tolerance=1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("member", CLASSIFIERS, ids=str)
def test_classifiers_side_by_side(
    member: Any, numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    y = np.digitize(targets, [-0.5, 0.5])
    y[:, 2] = targets[:, 2] > 0
    model = check_same(MultiOutputClassifier(member).fit(numbers, y), numbers, rows)
    shares = {"predict_proba_0", "predict_proba_1", "predict_proba_2"}
    assert set(model.manifest.methods) == {"predict"} | (shares if hasattr(member, "predict_proba") else set())


def test_labels_that_are_strings(numbers: np.ndarray, targets: np.ndarray, check_same: Same) -> None:
    y = np.where(targets > 0, "above", np.where(targets < -1, "far below", "below"))
    check_same(MultiOutputClassifier(DecisionTreeClassifier(max_depth=3)).fit(numbers, y), numbers)


@pytest.mark.parametrize("order", [None, [2, 0, 1], "random"], ids=str)
@pytest.mark.parametrize("member", REGRESSORS, ids=str)
def test_chains_of_regressors(
    member: Any, order: Any, numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    check_same(RegressorChain(member, order=order, random_state=0).fit(numbers, targets), numbers, rows)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_chains_compute_in_float64(dtype: Any, numbers: np.ndarray, targets: np.ndarray, check_same: Same) -> None:
    X = (numbers * 10).astype(dtype)
    check_same(RegressorChain(Ridge(), cv=2).fit(X, targets), X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("order", [None, [2, 0, 1]], ids=str)
def test_chains_of_classifiers(
    order: Any, method: str, numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    y = (targets > 0).astype(int)
    fitted = ClassifierChain(LogisticRegression(), order=order, chain_method=method, cv=2, random_state=0)
    check_same(fitted.fit(numbers, y), numbers, rows)


@pytest.mark.parametrize("member", [RidgeClassifier(), DecisionTreeClassifier(max_depth=3)], ids=str)
def test_chains_whose_members_lack_a_method(
    member: Any, numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    check_same(ClassifierChain(member).fit(numbers, (targets > 0).astype(int)), numbers, rows)


def test_chains_of_labels_of_more_than_two_classes(
    numbers: np.ndarray, rows: np.ndarray, targets: np.ndarray, check_same: Same
) -> None:
    fitted = ClassifierChain(DecisionTreeClassifier(max_depth=4)).fit(numbers, np.digitize(targets, [-1, 1]) * 5)
    check_same(fitted, numbers, rows, methods=["predict"])


def test_frames(table: pd.DataFrame, check_same: Same) -> None:
    frame = table[["pay", "children", "member"]]
    y = np.column_stack([frame["pay"] * 2, frame["children"] - frame["pay"]])
    check_same(RegressorChain(DecisionTreeRegressor(max_depth=3)).fit(frame, y), frame)
    check_same(MultiOutputRegressor(Ridge()).fit(frame, y), frame)
