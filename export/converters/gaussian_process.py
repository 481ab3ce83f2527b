"""Gaussian processes: kernels with the training rows, feature by feature as SciPy's ``cdist`` sums them, in float64.

A process weighs its kernels with numbers that may be huge and cancel; so nothing is gained here by a faster distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import kernels as gp
from sklearn.gaussian_process._gpc import COEFS, LAMBDAS

from skerry.export.converters import kernels
from skerry.export.converters.elementary import erf
from skerry.export.converters.labels import highest, label_of, positive
from skerry.export.converters.members import normalized
from skerry.export.converters.scope import Scope
from skerry.export.converters.support_vectors import DOUBTFUL, class_decision
from skerry.export.converters.ties import NOISE
from skerry.export.graph import BOOL, FLOAT64, Array, Features, Graph, Outputs, Tensor

Value = Tensor | np.float64
"""A kernel's values: (rows, training rows), (rows, 1) with each row itself, or one number for all."""

CHAOTIC = 1e3
"""From this angle on, the sine of a distance hangs on the distance's last bits."""


def gaussian_process_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The mean of the process, scaled back to the targets."""
    graph = scope.graph
    K = _matrix(estimator, _rows(estimator, features, scope), scope)
    scope.ties(lambda rows: _is_noise(estimator, np.asarray(rows)), within=NOISE[FLOAT64])
    weights = np.asarray(estimator.alpha_)
    single = weights.ndim == 1 or weights.shape[1] == 1
    mean = graph.op("MatMul", K, weights.reshape(len(weights), -1), width=1 if single else weights.shape[1])
    mean = graph.op("Mul", mean, np.asarray(estimator._y_train_std, float))
    mean = graph.op("Add", mean, np.asarray(estimator._y_train_mean, float))
    return {"predict": graph.flatten(mean) if single else mean}


def gaussian_process_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Laplace's approximation for two classes; of more, one against the rest, or one against one without probabilities."""
    X = _rows(estimator, features, scope)
    if estimator.n_classes_ == 2:
        return _two_classes(estimator, X, scope)
    if estimator.multi_class == "one_vs_one":
        return _one_vs_one(estimator, X, scope)
    return _one_vs_others(estimator, X, scope)


def _is_noise(estimator: Any, X: Array) -> Array:
    """Rows whose kernels are weighed with numbers so large that what NumPy rounds, adding them up, shows in the mean."""
    weighed = np.abs(estimator.kernel_(X, estimator.X_train_)) @ np.abs(estimator.alpha_)
    noise = (np.finfo(float).eps * weighed * estimator._y_train_std).reshape(len(X), -1)
    size = np.abs(estimator.predict(X)).reshape(len(X), -1)
    return np.asarray((noise > DOUBTFUL * np.maximum(1, size)).any(axis=1))


def _rows(estimator: Any, features: Features, scope: Scope) -> Tensor:
    if estimator.kernel is not None and not estimator.kernel.requires_vector_input:
        raise scope.refuse(estimator, "a kernel that does not look at the rows")
    return scope.finite(features)


def _two_classes(estimator: Any, X: Tensor, scope: Scope) -> Outputs:
    graph = scope.graph
    mean, variance = _latent(estimator.base_estimator_, X, scope)
    second = _probabilities(graph, [mean], [variance])
    index = graph.flatten(positive(graph, mean))
    return {
        "predict": label_of(graph, index, estimator.classes_),
        "predict_proba": graph.concat([graph.op("Sub", np.array(1.0), second), second]),
    }


def _one_vs_others(estimator: Any, X: Tensor, scope: Scope) -> Outputs:
    graph = scope.graph
    means, variances = zip(*(_latent(part, X, scope) for part in estimator.base_estimator_.estimators_), strict=True)
    scores = _probabilities(graph, means, variances)
    shares = normalized(graph, scores, empty=0)
    return {"predict": label_of(graph, highest(graph, scores), estimator.classes_), "predict_proba": shares}


def _one_vs_one(estimator: Any, X: Tensor, scope: Scope) -> Outputs:
    graph, count = scope.graph, len(estimator.classes_)
    parts = estimator.base_estimator_.estimators_
    means, variances = zip(*(_latent(part, X, scope) for part in parts), strict=True)
    second = graph.op("Greater", graph.concat(means), np.array(0.0), dtype=BOOL)
    scores = class_decision(graph, second, graph.op("Neg", _probabilities(graph, means, variances)), count)
    return {"predict": label_of(graph, highest(graph, scores), estimator.classes_)}


def _latent(estimator: Any, X: Tensor, scope: Scope) -> tuple[Tensor, Tensor]:
    """Mean and variance of the latent function, (rows, 1) each.

    The matrix to be solved has no eigenvalue below 1, so its inverse, known here, is as good as solving. SciPy's solver
    refuses kernels that overflow.
    """
    graph, kernel = scope.graph, estimator.kernel_
    K = _matrix(estimator, X, scope)
    scope.refuse_not_finite(K)
    mean = graph.op("MatMul", K, (estimator.y_train_ - estimator.pi_)[:, np.newaxis], width=1)
    inverse = solve_triangular(estimator.L_, np.diag(estimator.W_sr_), lower=True)
    projected = graph.op("MatMul", K, inverse.T)
    explained = graph.op("ReduceSumSquare", projected, np.array([1]), width=1, keepdims=1)
    itself = _DIAGONALS[type(kernel)](kernel, graph.cast(X, FLOAT64), scope)
    return mean, graph.op("Sub", itself, explained)


def _probabilities(graph: Graph, means: Any, variances: Any) -> Tensor:
    """The second class's probability, by Williams & Barber's sum of error functions in scikit-learn's order: (rows, parts)."""
    mean, variance = graph.concat(list(means)), graph.concat(list(variances))
    axis, width = np.array([2]), mean.width
    mean, variance = graph.op("Unsqueeze", mean, axis), graph.op("Unsqueeze", variance, axis)
    slopes = LAMBDAS.ravel()
    alpha = graph.op("Div", np.array(1.0), graph.op("Mul", variance, np.array(2.0)))
    ratio = graph.op("Div", alpha, graph.op("Add", alpha, slopes**2))
    argument = graph.op("Mul", graph.op("Mul", mean, slopes), graph.op("Sqrt", ratio))
    height = graph.op("Sqrt", graph.op("Div", np.array(np.pi), alpha))
    base = graph.op("Mul", variance, np.array(2.0))
    base = graph.op("Mul", graph.op("Sqrt", graph.op("Mul", base, np.array(np.pi))), np.array(2.0))
    integrals = graph.op("Div", graph.op("Mul", height, erf(graph, argument)), base)
    total = graph.op("ReduceSum", graph.op("Mul", integrals, COEFS.ravel()), axis, keepdims=0, width=width)
    return graph.op("Add", total, np.array(0.5 * COEFS.sum()))


def _matrix(estimator: Any, X: Tensor, scope: Scope) -> Tensor:
    """``kernel_(X, X_train_)`` in float64: (rows, training rows)."""
    kernel, Y = estimator.kernel_, np.asarray(estimator.X_train_)
    if (unknown := _unknown(kernel)) is not None:
        raise scope.refuse(estimator, unknown)
    values = _CROSS[type(kernel)](kernel, X, Y, scope)
    assert isinstance(values, Tensor)  # as it looks at the rows
    return scope.graph.cast(values, FLOAT64)


def _unknown(kernel: Any) -> str | None:
    """Why a kernel is not converted, or one of those it is made of."""
    if type(kernel) not in _CROSS:
        return f"the kernel {type(kernel).__name__} is not converted"
    if type(kernel) is gp.Matern and kernel.nu not in _MATERN:
        return f"Matern with nu={kernel.nu}, which needs a Bessel function; 0.5, 1.5, 2.5 and inf are converted"
    parts = (getattr(kernel, name) for name in ("k1", "k2", "kernel") if hasattr(kernel, name))
    return next((reason for part in parts if (reason := _unknown(part)) is not None), None)


def _combined(kind: str, first: Value, second: Value, graph: Graph) -> Value:
    if not isinstance(first, Tensor) and not isinstance(second, Tensor):
        return first + second if kind == "Add" else first * second
    dtypes = [value.dtype for value in (first, second)]
    wide = np.result_type(*dtypes)
    operands = [graph.cast(v, wide) if isinstance(v, Tensor) else np.asarray(v, wide) for v in (first, second)]
    widths = [value.width or 1 for value in operands if isinstance(value, Tensor)]
    return graph.op(kind, *operands, width=max(widths))


def _operator(kind: str, table: str) -> Callable[..., Value]:
    """A sum's or product's values of its two kernels'."""

    def combine(kernel: Any, *given: Any) -> Value:
        parts = [_TABLES[table][type(part)](part, *given) for part in (kernel.k1, kernel.k2)]
        return _combined(kind, parts[0], parts[1], given[-1].graph)

    return combine


def _exponentiation(table: str) -> Callable[..., Value]:
    def raise_to(kernel: Any, *given: Any) -> Value:
        values = _TABLES[table][type(kernel.kernel)](kernel.kernel, *given)
        if isinstance(values, Tensor):
            return kernels.power(given[-1].graph, values, kernel.exponent)
        return np.float64(values**kernel.exponent)

    return raise_to


def _scaled(X: Tensor, Y: Array, length: Any, graph: Graph) -> tuple[Tensor, Array]:
    length = np.squeeze(length).astype(float)
    return graph.op("Div", graph.cast(X, FLOAT64), length), Y / length


def _squares(X: Tensor, Y: Array, graph: Graph) -> Tensor:
    return kernels.summed(graph, kernels.differences(graph, X, Y), "ReduceSumSquare")


def _rbf(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    graph = scope.graph
    squares = _squares(*_scaled(X, Y, kernel.length_scale, graph), graph)
    return graph.op("Exp", graph.op("Mul", squares, np.array(-0.5)))


def _matern(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    graph = scope.graph
    distances = graph.op("Sqrt", _squares(*_scaled(X, Y, kernel.length_scale, graph), graph))
    return _MATERN[kernel.nu](graph, distances)


def _matern_half(graph: Graph, distances: Tensor) -> Tensor:
    return graph.op("Exp", graph.op("Neg", distances))


def _matern_three_halves(graph: Graph, distances: Tensor) -> Tensor:
    K = graph.op("Mul", distances, np.array(math.sqrt(3)))
    return graph.op("Mul", graph.op("Add", K, np.array(1.0)), _matern_half(graph, K))


def _matern_five_halves(graph: Graph, distances: Tensor) -> Tensor:
    K = graph.op("Mul", distances, np.array(math.sqrt(5)))
    third = graph.op("Div", graph.op("Mul", K, K), np.array(3.0))
    return graph.op("Mul", graph.op("Add", graph.op("Add", K, np.array(1.0)), third), _matern_half(graph, K))


def _matern_infinite(graph: Graph, distances: Tensor) -> Tensor:
    return graph.op("Exp", graph.op("Div", graph.op("Mul", distances, distances), np.array(-2.0)))


_MATERN = {0.5: _matern_half, 1.5: _matern_three_halves, 2.5: _matern_five_halves, np.inf: _matern_infinite}


def _rational_quadratic(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    graph = scope.graph
    scaled = graph.op("Div", _squares(X, Y, graph), np.array(float(2 * kernel.alpha * kernel.length_scale**2)))
    return graph.op("Pow", graph.op("Add", scaled, np.array(1.0)), np.array(-float(kernel.alpha)))


def _exp_sine_squared(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    graph, frequency = scope.graph, np.pi / kernel.periodicity
    scope.ties(lambda rows: cdist(np.asarray(rows, float), Y).max(axis=1) * frequency > CHAOTIC)
    angle = graph.op("Mul", graph.op("Sqrt", _squares(X, Y, graph)), np.array(float(frequency)))
    ratio = graph.op("Div", graph.op("Sin", angle), np.array(float(kernel.length_scale)))
    return graph.op("Exp", graph.op("Mul", graph.op("Mul", ratio, ratio), np.array(-2.0)))


def _dot_product(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    """Multiplied in the rows' dtype; a sigma_0 that was searched for is a float64, and widens it."""
    graph, square = scope.graph, kernel.sigma_0**2
    dtype = np.result_type(X.dtype, Y.dtype if Y.dtype.kind == "f" else FLOAT64)
    products = kernels.products(graph, graph.cast(X, dtype), Y)
    products = graph.cast(products, np.result_type(dtype, square) if isinstance(square, np.generic) else dtype)
    return graph.op("Add", products, np.array(square, products.dtype))


def _dot_product_itself(kernel: Any, X: Tensor, scope: Scope) -> Tensor:
    squares = scope.graph.op("ReduceSumSquare", X, np.array([1]), width=1, keepdims=1)
    return scope.graph.op("Add", squares, np.array(float(kernel.sigma_0**2)))


def _pairwise(kernel: Any, X: Tensor, Y: Array, scope: Scope) -> Tensor:
    return kernels.pairwise(scope, kernel, X, Y, kernel.metric, _pairwise_parameters(kernel))


def _pairwise_itself(kernel: Any, X: Tensor, scope: Scope) -> Value:
    return kernels.pairwise_diagonal(scope, kernel, X, kernel.metric, _pairwise_parameters(kernel))


def _pairwise_parameters(kernel: Any) -> dict[str, Any]:
    return {"gamma": kernel.gamma, **(kernel.pairwise_kernels_kwargs or {})}


def _number(name: str) -> Callable[..., Value]:
    return lambda kernel, *_: np.float64(getattr(kernel, name))


def _of(value: float) -> Callable[..., Value]:
    return lambda *_: np.float64(value)


_CROSS: dict[type, Callable[..., Value]] = {
    gp.ConstantKernel: _number("constant_value"),
    gp.DotProduct: _dot_product,
    gp.ExpSineSquared: _exp_sine_squared,
    gp.Exponentiation: _exponentiation("cross"),
    gp.Matern: _matern,
    gp.PairwiseKernel: _pairwise,
    gp.Product: _operator("Mul", "cross"),
    gp.RBF: _rbf,
    gp.RationalQuadratic: _rational_quadratic,
    gp.Sum: _operator("Add", "cross"),
    gp.WhiteKernel: _of(0),
}
"""``kernel(X, Y)``, by the exact class."""

_DIAGONALS: dict[type, Callable[..., Value]] = {
    gp.ConstantKernel: _number("constant_value"),
    gp.DotProduct: _dot_product_itself,
    gp.ExpSineSquared: _of(1),
    gp.Exponentiation: _exponentiation("diagonal"),
    gp.Matern: _of(1),
    gp.PairwiseKernel: _pairwise_itself,
    gp.Product: _operator("Mul", "diagonal"),
    gp.RBF: _of(1),
    gp.RationalQuadratic: _of(1),
    gp.Sum: _operator("Add", "diagonal"),
    gp.WhiteKernel: _number("noise_level"),
}
"""``kernel.diag(X)``: each row with itself."""

_TABLES = {"cross": _CROSS, "diagonal": _DIAGONALS}
