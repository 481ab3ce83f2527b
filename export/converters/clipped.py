"""ClippedRegressor: what a regressor predicts, cut to a range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skerry.export.converters.members import answer
from skerry.export.converters.scope import Scope
from skerry.export.graph import FLOAT64, Features, Outputs


def clipped_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """NaN, of sums that float64 does not hold, stays NaN in Clip, Max and Min as it does in NumPy."""
    graph, regressor = scope.graph, estimator.regressor_
    predicted = answer(scope.convert("regressor_", regressor, features), "predict", regressor, scope)
    predicted, low, high = graph.cast(predicted, FLOAT64), estimator.low_, estimator.high_
    if len(low) == 1:
        cut = graph.op("Clip", predicted, low[0], high[0])
    else:
        cut = graph.op("Min", graph.op("Max", predicted, low), high)
    return {"predict": replace(cut, is_finite=predicted.is_finite)}
