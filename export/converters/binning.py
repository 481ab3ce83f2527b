"""Binarizer and KBinsDiscretizer: on which side of learned edges a number stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.interpolation import searched
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, OneHot, Outputs


def binarizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """1 above the threshold, else 0, in the dtype of the data; compared in floats, as NumPy promotes the threshold."""
    graph = scope.graph
    X = graph.matrix(features)
    floats = X.dtype if X.dtype.kind == "f" else FLOAT64
    compared = np.result_type(floats, estimator.threshold)
    numbers = graph.cast(X, compared)
    scope.refuse_not_finite(numbers)
    threshold = np.array(estimator.threshold, compared)
    scope.compares(features, np.arange(features.width), np.full(features.width, float(threshold)), compared)
    above = graph.op("Greater", numbers, threshold, dtype=BOOL)
    return {"transform": Features.of(graph.cast(above, X.dtype), features.origins)}


def k_bins_discretizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    dtype = features.float_dtype if estimator.dtype is None else np.dtype(estimator.dtype)
    X = graph.matrix(features, dtype)
    scope.refuse_not_finite(X)
    edges = [np.asarray(values, float)[1:-1] for values in estimator.bin_edges_]
    columns = np.repeat(np.arange(len(edges)), [len(values) for values in edges])
    scope.compares(features, columns, np.concatenate(edges), dtype)
    bins = searched(graph, X, edges)
    if estimator.encode == "ordinal":
        return {"transform": Features.of(graph.cast(bins, dtype), features.origins)}
    codes = [graph.columns(bins, [index]) for index in range(len(edges))]
    one_hots = [OneHot(code, dtype, int(width)) for code, width in zip(codes, estimator.n_bins_, strict=True)]
    return {"transform": Features.join(map(Features.of, one_hots))}
