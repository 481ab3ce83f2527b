"""What an estimator made of estimators asks of its members, and how it adds up what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, INT64, STRING, Features, Graph, Outputs, Tensor


def answer(outputs: Outputs, method: str, member: Any, scope: Scope) -> Tensor:
    """What a converted member gives for ``method``.

    Raises:
        UnsupportedEstimator: its converter has no such answer, so the whole has none.
    """
    if method not in outputs:
        raise scope.refuse(member, f"no exact conversion of {method}, which the estimator around it asks for")
    value = outputs[method]
    return scope.graph.matrix(value) if isinstance(value, Features) else value


def binary_score(outputs: Outputs, member: Any, scope: Scope) -> Tensor:
    """``sklearn.multiclass._predict_binary``: FLOAT64 (rows,), how much one of two classes is preferred."""
    if is_regressor(member):
        score = answer(outputs, "predict", member, scope)
    elif hasattr(member, "decision_function"):
        score = answer(outputs, "decision_function", member, scope)
    else:
        score = scope.graph.columns(answer(outputs, "predict_proba", member, scope), [1])
    return scope.graph.cast(flat(scope.graph, score), FLOAT64)


def flat(graph: Graph, tensor: Tensor) -> Tensor:
    """(rows, 1) or (rows,) → (rows,)."""
    return tensor if tensor.width is None else graph.flatten(tensor)


def side_by_side(graph: Graph, tensors: Iterable[Tensor], dtype: Any = None) -> Tensor:
    """``np.column_stack``: of ``dtype``, or of the one NumPy would give them."""
    tensors = list(tensors)
    target = np.dtype(dtype) if dtype else np.result_type(*(tensor.dtype for tensor in tensors))
    return graph.concat([graph.cast(graph.column(tensor), target) for tensor in tensors])


def total(graph: Graph, tensors: Sequence[Tensor]) -> Tensor:
    """The sum, added from the first to the last as NumPy and ONNX Runtime both do, of the dtype NumPy would give it."""
    dtype = np.result_type(*(tensor.dtype for tensor in tensors))
    cast = [graph.cast(tensor, dtype) for tensor in tensors]
    return cast[0] if len(cast) == 1 else graph.op("Sum", *cast)


def total_of_rows(graph: Graph, table: np.ndarray, indices: Tensor) -> Tensor:
    """``table[indices].sum(axis=1)``: INT64 (rows, members) and (n, width) → (rows, width).

    CumSum adds member after member; ReduceSum adds in another order, and a tie would be decided by its rounding.
    """
    terms = graph.op("Gather", table, indices, dtype=table.dtype, axis=0)  # (rows, members, width)
    if indices.width != 1:
        terms = graph.op("CumSum", terms, np.array(1))
    return graph.op("Gather", terms, np.array((indices.width or 1) - 1), axis=1, width=table.shape[1])


def votes(graph: Graph, choices: Tensor, tables: np.ndarray) -> Tensor:
    """The sum over members of ``tables[member, choice]``: INT64 (rows, members) → (rows, width)."""
    members, options, width = tables.shape
    starts = np.arange(members, dtype=np.int64) * options
    return total_of_rows(graph, tables.reshape(-1, width), graph.op("Add", choices, starts))


def placed(graph: Graph, tensor: Tensor, columns: Any, width: int) -> Tensor:
    """(rows, width) whose column ``columns[i]`` is the tensor's ``i``; the others are zero."""
    columns = np.asarray(columns, int)
    if np.array_equal(columns, np.arange(width)):
        return tensor
    source = np.full(width, len(columns))
    source[columns] = np.arange(len(columns))
    return graph.columns(graph.op("Pad", tensor, np.array([0, 0, 0, 1]), width=len(columns) + 1), source)


def normalized(graph: Graph, values: Tensor, *, empty: float) -> Tensor:
    """Each row divided by its sum; one whose sum is zero becomes ``empty``."""
    sums = graph.op("ReduceSum", values, np.array([1]), width=1, keepdims=1)
    none = graph.op("Equal", sums, np.array([[0]], sums.dtype), dtype=BOOL)
    divided = graph.op("Div", values, graph.op("Where", none, np.array([[1]], sums.dtype), sums, dtype=sums.dtype))
    return graph.op("Where", none, np.array(empty, values.dtype), divided, dtype=values.dtype, width=values.width)


def repeated(graph: Graph, row: Any, features: Features) -> Tensor:
    """``row``, (width,), or one value, (), for each of the rows."""
    row = np.asarray(row)
    row = row.astype(STRING) if row.dtype.kind == "U" else row
    rows = graph.op("Shape", features.some_tensor, start=0, end=1, dtype=INT64, width=None)
    if row.ndim:
        rows = graph.op("Concat", rows, np.array(row.shape), axis=0)
    return graph.op("Expand", row, rows, dtype=row.dtype, width=row.shape[0] if row.ndim else None)


def one_array(estimator: Any, features: Features, scope: Scope, dtype: Any = None) -> Features:
    """The features as the one array that scikit-learn makes of them before the members get it."""
    dtypes = set(features.dtypes)
    if len(dtypes) > 1 and np.dtype(object) in dtypes:
        raise scope.refuse(estimator, "strings and numbers in one array are not converted")
    if dtypes == {np.dtype(dtype)} if dtype else len(dtypes) == 1:
        return features
    return Features.of(scope.graph.matrix(features, dtype), features.origins)


def columns_of(rows: Callable[[Any], Any], columns: Any) -> Callable[[Any], Any]:
    """The rows that a member gets which is fed with some columns of an array."""
    return lambda X: np.asarray(rows(X))[:, columns]
