"""KernelDensity: the logarithm of a sum over all training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neighbors._kd_tree import kernel_norm

from skerry.export.converters.bayes import log_sum
from skerry.export.converters.distances import EPSILON, Metric
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Array, Features, Graph, Outputs, Tensor

DRAWN = 256


def kernel_density(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The logarithm of the density, summed exactly, as ``atol=0`` and ``rtol=0`` ask for."""
    graph, tree = scope.graph, estimator.tree_
    if estimator.atol or estimator.rtol:
        raise scope.refuse(estimator, "with atol or rtol it answers with an estimate")
    training, width = np.asarray(tree.data), float(estimator.bandwidth_)
    known = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": 1.0}
    if estimator.metric not in known:
        raise scope.refuse(estimator, f"metric={estimator.metric!r} is not converted")
    metric = Metric(estimator.metric, "tree", FLOAT64, training)
    X = graph.cast(scope.finite(features), FLOAT64)
    logs = _LOG_KERNELS[estimator.kernel](graph, metric.distances(graph, metric.all_surrogates(graph, X)), width)
    weights = None if tree.sample_weight is None else np.asarray(tree.sample_weight)
    total = float(len(training) if weights is None else tree.sum_weight)
    if weights is not None:
        with np.errstate(divide="ignore"):
            logs = graph.op("Add", logs, np.log(weights))
    peak = kernel_norm(width, training.shape[1], estimator.kernel, return_log=True)
    if _cancelled(estimator, peak, _drawn(training)).any():
        raise scope.refuse(estimator, "where few training rows are near, scikit-learn's own sum is mostly rounding")
    scope.ties(lambda X: _cancelled(estimator, peak, X))
    return {"score_samples": graph.op("Add", graph.flatten(log_sum(graph, logs)), np.array(peak - np.log(total)))}


def _drawn(training: Array) -> Array:
    """Rows such as the estimator may see: each column drawn by itself from the training rows."""
    random = np.random.default_rng(0)
    return np.column_stack([random.choice(column, DRAWN) for column in training.T])


def _cancelled(estimator: Any, peak: float, X: Any) -> Array:
    """Where scikit-learn's answer is mostly rounding: it begins with the density that there would be were all training
    rows where X is, and takes away from it bit by bit, so that far less than a peak's density is what cancels."""
    steps = 8 + len(estimator.tree_.data) / 16  # as measured: it rounds about so often
    with np.errstate(over="ignore"):
        cancelled = steps * EPSILON * np.exp(peak - estimator.score_samples(X))
    return np.asarray(~(cancelled < 1e-10))


def _inside(graph: Graph, distances: Tensor, width: float, logs: Tensor) -> Tensor:
    within = graph.op("Less", distances, np.array(width), dtype=BOOL)
    return graph.op("Where", within, logs, np.array(-np.inf), dtype=FLOAT64, width=distances.width)


def _ratio(graph: Graph, distances: Tensor, width: float) -> Tensor:
    return graph.op("Div", distances, np.array(width))


def _gaussian(graph: Graph, distances: Tensor, width: float) -> Tensor:
    return graph.op(
        "Div", graph.op("Mul", graph.op("Mul", np.array(-0.5), distances), distances), np.array(width * width)
    )


def _tophat(graph: Graph, distances: Tensor, width: float) -> Tensor:
    return _inside(graph, distances, width, graph.op("Mul", np.array(0.0), distances))


def _epanechnikov(graph: Graph, distances: Tensor, width: float) -> Tensor:
    ratio = graph.op("Div", graph.op("Mul", distances, distances), np.array(width * width))
    return _inside(graph, distances, width, graph.op("Log", graph.op("Sub", np.array(1.0), ratio)))


def _exponential(graph: Graph, distances: Tensor, width: float) -> Tensor:
    return graph.op("Neg", _ratio(graph, distances, width))


def _linear(graph: Graph, distances: Tensor, width: float) -> Tensor:
    return _inside(
        graph, distances, width, graph.op("Log", graph.op("Sub", np.array(1.0), _ratio(graph, distances, width)))
    )


def _cosine(graph: Graph, distances: Tensor, width: float) -> Tensor:
    angle = graph.op("Div", graph.op("Mul", np.array(0.5 * np.pi), distances), np.array(width))
    return _inside(graph, distances, width, graph.op("Log", graph.op("Cos", angle)))


_LOG_KERNELS: dict[str, Callable[[Graph, Tensor, float], Tensor]] = {
    "gaussian": _gaussian,
    "tophat": _tophat,
    "epanechnikov": _epanechnikov,
    "exponential": _exponential,
    "linear": _linear,
    "cosine": _cosine,
}
