"""Many classes as problems of two: one against the rest, one against one, and by a code book."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.multiclass import _ConstantPredictor, _predict_binary

from skerry.export.converters.labels import highest, label_of, pairwise_decision
from skerry.export.converters.members import (
    answer,
    binary_score,
    columns_of,
    normalized,
    one_array,
    repeated,
    side_by_side,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, TIE, tied
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor

ROUNDING = 4 * float(np.finfo(float).eps)
"""Squared distances that differ by less, relative to the largest of their terms, are told apart by their rounding."""


def one_vs_rest(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """OneVsRestClassifier: of several classes the highest score, of two or of several labels those above a threshold."""
    graph, members = scope.graph, estimator.estimators_
    converted = _converted(members, features, scope)
    scores = _scores(members, converted, scope)
    outputs: Outputs = {}
    if _all_have("predict_proba", converted):
        outputs["predict_proba"] = _shares(estimator, converted, scope)
    if _all_have("decision_function", converted):
        answers = [
            answer(part, "decision_function", member, scope) for part, member in zip(converted, members, strict=True)
        ]
        outputs["decision_function"] = answers[0] if len(answers) == 1 else side_by_side(graph, answers)
    if estimator.label_binarizer_.y_type_ == "multiclass":
        limit = ROUNDED if features.dtype == np.float32 else TIE
        scope.ties(lambda X: tied(_preferences(members, X), limit))
        return {**outputs, "predict": label_of(graph, highest(graph, scores), estimator.classes_)}
    chosen = _above(graph, scores, members[0])
    if estimator.multilabel_:
        return {**outputs, "predict": chosen}
    return {**outputs, "predict": label_of(graph, graph.flatten(chosen), estimator.classes_)}


def one_vs_one(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """OneVsOneClassifier: votes of the pairs, and between equal votes the sum of scores."""
    graph, members = scope.graph, estimator.estimators_
    converted = _converted(members, one_array(estimator, features, scope), scope, estimator.pairwise_indices_)
    pairs = zip(converted, members, strict=True)
    winners = side_by_side(graph, [answer(part, "predict", member, scope) for part, member in pairs], FLOAT64)
    decision = _decision(graph, winners, _scores(members, converted, scope), len(estimator.classes_))
    if len(estimator.classes_) > 2:
        index = highest(graph, decision)
    else:
        decision = graph.columns(decision, [1])
        index = graph.flatten(_above(graph, decision, members[0]))
        decision = graph.flatten(decision)
    return {"decision_function": decision, "predict": label_of(graph, index, estimator.classes_)}


def output_code(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """OutputCodeClassifier: the class whose code is nearest. Of classes with one code, the first.

    ``|x|² - 2xy + |y|²``, in scikit-learn's order: scores that are so large that the codes vanish beside them are tied.
    """
    graph, members = scope.graph, estimator.estimators_
    scores = _scores(members, _converted(members, features, scope), scope)
    scope.refuse_not_finite(scores)
    _, first = np.unique(estimator.code_book_, axis=0, return_index=True)
    first = np.sort(first)
    codes = estimator.code_book_[first]
    size = graph.op("ReduceSumSquare", scores, np.array([1]), width=1, keepdims=1)
    products = graph.op("MatMul", scores, -2 * codes.T, width=len(codes))
    distances = graph.op("Add", graph.op("Add", products, size), (codes**2).sum(axis=1))
    nearest = graph.op("ArgMin", distances, dtype=INT64, width=None, axis=1, keepdims=0)
    scope.ties(_between_codes(members, codes))
    return {"predict": label_of(graph, nearest, estimator.classes_[first])}


def _between_codes(members: Sequence[Any], codes: np.ndarray) -> Callable[[Any], np.ndarray]:
    """Which rows are as far from two codes, but for the rounding of ``|x|²``."""

    def between(X: Any) -> np.ndarray:
        scores = _preferences(members, X)
        parts = np.sort(-2 * scores @ codes.T + (codes**2).sum(axis=1), axis=1)
        size = (scores**2).sum(axis=1) + np.abs(parts).max(axis=1)
        return np.asarray(parts[:, 1] - parts[:, 0] <= ROUNDING * size)

    return between


def _preferences(members: Sequence[Any], X: Any) -> np.ndarray:
    """How much scikit-learn's members prefer the second of their two classes: float64 (rows, members)."""
    return np.column_stack([_predict_binary(member, X) for member in members]).astype(float)


def constant_predictor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """What stands for a member that saw one class only."""
    value = estimator.y_[0]
    share = np.array([1 - float(value), float(value)])
    label = repeated(scope.graph, np.array(value), features)
    return {"predict": label, "decision_function": label, "predict_proba": repeated(scope.graph, share, features)}


def _converted(
    members: Sequence[Any], features: Features, scope: Scope, subsets: Sequence[np.ndarray] | None = None
) -> list[Outputs]:
    """``subsets[i]`` are the columns of a kernel that member ``i`` was fitted on."""
    if subsets is None:
        return [_convert(index, member, features, scope) for index, member in enumerate(members)]
    return [
        _convert(index, member, features.select(subset), scope, columns_of(scope.rows, subset))
        for index, (member, subset) in enumerate(zip(members, subsets, strict=True))
    ]


def _convert(index: int, member: Any, features: Features, scope: Scope, rows: Any = None) -> Outputs:
    if type(member) is _ConstantPredictor:
        return constant_predictor(member, features, scope)
    return scope.convert(f"estimators_[{index}]", member, features, rows)


def _scores(members: Sequence[Any], converted: Sequence[Outputs], scope: Scope) -> Tensor:
    """FLOAT64 (rows, members)."""
    pairs = zip(converted, members, strict=True)
    return side_by_side(scope.graph, [binary_score(outputs, member, scope) for outputs, member in pairs])


def _shares(estimator: Any, converted: Sequence[Outputs], scope: Scope) -> Tensor:
    """Each member's probability of its class; where classes exclude each other, divided by their sum."""
    graph = scope.graph
    pairs = zip(converted, estimator.estimators_, strict=True)
    shares = side_by_side(
        graph, [graph.columns(answer(part, "predict_proba", member, scope), [1]) for part, member in pairs]
    )
    if shares.width == 1:
        shares = graph.concat([graph.op("Sub", np.array(1, shares.dtype), shares), shares])
    return shares if estimator.multilabel_ else normalized(graph, shares, empty=0)


def _above(graph: Graph, scores: Tensor, member: Any) -> Tensor:
    """INT64, as the scores: 1 above the threshold of binary members (``sklearn.multiclass``), else 0."""
    threshold = 0.0 if hasattr(member, "decision_function") and is_classifier(member) else 0.5
    return graph.cast(graph.op("Greater", scores, np.array(threshold, scores.dtype), dtype=BOOL), INT64)


def _decision(graph: Graph, winners: Tensor, scores: Tensor, classes: int) -> Tensor:
    """Of each class, from its pairs: (rows, pairs) twice → FLOAT64 (rows, classes).

    Each class meets the others in the order of the pairs. CumSum adds the scores in that order, as NumPy does.
    """
    pairs = np.array(list(combinations(range(classes), 2)))
    met = np.array([np.flatnonzero((pairs == index).any(axis=1)) for index in range(classes)])
    second = pairs[met][:, :, 1] == np.arange(classes)[:, None]  # (classes, classes - 1): it is the second of the pair
    won = graph.op("Equal", graph.op("Gather", winners, met, axis=1), second.astype(float), dtype=BOOL)
    votes = graph.op("ReduceSum", graph.cast(won, FLOAT64), np.array([2]), width=classes, keepdims=0)
    signed = graph.op("Mul", graph.op("Gather", scores, met, axis=1), np.where(second, 1.0, -1.0))
    sums = graph.op("Gather", graph.op("CumSum", signed, np.array(2)), np.array(classes - 2), width=classes, axis=2)
    return pairwise_decision(graph, votes, sums)


def _all_have(method: str, converted: Sequence[Outputs]) -> bool:
    return all(method in outputs for outputs in converted)
