"""Imputers: a missing value becomes the learned one, or what a fixed sequence of regressors makes of the others."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._mask import _get_mask

from skerry.export.converters.composition import transformed
from skerry.export.converters.scope import Scope, column_names
from skerry.export.graph import BOOL, Features, GuardSpec, Outputs, Tensor
from skerry.runtime.feeds import is_missing
from skerry.runtime.tensors import MISSING


def simple_imputer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    as_it_is = estimator.strategy in ("most_frequent", "constant")
    X = graph.matrix(features) if as_it_is else graph.floats(features)
    mask = _missing(X, features, estimator, scope)
    kept = _kept(estimator, scope)
    values, known = (X, mask) if len(kept) == features.width else (graph.columns(X, kept), graph.columns(mask, kept))
    statistics = estimator.statistics_[kept]
    if np.array([is_missing(value) for value in statistics]).any():
        raise scope.refuse(estimator, "a column whose every value was missing, with keep_empty_features=True")
    fill = statistics.astype(X.dtype)
    imputed = graph.op("Where", known, fill, values, dtype=X.dtype, width=len(kept))
    if X.dtype.kind == "f" and is_missing(estimator.missing_values):
        graph.imputed[imputed.name] = values, fill
    return {"transform": _indicated(estimator, Features.of(imputed, features.origins[kept]), mask, scope)}


def iterative_imputer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Every regressor of the sequence in turn, on what those before it left; where no value of all the rows is
    there, scikit-learn answers with the initial imputation."""
    graph = scope.graph
    if estimator.sample_posterior:
        raise scope.refuse(estimator, "sample_posterior=True answers with random numbers")
    X = graph.floats(features)
    mask = _missing(X, features, estimator, scope)
    initial = transformed(scope.convert("initial_imputer_", estimator.initial_imputer_, features))
    if estimator.n_iter_ == 0:
        return {"transform": _indicated(estimator, initial, mask, scope)}
    empty = np.asarray(estimator._is_empty_feature)
    asked = (
        graph.op("And", mask, ~empty) if estimator.keep_empty_features else graph.columns(mask, np.flatnonzero(~empty))
    )
    filled = first = graph.matrix(initial, X.dtype)
    for step, (place, others, regressor) in enumerate(estimator.imputation_sequence_):
        known, rows = Features.of(graph.columns(filled, others)), _before(estimator, step, others, scope.rows)
        guarded = len(graph.guards)
        predicted = scope.convert(f"imputation_sequence_[{step}]", regressor, known, rows)["predict"]
        assert isinstance(predicted, Tensor)
        graph.guards[guarded:] = _where(graph.columns(asked, [place]), graph.guards[guarded:], scope)
        filled = _replaced(estimator, filled, asked, predicted, int(place), scope)
    none = graph.op("ReduceMin", asked, np.array([0, 1]), keepdims=1)
    filled = graph.op("Where", none, first, filled, dtype=X.dtype)
    return {"transform": _indicated(estimator, Features.of(filled), mask, scope)}


def _replaced(estimator: Any, filled: Tensor, asked: Tensor, predicted: Tensor, place: int, scope: Scope) -> Tensor:
    """Column ``place`` as predicted, within its limits, in the rows where it is missing."""
    graph = scope.graph
    limits = (np.array(limit[place], predicted.dtype) for limit in (estimator._min_value, estimator._max_value))
    column = graph.cast(graph.op("Clip", predicted, *limits), filled.dtype)
    column = graph.op("Reshape", column, np.array([-1, 1]), width=1)
    here = graph.op("And", asked, np.arange(filled.width or 0) == place)
    return graph.op("Where", here, column, filled, dtype=filled.dtype, width=filled.width)


def _where(asked: Tensor, guards: list[GuardSpec], scope: Scope) -> list[GuardSpec]:
    """The regressor's guards, in the rows for which scikit-learn asks it."""
    graph = scope.graph
    flat = graph.flatten(asked)

    def there(wrong: Tensor) -> Tensor:
        return graph.op("And", wrong, flat if wrong.width is None else asked)

    return [replace(guard, tensor=there(guard.tensor)) for guard in guards]


def _before(estimator: Any, step: int, others: np.ndarray, rows: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What the regressor of a step is asked: the rows as the steps before it leave them."""
    shortened = copy(estimator)
    shortened.imputation_sequence_ = estimator.imputation_sequence_[:step]
    shortened.n_iter_ = min(step, 1)
    shortened.add_indicator = False
    return lambda X: np.asarray(shortened.transform(rows(X)))[:, others]


def missing_indicator(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    mask = _missing(graph.matrix(features), features, estimator, scope)
    shown = np.asarray(estimator.features_, int)
    if not len(shown):
        raise scope.refuse(estimator, "no column had a missing value in training, so it answers with no column")
    others = np.setdiff1d(np.arange(features.width), shown)
    if estimator.features == "missing-only" and estimator.error_on_new and len(others):
        names = [column_names(estimator, features.width)[index] for index in others]
        graph.guard(graph.columns(mask, others), names, "expected a value, as in training, got a missing one")
    return {"transform": Features.of(graph.columns(mask, shown))}


def _indicated(estimator: Any, imputed: Features, mask: Tensor, scope: Scope) -> Features:
    """With ``add_indicator``, beside the imputed columns a column for each that had missing values in training."""
    if not estimator.add_indicator or not len(estimator.indicator_.features_):
        return imputed
    graph = scope.graph
    dtype = np.dtype(np.float64) if imputed.dtype.kind == "O" else imputed.dtype
    indicated = graph.columns(mask, np.asarray(estimator.indicator_.features_, int))
    return Features.join([imputed, Features.of(graph.cast(indicated, dtype))])


def _missing(X: Tensor, features: Features, estimator: Any, scope: Scope) -> Tensor:
    """Which values are missing: BOOL (rows, width). What scikit-learn refuses beside them is refused."""
    marker = estimator.missing_values
    if not is_missing(marker) and X.dtype == object:
        raise scope.refuse(estimator, f"missing_values={marker!r} for strings is not converted")
    if X.dtype.kind == "f" and not features.is_input:
        if is_missing(marker):
            scope.refuse_infinite(features, X)
        else:
            scope.refuse_not_finite(X)
    missing = _is_missing(X, marker, scope)
    others = _marked_otherwise(estimator, scope) if X.dtype == object else np.array(False)
    return scope.graph.op("And", missing, ~others) if others.any() else missing


def _marked_otherwise(estimator: Any, scope: Scope) -> np.ndarray:
    """The columns whose missing strings are None where the imputer looks for NaN: it leaves them as they are."""
    try:
        values = np.asarray(scope.rows(scope.graph.given), object)
    except (ValueError, TypeError):  # a step before it refuses one of the rows
        return np.array(False)
    return np.asarray((pd.isna(values) & ~_get_mask(values, estimator.missing_values)).any(axis=0))


def _kept(estimator: Any, scope: Scope) -> np.ndarray:
    """Columns that had at least one value in training; scikit-learn drops the others."""
    if any(value is None for value in estimator.statistics_):
        raise scope.refuse(estimator, "a column whose most frequent value is None")
    if estimator.keep_empty_features:
        return np.arange(len(estimator.statistics_))
    return np.array([index for index, value in enumerate(estimator.statistics_) if not is_missing(value)], int)


def _is_missing(X: Tensor, marker: Any, scope: Scope) -> Tensor:
    graph = scope.graph
    if X.dtype == object:
        return graph.op("Equal", X, np.array([MISSING], object), dtype=BOOL)
    if not is_missing(marker):
        return graph.op("Equal", X, np.array([marker], X.dtype), dtype=BOOL)
    return graph.op("IsNaN", X if X.dtype.kind == "f" else graph.cast(X, np.float64), dtype=BOOL)
