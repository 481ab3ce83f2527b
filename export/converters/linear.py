"""Linear models: one matrix product, in the dtype of the data, as NumPy would give it."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.labels import binary_probabilities, highest, label_of, positive, sigmoid, softmax
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, Features, Outputs, Tensor


def linear_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": _scores(estimator, features, scope)}


def linear_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    scores = _scores(estimator, features, scope)
    if scores.width == 1:
        scores = graph.flatten(scores)
    index = positive(graph, scores) if scores.width is None else highest(graph, scores)
    return {"decision_function": scores, "predict": label_of(graph, index, estimator.classes_)}


def logistic_regression(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    outputs = linear_classifier(estimator, features, scope)
    scores = outputs["decision_function"]
    assert isinstance(scores, Tensor)
    if len(estimator.classes_) <= 2:
        outputs["predict_proba"] = binary_probabilities(graph, sigmoid(graph, scores))
    else:
        outputs["predict_proba"] = softmax(graph, scores)
    return outputs


def _scores(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """``X @ coef_.T + intercept_``: (rows,) where ``coef_`` has one dimension, else (rows, outputs).

    scikit-learn refuses NaN and ±inf; a product that overflows it answers.
    """
    graph = scope.graph
    X = graph.floats(features)
    coefficients, intercept = np.asarray(estimator.coef_), np.asarray(estimator.intercept_)
    _refuse_not_finite(X, coefficients.shape[-1], scope)
    if coefficients.dtype != X.dtype:  # NumPy promotes both before it multiplies
        X = graph.cast(X, np.result_type(coefficients.dtype, X.dtype))
    width = None if coefficients.ndim == 1 else coefficients.shape[0]
    product = graph.op("MatMul", X, coefficients.T.astype(X.dtype), width=width)
    return graph.op("Add", product, intercept.astype(X.dtype))


def _refuse_not_finite(X: Tensor, width: int, scope: Scope) -> None:
    """Zero times a row is NaN where a number of it is not finite, else zero: far fewer values than a test of each."""
    zeros = scope.graph.op("MatMul", X, np.zeros((width, 1), X.dtype), width=1)
    wrong = scope.graph.op("IsNaN", zeros, dtype=BOOL)
    scope.graph.guard(wrong, [], "expected finite numbers, got one that is not after the steps before the model")
