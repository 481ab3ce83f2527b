"""One estimator for each target: side by side (MultiOutput...), or each fed with what those before it said (...Chain)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils._response import _get_response_values

from skerry.export.converters.members import answer, one_array, side_by_side
from skerry.export.converters.scope import Scope
from skerry.export.graph import FLOAT64, Features, Outputs, Tensor


def multi_output_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return _side_by_side(estimator, _members(estimator, features, scope), scope)


def multi_output_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Labels (rows, targets), and the probabilities of each target by itself."""
    members = _members(estimator, features, scope)
    outputs = _side_by_side(estimator, members, scope)
    for index, member in enumerate(members):
        if "predict_proba" in member:
            outputs[f"predict_proba_{index}"] = member["predict_proba"]
    return outputs


def _members(estimator: Any, features: Features, scope: Scope) -> list[Outputs]:
    return [
        scope.convert(f"estimators_[{index}]", member, features) for index, member in enumerate(estimator.estimators_)
    ]


def _side_by_side(estimator: Any, members: list[Outputs], scope: Scope) -> Outputs:
    pairs = zip(members, estimator.estimators_, strict=True)
    answers = [answer(outputs, "predict", member, scope) for outputs, member in pairs]
    return {"predict": side_by_side(scope.graph, answers)}


def chain(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """ClassifierChain and RegressorChain: float64 (rows, targets) for every method."""
    graph = scope.graph
    told = getattr(estimator, "chain_method_", "predict")
    X = one_array(estimator, features, scope, FLOAT64)
    scope.refuse_not_finite(graph.matrix(X))
    found: dict[str, list[Tensor]] = {}
    for index, member in enumerate(estimator.estimators_):
        outputs = scope.convert(f"estimators_[{index}]", member, X, _augmented(scope.rows, estimator, told, index))
        for method in _METHODS & outputs.keys():
            response = _response(answer(outputs, method, member, scope), method, scope)
            if response is not None:
                found.setdefault(method, []).append(response)
        if index < len(estimator.estimators_) - 1:
            before = _response(answer(outputs, told, member, scope), told, scope)
            if before is None:
                raise scope.refuse(member, "a target of one class, or of more than two, is not converted")
            X = Features.join([X, Features.of(before)])
    places = np.argsort(estimator.order_)
    return {
        method: graph.columns(graph.concat(columns), places)
        for method, columns in found.items()
        if len(columns) == len(places)
    }


_METHODS = {"predict", "predict_proba", "decision_function"}


def _response(value: Tensor, method: str, scope: Scope) -> Tensor | None:
    """FLOAT64 (rows, 1): a label as a number, or how likely the second class is; None where there are not two."""
    if method == "predict_proba":
        if value.width != 2:
            return None
        value = scope.graph.columns(value, [1])
    if (value.width or 1) != 1 or value.dtype == object:
        return None
    return scope.graph.cast(scope.graph.column(value), FLOAT64)


def _augmented(rows: Callable[[Any], Any], estimator: Any, method: str, index: int) -> Callable[[Any], Any]:
    """The rows that a chain gives its member ``index``: its own, and the answers of those before."""

    def augment(X: Any) -> Any:
        given = np.asarray(rows(X), float)
        for member in estimator.estimators_[:index]:
            given = np.column_stack([given, _get_response_values(member, given, response_method=method)[0]])
        return given

    return augment
