"""SimpleImputer: a missing value becomes the learned one, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs, Tensor
from skerry.runtime.feeds import is_missing
from skerry.runtime.tensors import MISSING


def simple_imputer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = graph.matrix(features) if estimator.strategy in ("most_frequent", "constant") else graph.floats(features)
    if not is_missing(estimator.missing_values) and X.dtype == object:
        raise scope.refuse(estimator, f"missing_values={estimator.missing_values!r} for strings is not converted")
    mask = _is_missing(X, estimator.missing_values, scope)
    kept = _kept(estimator, scope)
    values, known = (X, mask) if len(kept) == features.width else (graph.columns(X, kept), graph.columns(mask, kept))
    statistics = estimator.statistics_[kept]
    if np.array([is_missing(value) for value in statistics]).any():
        raise scope.refuse(estimator, "a column whose every value was missing, with keep_empty_features=True")
    fill = statistics.astype(X.dtype)
    imputed = graph.op("Where", known, fill, values, dtype=X.dtype, width=len(kept))
    result = Features.of(imputed, features.origins[kept])
    if estimator.add_indicator:
        indicated = np.asarray(estimator.indicator_.features_, int)
        if len(indicated):
            indicators = graph.cast(graph.columns(mask, indicated), np.float64 if X.dtype == object else X.dtype)
            result = Features.join([result, Features.of(indicators)])
    return {"transform": result}


def _kept(estimator: Any, scope: Scope) -> np.ndarray:
    """Columns that had at least one value in training; scikit-learn drops the others."""
    if any(value is None for value in estimator.statistics_):
        raise scope.refuse(estimator, "a column whose most frequent value is None")
    if estimator.keep_empty_features:
        return np.arange(len(estimator.statistics_))
    return np.array([index for index, value in enumerate(estimator.statistics_) if not is_missing(value)], int)


def _is_missing(X: Tensor, marker: Any, scope: Scope) -> Tensor:
    graph = scope.graph
    if X.dtype == object:
        return graph.op("Equal", X, np.array([MISSING], object), dtype=bool)
    if not is_missing(marker):
        return graph.op("Equal", X, np.array([marker], X.dtype), dtype=bool)
    return (
        graph.op("IsNaN", X, dtype=bool)
        if X.dtype.kind == "f"
        else graph.op("IsNaN", graph.cast(X, np.float64), dtype=bool)
    )
