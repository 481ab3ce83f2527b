"""Scalers: one subtraction, one division, in scikit-learn's order and precision.

StandardScaler and MinMaxScaler compute in the dtype of the data (their statistics are cast to it
where the array API says so); RobustScaler and MaxAbsScaler update a float32 array in place with
float64 statistics, which NumPy does in float64 and rounds after each operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, Features, Graph, Outputs, Tensor


def standard_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _numbers(features, scope)
    if estimator.with_mean:
        X = scope.graph.op("Sub", X, estimator.mean_.astype(X.dtype))
    if estimator.with_std:
        X = scope.graph.op("Div", X, estimator.scale_.astype(X.dtype))
    return {"transform": Features.of(X, features.origins)}


def min_max_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _numbers(features, scope)
    X = in_place(scope.graph, "Mul", X, estimator.scale_)
    X = in_place(scope.graph, "Add", X, estimator.min_)
    if estimator.clip:
        X = _clip(X, estimator.feature_range, scope)
    return {"transform": Features.of(X, features.origins)}


def max_abs_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = in_place(scope.graph, "Div", _numbers(features, scope), estimator.scale_)
    if estimator.clip:
        X = _clip(X, (-1.0, 1.0), scope)
    return {"transform": Features.of(X, features.origins)}


def robust_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _numbers(features, scope)
    if estimator.with_centering:
        X = in_place(scope.graph, "Sub", X, estimator.center_)
    if estimator.with_scaling:
        X = in_place(scope.graph, "Div", X, estimator.scale_)
    return {"transform": Features.of(X, features.origins)}


def normalizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Each row divided by its norm; a row whose norm is almost 0 stays."""
    graph = scope.graph
    X = scope.finite(features)
    rows = graph.op("Abs", X) if estimator.norm == "max" else X
    norm = graph.op(_NORMS[estimator.norm], rows, np.array([1]), width=1, keepdims=1)
    none = graph.op("Less", norm, np.array([[10 * np.finfo(X.dtype).eps]], X.dtype), dtype=BOOL)
    divisor = graph.op("Where", none, np.array([[1]], X.dtype), norm, dtype=X.dtype)
    return {"transform": Features.of(graph.op("Div", X, divisor, width=X.width))}


_NORMS = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}


def _numbers(features: Features, scope: Scope) -> Tensor:
    """The features as floats; NaN is taken, infinity refused."""
    X = scope.graph.floats(features)
    scope.refuse_infinite(features, X)
    return X


def in_place(graph: Graph, kind: str, X: Tensor, statistics: np.ndarray) -> Tensor:
    """``X op= statistics``: computed in the wider of the two dtypes, kept in X's."""
    wide = np.result_type(X.dtype, statistics.dtype)
    return graph.cast(graph.op(kind, graph.cast(X, wide), statistics.astype(wide)), X.dtype)


def _clip(X: Tensor, ends: tuple[float, float], scope: Scope) -> Tensor:
    """``np.clip``, which lets NaN through as it is; ONNX's Clip need not."""
    graph = scope.graph
    clipped = graph.op("Clip", X, *(np.array(end, X.dtype) for end in ends))
    return graph.op("Where", graph.op("IsNaN", X, dtype=bool), X, clipped, dtype=X.dtype)
