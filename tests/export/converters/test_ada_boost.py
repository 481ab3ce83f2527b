"""Weighted votes and weighted medians of members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.runtime import Model

Same = Callable[..., Model]


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


@pytest.mark.parametrize(
    "member",
    [None, DecisionTreeClassifier(max_depth=3), LogisticRegression()],
    ids=str,
)
@pytest.mark.parametrize("classes", [[0, 1], ["no", "yes"], [3, -1, 8], ["b", "a", "d", "c"]], ids=str)
def test_classifiers(member: Any, classes: list[Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    fitted = AdaBoostClassifier(member, n_estimators=8, random_state=0).fit(numbers, labels_of(numbers, classes))
    check_same(fitted, numbers, rows)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize("member", [None, DecisionTreeRegressor(max_depth=1), LinearRegression()], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_regressors(
    dtype: Any, member: Any, loss: str, numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    X = numbers.astype(dtype)
    fitted = AdaBoostRegressor(member, n_estimators=9, loss=loss, random_state=0)
    fitted.fit(X, numbers[:, 0] * 3 + numbers[:, 1])
    ugly = rows if dtype == np.float64 else rows[:20].astype(dtype)
    check_same(fitted, X, ugly, tolerance=1e-6 if dtype == np.float32 else 1e-12)


def test_medians_where_half_of_the_weight_is_reached_exactly(check_same: Same) -> None:
    X = np.arange(60.0)[:, None]
    fitted = AdaBoostRegressor(DecisionTreeRegressor(max_depth=2), n_estimators=4, random_state=0).fit(X, X.ravel() % 7)
    for weights in ([1.0, 1.0, 1.0, 1.0], [0.1, 0.2, 0.3, 0.6], [0.0, 0.0, 2.0, 2.0]):
        fitted.estimator_weights_ = np.array(weights)
        check_same(fitted, X, tolerance=0)


def test_a_single_class(numbers: np.ndarray, check_same: Same) -> None:
    check_same(AdaBoostClassifier(n_estimators=3).fit(numbers, np.full(120, "only")), numbers)


def test_boosting_that_ends_early(check_same: Same) -> None:
    X = np.arange(30.0)[:, None]
    fitted = AdaBoostClassifier(n_estimators=10).fit(X, X.ravel() > 11)
    assert len(fitted.estimators_) == 1
    check_same(fitted, X, tolerance=0)


def test_frames(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    frame = table[["pay", "children", "member"]]
    check_same(AdaBoostClassifier(n_estimators=5, random_state=0).fit(frame, labels), frame)
