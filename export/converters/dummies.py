"""Estimators that give every row the same answer: scikit-learn is asked for it once."""

from __future__ import annotations

from typing import Any

from skerry.export.converters.members import repeated
from skerry.export.converters.scope import Scope
from skerry.export.graph import Features, Outputs

ANY_ROW = [[0]]


def dummy_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": repeated(scope.graph, estimator.predict(ANY_ROW)[0], features)}


def dummy_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Labels drawn at random have no exact conversion; even odds (``strategy="uniform"``) have."""
    if estimator.strategy == "stratified":
        raise scope.refuse(estimator, "strategy='stratified' draws its answers at random")
    graph = scope.graph
    probabilities = estimator.predict_proba(ANY_ROW)
    outputs: Outputs = (
        {"predict_proba": repeated(graph, probabilities[0], features)}
        if estimator.n_outputs_ == 1
        else {
            f"predict_proba_{target}": repeated(graph, each[0], features) for target, each in enumerate(probabilities)
        }
    )
    if estimator.strategy != "uniform":
        outputs["predict"] = repeated(graph, estimator.predict(ANY_ROW)[0], features)
    return outputs
