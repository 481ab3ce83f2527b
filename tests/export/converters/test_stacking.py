"""A final estimator that is fed with what others say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

CLASSIFIERS: list[tuple[str, Any]] = [
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ("ridge", make_pipeline(StandardScaler(), RidgeClassifier())),
    ("gone", "drop"),
]
REGRESSORS: list[tuple[str, Any]] = [
    ("gone", "drop"),
    ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ("ridge", Ridge()),
]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    """Numbers of one scale, so that members in float32 are well conditioned."""
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


def labels_of(numbers: np.ndarray, classes: list[Any]) -> np.ndarray:
    sums = numbers[:, 0] + numbers[:, 1]
    return np.array(classes)[np.digitize(sums, np.quantile(sums, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


@pytest.mark.parametrize("classes", [["no", "yes"], [5, 3, 9], ["b", "a", "d", "c"]], ids=str)
@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize(
    "final",
    [
        LogisticRegression(max_iter=1000),
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        RandomForestClassifier(5, max_depth=3, random_state=0),
    ],
    ids=lambda final: type(final).__name__,
)
def test_classifiers(
    final: Any, passthrough: bool, classes: list[Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    fitted = StackingClassifier(CLASSIFIERS, final, cv=2, passthrough=passthrough).fit(
        numbers, labels_of(numbers, classes)
    )
    model = check_same(fitted, numbers, rows)
    assert {"predict", "transform"} <= set(model.manifest.methods)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_each_way_to_ask_the_members(method: str, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    line = make_pipeline(StandardScaler(), LogisticRegression())
    for classes in (["no", "yes"], [3, 1, 2]):
        fitted = StackingClassifier([("a", line), ("b", line)], cv=2, stack_method=method)
        check_same(fitted.fit(numbers, labels_of(numbers, classes)), numbers, rows)


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_regressors(dtype: Any, passthrough: bool, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(dtype)
    fitted = StackingRegressor(REGRESSORS, cv=2, passthrough=passthrough).fit(X, numbers[:, 0] * 3 + numbers[:, 1])
    ugly = rows if dtype == np.float64 else rows[:20].astype(dtype)
    check_same(fitted, X, ugly, tolerance=1e-6 if dtype == np.float32 else 1e-12)


def test_members_that_were_fitted_before(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    """They have seen other labels than the numbers that the final estimator learns."""
    y = labels_of(numbers, ["p", "q", "r"])
    members = [("tree", DecisionTreeClassifier(max_depth=2).fit(numbers, y))]
    fitted = StackingClassifier(members, LogisticRegression(), cv="prefit").fit(numbers, y)
    check_same(fitted, numbers, rows)


def test_whole_numbers_that_members_predict_become_labels_of_the_regression(
    numbers: np.ndarray, check_same: Same
) -> None:
    y = labels_of(numbers, [0, 4, 7])
    fitted = StackingClassifier(CLASSIFIERS, DecisionTreeClassifier(), cv=2, stack_method="predict", passthrough=True)
    check_same(fitted.fit(numbers, y), numbers)


def test_frames_with_strings(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    frame = table[["pay", "children", "city"]]
    columns = make_column_transformer(
        (StandardScaler(), ["pay", "children"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]), sparse_threshold=0
    )
    members = [
        ("line", make_pipeline(columns, LogisticRegression())),
        ("boosting", make_pipeline(columns, HistGradientBoostingClassifier(max_iter=3))),
    ]
    fitted = StackingClassifier(members, cv=2).fit(frame, labels)
    unseen = frame.iloc[:3].assign(city=["Rom", "", "Oslo"])
    check_same(fitted, frame, unseen)


def test_stacks_inside_of_stacks(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    inner = StackingClassifier(CLASSIFIERS, LogisticRegression(), cv=2)
    outer = make_pipeline(StandardScaler(), StackingClassifier([("inner", inner), CLASSIFIERS[0]], cv=2))
    check_same(outer.fit(numbers, labels_of(numbers, ["u", "v"])), numbers, rows)


def test_more_than_one_target_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    y = np.column_stack([numbers[:, 0] > 0, numbers[:, 1] > 5]).astype(int)
    members = [("tree", DecisionTreeClassifier(max_depth=2))]
    fitted = StackingClassifier(members, RandomForestClassifier(2), cv=2).fit(numbers, y)
    with pytest.raises(UnsupportedEstimator, match="more than one target"):
        check_same(fitted, numbers)
