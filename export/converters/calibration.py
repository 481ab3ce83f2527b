"""CalibratedClassifierCV: scores of one or several classifiers made probabilities, and averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils._response import _get_response_values

from skerry.export.converters.labels import highest, label_of, logistic, sigmoid, softmax
from skerry.export.converters.members import answer, normalized, placed, side_by_side, total
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import tied_probabilities
from skerry.export.graph import FLOAT64, Features, Graph, Outputs, Tensor

SMALLEST = 1e-12
"""What scikit-learn adds to a probability before it takes its logarithm."""

FARTHEST = 1e300
"""Scores are clipped to it."""


def calibrated_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    scope.ties(lambda rows: tied_probabilities(estimator, rows, features.dtype))
    parts = estimator.calibrated_classifiers_
    members = [_calibrated(part, index, features, scope) for index, part in enumerate(parts)]
    mean = graph.op("Div", total(graph, members), np.array(float(len(members))))
    return {"predict": label_of(graph, highest(graph, mean), estimator.classes_), "predict_proba": mean}


def _calibrated(part: Any, index: int, features: Features, scope: Scope) -> Tensor:
    """The probabilities of one classifier and its calibrators: FLOAT64 (rows, classes)."""
    graph, member = scope.graph, part.estimator
    outputs = scope.convert(f"calibrated_classifiers_[{index}]", member, features)
    method = "decision_function" if hasattr(member, "decision_function") else "predict_proba"
    scores = graph.column(answer(outputs, method, member, scope))
    if part.method == "temperature":
        scope.refuse_not_finite(scores)
        logits = _logits(graph, scores, method)
        heated = graph.op("Mul", graph.cast(logits, FLOAT64), np.array(part.calibrators[0].beta_, FLOAT64))
        return _at_most_one(graph, softmax(graph, heated))
    if method == "predict_proba" and len(member.classes_) == 2:
        scores = graph.columns(scores, [1])
    return _each_calibrated(part, scores, scope)


def _each_calibrated(part: Any, scores: Tensor, scope: Scope) -> Tensor:
    """Each class's score by its own calibrator; (rows, 1) is the score of the second of two classes."""
    graph, classes = scope.graph, len(part.classes)
    shares = _CURVES[part.method](part, scores, scope)
    if classes == 2:
        return shares if shares.width == 2 else graph.concat([graph.op("Sub", np.array([[1.0]]), shares), shares])
    known = np.searchsorted(part.classes, part.estimator.classes_)[: shares.width]
    return _at_most_one(graph, normalized(graph, placed(graph, shares, known, classes), empty=1 / classes))


def _scored(part: Any, index: int, scope: Scope) -> Scope:
    """The scope of a calibrator: its rows are the scores of class ``index``."""
    rows, names = scope.rows, ["decision_function", "predict_proba"]

    def score(X: Any) -> np.ndarray:
        scores, *_ = _get_response_values(part.estimator, rows(X), response_method=names)
        return np.asarray(scores.reshape(len(scores), -1)[:, [index]])

    return replace(scope, rows=score)


def _sigmoids(part: Any, scores: Tensor, scope: Scope) -> Tensor:
    """All calibrators in one product; of two classes both probabilities."""
    graph, calibrators = scope.graph, part.calibrators[: scores.width]
    slopes, offsets = (np.array([getattr(each, name) for each in calibrators]) for name in ("a_", "b_"))
    bounded = graph.op("Clip", graph.cast(scores, FLOAT64), np.array(-FARTHEST), np.array(FARTHEST))  # 0 * inf is NaN
    logits = graph.affine(bounded, np.diag(-slopes), -offsets)
    return logistic(graph, logits) if len(part.classes) == 2 else sigmoid(graph, logits)


def _isotonics(part: Any, scores: Tensor, scope: Scope) -> Tensor:
    graph = scope.graph
    curves = [
        answer(_isotonic(calibrator, index, part, scores, scope), "predict", calibrator, scope)
        for index, calibrator in enumerate(part.calibrators[: scores.width])
    ]
    return side_by_side(graph, curves, FLOAT64)


def _isotonic(calibrator: Any, index: int, part: Any, scores: Tensor, scope: Scope) -> Outputs:
    score = scores if scores.width == 1 else scope.graph.columns(scores, [index])
    return _scored(part, index, scope).convert("calibrators", calibrator, Features.of(score))


_CURVES: dict[str, Callable[[Any, Tensor, Scope], Tensor]] = {"sigmoid": _sigmoids, "isotonic": _isotonics}


def _logits(graph: Graph, scores: Tensor, method: str) -> Tensor:
    """Probabilities as their logarithms; one score as those of two classes."""
    if method == "predict_proba":
        return graph.op("Log", graph.op("Add", scores, np.array(SMALLEST, scores.dtype)))
    return scores if scores.width != 1 else graph.concat([graph.op("Neg", scores), scores])


def _at_most_one(graph: Graph, shares: Tensor) -> Tensor:
    """Rounding may give a little more than 1."""
    return graph.op("Min", shares, np.array(1, shares.dtype))
