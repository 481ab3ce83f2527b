"""StackingClassifier and StackingRegressor: what the members say becomes the features of the final estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from skerry.export.converters.labels import label_of
from skerry.export.converters.members import answer, one_array
from skerry.export.converters.scope import Scope
from skerry.export.graph import INT64, Features, Outputs, Tensor


def stacking_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    stacked = _stacked(estimator, features, scope)
    return {**_final(estimator, stacked, scope), "transform": stacked}


def stacking_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The final estimator's labels are numbers of classes."""
    if isinstance(estimator.classes_, list):
        raise scope.refuse(estimator, "more than one target is not converted")
    stacked = _stacked(estimator, features, scope)
    outputs = _final(estimator, stacked, scope)
    number = scope.graph.cast(answer(outputs, "predict", estimator.final_estimator_, scope), INT64)
    return {**outputs, "predict": label_of(scope.graph, number, estimator.classes_), "transform": stacked}


def _stacked(estimator: Any, features: Features, scope: Scope) -> Features:
    """``np.hstack`` of the members' answers, and of the rows themselves where they pass through."""
    parts = [Features.of(part) for part in _predictions(estimator, features, scope)]
    return one_array(estimator, Features.join([*parts, features] if estimator.passthrough else parts), scope)


def _predictions(estimator: Any, features: Features, scope: Scope) -> Iterator[Tensor]:
    """Of two probabilities, only the second is told."""
    names = [name for name, member in estimator.estimators if member != "drop"]
    for name, member, method in zip(names, estimator.estimators_, estimator.stack_method_, strict=True):
        value = answer(scope.convert(name, member, features), method, member, scope)
        if method == "predict_proba" and len(estimator.classes_) == 2:
            value = scope.graph.columns(value, np.arange(1, value.width or 1))
        yield scope.graph.column(value)


def _final(estimator: Any, stacked: Features, scope: Scope) -> Outputs:
    return scope.convert("final_estimator_", estimator.final_estimator_, stacked, _transformed(scope.rows, estimator))


def _transformed(rows: Callable[[Any], Any], estimator: Any) -> Callable[[Any], Any]:
    return lambda X: estimator.transform(rows(X))
