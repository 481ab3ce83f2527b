"""Linear models: one matrix product, in the dtype of the data, as NumPy would give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.converters.labels import (
    INVERSE_LINKS,
    binary_probabilities,
    highest,
    label_of,
    positive,
    sigmoid,
    softmax,
)
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, Features, Graph, Outputs, Tensor


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


def linear_discriminant(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """LinearDiscriminantAnalysis: probabilities as logistic regression's, and for two solvers a projection."""
    graph = scope.graph
    outputs = logistic_regression(estimator, features, scope)
    if estimator.solver != "lsqr":
        X = graph.floats(features)
        if estimator.solver == "svd":
            X = graph.op("Sub", X, estimator.xbar_.astype(X.dtype))
        scalings = estimator.scalings_[:, : estimator._max_components].astype(X.dtype)
        outputs["transform"] = Features.of(graph.op("MatMul", X, scalings, width=scalings.shape[1]))
    return outputs


def sgd_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """SGDClassifier: probabilities only of two losses, one class against the rest."""
    graph = scope.graph
    outputs = linear_classifier(estimator, features, scope)
    scores = outputs["decision_function"]
    assert isinstance(scores, Tensor)
    if estimator.loss not in _PROBABILITIES:
        return outputs
    single = _PROBABILITIES[estimator.loss](graph, scores)
    outputs["predict_proba"] = (
        binary_probabilities(graph, single) if scores.width is None else _normalized(graph, single)
    )
    return outputs


def generalized_linear_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Poisson, Gamma and Tweedie regression: a link around the linear model."""
    link = type(estimator._base_loss.link).__name__
    return {"predict": INVERSE_LINKS[link](scope.graph, _scores(estimator, features, scope))}


def _clipped(graph: Graph, scores: Tensor) -> Tensor:
    """``(clip(score, -1, 1) + 1) / 2``: the modified Huber loss's probability."""
    one, two = np.array(1, scores.dtype), np.array(2, scores.dtype)
    return graph.op("Div", graph.op("Add", graph.op("Clip", scores, -one, one), one), two)


_PROBABILITIES: dict[str, Callable[[Graph, Tensor], Tensor]] = {"log_loss": sigmoid, "modified_huber": _clipped}


def _normalized(graph: Graph, probabilities: Tensor) -> Tensor:
    """Each row divided by its sum; a row of zeros is uniform."""
    count = probabilities.width or 1
    total = graph.op("ReduceSum", probabilities, np.array([1]), width=1, keepdims=1)
    empty = graph.op("Equal", total, np.array(0, total.dtype), dtype=BOOL)
    uniform = np.full((1, count), 1 / count, probabilities.dtype)
    safe = graph.op("Where", empty, np.array(1, total.dtype), total, dtype=total.dtype)
    return graph.op(
        "Where", empty, uniform, graph.op("Div", probabilities, safe), dtype=probabilities.dtype, width=count
    )


def _scores(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """``X @ coef_.T + intercept_``: (rows,) where ``coef_`` has one dimension, else (rows, outputs).

    scikit-learn refuses NaN and ±inf; a product that overflows it answers.
    """
    graph = scope.graph
    X = graph.floats(features)
    coefficients, intercept = np.asarray(estimator.coef_), np.asarray(estimator.intercept_)
    scope.refuse_not_finite(X)
    if coefficients.dtype != X.dtype:  # NumPy promotes both before it multiplies
        X = graph.cast(X, np.result_type(coefficients.dtype, X.dtype))
    width = None if coefficients.ndim == 1 else coefficients.shape[0]
    product = graph.op("MatMul", X, coefficients.T.astype(X.dtype), width=width)
    return graph.op("Add", product, intercept.astype(X.dtype))
