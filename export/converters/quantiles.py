"""QuantileTransformer: interpolation from both sides, and the normal distribution's quantiles of that."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.preprocessing._data import BOUNDS_THRESHOLD

from skerry.export.converters.elementary import normal_quantile
from skerry.export.converters.interpolation import interpolated
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor


def quantile_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The mean of the interpolations of ``x`` upwards and of ``-x`` downwards: they differ where quantiles repeat."""
    graph = scope.graph
    X = graph.floats(features)
    scope.refuse_infinite(features, X)
    quantiles, levels = list(np.asarray(estimator.quantiles_).T), estimator.references_
    upwards = interpolated(graph, X, quantiles, [levels] * len(quantiles))
    reversed_levels = [-levels[::-1]] * len(quantiles)
    downwards = interpolated(graph, graph.op("Neg", X), [-column[::-1] for column in quantiles], reversed_levels)
    level = graph.op("Mul", graph.op("Sub", upwards, downwards), np.array(0.5))
    level = graph.cast(level, X.dtype)
    if estimator.output_distribution == "uniform":
        return {"transform": Features.of(_bounded(graph, X, level, quantiles, 0.0), features.origins)}
    bounded = _bounded(graph, X, level, quantiles, BOUNDS_THRESHOLD)
    return {"transform": Features.of(graph.cast(_normal(graph, graph.cast(bounded, FLOAT64)), X.dtype))}


def _bounded(graph: Graph, X: Tensor, level: Tensor, quantiles: list[np.ndarray], reach: float) -> Tensor:
    """1 at the last quantile, 0 at the first, and ``reach`` around them; ``level`` elsewhere.

    Interpolation gives that beyond them; where all quantiles are one, the first decides.
    """
    compared = np.result_type(X.dtype, quantiles[0].dtype)
    lowest, highest = (np.array([column[end] for column in quantiles], compared) for end in (0, -1))
    if reach:
        width = np.array(reach, X.dtype)
        least = graph.cast(graph.op("Sub", X, width), compared)
        most = graph.cast(graph.op("Add", X, width), compared)
        below, above = graph.op("Less", least, lowest, dtype=BOOL), graph.op("Greater", most, highest, dtype=BOOL)
    else:
        X = graph.cast(X, compared)
        below, above = graph.op("Equal", X, lowest, dtype=BOOL), graph.op("Equal", X, highest, dtype=BOOL)
    level = graph.op("Where", above, np.array(1, level.dtype), level, dtype=level.dtype)
    return graph.op("Where", below, np.array(0, level.dtype), level, dtype=level.dtype)


def _normal(graph: Graph, level: Tensor) -> Tensor:
    """The normal quantile, clipped as scikit-learn does: it is -inf at 0. NaN stays."""
    least = BOUNDS_THRESHOLD - np.spacing(1)
    inside = graph.op("Min", graph.op("Max", level, np.array(least)), np.array(1 - least))
    inside = graph.op("Where", graph.op("IsNaN", level, dtype=BOOL), level, inside, dtype=FLOAT64)
    ends = np.array(ndtri(least)), np.array(ndtri(1 - least))
    clipped = graph.op("Clip", normal_quantile(graph, inside), *ends)
    return graph.op("Where", graph.op("IsNaN", level, dtype=BOOL), level, clipped, dtype=FLOAT64)
