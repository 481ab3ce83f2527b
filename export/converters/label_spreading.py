"""LabelPropagation and LabelSpreading: the labels that spread to the training rows, by how near those are."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.distances import squared_distances
from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.neighbors import k_nearest, row_sums
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, tied_probabilities
from skerry.export.graph import FLOAT64, Features, Outputs, Tensor


def label_propagation(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """LabelPropagation and LabelSpreading: the labels spread to the training rows, by how near those are."""
    graph = scope.graph
    spread = estimator.label_distributions_
    if estimator.kernel == "knn":
        found = k_nearest(estimator.nn_fit, estimator.n_neighbors, features, scope, measured=False)
        near = graph.op("Gather", spread, found.indices, dtype=FLOAT64, axis=0)
        votes = graph.op("ReduceSum", near, np.array([1]), width=spread.shape[1], keepdims=0)
    elif estimator.kernel == "rbf":
        votes = graph.op("MatMul", _rbf(estimator, scope.finite(features), scope), spread, width=spread.shape[1])
    else:
        raise scope.refuse(estimator, "a kernel of one's own is not converted")
    shares = graph.op("Div", votes, row_sums(graph, votes))
    scope.ties(lambda X: tied_probabilities(estimator, X))
    return {"predict_proba": shares, "predict": label_of(graph, highest(graph, shares), estimator.classes_)}


def _rbf(estimator: Any, X: Tensor, scope: Scope) -> Tensor:
    """``rbf_kernel``, in float32 where both are: float64 (rows, training rows)."""
    graph, training = scope.graph, estimator.X_
    dtype = np.result_type(X.dtype, training.dtype, np.float32)
    if dtype == np.float32:
        graph.tolerance = max(graph.tolerance, ROUNDED)
    squares = graph.cast(squared_distances(graph, X, training), dtype)
    return graph.cast(graph.op("Exp", graph.op("Mul", squares, np.array(-estimator.gamma, dtype))), FLOAT64)
