"""Naive Bayes: the joint log-likelihood of a row and each class, in scikit-learn's order of operations.

All but GaussianNB compute in float64, whatever the rows are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.labels import highest_or_nan, label_of, softmax
from skerry.export.converters.linear import product
from skerry.export.converters.scope import Scope
from skerry.export.converters.summation import numpy_sum
from skerry.export.converters.ties import tied_densities
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor


def gaussian(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = scope.finite(features)
    X = graph.cast(X, np.result_type(X.dtype, estimator.theta_.dtype))
    constant = np.array([-0.5 * np.sum(np.log(2.0 * np.pi * row)) for row in estimator.var_])
    with np.errstate(divide="ignore"):  # a prior of 0
        prior = np.log(estimator.class_prior_)
    density = _density if X.dtype == FLOAT64 else _density_in_order
    return _classified(estimator, density(graph, X, estimator, constant, prior), scope)


def _density(graph: Graph, X: Tensor, estimator: Any, constant: np.ndarray, prior: np.ndarray) -> Tensor:
    """Of the row beside itself for each class, less the means: the squares, times the classes' factors in one product."""
    classes, width = estimator.theta_.shape
    distance = graph.op("Sub", graph.concat([X] * classes), estimator.theta_.ravel())
    factors = np.repeat(np.eye(classes), width, axis=0) * (-0.5 / estimator.var_).reshape(-1, 1)
    return graph.affine(graph.op("Mul", distance, distance), factors, constant + prior)


def _density_in_order(graph: Graph, X: Tensor, estimator: Any, constant: np.ndarray, prior: np.ndarray) -> Tensor:
    """The same in float32, where the order of the sum shows."""
    means, variances = estimator.theta_, estimator.var_
    columns = graph.op("Unsqueeze", graph.op("Transpose", X, perm=[1, 0]), np.array([1]))
    distance = graph.op("Sub", columns, means.T[:, :, None].astype(X.dtype))
    squares = graph.op("Div", graph.op("Mul", distance, distance), variances.T[:, :, None].astype(X.dtype))
    total = graph.op("Squeeze", numpy_sum(graph, squares, means.shape[1]), np.array([0]))
    halves = graph.op("Mul", total, np.array(0.5, X.dtype))
    density = graph.op("Sub", constant[:, None].astype(X.dtype), halves, dtype=X.dtype)
    joint = graph.op("Add", density, prior[:, None].astype(X.dtype))
    return graph.op("Transpose", joint, perm=[1, 0], width=len(means))


def multinomial(estimator: Any, features: Features, scope: Scope) -> Outputs:
    joint = product(features, estimator.feature_log_prob_.T, scope, bias=estimator.class_log_prior_)
    return _classified(estimator, joint, scope)


def complement(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The prior counts only where there is one class."""
    prior = estimator.class_log_prior_ if len(estimator.classes_) == 1 else None
    joint = product(features, estimator.feature_log_prob_.T, scope, bias=prior)
    return _classified(estimator, joint, scope)


def bernoulli(estimator: Any, features: Features, scope: Scope) -> Outputs:
    with np.errstate(divide="ignore", invalid="ignore"):  # alpha=0: a feature that a class always has, or never
        absent = np.log(1 - np.exp(estimator.feature_log_prob_))
        present = estimator.feature_log_prob_ - absent
    if estimator.binarize is not None:
        features = _binarized(features, estimator.binarize, scope)
    joint = product(features, present.T, scope, bias=estimator.class_log_prior_ + absent.sum(axis=1))
    return _classified(estimator, joint, scope)


def categorical(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Each column's category, cut to an integer, picks a row of a table; what it has not learned is refused."""
    graph = scope.graph
    X = scope.finite(features)
    tables = [table.T for table in estimator.feature_log_prob_]
    counts = np.array([len(table) for table in tables])
    codes = graph.cast(X, INT64)
    inside = graph.op("Min", graph.op("Max", codes, np.array(0)), counts - 1)
    _refuse_unknown(codes, inside, X.dtype, features, counts, scope)
    places = graph.op("Transpose", graph.op("Add", inside, np.cumsum(counts) - counts), perm=[1, 0])
    found = graph.op("Gather", np.concatenate(tables), places, dtype=FLOAT64, axis=0)
    total = graph.op("ReduceSum", found, np.array([0]), width=len(estimator.classes_), keepdims=0)
    return _classified(estimator, graph.op("Add", total, estimator.class_log_prior_), scope)


def posterior(graph: Graph, joint: Tensor) -> Tensor:
    """The probabilities of the classes; in float32 the rounding of ``log_sum`` shows."""
    if joint.dtype == FLOAT64:
        return softmax(graph, joint)
    return graph.op("Exp", graph.op("Sub", joint, log_sum(graph, joint)))


def log_sum(graph: Graph, joint: Tensor) -> Tensor:
    """``logsumexp`` over the classes: (rows, 1). Where all are -inf it is -inf, as scikit-learn's.

    What is added to the highest is rounded once: 1 + its rest would lose the rest's last digits, which log1p keeps.
    """
    top = graph.op("ReduceMax", joint, np.array([1]), width=1, keepdims=1)
    lowest = np.array(np.finfo(joint.dtype).min, joint.dtype)
    shifted = graph.cast(graph.op("Sub", joint, graph.op("Max", top, lowest)), FLOAT64)
    total = graph.op("ReduceSum", graph.op("Exp", shifted), np.array([1]), width=1, keepdims=1)
    return graph.op("Add", graph.cast(graph.op("Log", total), joint.dtype), top)


def _classified(estimator: Any, joint: Tensor, scope: Scope) -> Outputs:
    graph = scope.graph
    scope.ties(lambda rows: tied_densities(estimator.predict_joint_log_proba(rows)))
    labels = label_of(graph, highest_or_nan(graph, joint), estimator.classes_)
    return {"predict": labels, "predict_proba": posterior(graph, joint)}


def _binarized(features: Features, threshold: float, scope: Scope) -> Features:
    """1 where a value is above the threshold, both in the dtype that NumPy compares them in."""
    graph, X = scope.graph, scope.finite(features)
    dtype = np.result_type(X.dtype, threshold)
    scope.compares(features, np.arange(features.width), np.full(features.width, threshold), dtype)
    above = graph.op("Greater", graph.cast(X, dtype), np.array(threshold, dtype), dtype=BOOL)
    return Features.of(graph.cast(above, FLOAT64))


def _refuse_unknown(
    codes: Tensor, inside: Tensor, dtype: np.dtype, features: Features, counts: np.ndarray, scope: Scope
) -> None:
    """Categories are 0, 1, ...; -0.5 is 0 once it is cut."""
    graph = scope.graph
    unknown = graph.op("Not", graph.op("Equal", codes, inside, dtype=BOOL))
    graph.guard(unknown, [], "expected a category that was learned, got another")
    steps = [np.arange(-1, count + 1) for count in counts]
    scope.compares(features, np.repeat(np.arange(len(counts)), counts + 2), np.concatenate(steps), dtype)
    scope.knows(features, [np.arange(count) for count in counts])
