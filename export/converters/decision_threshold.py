"""FixedThresholdClassifier and TunedThresholdClassifierCV: the second class where a score reaches a threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils._response import _get_response_values_binary

from skerry.export.converters.labels import label_of
from skerry.export.converters.members import answer, flat
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import TIE
from skerry.export.graph import BOOL, INT64, Features, Outputs, Tensor


def fixed_threshold(estimator: Any, features: Features, scope: Scope) -> Outputs:
    threshold = estimator.threshold
    if threshold == "auto":
        threshold = 0.5 if _method(estimator) == "predict_proba" else 0.0
    return _thresholded(estimator, threshold, estimator.pos_label, features, scope)


def tuned_threshold(estimator: Any, features: Features, scope: Scope) -> Outputs:
    label = estimator._curve_scorer._get_pos_label()
    return _thresholded(estimator, estimator.best_threshold_, label, features, scope)


def _thresholded(estimator: Any, threshold: Any, label: Any, features: Features, scope: Scope) -> Outputs:
    """``label`` is the positive one (None: the second of the classes)."""
    graph, member = scope.graph, estimator.estimator_
    outputs = scope.convert("estimator_", member, features)
    classes = np.asarray(estimator.classes_)
    swapped = label is not None and bool(label == classes[0])
    method = _method(estimator)
    score = _score(answer(outputs, method, member, scope), method, swapped, scope)
    dtype = np.result_type(score.dtype, threshold)  # a Python number takes the dtype of the scores
    reached = graph.op("GreaterOrEqual", graph.cast(score, dtype), np.array(threshold, dtype), dtype=BOOL)
    scope.ties(_near(member, method, label, float(threshold)))
    return {**outputs, "predict": label_of(graph, graph.cast(reached, INT64), classes[::-1] if swapped else classes)}


def _method(estimator: Any) -> str:
    """The first method that both scikit-learn's setting allows and the member has."""
    wanted = estimator._get_response_method()
    names = [wanted] if isinstance(wanted, str) else wanted
    return next(name for name in names if hasattr(estimator.estimator_, name))


def _score(value: Tensor, method: str, swapped: bool, scope: Scope) -> Tensor:
    """The score of the positive class: (rows,)."""
    graph = scope.graph
    if method == "predict_proba":
        return graph.flatten(graph.columns(value, [0 if swapped else 1]))
    score = flat(graph, value)
    return graph.op("Neg", score) if swapped else score


def _near(member: Any, method: str, label: Any, threshold: float) -> Callable[[Any], np.ndarray]:
    """Which rows have a score that is the threshold, but for its last bits."""

    def near(X: Any) -> np.ndarray:
        scores, *_ = _get_response_values_binary(member, X, method, pos_label=label)
        return np.asarray(np.abs(scores - threshold) <= TIE * max(1.0, abs(threshold)))

    return near
