"""Transformers that are one product with learned directions: PCA and its kind, random projections, and those that
solve the same small system for every row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import linalg, sparse
from sklearn.linear_model import ridge_regression
from sklearn.utils.extmath import fast_logdet

from skerry.export.converters.labels import sigmoid
from skerry.export.converters.scaling import in_place
from skerry.export.converters.scope import Scope
from skerry.export.converters.summation import numpy_sum
from skerry.export.converters.ties import NOISE, imprecise
from skerry.export.graph import FLOAT64, Features, Graph, Outputs, Tensor

IRREGULAR = "no score_samples where the columns depend on each other"


def pca(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``X @ components - mean @ components``, in this order, as scikit-learn centres since 1.5."""
    graph = scope.graph
    X = _rows(estimator, features, scope)
    components = estimator.components_.T
    projected = graph.affine(X, components)
    projected = graph.op("Sub", projected, (estimator.mean_.reshape(1, -1) @ components).astype(projected.dtype))
    if estimator.whiten:
        scale = np.sqrt(estimator.explained_variance_)
        projected = graph.op("Div", projected, np.maximum(scale, np.finfo(scale.dtype).eps).astype(projected.dtype))
    outputs: Outputs = {"transform": Features.of(projected)}
    if _is_regular(estimator.get_covariance()):  # else scikit-learn errs, or answers with noise
        outputs["score_samples"] = _log_likelihood(estimator, X, scope)
    return outputs


def _is_regular(covariance: np.ndarray) -> bool:
    """Whether it has an inverse, whatever the units of the columns."""
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return False
    return bool(np.linalg.matrix_rank(covariance / np.outer(scale, scale), hermitian=True) == len(covariance))


def components(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """TruncatedSVD and random projections: ``X @ components``."""
    matrix = estimator.components_
    matrix = matrix.toarray() if sparse.issparse(matrix) else matrix
    return {"transform": Features.of(scope.graph.affine(_rows(estimator, features, scope), matrix.T))}


def factor_analysis(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The mean of the latent variables given the row (Barber, BRML, 21.1)."""
    X = scope.finite(features)
    loadings = estimator.components_ / estimator.noise_variance_
    covariance = linalg.inv(np.eye(len(loadings)) + np.dot(loadings, estimator.components_.T))
    latent = scope.graph.affine(_centred(scope.graph, X, estimator.mean_), loadings.T)
    return {
        "transform": Features.of(scope.graph.affine(latent, covariance)),
        "score_samples": _log_likelihood(estimator, X, scope),
    }


def fast_ica(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _rows(estimator, features, scope)
    if estimator.whiten:
        X = in_place(scope.graph, "Sub", X, estimator.mean_)
    return {"transform": Features.of(scope.graph.affine(X, estimator.components_.T))}


def sparse_pca(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Ridge regression of each row on the components: linear in the row, so its matrix is the answer to the identity."""
    graph = scope.graph
    loadings, mean = estimator.components_.T, estimator.mean_
    wide = loadings.astype(np.float64)
    matrix = ridge_regression(wide, np.eye(len(wide)), estimator.ridge_alpha, solver="cholesky")
    X = graph.cast(_centred(graph, _rows(estimator, features, scope), mean), loadings.dtype)
    scope.refuse_not_finite(X)  # of float64 rows that do not fit into float32
    return {"transform": Features.of(graph.affine(X, matrix.astype(loadings.dtype)))}


def restricted_boltzmann(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """BernoulliRBM: the probability of each hidden unit. Its ``score_samples`` flips a random column of every row."""
    graph = scope.graph
    activation = graph.affine(_rows(estimator, features, scope), estimator.components_.T)
    activation = in_place(graph, "Add", activation, estimator.intercept_hidden_)
    return {"transform": Features.of(sigmoid(graph, activation))}


def partial_least_squares(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """PLSRegression, PLSCanonical and CCA: rotated rows, and a linear model of rows that are only centred."""
    graph = scope.graph
    X = in_place(graph, "Sub", scope.finite(features), estimator._x_mean)
    scaled = in_place(graph, "Div", X, estimator._x_std)
    predicted = graph.affine(X, estimator.coef_.T)
    predicted = graph.op("Add", predicted, estimator.intercept_.astype(predicted.dtype))
    return {
        "predict": graph.flatten(predicted) if estimator._predict_1d else predicted,
        "transform": Features.of(graph.affine(scaled, estimator.x_rotations_)),
    }


def partial_least_squares_svd(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = graph.cast(scope.finite(features), FLOAT64)
    scaled = graph.op("Div", graph.op("Sub", X, estimator._x_mean), estimator._x_std)
    return {"transform": Features.of(graph.affine(scaled, estimator.x_weights_))}


def _rows(estimator: Any, features: Features, scope: Scope) -> Tensor:
    X = scope.finite(features)
    if np.float32 in (X.dtype, estimator.components_.dtype):
        scope.ties(lambda rows: imprecise(estimator, "transform", rows), within=NOISE[np.dtype(np.float32)])
    return X


def _centred(graph: Graph, X: Tensor, mean: np.ndarray) -> Tensor:
    dtype = np.result_type(X.dtype, mean.dtype)
    return graph.op("Sub", graph.cast(X, dtype), mean.astype(dtype))


def _log_likelihood(estimator: Any, X: Tensor, scope: Scope) -> Tensor:
    """The Gaussian log-likelihood under the estimated covariance (Bishop, PRML, 12.2.1)."""
    graph = scope.graph
    precision = estimator.get_precision()
    centred = _centred(graph, X, estimator.mean_)
    turned = graph.affine(centred, precision)
    products = graph.op("Mul", graph.cast(centred, turned.dtype), turned)
    total = graph.flatten(numpy_sum(graph, graph.op("Transpose", products, perm=[1, 0]), precision.shape[0]))
    constant = 0.5 * (precision.shape[0] * math.log(2.0 * math.pi) - fast_logdet(precision))
    halves = graph.op("Mul", total, np.array(-0.5, total.dtype))
    return in_place(graph, "Sub", halves, np.asarray(constant))
