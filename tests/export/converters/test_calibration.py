"""Scores made probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model

Same = Callable[..., Model]

MEMBERS = [RidgeClassifier(), DecisionTreeClassifier(max_depth=3, random_state=0)]
CLASSES: list[list[Any]] = [["no", "yes"], [5, -3, 9], ["b", "a", "d", "c"]]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


def labels_of(numbers: np.ndarray, classes: list[Any]) -> np.ndarray:
    sums = numbers[:, 0] + numbers[:, 1]
    return np.array(classes)[np.digitize(sums, np.quantile(sums, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


@pytest.mark.parametrize("classes", CLASSES, ids=str)
@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_each_way_to_calibrate(
    member: Any,
    method: str,
    ensemble: bool,
    classes: list[Any],
    numbers: np.ndarray,
    rows: np.ndarray,
    check_same: Same,
) -> None:
    fitted = CalibratedClassifierCV(member, method=method, ensemble=ensemble, cv=2)
    check_same(fitted.fit(numbers, labels_of(numbers, classes)), numbers, rows)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_float32(method: str, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    fitted = CalibratedClassifierCV(LogisticRegression(), method=method, cv=2).fit(X, labels_of(X, [0, 1, 2]))
    check_same(fitted, X, tolerance=1e-5)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_classifiers_that_were_fitted_before(method: str, numbers: np.ndarray, check_same: Same) -> None:
    y = labels_of(numbers, ["a", "b", "c"])
    frozen = FrozenEstimator(DecisionTreeClassifier(max_depth=3).fit(numbers[:60], y[:60]))
    check_same(CalibratedClassifierCV(frozen, method=method).fit(numbers[60:], y[60:]), numbers)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_classes_that_a_classifier_has_not_seen(method: str, numbers: np.ndarray, check_same: Same) -> None:
    y = labels_of(numbers, ["a", "b", "c"])
    frozen = FrozenEstimator(DecisionTreeClassifier(max_depth=3).fit(numbers[y != "b"], y[y != "b"]))
    check_same(CalibratedClassifierCV(frozen, method=method, cv=2, ensemble=True).fit(numbers, y), numbers)


def test_pipelines_inside_and_around(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    inner = CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC()), cv=2)
    check_same(make_pipeline(StandardScaler(), inner).fit(numbers, labels_of(numbers, ["x", "y"])), numbers, rows)
