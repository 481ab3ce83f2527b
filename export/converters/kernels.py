"""Kernels between rows and rows known since training, mostly as one matrix product.

``squared_distances`` is the product of a centred row with the known rows. It is off by the last bit of the known
rows' square, so ``is_spread`` says when known rows lie too far apart for it; then distances are summed feature by
feature, as SciPy and libsvm do, at the price of (rows, features, known rows) numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Array, Graph, Tensor

FARTHEST = 1e100
"""Rows are clipped to it before they are squared: every kernel is 0 long before, and no infinity cancels another."""

SPREAD = 300.0
"""The largest exponent of known rows, seen from their mean, that costs no digit anybody would miss."""


def products(graph: Graph, X: Tensor, Y: Array) -> Tensor:
    """``X @ Y.T``: (rows, known rows)."""
    return graph.op("MatMul", X, Y.T.astype(X.dtype), width=len(Y))


def is_spread(Y: Array, scale: float) -> bool:
    """Whether ``scale`` times the squared distance of a known row from their mean is beyond ``SPREAD``."""
    squares = ((Y - Y.mean(axis=0)) ** 2).sum(axis=1)
    return bool(not squares.max(initial=0) * abs(scale) <= SPREAD)


def squared_distances(graph: Graph, X: Tensor, Y: Array, scale: float = 1.0) -> Tensor:
    """``scale * |x - y|²`` in float64: (rows, known rows), as ``[x, |x|²] @ [-2y; 1] + |y|²`` around the mean of ``Y``."""
    centre = Y.mean(axis=0, dtype=float)
    Y = Y - centre
    X = graph.op("Clip", graph.cast(X, FLOAT64), np.array(-FARTHEST), np.array(FARTHEST))
    X = graph.op("Sub", X, centre)
    square = graph.op("ReduceSumSquare", X, np.array([1]), width=1, keepdims=1)
    factors = np.vstack([-2 * scale * Y.T, np.full(len(Y), scale)])
    return graph.op("Gemm", graph.concat([X, square]), factors, scale * (Y**2).sum(axis=1), width=len(Y))


def differences(graph: Graph, X: Tensor, Y: Array) -> Tensor:
    """``x - y`` in float64: (rows, features, known rows)."""
    columns = graph.op("Unsqueeze", graph.cast(X, FLOAT64), np.array([2]))
    return graph.op("Sub", columns, Y.T[np.newaxis].astype(float), width=len(Y))


def summed(graph: Graph, values: Tensor, kind: str = "ReduceSum") -> Tensor:
    """(rows, features, known rows) → (rows, known rows)."""
    return graph.op(kind, values, np.array([1]), keepdims=0)


def radial(graph: Graph, X: Tensor, Y: Array, gamma: float) -> Tensor:
    """``exp(-gamma * |x - y|²)`` in float64."""
    if is_spread(Y, gamma):
        squares = summed(graph, differences(graph, X, Y), "ReduceSumSquare")
        return graph.op("Exp", graph.op("Mul", squares, np.array(-float(gamma))))
    return graph.op("Exp", squared_distances(graph, X, Y, -gamma))


def polynomial(graph: Graph, X: Tensor, Y: Array, gamma: float, degree: float, coef0: float) -> Tensor:
    """``(gamma * x·y + coef0) ** degree``."""
    return power(graph, _inner(graph, X, Y, gamma, coef0), degree)


def sigmoid(graph: Graph, X: Tensor, Y: Array, gamma: float, coef0: float) -> Tensor:
    """``tanh(gamma * x·y + coef0)``."""
    return graph.op("Tanh", _inner(graph, X, Y, gamma, coef0))


def power(graph: Graph, base: Tensor, exponent: float) -> Tensor:
    """``base ** exponent``; a positive whole exponent by squaring, as libsvm does, and far faster than Pow."""
    if exponent != int(exponent) or exponent <= 0:
        return graph.op("Pow", base, np.array(exponent, base.dtype))
    bits, result = int(exponent), None
    while True:
        if bits % 2:
            result = base if result is None else graph.op("Mul", result, base)
        bits //= 2
        if not bits:
            return result or base
        base = graph.op("Mul", base, base)


def pairwise(scope: Scope, estimator: Any, X: Tensor, Y: Any, metric: Any, parameters: Mapping[str, Any]) -> Tensor:
    """``sklearn.metrics.pairwise.pairwise_kernels(X, Y, metric, filter_params=True, **parameters)``.

    In float32 where both are, else float64.
    """
    if metric == "precomputed":
        return X
    if metric not in _PAIRWISE:
        raise scope.refuse(estimator, "a kernel of one's own (a callable) is not converted")
    Y = dense(Y)
    dtype = np.float32 if X.dtype == Y.dtype == np.float32 else FLOAT64
    known = {name: value for name, value in parameters.items() if value is not None}
    return _PAIRWISE[metric](scope.graph, scope.graph.cast(X, dtype), Y.astype(dtype), known)


def pairwise_diagonal(scope: Scope, estimator: Any, X: Tensor, metric: str, parameters: Mapping[str, Any]) -> Any:
    """The kernel of each row with itself: (rows, 1), or one number for all."""
    if metric in _OF_ITSELF:
        return np.float64(_OF_ITSELF[metric])
    if metric not in _OF_SQUARE:
        raise scope.refuse(estimator, f"the {metric} kernel in a classifier is not converted")
    square = scope.graph.op("ReduceSumSquare", X, np.array([1]), width=1, keepdims=1)
    return _OF_SQUARE[metric](scope.graph, square, X.width or 1, parameters)


def dense(array: Any) -> Array:
    """A matrix that scikit-learn may hold sparse."""
    return np.asarray(array.toarray() if hasattr(array, "toarray") else array)


def _inner(graph: Graph, X: Tensor, Y: Array, gamma: float, coef0: float) -> Tensor:
    """``gamma * x·y + coef0``; in float32 the order of the operations shows."""
    if X.dtype == FLOAT64:
        return graph.affine(X, float(gamma) * Y.T, np.array(coef0))
    return _affine(graph, products(graph, X, Y), gamma, coef0)


def _affine(graph: Graph, values: Tensor, factor: float, offset: float) -> Tensor:
    scaled = graph.op("Mul", values, np.array(factor, values.dtype))
    return graph.op("Add", scaled, np.array(offset, values.dtype))


Parameters = Mapping[str, Any]


def _gamma(parameters: Parameters, width: int) -> float:
    return float(parameters.get("gamma", 1.0 / width))


def _rbf(graph: Graph, X: Tensor, Y: Array, parameters: Parameters) -> Tensor:
    """In float32 the distances are float64 still, and rounded before the rest."""
    gamma = _gamma(parameters, Y.shape[1])
    if X.dtype == FLOAT64:
        return radial(graph, X, Y, gamma)
    squares = graph.op("Max", squared_distances(graph, X, Y.astype(float)), np.array(0.0))
    return graph.op("Exp", graph.op("Mul", graph.cast(squares, X.dtype), np.array(-gamma, X.dtype)))


def _laplacian(graph: Graph, X: Tensor, Y: Array, parameters: Parameters) -> Tensor:
    distances = summed(graph, graph.op("Abs", differences(graph, X, Y)))
    return graph.op("Exp", graph.op("Mul", distances, np.array(-_gamma(parameters, Y.shape[1]))))


def _additive_chi2(graph: Graph, X: Tensor, Y: Array, parameters: Parameters) -> Tensor:
    """``-Σ (x - y)² / (x + y)``, nothing where both are 0; scikit-learn refuses negative numbers."""
    negative = graph.op("Less", X, np.array(0, X.dtype), dtype=BOOL)
    graph.guard(negative, [], "expected numbers of at least 0, got a negative one")
    difference = differences(graph, X, Y)
    columns = graph.op("Unsqueeze", graph.cast(X, FLOAT64), np.array([2]))
    total = graph.op("Add", columns, Y.T[np.newaxis].astype(float), width=len(Y))
    empty = graph.op("Equal", total, np.array(0.0), dtype=BOOL)
    safe = graph.op("Where", empty, np.array(1.0), total, dtype=FLOAT64)
    terms = graph.op("Div", graph.op("Mul", difference, difference), safe)
    return graph.cast(graph.op("Neg", summed(graph, terms)), X.dtype)


def _chi2(graph: Graph, X: Tensor, Y: Array, parameters: Parameters) -> Tensor:
    additive = _additive_chi2(graph, X, Y, parameters)
    return graph.op("Exp", graph.op("Mul", additive, np.array(parameters.get("gamma", 1.0), X.dtype)))


def _cosine(graph: Graph, X: Tensor, Y: Array, parameters: Parameters) -> Tensor:
    norm = graph.op("Sqrt", graph.op("ReduceSumSquare", X, np.array([1]), width=1, keepdims=1))
    zero = graph.op("Equal", norm, np.array(0, X.dtype), dtype=BOOL)
    safe = graph.op("Where", zero, np.array(1, X.dtype), norm, dtype=X.dtype)
    norms = np.sqrt((Y**2).sum(axis=1, keepdims=True))
    return products(graph, graph.op("Div", X, safe), Y / np.where(norms == 0, 1, norms))


def _polynomial_of(graph: Graph, values: Tensor, width: int, parameters: Parameters) -> Tensor:
    offset = _affine(graph, values, _gamma(parameters, width), parameters.get("coef0", 1))
    return power(graph, offset, parameters.get("degree", 3))


def _sigmoid_of(graph: Graph, values: Tensor, width: int, parameters: Parameters) -> Tensor:
    return graph.op("Tanh", _affine(graph, values, _gamma(parameters, width), parameters.get("coef0", 1)))


Function = Callable[[Graph, Tensor, int, Parameters], Tensor]
_OF_SQUARE: dict[str, Function] = {
    "linear": lambda graph, values, width, parameters: values,
    "poly": _polynomial_of,
    "polynomial": _polynomial_of,
    "sigmoid": _sigmoid_of,
}
"""Kernels that are functions of the scalar product."""

_OF_ITSELF = {"additive_chi2": 0.0, "chi2": 1.0, "laplacian": 1.0, "rbf": 1.0}


def _of_product(function: Function) -> Callable[[Graph, Tensor, Array, Parameters], Tensor]:
    return lambda graph, X, Y, parameters: function(graph, products(graph, X, Y), Y.shape[1], parameters)


_PAIRWISE: dict[Any, Callable[[Graph, Tensor, Array, Parameters], Tensor]] = {
    "additive_chi2": _additive_chi2,
    "chi2": _chi2,
    "cosine": _cosine,
    "laplacian": _laplacian,
    "rbf": _rbf,
    **{metric: _of_product(function) for metric, function in _OF_SQUARE.items()},
}
