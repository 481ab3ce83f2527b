"""``Signature``: the columns of the training rows, their names and dtypes, and rows of that very form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skerry.export.graph import STRING, Features, Graph, Piece, Tensor
from skerry.runtime.errors import InvalidRows
from skerry.runtime.feeds import Array, group_by_datatype, is_missing
from skerry.runtime.manifest import Layout
from skerry.runtime.tensors import DATATYPES, DTYPES, TensorSpec

UNKNOWN: Any = object()
"""The marker for a missing string where none is missing, and it could be None or NaN."""


@dataclass(frozen=True)
class Signature:
    """What the model takes. ``dtypes`` are pandas' or NumPy's, one per column (one in all for arrays);
    ``missing`` is how each column says that a value is missing, or ``UNKNOWN``."""

    layout: Layout
    inputs: tuple[TensorSpec, ...]
    dtypes: tuple[Any, ...]
    missing: tuple[Any, ...]

    @property
    def width(self) -> int:
        """Columns of a row; a text is one."""
        return len(self.inputs) if self.layout == "columns" else (self.inputs[0].shape[1:] or (1,))[0]

    @property
    def datatypes(self) -> list[str]:
        """The datatype of each column."""
        return (
            [spec.datatype for spec in self.inputs]
            if self.layout == "columns"
            else [self.inputs[0].datatype] * self.width
        )

    @property
    def names(self) -> list[str]:
        return (
            [spec.name for spec in self.inputs]
            if self.layout == "columns"
            else [f"column {index}" for index in range(self.width)]
        )

    def rows(self, columns: Mapping[int, Array]) -> Any:
        """Rows as scikit-learn was trained on: a frame with the same dtypes, an array, or a list of texts."""
        if self.layout == "text":
            return list(columns[0])
        if self.layout == "matrix":
            return np.stack([columns[index] for index in range(self.width)], axis=1).astype(self.dtypes[0])
        series = {spec.name: _series(columns[index], self.dtypes[index]) for index, spec in enumerate(self.inputs)}
        return pd.DataFrame(series, columns=[spec.name for spec in self.inputs])

    def column(self, rows: Any, index: int) -> Array:
        """One column of rows of this form."""
        if self.layout == "text":
            return np.array(rows, dtype=object)
        if self.layout == "matrix":
            return np.asarray(rows[:, index])
        datatype = self.datatypes[index]
        return rows.iloc[:, index].to_numpy(dtype=None if datatype == "BOOL" else DTYPES[datatype])

    def features(self, graph: Graph) -> Features:
        """The graph's inputs: one matrix per datatype for named columns, ``X`` for an array; for texts their terms, later."""
        graph.names.extend(spec.name for spec in self.inputs if self.layout != "matrix")
        if self.layout == "text":
            return Features.of(Tensor("X", STRING, 1, is_input=True), np.arange(1))
        if self.layout != "columns":
            spec = self.inputs[0]
            tensor = graph.input(spec.name, DTYPES[spec.datatype], self.width)
            return Features((Piece(tensor, np.arange(self.width), np.arange(self.width)),))
        groups = group_by_datatype(self.inputs)
        tensors = {datatype: graph.input(datatype, DTYPES[datatype], len(names)) for datatype, names in groups.items()}
        pieces = [
            Piece(tensors[spec.datatype], np.array([groups[spec.datatype].index(spec.name)]), np.array([index]))
            for index, spec in enumerate(self.inputs)
        ]
        return Features(tuple(pieces))


def _series(values: Array, dtype: Any) -> pd.Series:
    series = pd.Series(values, dtype=values.dtype)  # told, or pandas makes NaN of None
    if isinstance(dtype, pd.CategoricalDtype) and not (known := series.isin(dtype.categories)).all():
        series = series.where(known)  # what is no category is missing: pandas no longer says so itself
    return series.astype(dtype)


def take(rows: Any, index: Any) -> Any:
    """Some rows of a frame, an array or a list."""
    if isinstance(rows, pd.DataFrame):
        return rows.iloc[index]
    if isinstance(rows, np.ndarray):
        return rows[index]
    return [rows[position] for position in np.arange(len(rows))[index]]


def stack(parts: list[Any]) -> Any:
    """Rows of one form, one below the other."""
    if isinstance(parts[0], pd.DataFrame):
        return pd.concat(parts, ignore_index=True)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [row for part in parts for row in part]


def read_signature(estimator: Any, X: Any) -> tuple[Signature, Any]:
    """The signature of ``X``, and its rows in the form the estimator was fitted on.

    ``X`` is a DataFrame, a 2-D array, or a list of texts; a frame may have more columns than the
    estimator was fitted on, an array must have as many.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if isinstance(X, pd.DataFrame):
        return (
            _of_frame(_select(X, names))
            if names is not None or _is_mixed(X) or not hasattr(estimator, "n_features_in_")
            else _of_array(X.to_numpy())
        )
    if isinstance(X, np.ndarray) and X.ndim == 2:
        _check_width(estimator, X.shape[1])
        return _of_array(X) if names is None else _of_frame(pd.DataFrame(X, columns=list(names)))
    if isinstance(X, list | tuple | pd.Series | np.ndarray) and len(X) and all(isinstance(text, str) for text in X):
        spec = TensorSpec(name="X", datatype="BYTES", shape=(-1,))
        return Signature("text", (spec,), (np.dtype(object),), (UNKNOWN,)), list(X)
    raise InvalidRows(f"expected a DataFrame, an array of rows and columns, or a list of texts, got {_describe(X)}")


def _describe(X: Any) -> str:
    return f"an array of shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__


def _is_mixed(X: pd.DataFrame) -> bool:
    return len(set(X.dtypes)) > 1 or X.dtypes.iloc[0].kind not in "fiub"


def _select(X: pd.DataFrame, names: Any) -> pd.DataFrame:
    wanted = list(X.columns) if names is None else list(names)
    if lacking := [name for name in wanted if name not in X.columns]:
        raise InvalidRows(f"expected the columns the estimator was fitted on; missing: {', '.join(map(repr, lacking))}")
    if len(set(X.columns)) != len(X.columns):
        raise InvalidRows("expected distinct column names, got duplicates")
    if wrong := [name for name in wanted if not isinstance(name, str)]:
        raise InvalidRows(f"expected column names that are strings, got {wrong[0]!r}")
    return X[wanted]


def _check_width(estimator: Any, width: int) -> None:
    expected = getattr(estimator, "n_features_in_", width)
    if expected != width:
        raise InvalidRows(f"expected {expected} columns, as in training, got {width}")


def _of_frame(X: pd.DataFrame) -> tuple[Signature, pd.DataFrame]:
    specs, missing = [], []
    for name in X.columns:
        datatype = _datatype(X[name])
        specs.append(TensorSpec(name=str(name), datatype=datatype, shape=(-1, 1)))
        missing.append(_marker(X[name]) if datatype == "BYTES" else np.nan)
    return Signature("columns", tuple(specs), tuple(X.dtypes), tuple(missing)), X.reset_index(drop=True)


def _of_array(X: Array) -> tuple[Signature, Array]:
    if X.dtype.kind in "US" or X.dtype == object:
        X = X.astype(object)
        if not all(isinstance(value, str) or is_missing(value) for value in X.flat):
            raise InvalidRows("expected an array of one kind of values, got strings and numbers mixed; use a DataFrame")
    elif X.dtype not in DATATYPES:
        raise InvalidRows(f"expected one of {', '.join(map(str, DATATYPES))}, got an array of {X.dtype}")
    spec = TensorSpec(name="X", datatype=DATATYPES[X.dtype], shape=(-1, X.shape[1]))
    marker = _one_marker(X.flat) if X.dtype == object else np.nan
    return Signature("matrix", (spec,), (X.dtype,), (marker,) * X.shape[1]), X


def _datatype(column: pd.Series) -> str:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
        if dtype.kind in "iu":  # a value that is missing makes them floats
            dtype = np.dtype(np.float64)
    if isinstance(dtype, pd.StringDtype) or (dtype.kind == "O" and _all_strings(column)):
        return "BYTES"
    if isinstance(dtype, np.dtype) and dtype.kind != "O" and dtype in DATATYPES:
        return DATATYPES[dtype]
    raise InvalidRows(f"column {column.name!r}: expected numbers, booleans or strings, got {column.dtype}")


def _all_strings(column: pd.Series) -> bool:
    return all(isinstance(value, str) or is_missing(value) for value in column)


def _marker(column: pd.Series) -> Any:
    """How this column says that a value is missing; ``UNKNOWN`` where none is, and it could be None or NaN."""
    if column.dtype != object:
        return np.nan
    return _one_marker(column)


def _one_marker(values: Any) -> Any:
    """The marker in use. scikit-learn tells None from NaN, an artifact does not: there must be only one."""
    markers = [value for value in values if is_missing(value)]
    if len({value is None for value in markers}) > 1:
        raise InvalidRows("expected one marker for missing strings in a column, got both None and NaN")
    return markers[0] if markers else UNKNOWN
