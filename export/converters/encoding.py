"""OneHotEncoder and OrdinalEncoder: a lookup of each value, then a comparison with the known codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope, column_names
from skerry.export.graph import BOOL, FLOAT64, STRING, Features, Outputs, Tensor
from skerry.runtime.feeds import is_missing
from skerry.runtime.tensors import MISSING

UNSET = -1
"""The slot of a value that sets no output column: an ignored or a dropped one."""
UNKNOWN = -2
"""The code of a value that scikit-learn refuses because it was not seen in training."""


def one_hot_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    scope.knows(features, estimator.categories_)
    slots = [_slots(estimator, index) for index in range(features.width)]
    codes = _codes(estimator, features, slots, scope)
    columns = [
        graph.op("Equal", code, np.arange(width).reshape(1, -1), dtype=BOOL, width=width)
        for code, width in zip(codes, estimator._n_features_outs, strict=True)
    ]
    return {"transform": Features.of(graph.cast(graph.concat(columns), estimator.dtype))}


def ordinal_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    scope.knows(features, estimator.categories_)
    tables = [_ordinals(estimator, index) for index in range(features.width)]
    positions = [np.append(np.arange(len(table) - 1), UNSET) for table in tables]  # -1: the table's last value
    codes = _codes(estimator, features, positions, scope)
    values = [
        graph.op("Gather", table, graph.op("Max", code, np.array(UNSET)), axis=0, dtype=estimator.dtype, width=1)
        for table, code in zip(tables, codes, strict=True)
    ]
    return {"transform": Features.of(graph.concat(values), features.origins)}


def _codes(estimator: Any, features: Features, codes: list[np.ndarray], scope: Scope) -> list[Tensor]:
    """Per feature an INT64 column: ``codes[feature][category]``, and its last entry for any other value.

    Where the encoder refuses unknown categories, the last entry gives way to a guard.
    """
    graph = scope.graph
    refuses = estimator.handle_unknown == "error"
    columns = []
    for index, (categories, code) in enumerate(zip(estimator.categories_, codes, strict=True)):
        column = graph.matrix(features.select(np.array([index])))
        keys = _keys(categories, column, estimator, scope)
        columns.append(graph.lookup(column, keys, code[:-1], UNKNOWN if refuses else code[-1]))
    if refuses:
        unknown = graph.op("Equal", graph.concat(columns), np.array(UNKNOWN), dtype=BOOL)
        graph.guard(
            unknown, column_names(estimator, len(columns)), "expected a category known from training, got another"
        )
    return columns


def _keys(categories: np.ndarray, column: Tensor, estimator: Any, scope: Scope) -> np.ndarray:
    """The categories as LabelEncoder's keys: strings, or float64, which tells integers below 2**53 apart."""
    if column.dtype != STRING:
        if np.asarray(categories).dtype.kind not in "biuf" and not all(_is_number(value) for value in categories):
            raise scope.refuse(estimator, f"it was fitted on strings, and is given a column of {column.dtype}")
        keys = np.asarray(categories).astype(FLOAT64)
        if column.dtype.kind in "iu" and np.abs(keys).max(initial=0) >= 2**53:
            raise scope.refuse(estimator, "integer categories of 2**53 and beyond are not converted")
        return keys
    keys = np.array([MISSING if is_missing(value) else value for value in categories], object)
    if not all(isinstance(key, str) for key in keys):
        raise scope.refuse(estimator, "categories of mixed types are not converted")
    if len(set(keys)) != len(keys):
        raise scope.refuse(estimator, "both None and NaN as categories of one column are not converted")
    return keys


def _is_number(value: Any) -> bool:
    return is_missing(value) or isinstance(value, int | float | np.number)


def _slots(estimator: Any, index: int) -> np.ndarray:
    """For each category, then for an unknown value, the output column it sets or ``UNSET``.

    Follows ``OneHotEncoder.transform``: unknown becomes infrequent, infrequent ones are grouped, one is dropped.
    """
    slots = _grouped(estimator, index)
    dropped = None if estimator._drop_idx_after_grouping is None else estimator._drop_idx_after_grouping[index]
    if dropped is None:
        return slots
    return np.where(slots == dropped, UNSET, slots - (slots > dropped))


def _grouped(estimator: Any, index: int) -> np.ndarray:
    """For each category, then for an unknown value, its group: itself, or that of the infrequent ones."""
    slots = np.append(np.arange(len(estimator.categories_[index])), UNSET)
    if not estimator._infrequent_enabled or estimator._infrequent_indices[index] is None:
        return slots
    if estimator.handle_unknown in ("infrequent_if_exist", "warn"):
        slots[-1] = estimator._infrequent_indices[index][0]
    mapping = estimator._default_to_infrequent_mappings[index]
    return np.where(slots == UNSET, UNSET, mapping[slots])


def _ordinals(estimator: Any, index: int) -> np.ndarray:
    """For each category, then for an unknown value, its ordinal; follows ``OrdinalEncoder.transform``."""
    ordinals = _grouped(estimator, index).astype(estimator.dtype)
    if index in estimator._missing_indices:
        ordinals[estimator._missing_indices[index]] = estimator.encoded_missing_value
    if estimator.handle_unknown == "use_encoded_value":
        ordinals[-1] = estimator.unknown_value
    return ordinals
