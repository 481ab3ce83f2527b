"""ScoredClassifier: a classifier whose regressor predicts the scores of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.labels import highest_or_nan, label_of, logistic, positive, softmax
from skerry.export.converters.members import answer, flat
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, TIE, tied
from skerry.export.graph import Features, Outputs


def scored_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, regressor = scope.graph, estimator.regressor_
    scores = answer(scope.convert("regressor_", regressor, features), "predict", regressor, scope)
    limit = ROUNDED if scores.dtype == np.float32 else TIE
    scope.ties(lambda rows: _tied(estimator.decision_function(rows), limit))
    if two := len(estimator.classes_) == 2:
        scores = flat(graph, scores)
    index = positive(graph, scores) if two else highest_or_nan(graph, scores)
    outputs: Outputs = {"predict": label_of(graph, index, estimator.classes_), "decision_function": scores}
    if estimator.link is not None:
        outputs["predict_proba"] = logistic(graph, scores) if two else softmax(graph, scores)
    return outputs


def _tied(scores: np.ndarray, limit: float) -> np.ndarray:
    """Rows whose label hangs on the last bit: two classes alike, or a score of nothing."""
    return tied(scores if scores.ndim == 2 else np.column_stack([scores, np.zeros_like(scores)]), limit)
