"""Multilayer perceptrons: products and activations, in the dtype that NumPy computes them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.converters.labels import binary_probabilities, highest_or_nan, label_of, sigmoid, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import NOISE, ROUNDED, TIE, imprecise
from skerry.export.graph import BOOL, INT64, Features, Graph, Outputs, Tensor

ACTIVATIONS: dict[str, Callable[[Graph, Tensor], Tensor]] = {
    "identity": lambda _, X: X,
    "exp": lambda graph, X: graph.op("Exp", X),
    "tanh": lambda graph, X: graph.op("Tanh", X),
    "logistic": sigmoid,
    "relu": lambda graph, X: graph.op("Relu", X),
    "softmax": softmax,
}


def perceptron_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    predicted = _forward(estimator, features, scope)
    return {"predict": scope.graph.flatten(predicted) if predicted.width == 1 else predicted}


def perceptron_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """One output unit of two classes, one of each class, or one of each label where there are several labels a row."""
    graph = scope.graph
    scores = _forward(estimator, features, scope)
    if scores.width == 1:
        scores = graph.flatten(scores)
        labels = label_of(graph, _likely(graph, scores), np.resize(estimator.classes_, 2))  # a single class is both
        return {"predict": labels, "predict_proba": binary_probabilities(graph, scores)}
    if estimator._label_binarizer.y_type_.startswith("multilabel"):
        return {"predict": _likely(graph, scores), "predict_proba": scores}
    return {"predict": label_of(graph, highest_or_nan(graph, scores), estimator.classes_), "predict_proba": scores}


def _forward(estimator: Any, features: Features, scope: Scope) -> Tensor:
    graph, X = scope.graph, scope.finite(features)
    scope.ties(lambda rows: _in_doubt(estimator, rows), within=NOISE[np.dtype(np.float32)])
    names = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    for name, weights, intercept in zip(names, estimator.coefs_, estimator.intercepts_, strict=True):
        X = ACTIVATIONS[name](graph, graph.affine(X, weights, intercept))
    return X


def _in_doubt(estimator: Any, rows: Any) -> np.ndarray:
    """A mask of rows whose answer hangs on the last bit: those of float32 sums that cancel, and ties of two classes."""
    doubt = imprecise(estimator, "_forward_pass_fast", rows)
    if not hasattr(estimator, "classes_"):
        return doubt
    scores = estimator._forward_pass_fast(rows)
    limit = ROUNDED if scores.dtype == np.float32 else TIE
    if estimator.out_activation_ == "softmax":
        return doubt | (np.ptp(np.sort(scores, axis=1)[:, -2:], axis=1) <= limit)
    return np.asarray(doubt | (np.abs(scores - 0.5) <= limit).any(axis=1))


def _likely(graph: Graph, probabilities: Tensor) -> Tensor:
    return graph.cast(graph.op("Greater", probabilities, np.array(0.5, probabilities.dtype), dtype=BOOL), INT64)
