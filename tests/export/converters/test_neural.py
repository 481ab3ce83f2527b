"""Multilayer perceptrons: every activation, output and target."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.runtime import Model

Same = Callable[..., Model]
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 5))


def ugly(X: np.ndarray) -> np.ndarray:
    rows = np.repeat(X[:1], 10, axis=0)
    rows[:, 2] = [0.0, -0.0, 50.0, -50.0, 1e6, -1e15, 1e300, np.nan, np.inf, -np.inf]
    return rows


def fit(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(max_iter=30, random_state=0).fit(X, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("classes", [2, 3])
def test_classes(activation: str, classes: int, X: np.ndarray, check_same: Same) -> None:
    y = np.array(["low", "mid", "high"])[np.digitize(X[:, 0] * X[:, 1], [0, 0.5][: classes - 1])]
    model = fit(MLPClassifier((7, 4), activation=activation), X, y)
    check_same(model, X, ugly(X))
    check_same(model, X.astype(np.float32), tolerance=1e-6)
    rows = X.astype(np.float32)
    check_same(fit(model, rows, y), rows, tolerance=1e-6)


def test_several_labels_a_row(X: np.ndarray, check_same: Same) -> None:
    model = fit(MLPClassifier((6,)), X, np.column_stack([X[:, 0] > 0, X[:, 1] > X[:, 2], X[:, 3] > 1]).astype(int))
    check_same(model, X, ugly(X))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("targets", [1, 2])
def test_regression(activation: str, targets: int, X: np.ndarray, check_same: Same) -> None:
    y = X[:, 0] ** 2 if targets == 1 else X[:, :2] ** 2
    model = fit(MLPRegressor(hidden_layer_sizes=(8,), activation=activation), X, y)
    check_same(model, X, ugly(X))
    rows = X.astype(np.float32)
    check_same(fit(model, rows, y), rows, tolerance=1e-6)


def test_counts(X: np.ndarray, check_same: Same) -> None:
    check_same(fit(MLPRegressor(hidden_layer_sizes=(5,), loss="poisson"), X, np.floor(np.exp(X[:, 0]))), X)


def test_probabilities_do_not_underflow(X: np.ndarray, check_same: Same) -> None:
    """ONNX Runtime's own Sigmoid is 0 from -40 down."""
    model = fit(MLPClassifier((3,), activation="identity"), X, X[:, 0] > 0)
    scaled = check_same(model, X, X * 100)
    assert (scaled.predict_proba(X * 100) > 0).any()


def test_no_hidden_layer_and_whole_numbers(X: np.ndarray, check_same: Same) -> None:
    rows = np.rint(3 * X).astype(np.int64)
    check_same(fit(MLPClassifier(()), rows, X[:, 0] > 0), rows)


def test_behind_a_scaler(X: np.ndarray, check_same: Same) -> None:
    model = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=2000, solver="lbfgs", random_state=0)
    )
    check_same(model.fit(X, X[:, 0]), X, ugly(X))


def test_behind_sparse_one_hot_columns(check_same: Same) -> None:
    rows = np.random.default_rng(0).integers(0, 9, size=(100, 2)).astype(float)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(rows)
    network = fit(MLPClassifier((4,)), encoder.transform(rows), rows[:, 0] > rows[:, 1])
    check_same(make_pipeline(encoder, network), rows, rows + 1)


def test_a_single_class(X: np.ndarray, check_same: Same) -> None:
    for label in (3, "only"):
        check_same(fit(MLPClassifier((4,)), X, np.full(len(X), label)), X)
