"""Models of Gaussian densities: mixtures, QuadraticDiscriminantAnalysis and EllipticEnvelope."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma
from sklearn.mixture import GaussianMixture
from sklearn.mixture._gaussian_mixture import _compute_log_det_cholesky

from skerry.export.converters.bayes import log_sum, posterior
from skerry.export.converters.labels import highest_or_nan, label_of, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.summation import numpy_sum
from skerry.export.converters.ties import ROUNDED, TIE, tied, tied_densities
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor


def gaussian_mixture(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """GaussianMixture and BayesianGaussianMixture: each row's log-probability under each component, and of them all."""
    graph = scope.graph
    scope.finite(features)
    X = graph.matrix(features)
    if X.dtype == BOOL:
        raise scope.refuse(estimator, "scikit-learn keeps distances in the dtype of the rows, here booleans")
    if X.dtype == np.float32:  # as are distances, though what follows may be float64
        graph.tolerance = max(graph.tolerance, ROUNDED)
    width = estimator.means_.shape[1]
    joint = _joint(
        graph, _DISTANCES[estimator.covariance_type](graph, X, estimator), _constants(estimator, width), width
    )
    scope.ties(lambda rows: tied_densities(estimator._estimate_weighted_log_prob(np.asarray(rows))))
    return {
        "predict": highest_or_nan(graph, joint),
        "predict_proba": posterior(graph, joint),
        "score_samples": graph.flatten(log_sum(graph, joint)),
    }


def _joint(graph: Graph, distances: Tensor, constants: list[Any], width: int) -> Tensor:
    """Log-densities from squared distances; in float32 the order of the sum shows."""
    normal = width * math.log(2 * math.pi)
    if distances.dtype == FLOAT64:
        return _plus(graph, graph.op("Mul", distances, np.array(-0.5)), sum(constants, -0.5 * normal))
    joint = _plus(graph, distances, normal)
    joint = graph.op("Mul", joint, np.array(-0.5, joint.dtype))
    for term in constants:
        joint = _plus(graph, joint, term)
    return joint


def quadratic_discriminant(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = scope.finite(features)
    axes = zip(estimator.rotations_, estimator.scalings_, strict=True)
    matrices = np.stack([rotation * scaling**-0.5 for rotation, scaling in axes])
    centred = _plus(graph, graph.op("Unsqueeze", X, np.array([0])), -estimator.means_[:, None, :])
    dtype = np.result_type(centred.dtype, matrices.dtype)
    turned = graph.op("MatMul", graph.cast(centred, dtype), matrices.astype(dtype), width=matrices.shape[-1])
    distances = _squared_lengths(graph, turned, len(matrices), rows=1)
    if distances.dtype == np.float32:  # and all that follows is float64
        graph.tolerance = max(graph.tolerance, ROUNDED)
    volumes = np.asarray([np.sum(np.log(scaling)) for scaling in estimator.scalings_])
    scores = _plus(graph, distances, volumes)
    scores = _plus(graph, graph.op("Mul", scores, np.array(-0.5, scores.dtype)), np.log(estimator.priors_))
    scope.ties(lambda rows: tied(estimator._decision_function(rows)))
    return {
        "predict": label_of(graph, highest_or_nan(graph, scores), estimator.classes_),
        "predict_proba": softmax(graph, scores),
        "decision_function": _difference(graph, scores) if distances.width == 2 else scores,
    }


def elliptic_envelope(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The squared Mahalanobis distance, which scikit-learn takes the root of and squares again, in float64."""
    graph = scope.graph
    X = graph.cast(scope.finite(features), FLOAT64)
    centred = graph.op("Sub", X, estimator.location_.astype(np.float64))
    turned = graph.op("MatMul", centred, estimator.get_precision().T.astype(np.float64))
    squared = graph.op("ReduceSum", graph.op("Mul", centred, turned), np.array([1]), width=None, keepdims=0)
    distance = graph.op("Sqrt", squared)
    scores = graph.op("Neg", graph.op("Mul", distance, distance))
    decision = graph.op("Sub", scores, np.array(estimator.offset_, np.float64))
    inside = graph.op("GreaterOrEqual", decision, np.array(0.0), dtype=BOOL)
    scope.ties(lambda rows: _at_zero(estimator.decision_function(rows), estimator.offset_))
    return {
        "predict": graph.op("Where", inside, np.array(1), np.array(-1), dtype=INT64),
        "decision_function": decision,
        "score_samples": scores,
    }


def _full(graph: Graph, X: Tensor, estimator: Any) -> Tensor:
    """``sum((X @ factor - mean @ factor)**2)``, which scikit-learn stores in the dtype of the rows, even of integers."""
    factors = estimator.precisions_cholesky_
    if factors.ndim == 2:
        factors = np.stack([factors] * len(estimator.means_))
    offsets = np.concatenate([mean @ factor for mean, factor in zip(estimator.means_, factors, strict=True)])
    turned = graph.affine(X, np.concatenate(list(factors), axis=1), -offsets)
    shape = len(factors), factors.shape[2]
    vectors = graph.op("Reshape", turned, np.array([-1, *shape]), width=shape[1])
    return graph.cast(_squared_lengths(graph, vectors, len(factors), rows=0), X.dtype)


def _diag(graph: Graph, X: Tensor, estimator: Any) -> Tensor:
    means, precisions = estimator.means_, estimator.precisions_cholesky_**2
    linear = graph.affine(X, (-2.0 * means * precisions).T)
    linear = _plus(graph, linear, np.sum(means**2 * precisions, axis=1))
    return graph.op("Add", linear, graph.affine(graph.op("Mul", X, X), precisions.T))


def _spherical(graph: Graph, X: Tensor, estimator: Any) -> Tensor:
    means, precisions = estimator.means_, estimator.precisions_cholesky_**2
    linear = graph.affine(X, -2.0 * means.T)
    linear = graph.op("Mul", linear, precisions.astype(linear.dtype))
    linear = _plus(graph, linear, np.sum(means**2, axis=1) * precisions)
    return graph.op("Add", linear, graph.affine(_squared_norms(graph, X), precisions[None, :]))


_DISTANCES: dict[str, Callable[[Graph, Tensor, Any], Tensor]] = {
    "full": _full,
    "tied": _full,
    "diag": _diag,
    "spherical": _spherical,
}
"""Squared distances of rows to the components, (rows, components), by the type of covariance."""


def _constants(estimator: Any, width: int) -> list[Any]:
    """What is added to each component's log-density, in scikit-learn's order."""
    volume = _compute_log_det_cholesky(estimator.precisions_cholesky_, estimator.covariance_type, width)
    if isinstance(estimator, GaussianMixture):
        return [volume, np.log(estimator.weights_)]
    freedom = estimator.degrees_of_freedom_
    halves = 0.5 * (freedom - np.arange(width)[:, np.newaxis])
    scatter = width * np.log(2.0) + np.sum(digamma(halves), axis=0)
    return [
        volume,
        -0.5 * width * np.log(freedom),
        0.5 * (scatter - width / estimator.mean_precision_),
        estimator._estimate_log_weights(),
    ]


def _plus(graph: Graph, X: Tensor, constant: Any) -> Tensor:
    """``X + constant`` in the dtype that NumPy gives the sum."""
    dtype = np.result_type(X.dtype, constant)
    return graph.op("Add", graph.cast(X, dtype), np.asarray(constant, dtype))


def _squared_lengths(graph: Graph, vectors: Tensor, components: int, *, rows: int) -> Tensor:
    """Of (rows, components, columns), or with the components first: (rows, components). ``rows`` is their axis.

    In float32 added in NumPy's order, for there it shows.
    """
    order, squares = [rows, 1 - rows], graph.op("Mul", vectors, vectors)
    if vectors.dtype == FLOAT64:
        lengths = graph.op("ReduceSum", squares, np.array([2]), width=components, keepdims=0)
        return graph.op("Transpose", lengths, perm=order) if rows else lengths
    lengths = numpy_sum(graph, graph.op("Transpose", squares, perm=[2, *order]), vectors.width or 1)
    return graph.op("Squeeze", lengths, np.array([0]), width=components)


def _squared_norms(graph: Graph, X: Tensor) -> Tensor:
    return graph.op("ReduceSum", graph.op("Mul", X, X), np.array([1]), width=1, keepdims=1)


def _difference(graph: Graph, scores: Tensor) -> Tensor:
    """The second class's score less the first's: (rows, 2) → (rows,)."""
    return graph.flatten(graph.op("Sub", graph.columns(scores, [1]), graph.columns(scores, [0])))


def _at_zero(decision: np.ndarray, offset: float) -> np.ndarray:
    return np.asarray(np.abs(decision) <= TIE * max(1, abs(offset)))
