"""Estimators that give every row the same answer: scikit-learn is asked for it once."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import INT64, STRING, Features, Graph, Outputs, Tensor

ANY_ROW = [[0]]


def dummy_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": _always(scope.graph, features, estimator.predict(ANY_ROW))}


def dummy_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Labels drawn at random have no exact conversion; even odds (``strategy="uniform"``) have."""
    if estimator.strategy == "stratified":
        raise scope.refuse(estimator, "strategy='stratified' draws its answers at random")
    graph = scope.graph
    probabilities = estimator.predict_proba(ANY_ROW)
    outputs: Outputs = (
        {"predict_proba": _always(graph, features, probabilities)}
        if estimator.n_outputs_ == 1
        else {f"predict_proba_{target}": _always(graph, features, each) for target, each in enumerate(probabilities)}
    )
    if estimator.strategy != "uniform":
        outputs["predict"] = _always(graph, features, np.asarray(estimator.predict(ANY_ROW)))
    return outputs


def _always(graph: Graph, features: Features, answer: np.ndarray) -> Tensor:
    """``answer`` (1, ...) for every row."""
    if answer.dtype.kind == "U":
        answer = answer.astype(STRING)
    tensor = features.some_tensor
    values = tensor if isinstance(tensor, Tensor) else tensor.codes
    rows = graph.op("Shape", values, dtype=INT64, width=None, start=0, end=1)
    first = graph.op("Expand", np.zeros(1, np.int64), rows, dtype=INT64, width=None)
    width = answer.shape[1] if answer.ndim > 1 else None
    return graph.op("Gather", answer, first, dtype=answer.dtype, width=width, axis=0)
