"""Embeddings of new rows by their neighbours: Isomap and LocallyLinearEmbedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.distances import EPSILON, Nearest
from skerry.export.converters.kernel_features import centred, scaled_vectors
from skerry.export.converters.neighbors import k_nearest, row_sums
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Array, Features, Graph, Outputs, Tensor


def isomap(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The shortest ways to the training rows, through the neighbours, projected as by kernel PCA."""
    graph, kernel_pca = scope.graph, estimator.kernel_pca_
    if estimator.n_neighbors is None:
        raise scope.refuse(estimator, "neighbours within a radius are not converted")
    if features.dtype == np.float32:
        raise scope.refuse(estimator, "of float32 rows scikit-learn projects sums of float32, whose rounding shows")
    found = k_nearest(estimator.nbrs_, estimator.nbrs_.n_neighbors, features, scope, measured=True)
    ways = estimator.dist_matrix_.astype(float)
    through = [_way(graph, ways, found, neighbor) for neighbor in range(found.indices.width or 0)]
    shortest = graph.op("Min", *through, width=len(ways))
    kernel = graph.op("Mul", graph.op("Mul", shortest, shortest), np.array(-0.5))
    scope.refuse_not_finite(kernel)
    scaled = scaled_vectors(kernel_pca).astype(float)
    scope.ties(lambda X: _centred_away(estimator, scaled, X))
    return {"transform": Features.of(graph.affine(centred(kernel_pca._centerer, kernel, graph), scaled))}


def _centred_away(estimator: Any, scaled: Array, X: Any) -> Array:
    """Where a row is so far out that what is left of its squared distances, once centred, is mostly rounding."""
    distances, _ = estimator.nbrs_.kneighbors(X)
    squares = (distances.max(axis=1) + estimator.dist_matrix_.max()) ** 2
    rounding = EPSILON * squares[:, None] * np.abs(scaled).sum(axis=0)
    return np.asarray((rounding > 1e-10 * np.maximum(1, np.abs(estimator.transform(X)))).any(axis=1))


def locally_linear_embedding(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """What weights make a row of its neighbours: a small linear system for each row, solved by elimination."""
    graph, count = scope.graph, estimator.n_neighbors
    if features.dtype == np.float32:
        raise scope.refuse(estimator, "of float32 rows scikit-learn solves its systems in float32")
    found = k_nearest(estimator.nbrs_, count, features, scope, measured=False)
    X, training = scope.graph.floats(features), estimator.nbrs_._fit_X.astype(float)
    near = graph.op("Gather", training, found.indices, dtype=FLOAT64, axis=0)
    apart = graph.op("Sub", near, graph.op("Unsqueeze", X, np.array([1])))
    gram = graph.op("MatMul", apart, graph.op("Transpose", apart, perm=[0, 2, 1]), width=count)
    trace = graph.op("ReduceSum", graph.op("Mul", gram, np.eye(count)), np.array([1, 2]), keepdims=1)
    scope.refuse_not_finite(graph.op("Reshape", trace, np.array([-1, 1]), width=1))
    positive = graph.op("Greater", trace, np.array(0.0), dtype=BOOL)
    more = graph.op(
        "Where",
        positive,
        graph.op("Mul", trace, np.array(float(estimator.reg))),
        np.array(float(estimator.reg)),
        dtype=FLOAT64,
    )
    weights = _solved(graph, graph.op("Add", gram, graph.op("Mul", more, np.eye(count))), count)
    weights = graph.op("Div", weights, row_sums(graph, weights))
    embedded = graph.op("Gather", estimator.embedding_, found.indices, dtype=FLOAT64, axis=0)
    products = graph.op("Mul", embedded, graph.op("Unsqueeze", weights, np.array([2])))
    return {
        "transform": Features.of(
            graph.op("ReduceSum", products, np.array([1]), width=estimator.n_components, keepdims=0)
        )
    }


def _way(graph: Graph, ways: Array, found: Nearest, neighbor: int) -> Tensor:
    """How far it is to each training row, through one of the neighbours."""
    through = graph.op("Gather", found.indices, np.array(neighbor), axis=1, width=None)
    first = graph.columns(found.distances, [neighbor])
    return graph.op("Add", graph.op("Gather", ways, through, dtype=FLOAT64, axis=0, width=len(ways)), first)


def _solved(graph: Graph, matrix: Tensor, count: int) -> Tensor:
    """``matrix⁻¹ 1`` by Gauss-Jordan elimination, which needs no pivots where it is positive definite: (rows, count)."""
    ones = graph.op(
        "Add", graph.op("Mul", graph.op("Gather", matrix, np.array([0]), axis=2), np.array(0.0)), np.array(1.0)
    )
    system = graph.op("Concat", matrix, ones, axis=2)
    for step in range(count):
        pivot = graph.op("Gather", system, np.array([step]), axis=1)
        pivot = graph.op("Div", pivot, graph.op("Gather", pivot, np.array([step]), axis=2))
        factors = graph.op("Gather", system, np.array([step]), axis=2)
        others = graph.op("Sub", system, graph.op("Mul", factors, pivot))
        own = np.arange(count)[:, None] == step
        system = graph.op("Where", own, pivot, others, dtype=FLOAT64)
    return graph.op("Gather", system, np.array(count), axis=2, width=count)
