"""PolynomialFeatures: the products of one degree are those of the degree below times one more column."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import Any

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, Features, Outputs


def polynomial_features(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Columns in scikit-learn's order, each multiplied from its last factor to its first, as there."""
    graph = scope.graph
    X = scope.finite(features)
    width = features.width
    parts = []
    if estimator.include_bias:
        column = graph.columns(X, [0])
        ones = graph.cast(graph.op("Equal", column, column, dtype=BOOL), X.dtype)  # NaN is refused
        parts.append(Features.of(ones))
    choose = combinations if estimator.interaction_only else combinations_with_replacement
    products = X
    places: dict[tuple[int, ...], int] = {(column,): column for column in range(width)}
    for degree in range(1, estimator._max_degree + 1):
        chosen = list(choose(range(width), degree))
        if not chosen:
            break
        if degree > 1:
            rest = graph.columns(products, [places[columns[1:]] for columns in chosen])
            products = graph.op("Mul", rest, graph.columns(X, [columns[0] for columns in chosen]))
            places = {columns: place for place, columns in enumerate(chosen)}
        if degree >= estimator._min_degree:
            parts.append(Features.of(products, features.origins if degree == 1 else None))
    return {"transform": Features.join(parts)}
