"""OneHotEncoder, OrdinalEncoder and TargetEncoder: each value's place among the categories, and what stands for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.interpolation import looked_up
from skerry.export.converters.scope import Scope, column_names
from skerry.export.graph import BOOL, FLOAT64, ML, STRING, Features, Graph, OneHot, Outputs, Tensor, make_tensor
from skerry.runtime.feeds import is_missing
from skerry.runtime.tensors import MISSING

UNSET = -1
"""The slot of a value that sets no output column: an ignored or a dropped one."""
UNKNOWN = {"i": -2, "f": -np.inf}
"""The code of a value that scikit-learn refuses because it was not seen in training, by the kind of the codes."""


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
    scope.knows(features, estimator.categories_)
    tables = [_ordinals(estimator, index).astype(FLOAT64) for index in range(features.width)]
    columns = _codes(estimator, features, tables, scope, refuses=estimator.handle_unknown == "error")
    ordinals = scope.graph.cast(scope.graph.concat(columns), estimator.dtype)
    return {"transform": Features.of(ordinals, features.origins)}


def target_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Per category the mean of the target, or of each class; of an unknown one, that of all rows."""
    graph = scope.graph
    scope.knows(features, estimator.categories_)
    count = len(estimator.classes_) if estimator.target_type_ == "multiclass" else 1
    means = np.reshape(estimator.target_mean_, (1, count))
    tables = [
        np.append(np.stack(estimator.encodings_[first : first + count], axis=1), means, axis=0)
        for first in range(0, len(estimator.encodings_), count)
    ]
    if count == 1:
        columns = _codes(estimator, features, [table[:, 0] for table in tables], scope, refuses=False)
        return {"transform": Features.of(graph.concat(columns))}
    codes = _codes(estimator, features, [np.arange(len(table)) for table in tables], scope, refuses=False)
    found, width = looked_up(graph, tables, graph.concat(codes)), count * features.width
    return {"transform": Features.of(graph.op("Reshape", found, np.array([-1, width]), width=width))}


def _codes(estimator: Any, features: Features, codes: list[np.ndarray], scope: Scope, *, refuses: bool) -> list[Tensor]:
    """Per feature a column, INT64 or FLOAT64 as the codes: ``codes[feature][category]``, and its last entry for any
    other value.

    Where the encoder ``refuses`` unknown categories, the last entry gives way to a guard.
    """
    graph = scope.graph
    columns, unknown = [], np.array(UNKNOWN[codes[0].dtype.kind])
    for index, (categories, code) in enumerate(zip(estimator.categories_, codes, strict=True)):
        feature = features.select(np.array([index]))
        column = graph.matrix(feature)
        scope.refuse_infinite(feature, column)
        keys = _keys(categories, column, estimator, scope)
        columns.append(_looked_up(graph, column, keys, code[:-1], unknown if refuses else code[-1]))
    if refuses:
        wrong = graph.op("Equal", graph.concat(columns), unknown, dtype=BOOL)
        graph.guard(
            wrong, column_names(estimator, len(columns)), "expected a category known from training, got another"
        )
    return columns


def _looked_up(graph: Graph, column: Tensor, keys: np.ndarray, values: np.ndarray, default: Any) -> Tensor:
    """``values[i]`` where the column is ``keys[i]``, else ``default``."""
    return graph.op(
        "LabelEncoder",
        column if column.dtype == STRING else graph.cast(column, FLOAT64),
        domain=ML,
        dtype=values.dtype,
        keys_tensor=make_tensor(keys),
        values_tensor=make_tensor(values),
        default_tensor=make_tensor(np.array([default], values.dtype)),
    )


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
