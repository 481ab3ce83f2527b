"""IsotonicRegression: lines between learned points."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.interpolation import interpolated, looked_up, searched
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor


def isotonic_regression(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """In the dtype of training: SciPy interpolates float64 with ``np.interp``, float32 in a way of its own."""
    graph = scope.graph
    xs, ys = estimator.X_thresholds_, estimator.y_thresholds_
    X = graph.matrix(features, xs.dtype)
    scope.refuse_not_finite(X)
    scope.compares(features, np.zeros(len(xs), int), xs, xs.dtype)
    X, outside = _bounded(estimator, X, scope)
    line = interpolated(graph, X, [xs], [ys]) if xs.dtype == FLOAT64 or len(ys) == 1 else _between(graph, X, xs, ys)
    line = graph.cast(line, xs.dtype)
    if outside is not None:
        line = graph.op("Where", outside, np.array(np.nan, line.dtype), line, dtype=line.dtype)
    answer = graph.flatten(line)
    return {"predict": answer, "transform": answer}


def _bounded(estimator: Any, X: Tensor, scope: Scope) -> tuple[Tensor, Tensor | None]:
    """Numbers beyond training as ``out_of_bounds`` says: clipped, refused, or marked to be NaN."""
    graph = scope.graph
    xs = estimator.X_thresholds_
    if estimator.out_of_bounds == "clip":
        return graph.op("Clip", X, np.array(estimator.X_min_, X.dtype), np.array(estimator.X_max_, X.dtype)), None
    if len(xs) == 1:  # scikit-learn then answers with its one value everywhere
        return X, None
    below, above = graph.op("Less", X, xs[0], dtype=BOOL), graph.op("Greater", X, xs[-1], dtype=BOOL)
    outside = graph.op("Or", below, above)
    if estimator.out_of_bounds == "raise":
        graph.guard(outside, [], "expected a number within those of training, got one beyond")
        return X, None
    return X, outside


def _between(graph: Graph, X: Tensor, xs: np.ndarray, ys: np.ndarray) -> Tensor:
    """``scipy.interpolate.interp1d`` of float32: from the point below ``x``, in float32."""
    place = graph.op("Clip", searched(graph, X, [xs], "left"), np.array(1), np.array(len(xs) - 1))
    origins, starts, slopes = xs[:-1], ys[:-1], np.diff(ys) / np.diff(xs)
    place = graph.op("Sub", place, np.array(1))
    risen = graph.op("Mul", looked_up(graph, [slopes], place), graph.op("Sub", X, looked_up(graph, [origins], place)))
    return graph.op("Add", risen, looked_up(graph, [starts], place))
