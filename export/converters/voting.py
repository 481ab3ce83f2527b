"""VotingClassifier and VotingRegressor: averages and votes of members that all get the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.members import answer, flat, side_by_side, total, votes
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import tied_probabilities
from skerry.export.graph import INT64, Features, Graph, Outputs, Tensor


def voting_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return _soft(estimator, features, scope) if estimator.voting == "soft" else _hard(estimator, features, scope)


def voting_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    predictions = [flat(graph, value) for value in _answers(estimator, "predict", features, scope)]
    return {
        "predict": _average(graph, predictions, estimator._weights_not_none),
        "transform": Features.of(side_by_side(graph, predictions)),
    }


def _soft(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    members = _answers(estimator, "predict_proba", features, scope)
    probabilities = _average(graph, members, estimator._weights_not_none)
    scope.ties(lambda rows: tied_probabilities(estimator, rows, probabilities.dtype))
    outputs: Outputs = {
        "predict": label_of(graph, highest(graph, probabilities), estimator.classes_),
        "predict_proba": probabilities,
    }
    if estimator.flatten_transform:  # else the members come before the rows
        outputs["transform"] = Features.of(side_by_side(graph, members))
    return outputs


def _hard(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Each member votes for a class's number, with its weight; a tie is the first class."""
    graph = scope.graph
    weights, classes = np.ones(len(estimator.estimators_)), len(estimator.classes_)
    if estimator.weights is not None:
        weights = np.asarray(estimator._weights_not_none, float)
    if (weights < 0).any():
        raise scope.refuse(estimator, "votes of negative weight")
    for member in estimator.estimators_:
        if not np.array_equal(member.classes_, np.arange(classes)):
            raise scope.refuse(
                member, "it was fitted on other labels than those that VotingClassifier gives its members"
            )
    choices = side_by_side(graph, _answers(estimator, "predict", features, scope), INT64)
    counts = votes(graph, choices, weights[:, None, None] * np.eye(classes))
    return {
        "predict": label_of(graph, highest(graph, counts), estimator.classes_),
        "transform": Features.of(choices),
    }


def _answers(estimator: Any, method: str, features: Features, scope: Scope) -> list[Tensor]:
    names = [name for name, member in estimator.estimators if member != "drop"]
    return [
        answer(scope.convert(name, member, features), method, member, scope)
        for name, member in zip(names, estimator.estimators_, strict=True)
    ]


def _average(graph: Graph, tensors: list[Tensor], weights: Sequence[float] | None) -> Tensor:
    """``np.average`` over the members, in its order and dtype."""
    dtype = np.result_type(*(tensor.dtype for tensor in tensors))
    if weights is not None:
        given = np.asarray(weights)
        dtype = np.result_type(dtype, given.dtype)
        factors = given.astype(dtype)
        tensors = [
            graph.op("Mul", graph.cast(tensor, dtype), factor) for tensor, factor in zip(tensors, factors, strict=True)
        ]
        divisor = given.sum(dtype=dtype)
    else:
        divisor = len(tensors)
    if dtype.kind != "f":
        dtype = np.dtype(float)
    return graph.op("Div", graph.cast(total(graph, tensors), dtype), np.array(divisor, dtype))
