"""``Machine``: what a kernel model adds up, read from scikit-learn's estimators and written into copies of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky
from sklearn.metrics.pairwise import pairwise_kernels

from skerry.quantize.teacher import Array


@dataclass(frozen=True)
class Machine:
    """``kernel(X, vectors) @ weights + intercept``.

    Args:
        vectors: (vectors, columns), dense or sparse.
        weights: float (vectors, sums).
        intercept: float (sums,); of a model that has none, None.
        owners: int (vectors,), the class each vector belongs to.
        used: bool (classes, sums), the sums that a class's vectors take part in.
    """

    vectors: Any
    weights: Array
    intercept: Array | None
    owners: Array
    used: Array

    def summed(self, K: Array) -> Array:
        """The sums, (rows, sums), of the kernels of rows with the vectors."""
        return np.asarray(K @ self.weights + (0 if self.intercept is None else self.intercept))

    @property
    def size(self) -> int:
        """How many numbers it has learned."""
        return int(self.vectors.shape[0] * self.vectors.shape[1] + self.weights.size)


@dataclass(frozen=True)
class Family:
    """How estimators of a kind are read and written, and their kernel (estimator, X, Y) → (rows of X, rows of Y)."""

    read: Callable[[Any], Machine]
    write: Callable[[Any, Machine], Any]
    kernel: Callable[[Any, Any, Any], Array]


def family_of(estimator: Any) -> Family | None:
    """None for what is no kernel model, or has a kernel of one's own, or one that was computed before."""
    family = FAMILIES.get(f"{type(estimator).__module__.partition('.')[0]}.{type(estimator).__name__}")
    if family is None or getattr(estimator, "kernel", None) == "precomputed":
        return None
    own = family is not _PROCESS and callable(estimator.kernel)
    return None if own else family


def smooth_kernel(estimator: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and parameters of a kernel whose slope ``SMOOTH`` knows; else None."""
    name = {"polynomial": "poly"}.get(estimator.kernel, estimator.kernel) if isinstance(estimator.kernel, str) else ""
    if name not in SMOOTH or (name == "poly" and (estimator.degree != int(estimator.degree) or estimator.degree < 1)):
        return None
    gamma = getattr(estimator, "_gamma", estimator.gamma)
    gamma = 1.0 / estimator.n_features_in_ if gamma is None else float(gamma)
    return name, {"gamma": gamma, "degree": estimator.degree, "coef0": estimator.coef0}


def is_linear(estimator: Any) -> bool:
    return isinstance(estimator.kernel, str) and estimator.kernel == "linear"


def collapsed(machine: Machine) -> Machine:
    """The same sums of a linear kernel with one vector for each: its weights as a row."""
    rows = np.asarray(machine.weights.T @ machine.vectors)
    first = machine.used.argmax(axis=0)
    order = np.argsort(first, kind="stable")
    return Machine(rows[order], np.eye(len(rows))[order], machine.intercept, first[order], machine.used)


Pull = Callable[[Array], Array]
"""From what a loss gains with each kernel, (rows, vectors), to what it gains with each number of the vectors."""


def _radial(X: Array, Z: Array, *, gamma: float, **_: Any) -> tuple[Array, Pull]:
    K = pairwise_kernels(X, Z, "rbf", gamma=gamma)

    def pull(gains: Array) -> Array:
        gains = gains * K
        return np.asarray(2 * gamma * (gains.T @ X - gains.sum(axis=0)[:, None] * Z))

    return K, pull


def _sigmoid(X: Array, Z: Array, *, gamma: float, coef0: float, **_: Any) -> tuple[Array, Pull]:
    K = np.tanh(gamma * (X @ Z.T) + coef0)
    return K, lambda gains: np.asarray(gamma * ((gains * (1 - K**2)).T @ X))


def _polynomial(X: Array, Z: Array, *, gamma: float, coef0: float, degree: float) -> tuple[Array, Pull]:
    inner = gamma * (X @ Z.T) + coef0
    slope = inner ** (degree - 1)
    return inner * slope, lambda gains: np.asarray(gamma * degree * ((gains * slope).T @ X))


SMOOTH: dict[str, Callable[..., tuple[Array, Pull]]] = {"rbf": _radial, "sigmoid": _sigmoid, "poly": _polynomial}
"""Kernels with their slopes by the vectors."""


def _pairs(count: int) -> list[tuple[int, int]]:
    return list(combinations(range(count), 2))


def _dense(values: Any) -> Array:
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def _read_classifier(estimator: Any) -> Machine:
    """libsvm's: a sum for each pair of classes, to which the vectors of these two classes count."""
    coefficients, count = _dense(estimator._dual_coef_), len(estimator.classes_)
    owners = np.repeat(np.arange(count), estimator._n_support)
    used = np.array([[which in pair for pair in _pairs(count)] for which in range(count)])
    weights = np.zeros((len(owners), used.shape[1]))
    for index, (i, j) in enumerate(_pairs(count)):
        weights[:, index] = np.where(owners == i, coefficients[j - 1], np.where(owners == j, coefficients[i], 0))
    return Machine(estimator.support_vectors_, weights, np.asarray(estimator._intercept_), owners, used)


def _write_classifier(estimator: Any, machine: Machine) -> Any:
    """The vectors stand class by class, each with its weights against the other classes."""
    count = len(estimator.classes_)
    order = np.argsort(machine.owners, kind="stable")
    owners, weights = machine.owners[order], machine.weights[order]
    coefficients = np.zeros((count - 1, len(owners)))
    for index, (i, j) in enumerate(_pairs(count)):
        coefficients[j - 1, owners == i] = weights[owners == i, index]
        coefficients[i, owners == j] = weights[owners == j, index]
    sign = -1 if count == 2 else 1  # scikit-learn shows two classes the other way round
    return _with_vectors(
        estimator, machine.vectors[order], coefficients, machine.intercept, np.bincount(owners, minlength=count), sign
    )


def _read_regressor(estimator: Any) -> Machine:
    weights = _dense(estimator._dual_coef_).T
    return _alone(estimator.support_vectors_, weights, np.asarray(estimator._intercept_))


def _write_regressor(estimator: Any, machine: Machine) -> Any:
    counts = np.array([len(machine.weights), *estimator._n_support[1:]])
    return _with_vectors(estimator, machine.vectors, machine.weights.T, machine.intercept, counts, 1)


def _with_vectors(estimator: Any, vectors: Any, coefficients: Array, intercept: Any, counts: Array, sign: int) -> Any:
    smaller = copy(estimator)
    wrap = sparse.csr_matrix if estimator._sparse else np.ascontiguousarray
    smaller.support_ = np.arange(vectors.shape[0], dtype=np.int32)
    smaller.support_vectors_ = wrap(vectors)
    smaller._n_support = counts.astype(np.int32)
    smaller._dual_coef_, smaller.dual_coef_ = wrap(coefficients), wrap(sign * coefficients)
    smaller._intercept_, smaller.intercept_ = intercept.copy(), sign * intercept
    return smaller


def _machine_kernel(estimator: Any, X: Any, Y: Any) -> Array:
    parameters = {"gamma": estimator._gamma, "degree": estimator.degree, "coef0": estimator.coef0}
    return _dense(pairwise_kernels(X, Y, estimator.kernel, filter_params=True, **parameters))


def _alone(vectors: Any, weights: Array, intercept: Array | None) -> Machine:
    """A machine of one class: all vectors count to all sums."""
    weights = weights.reshape(vectors.shape[0], -1)
    return Machine(vectors, weights, intercept, np.zeros(len(weights), int), np.ones((1, weights.shape[1]), bool))


def _read_ridge(estimator: Any) -> Machine:
    return _alone(estimator.X_fit_, np.asarray(estimator.dual_coef_), None)


def _write_ridge(estimator: Any, machine: Machine) -> Any:
    smaller = copy(estimator)
    smaller.X_fit_ = machine.vectors
    smaller.dual_coef_ = machine.weights.reshape(-1, *np.shape(estimator.dual_coef_)[1:])
    return smaller


def _read_process(estimator: Any) -> Machine:
    return _alone(estimator.X_train_, np.asarray(estimator.alpha_), None)


def _write_process(estimator: Any, machine: Machine) -> Any:
    """The mean is the smaller machine's; deviations are those of a process that saw only its vectors."""
    smaller, vectors = copy(estimator), machine.vectors
    noise = float(np.mean(estimator.alpha))  # one for all rows, or one for each
    smaller.X_train_ = vectors
    smaller.alpha_ = machine.weights.reshape(-1, *np.shape(estimator.alpha_)[1:])
    K = estimator.kernel_(vectors)
    smaller.L_ = cholesky(K + max(noise, 1e-10 * float(np.trace(K)) / len(K)) * np.eye(len(K)), lower=True)
    smaller.y_train_ = np.full(
        (len(vectors), *np.shape(estimator.y_train_)[1:]), np.nan
    )  # no row's own target any more
    return smaller


_CLASSIFIER = Family(_read_classifier, _write_classifier, _machine_kernel)
_REGRESSOR = Family(_read_regressor, _write_regressor, _machine_kernel)
_RIDGE = Family(_read_ridge, _write_ridge, lambda estimator, X, Y: _dense(estimator._get_kernel(X, Y)))
_PROCESS = Family(_read_process, _write_process, lambda estimator, X, Y: np.asarray(estimator.kernel_(X, Y)))

FAMILIES: dict[str, Family] = {
    "sklearn.GaussianProcessRegressor": _PROCESS,
    "sklearn.KernelRidge": _RIDGE,
    "sklearn.NuSVC": _CLASSIFIER,
    "sklearn.NuSVR": _REGRESSOR,
    "sklearn.SVC": _CLASSIFIER,
    "sklearn.SVR": _REGRESSOR,
}
