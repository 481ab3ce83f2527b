"""Feature selection: some columns of the rows, as they are."""

from __future__ import annotations

from typing import Any

from sklearn.utils import get_tags

from skerry.export.converters.composition import transformed
from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs


def selector(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``SelectorMixin.transform``: the rows become one array of one dtype before columns are picked."""
    support = estimator.get_support(indices=True)
    if not len(support):
        raise scope.refuse(estimator, "it selects no column")
    X = scope.graph.matrix(features)
    if X.dtype.kind == "f" and not get_tags(estimator).input_tags.allow_nan:
        scope.refuse_not_finite(X)
    return {"transform": Features.of(X, features.origins).select(support)}


def recursive_elimination(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """RFE and RFECV: a selector that also answers as the estimator it fitted on what it selected."""
    selected = selector(estimator, features, scope)
    chosen = transformed(selected)
    return selected | {
        method: value
        for method, value in scope.convert(
            "estimator_", estimator.estimator_, chosen, lambda X: estimator.transform(scope.rows(X))
        ).items()
        if method != "transform"
    }
