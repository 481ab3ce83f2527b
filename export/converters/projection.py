"""PCA and its kind: a product with the components."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.extmath import fast_logdet

from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs, Tensor


def pca(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``X @ components - mean @ components``, in this order, as scikit-learn centres since 1.5."""
    graph = scope.graph
    X = _rows(features, estimator, scope)
    components = estimator.components_.T
    projected = graph.op("MatMul", X, components.astype(X.dtype), width=components.shape[1])
    projected = graph.op("Sub", projected, (estimator.mean_.reshape(1, -1) @ components).astype(X.dtype))
    if estimator.whiten:
        scale = np.sqrt(estimator.explained_variance_)
        projected = graph.op("Div", projected, np.maximum(scale, np.finfo(scale.dtype).eps).astype(X.dtype))
    return {"transform": Features.of(projected), "score_samples": _log_likelihood(estimator, X, scope)}


def truncated_svd(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _rows(features, estimator, scope)
    components = estimator.components_.T.astype(X.dtype)
    return {"transform": Features.of(scope.graph.op("MatMul", X, components, width=components.shape[1]))}


def _rows(features: Features, estimator: Any, scope: Scope) -> Tensor:
    X = scope.graph.floats(features)
    scope.refuse_not_finite(X)
    return X


def _log_likelihood(estimator: Any, X: Tensor, scope: Scope) -> Tensor:
    """``PCA.score_samples``: the Gaussian log-likelihood under the estimated covariance (Bishop, PRML, 12.2.1)."""
    graph = scope.graph
    precision = estimator.get_precision()
    centred = graph.op("Sub", X, estimator.mean_.astype(X.dtype))
    products = graph.op("Mul", centred, graph.op("MatMul", centred, precision.astype(X.dtype)))
    total = graph.op("ReduceSum", products, np.array([1]), width=None, keepdims=0)
    constant = 0.5 * (precision.shape[0] * np.log(2.0 * np.pi) - fast_logdet(precision))
    return graph.op("Sub", graph.op("Mul", total, np.array(-0.5, X.dtype)), np.array(constant, X.dtype))
