"""Categories: what boosting libraries make of pandas' ``category`` columns, and of the numbers that stand for categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skerry.export.converters.scope import Scope, column_names
from skerry.export.graph import BOOL, FLOAT64, INT64, STRING, Features, Tensor
from skerry.runtime.tensors import MISSING


def declared_categories(rows: Any) -> dict[int, list[Any]]:
    """Column → its categories, of the columns of a frame that have pandas' ``category`` dtype."""
    dtypes = rows.dtypes if isinstance(rows, pd.DataFrame) else ()
    return {
        index: list(dtype.categories) for index, dtype in enumerate(dtypes) if isinstance(dtype, pd.CategoricalDtype)
    }


def coded(features: Features, numbers: Mapping[int, Mapping[Any, float]], dtype: Any, scope: Scope) -> Tensor:
    """The features as one matrix of ``dtype``: of those in ``numbers``, the number of each category, and NaN for all else."""
    graph = scope.graph
    borders = sorted({border for place in numbers for border in (place, place + 1)})
    parts = []
    for run in np.split(np.arange(features.width), borders):
        chosen = features.select(run)
        if len(run) and int(run[0]) in numbers:
            parts.append(_looked_up(graph.matrix(chosen), numbers[int(run[0])], dtype, scope))
        elif len(run):
            parts.append(graph.matrix(chosen, dtype))
    scope.knows(features.select(np.array(list(numbers), int)), [list(known) for known in numbers.values()])
    return graph.concat(parts)


def _looked_up(column: Tensor, numbers: Mapping[Any, float], dtype: Any, scope: Scope) -> Tensor:
    keys = np.array(list(numbers), object if column.dtype == STRING else np.float64)
    values = np.array([*numbers.values(), np.nan], dtype)
    places = scope.graph.lookup(column, keys, np.arange(len(keys)), len(keys))
    return scope.graph.op("Gather", values, places, dtype=dtype, axis=0)


def refuse_unseen(estimator: Any, features: Features, X: Tensor, columns: list[int], scope: Scope) -> None:
    """Guard values that are there, but are no category that ``coded`` made a number of in ``X``."""
    graph = scope.graph
    names = column_names(estimator, features.width)
    for column in columns:
        value = graph.matrix(features.select(np.array([column])))
        missing = _is_missing(value, scope)
        unknown = graph.op("IsNaN", graph.columns(X, [column]), dtype=BOOL)
        unseen = graph.op("And", unknown, graph.op("Not", missing))
        graph.guard(unseen, [names[column]], "expected a category known from training, got another")


def _is_missing(column: Tensor, scope: Scope) -> Tensor:
    if column.dtype == STRING:
        return scope.graph.op("Equal", column, np.array([MISSING], object), dtype=BOOL)
    return scope.graph.op("IsNaN", scope.graph.cast(column, FLOAT64), dtype=BOOL)


def whole_numbers(X: Tensor, columns: np.ndarray, above: float, highest: int, scope: Scope) -> Tensor:
    """``X`` with ``columns`` truncated, as C casts to integers, for ONNX Runtime's set splits, which take only 0, 1, 2...

    What is not between ``above`` and ``highest + 1`` is in no set. NaN stays.
    """
    graph, outside = scope.graph, np.array(highest + 1, X.dtype)
    inside = graph.op(
        "And",
        graph.op("Greater", X, np.array(above, X.dtype), dtype=BOOL),
        graph.op("Less", X, outside, dtype=BOOL),
    )
    whole = graph.cast(graph.cast(graph.op("Where", inside, X, outside, dtype=X.dtype), INT64), X.dtype)
    as_it_is = graph.op("Or", graph.op("IsNaN", X, dtype=BOOL), ~np.isin(np.arange(X.width or 0), columns))
    return graph.op("Where", as_it_is, X, whole, dtype=X.dtype)
