"""AdaBoostClassifier and AdaBoostRegressor: weighted votes of members, and their weighted median."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters import tree_members
from skerry.export.converters.distances import smallest
from skerry.export.converters.labels import highest, label_of, positive, softmax
from skerry.export.converters.members import answer, one_array, repeated, side_by_side, votes
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Outputs, Tensor


def ada_boost_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """A member adds its weight to the class that it predicts, and takes it, shared, from the others."""
    graph, classes = scope.graph, estimator.n_classes_
    X = _checked(estimator, features, scope)
    if classes == 1:
        first = repeated(graph, np.array(0), features)
        zeros = repeated(graph, np.zeros(1), features)
        ones = repeated(graph, np.ones(1), features)
        return {
            "predict": label_of(graph, first, estimator.classes_),
            "decision_function": graph.cast(zeros, X.dtype),
            "predict_proba": ones,
        }
    weights = estimator.estimator_weights_[: len(estimator.estimators_), None, None]
    tables = np.where(np.eye(classes, dtype=bool), weights, -1 / (classes - 1) * weights)
    sums = votes(graph, _choices(estimator, X, scope), tables)
    scores = graph.op("Div", sums, np.array(estimator.estimator_weights_.sum()))
    return _decided(estimator, scores, scope)


def ada_boost_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The weighted median: of the predictions in order, the first at which half of the weight is reached."""
    graph = scope.graph
    X = _checked(estimator, features, scope)
    predictions = _predictions(estimator, X, scope)
    count = predictions.width or 1
    ordered, order = smallest(graph, predictions, count)
    reached = graph.op("Gather", estimator.estimator_weights_[:count], order, dtype=FLOAT64, axis=0)
    reached = graph.op("CumSum", reached, np.array(1))
    half = graph.op("Mul", graph.columns(reached, [count - 1]), np.array(0.5))
    above = graph.cast(graph.op("GreaterOrEqual", reached, half, dtype=BOOL), INT64)
    first = graph.op("ArgMax", above, width=1, axis=1, keepdims=1)
    return {"predict": graph.flatten(graph.op("GatherElements", ordered, first, width=1, axis=1))}


def _checked(estimator: Any, features: Features, scope: Scope) -> Features:
    X = one_array(estimator, features, scope)
    if X.dtype != object:
        scope.refuse_not_finite(scope.graph.floats(X))
    return X


def _choices(estimator: Any, X: Features, scope: Scope) -> Tensor:
    """The number of the class that each member predicts: INT64 (rows, members)."""
    graph, members, classes = scope.graph, estimator.estimators_, estimator.classes_
    if tree_members.are_trees(members):
        values = [
            np.searchsorted(classes, member.classes_)[member.tree_.value[:, 0, :].argmax(axis=1)] for member in members
        ]
        return graph.cast(tree_members.leaf_values(estimator, members, values, X, scope), INT64)
    labels = _answers(estimator, X, scope)
    keys = classes.astype(object if classes.dtype.kind in "UO" else float)
    return graph.lookup(labels, keys, np.arange(len(classes)), -1)


def _predictions(estimator: Any, X: Features, scope: Scope) -> Tensor:
    members = estimator.estimators_
    if tree_members.are_trees(members):
        values = [member.tree_.value[:, 0, 0] for member in members]
        return tree_members.leaf_values(estimator, members, values, X, scope)
    return _answers(estimator, X, scope)


def _answers(estimator: Any, X: Features, scope: Scope) -> Tensor:
    return side_by_side(
        scope.graph,
        [
            answer(scope.convert(f"estimators_[{index}]", member, X), "predict", member, scope)
            for index, member in enumerate(estimator.estimators_)
        ],
    )


def _decided(estimator: Any, scores: Tensor, scope: Scope) -> Outputs:
    graph, classes = scope.graph, estimator.n_classes_
    if classes > 2:
        shares = softmax(graph, graph.op("Div", scores, np.array(classes - 1.0)))
        return {
            "predict": label_of(graph, highest(graph, scores), estimator.classes_),
            "decision_function": scores,
            "predict_proba": shares,
        }
    first, second = (graph.flatten(graph.columns(scores, [column])) for column in (0, 1))
    score = graph.op("Sub", second, first)
    column = graph.column(score)
    halves = graph.op("Div", graph.concat([graph.op("Neg", column), column]), np.array(2.0))
    return {
        "predict": label_of(graph, positive(graph, score), estimator.classes_),
        "decision_function": score,
        "predict_proba": softmax(graph, halves),
    }
