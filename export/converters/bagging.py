"""BaggingClassifier and BaggingRegressor: sums over members, each fed with some of the features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skerry.export.converters import tree_members
from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.members import (
    answer,
    columns_of,
    one_array,
    placed,
    side_by_side,
    total,
    total_of_rows,
    votes,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, TIE, tied
from skerry.export.graph import FLOAT64, INT64, Features, Outputs, Tensor


def bagging_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    X = one_array(estimator, features, scope)
    members = estimator.estimators_
    if tree_members.are_trees(members):
        values, subsets = [member.tree_.value[:, 0, 0] for member in members], estimator.estimators_features_
        leaves = tree_members.leaf_values(estimator, members, values, X, scope, subsets, summed=True)
        sums = scope.graph.flatten(leaves)
    else:
        predictions = zip(members, _converted(estimator, X, scope), strict=True)
        sums = total(scope.graph, [answer(outputs, "predict", member, scope) for member, outputs in predictions])
    return {"predict": _mean(sums, estimator, scope)}


def bagging_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = one_array(estimator, features, scope)
    if tree_members.are_trees(estimator.estimators_):
        outputs: Outputs = {"predict_proba": _mean(_tree_sums(estimator, X, scope), estimator, scope)}
    else:
        outputs = _averages(estimator, X, scope)
    probabilities = answer(outputs, "predict_proba", estimator, scope)
    return {**outputs, "predict": label_of(graph, highest(graph, probabilities), estimator.classes_)}


def _tree_sums(estimator: Any, X: Features, scope: Scope) -> Tensor:
    """Each tree gives the number of its leaf, and a table what it adds to each class."""
    members = estimator.estimators_
    shares = np.concatenate([_shares(member, estimator.n_classes_) for member in members])
    table, numbers = np.unique(shares, axis=0, return_inverse=True)
    values = np.split(numbers.ravel(), np.cumsum([member.tree_.node_count for member in members])[:-1])
    leaves = tree_members.leaf_values(estimator, members, values, X, scope, estimator.estimators_features_)
    return total_of_rows(scope.graph, table, scope.graph.cast(leaves, INT64))


def _shares(member: Any, classes: int) -> np.ndarray:
    """The probabilities at each node of a tree, zero for the classes it has not seen: (nodes, classes)."""
    shares = np.zeros((member.tree_.node_count, classes))
    shares[:, member.classes_] = member.tree_.value[:, 0, :]
    return shares


def _averages(estimator: Any, X: Features, scope: Scope) -> Outputs:
    """Mean probabilities, or votes of members that have none; and mean scores, where all members have alike ones."""
    members, converted = estimator.estimators_, list(_converted(estimator, X, scope))
    pairs = list(zip(members, converted, strict=True))
    sums = total(scope.graph, [_probabilities(estimator, member, outputs, scope) for member, outputs in pairs])
    found: Outputs = {"predict_proba": _mean(sums, estimator, scope)}
    limit = ROUNDED if sums.dtype == np.float32 or X.dtype == np.float32 else TIE
    scope.ties(lambda rows: tied(estimator.predict_proba(rows), limit))
    scores = [outputs["decision_function"] for outputs in converted if "decision_function" in outputs]
    tensors = [score for score in scores if isinstance(score, Tensor)]
    if len(tensors) == len(members) and len({score.width for score in tensors}) == 1:
        found["decision_function"] = _mean(total(scope.graph, tensors), estimator, scope)
    return found


def _probabilities(estimator: Any, member: Any, outputs: Outputs, scope: Scope) -> Tensor:
    graph, classes = scope.graph, estimator.n_classes_
    if hasattr(member, "predict_proba"):
        shares = graph.cast(answer(outputs, "predict_proba", member, scope), FLOAT64)
        return placed(graph, shares, member.classes_, classes)
    choice = side_by_side(graph, [answer(outputs, "predict", member, scope)], INT64)
    return votes(graph, choice, np.eye(classes)[None])


def _converted(estimator: Any, X: Features, scope: Scope) -> Iterator[Outputs]:
    for index, (member, subset) in enumerate(zip(estimator.estimators_, estimator.estimators_features_, strict=True)):
        yield scope.convert(f"estimators_[{index}]", member, X.select(subset), columns_of(scope.rows, subset))


def _mean(sums: Tensor, estimator: Any, scope: Scope) -> Tensor:
    dtype = sums.dtype if sums.dtype.kind == "f" else FLOAT64
    return scope.graph.op("Div", scope.graph.cast(sums, dtype), np.array(len(estimator.estimators_), dtype))
