"""Models of pairwise kernels, and features that stand for a kernel: Nystroem, random Fourier features, count sketches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skerry.export.converters import kernels
from skerry.export.converters.scope import Scope
from skerry.export.converters.summation import BLOCK, LANES, numpy_sum
from skerry.export.converters.ties import NOISE, ROUNDED
from skerry.export.graph import BOOL, FLOAT64, Array, Features, Graph, Outputs, Tensor

CHAOTIC = 1e4
"""From this angle on, its cosine hangs on the angle's last bits."""


def kernel_ridge(estimator: Any, features: Features, scope: Scope) -> Outputs:
    parameters = {name: getattr(estimator, name) for name in ("gamma", "degree", "coef0")}
    K = _kernel(estimator, features, estimator.X_fit_, parameters, scope)
    coefficients = np.asarray(estimator.dual_coef_)
    answer = scope.graph.affine(K, coefficients.reshape(len(coefficients), -1))
    return {"predict": scope.graph.flatten(answer) if coefficients.ndim == 1 else answer}


def kernel_pca(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Centred kernels with the training rows, times ``scaled_vectors``.

    The centring refuses kernels that overflow.
    """
    parameters = {"gamma": estimator.gamma_, "degree": estimator.degree, "coef0": estimator.coef0}
    K = _kernel(estimator, features, estimator.X_fit_, parameters, scope)
    scope.refuse_not_finite(K)
    scaled = scaled_vectors(estimator)
    if K.dtype == np.float32:
        scope.ties(
            lambda rows: _strays(estimator._centerer.transform(estimator._get_kernel(rows, estimator.X_fit_)), scaled),
            within=NOISE[K.dtype],
        )
    return {"transform": Features.of(_added(centred(estimator._centerer, K, scope.graph), scaled, scope.graph))}


def kernel_centerer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(centred(estimator, scope.finite(features), scope.graph))}


def nystroem(estimator: Any, features: Features, scope: Scope) -> Outputs:
    K = _kernel(estimator, features, estimator.components_, estimator._get_kernel_params(), scope)
    return {"transform": Features.of(scope.graph.affine(K, np.asarray(estimator.normalization_).T))}


def rbf_sampler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = scope.finite(features)
    return _waves(estimator, X, np.sqrt(2.0 / estimator.n_components), lambda rows: rows, scope)


def skewed_chi2_sampler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Refuses what is not above minus the skewedness."""
    graph, skewedness = scope.graph, estimator.skewedness
    X = scope.finite(features)
    low = graph.op("LessOrEqual", X, np.array(-skewedness, X.dtype), dtype=BOOL)
    graph.guard(low, [], "expected numbers above -skewedness, got one that is not")
    X = graph.op("Log", graph.op("Add", X, np.array(skewedness, X.dtype)))
    factor = np.sqrt(2.0) / np.sqrt(estimator.n_components)
    return _waves(estimator, X, factor, lambda rows: np.log(rows + skewedness), scope)


def additive_chi2_sampler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Of each number its root, and for each step a cosine and a sine of its logarithm; of 0 nothing but 0."""
    graph = scope.graph
    X = scope.finite(features)
    negative = graph.op("Less", X, np.array(0, X.dtype), dtype=BOOL)
    graph.guard(negative, [], "expected numbers of at least 0, got a negative one")
    interval, origins = _interval(estimator), features.origins
    zero = graph.op("Equal", X, np.array(0, X.dtype), dtype=BOOL)
    safe = graph.op("Where", zero, np.array(1, X.dtype), X, dtype=X.dtype)
    parts = [graph.op("Sqrt", graph.op("Mul", X, np.array(interval, X.dtype)))]
    logarithm = graph.op("Mul", graph.op("Log", safe), np.array(interval, X.dtype))
    doubled = graph.op("Mul", graph.op("Mul", X, np.array(2, X.dtype)), np.array(interval, X.dtype))
    for step in range(1, estimator.sample_steps):
        height = np.cosh(np.pi * step * interval)
        wide = np.result_type(X.dtype, height)  # a NumPy scalar, which widens float32
        factor = graph.op("Sqrt", graph.op("Div", graph.cast(doubled, wide), np.array(height, wide)))
        angle = graph.op("Mul", logarithm, np.array(step, X.dtype))
        for wave in ("Cos", "Sin"):
            part = graph.op("Mul", factor, graph.cast(graph.op(wave, angle), wide))
            parts.append(graph.cast(part, X.dtype))
    first = Features.of(parts[0], origins)
    return {"transform": Features.join([first, *(Features.of(part) for part in parts[1:])])}


def polynomial_count_sketch(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Sketches multiplied as polynomials: their Fourier transforms are, and both transforms are matrix products."""
    graph, count = scope.graph, estimator.n_components
    X = graph.matrix(features, FLOAT64)
    scope.refuse_not_finite(X)
    sketches = _sketches(estimator)
    scope.ties(lambda rows: _sketch_noise(estimator, sketches, np.asarray(rows, float)))
    half = count // 2 + 1
    spectra = np.fft.rfft(sketches, axis=2)  # (degree, features, half)
    real, imaginary = (_spectrum(part, X, estimator, graph) for part in (spectra.real, spectra.imag))
    multiplied: tuple[Tensor, Tensor] | None = None
    for index in range(estimator.degree):
        chosen = np.arange(index * half, (index + 1) * half)
        factor = graph.columns(real, chosen), graph.columns(imaginary, chosen)
        multiplied = factor if multiplied is None else _times(graph, multiplied, factor)
    assert multiplied is not None
    inverse = np.vstack([np.fft.irfft(np.eye(half), count, axis=1), np.fft.irfft(1j * np.eye(half), count, axis=1)])
    return {"transform": Features.of(graph.op("MatMul", graph.concat(multiplied), inverse, width=count))}


def scaled_vectors(estimator: Any) -> Array:
    """KernelPCA's eigenvectors over the roots of their eigenvalues; nothing of those that are 0: (training rows, components)."""
    values, vectors = estimator.eigenvalues_, estimator.eigenvectors_
    return np.divide(vectors, np.sqrt(values), out=np.zeros_like(vectors), where=values != 0)


def _kernel(estimator: Any, features: Features, Y: Any, parameters: Any, scope: Scope) -> Tensor:
    """The kernel of the rows with those known; what is computed of it shares its float32, which is no exact one."""
    K = kernels.pairwise(scope, estimator, scope.finite(features), Y, estimator.kernel, parameters)
    if K.dtype == np.float32:
        scope.graph.tolerance = max(scope.graph.tolerance, ROUNDED)
    return K


def _added(X: Tensor, factors: Array, graph: Graph) -> Tensor:
    """``X @ factors`` in the wider of their dtypes, added in float64."""
    wide = graph.affine(graph.cast(X, FLOAT64), factors)
    return graph.cast(wide, np.result_type(X.dtype, factors.dtype))


def _strays(X: Array, factors: Array) -> Array:
    """Rows whose float32 product is off by what it rounds: large numbers that cancel."""
    exact = X.astype(float) @ factors.astype(float)
    return np.asarray((np.abs(X @ factors - exact) > ROUNDED / 2 * np.maximum(1, np.abs(exact))).any(axis=1))


def centred(estimator: Any, K: Tensor, graph: Graph) -> Tensor:
    """``KernelCenterer.transform``, operation by operation in the kernel's dtype."""
    count = len(estimator.K_fit_rows_)
    mean = graph.op("Div", _row_sums(K, graph), np.array(count, K.dtype))
    K = graph.op("Sub", K, np.asarray(estimator.K_fit_rows_).astype(K.dtype))
    return graph.op("Add", graph.op("Sub", K, mean), np.asarray(estimator.K_fit_all_).astype(K.dtype))


def _row_sums(K: Tensor, graph: Graph) -> Tensor:
    """(rows, 1); in float32, where the order shows, in NumPy's."""
    if K.dtype == FLOAT64:
        return graph.op("ReduceSum", K, np.array([1]), width=1, keepdims=1)
    columns = graph.op("Transpose", K, perm=[1, 0])
    return graph.op("Transpose", _halved_sum(graph, columns, 0, K.width or 1), perm=[1, 0], width=1)


def _halved_sum(graph: Graph, columns: Tensor, start: int, end: int) -> Tensor:
    """The sum of columns, halved as NumPy does until 128 are left."""
    count = end - start
    if count <= BLOCK:
        return numpy_sum(graph, graph.op("Slice", columns, np.array([start]), np.array([end]), np.array([0])), count)
    middle = start + count // 2 - count // 2 % LANES
    halves = (_halved_sum(graph, columns, start, middle), _halved_sum(graph, columns, middle, end))
    return graph.op("Add", *halves)


def _waves(estimator: Any, X: Tensor, factor: float, seen: Any, scope: Scope) -> Outputs:
    """``factor * cos(X @ weights + offset)``; ``seen`` gives what is multiplied, for rows."""
    graph, weights, offset = scope.graph, estimator.random_weights_, estimator.random_offset_
    scope.ties(lambda rows: np.abs(seen(np.asarray(rows, float)) @ weights + offset).max(axis=1) > CHAOTIC)
    angle = graph.affine(X, weights)
    angle = graph.op("Add", angle, offset.astype(angle.dtype))
    return {"transform": Features.of(graph.op("Mul", graph.op("Cos", angle), np.array(factor, angle.dtype)))}


def _interval(estimator: Any) -> float:
    if estimator.sample_interval is not None:
        return float(estimator.sample_interval)
    return {1: 0.8, 2: 0.5, 3: 0.4}[estimator.sample_steps]


def _sketches(estimator: Any) -> Array:
    """(degree, features, components): in which component each feature is added or subtracted; a constant is the last."""
    degree, width = estimator.indexHash_.shape
    sketches = np.zeros((degree, width, estimator.n_components))
    powers, columns = np.indices((degree, width))
    sketches[powers, columns, estimator.indexHash_] = estimator.bitHash_
    return sketches


def _spectrum(part: Array, X: Tensor, estimator: Any, graph: Graph) -> Tensor:
    """The rows' sketches transformed, of all degrees side by side: (rows, degree * half)."""
    matrix = np.concatenate(list(part), axis=1)
    factors = matrix[: X.width] * math.sqrt(estimator.gamma)
    sums = graph.affine(X, factors)
    return graph.op("Add", sums, matrix[-1] * math.sqrt(estimator.coef0)) if len(matrix) > len(factors) else sums


def _times(graph: Graph, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The product of complex numbers, as real and imaginary parts."""
    (a, b), (c, d) = first, second
    real = graph.op("Sub", graph.op("Mul", a, c), graph.op("Mul", b, d))
    return real, graph.op("Add", graph.op("Mul", a, d), graph.op("Mul", b, c))


def _sketch_noise(estimator: Any, sketches: Array, rows: Array) -> Array:
    """Rows whose numbers are so large that scikit-learn's own Fourier transform is wrong in the tenth decimal."""
    rows = np.hstack([np.sqrt(estimator.gamma) * rows, np.full((len(rows), 1), np.sqrt(estimator.coef0))])
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.linalg.norm(rows[:, : sketches.shape[1]] @ sketches, axis=2).prod(axis=0)
    return ~(norms * np.finfo(float).eps < 1e-11)
