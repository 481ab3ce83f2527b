"""Metrics are scikit-learn's own, of what the exported model answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from skerry.export import evaluate
from skerry.runtime import Model

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 3))


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [False, True], [5, -2]], ids=str)
@pytest.mark.parametrize("classifier", [LogisticRegression(), RidgeClassifier()], ids=repr)
def test_two_classes(classifier: Any, labels: list[Any], X: np.ndarray, check_same: Same) -> None:
    noise = np.random.default_rng(1).normal(size=len(X))
    y = np.array(labels)[(X[:, 0] + noise > 0.3).astype(int)]
    fitted = classifier.fit(X, y)
    found = evaluate(check_same(fitted, X), X, y)
    predicted, second = fitted.predict(X), fitted.classes_[1]
    settings: dict[str, Any] = {"average": "binary", "pos_label": second}
    scores = fitted.predict_proba(X)[:, 1] if hasattr(fitted, "predict_proba") else fitted.decision_function(X)
    assert found is not None
    assert found.rows == 120
    assert found.metrics == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, predicted),
            "precision": metrics.precision_score(y, predicted, **settings),
            "recall": metrics.recall_score(y, predicted, **settings),
            "f1": metrics.f1_score(y, predicted, **settings),
            "roc_auc": metrics.roc_auc_score(y == second, scores),
        }
    )


def test_several_classes(X: np.ndarray, check_same: Same) -> None:
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1])]
    fitted = LogisticRegression().fit(X, y)
    found = evaluate(check_same(fitted, X), X, y)
    predicted = fitted.predict(X)
    assert found is not None
    assert found.metrics == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, predicted),
            "precision": metrics.precision_score(y, predicted, average="macro"),
            "recall": metrics.recall_score(y, predicted, average="macro"),
            "f1": metrics.f1_score(y, predicted, average="macro"),
            "roc_auc": metrics.roc_auc_score(y, fitted.predict_proba(X), multi_class="ovr"),
        }
    )


def test_rows_that_hold_only_some_classes_have_no_roc_auc(X: np.ndarray, check_same: Same) -> None:
    model = check_same(LogisticRegression().fit(X, X[:, 0] > 0), X)
    rows = X[X[:, 0] > 0]
    found = evaluate(model, rows, np.ones(len(rows), bool))
    assert found is not None
    assert "roc_auc" not in found.metrics
    assert 0.9 < found.metrics["accuracy"] <= 1


def test_regression(X: np.ndarray, check_same: Same) -> None:
    y = X[:, 0] + np.random.default_rng(1).normal(size=len(X))
    fitted = LinearRegression().fit(X, y)
    found = evaluate(check_same(fitted, X), X, list(y))
    predicted = fitted.predict(X)
    assert found is not None
    assert found.metrics == pytest.approx(
        {
            "r2": metrics.r2_score(y, predicted),
            "mae": metrics.mean_absolute_error(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
        }
    )


def test_a_metric_that_is_not_finite_is_left_out(X: np.ndarray, check_same: Same) -> None:
    found = evaluate(check_same(LinearRegression().fit(X, X[:, 0]), X), X[:1], X[:1, 0])
    assert found is not None
    assert set(found.metrics) == {"mae", "rmse"}


def test_transformers_are_not_evaluated(X: np.ndarray, check_same: Same) -> None:
    assert evaluate(check_same(StandardScaler().fit(X), X), X, X[:, 0]) is None
