"""Scalers: one subtraction, one division, in scikit-learn's order and precision.

StandardScaler and MinMaxScaler compute in the dtype of the data (their statistics are cast to it
where the array API says so); RobustScaler and MaxAbsScaler update a float32 array in place with
float64 statistics, which NumPy does in float64 and rounds after each operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs, Tensor


def standard_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = scope.graph.floats(features)
    if estimator.with_mean:
        X = scope.graph.op("Sub", X, estimator.mean_.astype(X.dtype))
    if estimator.with_std:
        X = scope.graph.op("Div", X, estimator.scale_.astype(X.dtype))
    return {"transform": Features.of(X, features.origins)}


def min_max_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = scope.graph.floats(features)
    X = _in_place("Mul", X, estimator.scale_, scope)
    X = _in_place("Add", X, estimator.min_, scope)
    if estimator.clip:
        X = _clip(X, estimator.feature_range, scope)
    return {"transform": Features.of(X, features.origins)}


def max_abs_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = _in_place("Div", scope.graph.floats(features), estimator.scale_, scope)
    if estimator.clip:
        X = _clip(X, (-1.0, 1.0), scope)
    return {"transform": Features.of(X, features.origins)}


def robust_scaler(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = scope.graph.floats(features)
    if estimator.with_centering:
        X = _in_place("Sub", X, estimator.center_, scope)
    if estimator.with_scaling:
        X = _in_place("Div", X, estimator.scale_, scope)
    return {"transform": Features.of(X, features.origins)}


def _in_place(kind: str, X: Tensor, statistics: np.ndarray, scope: Scope) -> Tensor:
    """``X op= statistics``: computed in the wider of the two dtypes, kept in X's."""
    graph = scope.graph
    wide = np.result_type(X.dtype, statistics.dtype)
    return graph.cast(graph.op(kind, graph.cast(X, wide), statistics.astype(wide)), X.dtype)


def _clip(X: Tensor, ends: tuple[float, float], scope: Scope) -> Tensor:
    """``np.clip``, which lets NaN through as it is; ONNX's Clip need not."""
    graph = scope.graph
    clipped = graph.op("Clip", X, *(np.array(end, X.dtype) for end in ends))
    return graph.op("Where", graph.op("IsNaN", X, dtype=bool), X, clipped, dtype=X.dtype)
