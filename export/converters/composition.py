"""Estimators made of estimators: Pipeline, ColumnTransformer, FeatureUnion, and those that only wrap one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from skerry.export.converters.members import one_array
from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs, Tensor


def pipeline(estimator: Any, features: Features, scope: Scope) -> Outputs:
    steps = [(name, step) for name, step in estimator.steps if step is not None and step != "passthrough"]
    if not steps:
        return {"transform": features}
    *transformers, (last_name, last) = steps
    rows = scope.rows
    for name, step in transformers:
        features = transformed(scope.convert(name, step, features, rows))
        rows = _then(rows, step)
    return scope.convert(last_name, last, features, rows)


def column_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    parts = []
    weights = estimator.transformer_weights or {}
    for name, transformer, _ in estimator.transformers_:
        indices = np.asarray(estimator._transformer_to_input_indices[name], int)
        if transformer == "drop" or not len(indices):
            continue
        selected = features.select(indices)
        rows = _columns(scope.rows, estimator, name)
        part = (
            selected if transformer == "passthrough" else transformed(scope.convert(name, transformer, selected, rows))
        )
        parts.append(_weighted(part, weights.get(name), scope))
    if not parts:
        raise scope.refuse(estimator, "it drops every column")
    return {"transform": Features.join(parts)}


def feature_union(estimator: Any, features: Features, scope: Scope) -> Outputs:
    parts = []
    weights = estimator.transformer_weights or {}
    for name, transformer in estimator.transformer_list:
        if transformer == "drop":
            continue
        part = features if transformer == "passthrough" else transformed(scope.convert(name, transformer, features))
        parts.append(_weighted(part, weights.get(name), scope))
    return {"transform": Features.join(parts)}


def best_estimator(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """A search answers with the best estimator it found."""
    return scope.convert("best_estimator_", estimator.best_estimator_, features)


def frozen(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return scope.convert("estimator", estimator.estimator, features)


def self_training(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """It answers with the classifier that it last fitted, and gives it an array."""
    rows = scope.rows
    X = one_array(estimator, features, scope)
    return scope.convert("estimator_", estimator.estimator_, X, lambda X: np.asarray(rows(X)))


def transformed(outputs: Outputs) -> Features:
    """What the next step gets."""
    value = outputs["transform"]
    return Features.of(value) if isinstance(value, Tensor) else value


def _weighted(part: Features, weight: float | None, scope: Scope) -> Features:
    if weight is None:
        return part
    matrix = scope.graph.matrix(part)
    dtype = np.result_type(matrix.dtype, weight)
    return Features.of(scope.graph.op("Mul", scope.graph.cast(matrix, dtype), np.array(weight, dtype)), part.origins)


def _then(rows: Any, step: Any) -> Any:
    return lambda X: step.transform(rows(X))


def _columns(rows: Any, estimator: Any, name: str) -> Any:
    """The rows that a ColumnTransformer gives one of its parts: by label where it was fitted on labels."""
    specification = next(columns for part, _, columns in estimator.transformers_ if part == name)
    indices = estimator._transformer_to_input_indices[name]

    def pick(X: Any) -> Any:
        given = rows(X)
        by_name = hasattr(given, "columns") and hasattr(estimator, "feature_names_in_")
        wanted = estimator.feature_names_in_[indices] if by_name else indices
        if np.isscalar(specification):
            wanted = wanted[0]
        return _safe_indexing(given, wanted, axis=1)

    return pick
