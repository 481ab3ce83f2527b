"""OneHotEncoder, OrdinalEncoder and TargetEncoder: each value's place among the categories, and what stands for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.interpolation import looked_up
from skerry.export.converters.scope import Scope, column_names
from skerry.export.graph import BOOL, FLOAT64, STRING, Features, OneHot, Outputs, Tensor
from skerry.runtime.feeds import is_missing
from skerry.runtime.tensors import MISSING

UNSET = -1
"""The slot of a value that sets no output column: an ignored or a dropped one."""
UNKNOWN = -2
"""The code of a value that scikit-learn refuses because it was not seen in training."""


def one_hot_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    scope.knows(features, estimator.categories_)
    slots = [_slots(estimator, index) for index in range(features.width)]
    codes = _codes(estimator, features, slots, scope, refuses=estimator.handle_unknown == "error")
    columns = [
        OneHot(code, np.dtype(estimator.dtype), width)
        for code, width in zip(codes, estimator._n_features_outs, strict=True)
    ]
    return {"transform": Features.join(map(Features.of, columns))}


def ordinal_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    tables = [_ordinals(estimator, index) for index in range(features.width)]
    ordinals = _translated(estimator, features, tables, scope, refuses=estimator.handle_unknown == "error")
    return {"transform": Features.of(ordinals, features.origins)}


def target_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Per category the mean of the target, or of each class; of an unknown one, that of all rows."""
    count = len(estimator.classes_) if estimator.target_type_ == "multiclass" else 1
    tables = [
        np.append(
            np.stack(estimator.encodings_[first : first + count], axis=1),
            np.reshape(estimator.target_mean_, (1, count)),
            axis=0,
        )
        for first in range(0, len(estimator.encodings_), count)
    ]
    found = _translated(estimator, features, tables, scope, refuses=False)
    width = count * features.width
    return {"transform": Features.of(scope.graph.op("Reshape", found, np.array([-1, width]), width=width))}


def _translated(estimator: Any, features: Features, tables: list[np.ndarray], scope: Scope, *, refuses: bool) -> Tensor:
    """Per feature the row of its table that belongs to the category; the last row to any other value."""
    scope.knows(features, estimator.categories_)
    codes = _codes(estimator, features, [np.arange(len(table)) for table in tables], scope, refuses=refuses)
    return looked_up(scope.graph, tables, scope.graph.concat(codes))


def _codes(estimator: Any, features: Features, codes: list[np.ndarray], scope: Scope, *, refuses: bool) -> list[Tensor]:
    """Per feature an INT64 column: ``codes[feature][category]``, and its last entry for any other value.

    Where the encoder ``refuses`` unknown categories, the last entry gives way to a guard.
    """
    graph = scope.graph
    columns = []
    for index, (categories, code) in enumerate(zip(estimator.categories_, codes, strict=True)):
        feature = features.select(np.array([index]))
        column = graph.matrix(feature)
        scope.refuse_infinite(feature, column)
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
