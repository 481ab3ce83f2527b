"""``Signature``: the columns of the training rows, their names and dtypes, and rows of that very form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from skerry.export.graph import Features, Graph, Piece
from skerry.runtime.errors import InvalidRows
from skerry.runtime.feeds import Array, group_by_datatype, is_missing
from skerry.runtime.manifest import Layout
from skerry.runtime.tensors import DATATYPES, DTYPES, TensorSpec

UNKNOWN: Any = object()
"""The marker for a missing value among objects where none is missing, and it could be None or NaN."""


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
        """Columns of a row; a value, a text or a record is one."""
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

    @property
    def unbounded(self) -> Array:
        """Which columns can hold ±inf at all: integers and booleans that may be missing, or are categories, cannot."""
        kinds = [getattr(dtype, "numpy_dtype", dtype) for dtype in self.dtypes]
        able = [not isinstance(kind, pd.CategoricalDtype) and kind.kind in "fO" for kind in kinds]
        return np.array(able if self.layout == "columns" else able * self.width)

    def rows(self, columns: Mapping[int, Array]) -> Any:
        """Rows as scikit-learn was trained on: a frame with the same dtypes, an array, or a list of records."""
        if self.layout == "records":
            return list(columns[0])
        if self.layout == "vector":
            return _typed(columns[0], self.dtypes[0], self.missing[0])
        if self.layout == "matrix":
            typed = [_typed(columns[index], self.dtypes[0], self.missing[index]) for index in range(self.width)]
            return np.stack(typed, axis=1)
        series = {
            spec.name: _series(columns[index], self.dtypes[index], self.missing[index])
            for index, spec in enumerate(self.inputs)
        }
        return pd.DataFrame(series, columns=[spec.name for spec in self.inputs])

    def column(self, rows: Any, index: int) -> Array:
        """One column of rows of this form, in the dtype of its datatype; records are objects."""
        if self.layout == "records":
            return _objects(rows)
        values = (
            rows.iloc[:, index] if self.layout == "columns" else rows if self.layout == "vector" else rows[:, index]
        )
        return _plain(values, DTYPES[self.datatypes[index]])

    def features(self, graph: Graph) -> Features:
        """The graph's inputs: one matrix per datatype for named columns, ``X`` for an array; of one dimension or of
        records, ``X`` as a column."""
        graph.names.extend(spec.name for spec in self.inputs if self.layout != "matrix")
        if self.layout != "columns":
            spec = self.inputs[0]
            tensor = graph.input(spec.name, DTYPES[spec.datatype], self.width if self.layout == "matrix" else None)
            return Features.of(graph.column(tensor), np.arange(self.width))
        groups = group_by_datatype(self.inputs)
        tensors = {datatype: graph.input(datatype, DTYPES[datatype], len(names)) for datatype, names in groups.items()}
        pieces = [
            Piece(tensors[spec.datatype], np.array([groups[spec.datatype].index(spec.name)]), np.array([index]))
            for index, spec in enumerate(self.inputs)
        ]
        return Features.join([Features(tuple(pieces))])


def _series(values: Array, dtype: Any, marker: Any) -> pd.Series:
    """Values of a column's datatype as a series of the column's own dtype."""
    if isinstance(dtype, pd.CategoricalDtype):
        known = pd.Index(_plain(dtype.categories, values.dtype))
        return pd.Series(pd.Categorical.from_codes(known.get_indexer(values), dtype=dtype))  # others are missing
    if isinstance(dtype, _NULLABLE):
        missing = np.isnan(values)
        return pd.Series(_within(np.where(missing, 0, values), dtype.numpy_dtype)).astype(dtype).mask(missing)
    values = _typed(values, dtype, marker) if isinstance(dtype, np.dtype) else values
    return pd.Series(values, dtype=values.dtype).astype(dtype)  # told, or pandas makes NaN of None


def _typed(values: Array, dtype: np.dtype, marker: Any) -> Array:
    """Values in a NumPy dtype; numbers that are objects are missing as they were in training."""
    typed = values.astype(dtype)
    if dtype.kind == "O" and values.dtype.kind == "f" and marker is None:
        typed[np.isnan(values)] = None
    return typed


def _within(values: Array, dtype: np.dtype) -> Array:
    """Floats as the nearest values that ``dtype`` has."""
    if dtype.kind == "b":
        return values != 0
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, float(limits.max) - (limits.bits == 64) * 1024).astype(dtype)


def _plain(values: Any, dtype: np.dtype) -> Array:
    """Values of any dtype in that of their datatype; what is missing among numbers is NaN."""
    if dtype.kind == "O":
        return np.asarray(values, dtype=object)
    if isinstance(values, pd.Series) and dtype.kind == "f":
        return values.to_numpy(dtype=dtype, na_value=np.nan)
    return np.asarray(values).astype(dtype)


def _objects(rows: Any) -> Array:
    """A list as an array of one dimension, whatever is in it."""
    array = np.empty(len(rows), object)
    array[:] = list(rows)
    return array


_NULLABLE = (
    pd.BooleanDtype,
    *(getattr(pd, f"{sign}Int{bits}Dtype") for sign in ("", "U") for bits in (8, 16, 32, 64)),
    pd.Float32Dtype,
    pd.Float64Dtype,
)
"""pandas' Int64, Float32, boolean and their kin, which scikit-learn makes float64 of."""


def take(rows: Any, index: Any) -> Any:
    """Some rows of a frame, an array or a list of records."""
    if isinstance(rows, pd.DataFrame | pd.Series):
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

    ``X`` is a DataFrame, an array of one or two dimensions, a list of texts or numbers, or one of records;
    a frame may have more columns than the estimator was fitted on, an array must have as many.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and isinstance(X, list) and X and all(isinstance(row, dict) for row in X):
        X = pd.DataFrame(X)
    if isinstance(X, pd.DataFrame):
        if not X.shape[1]:
            raise InvalidRows("expected columns, got a frame without any")
        return (
            _of_frame(_select(X, names))
            if names is not None or _is_mixed(X) or not hasattr(estimator, "n_features_in_")
            else _of_array(X.to_numpy())
        )
    if isinstance(X, np.ndarray) and X.ndim == 2:
        _check_width(estimator, X.shape[1])
        return _of_array(X) if names is None else _of_frame(pd.DataFrame(X, columns=list(names)))
    if isinstance(X, list | tuple) and X and all(map(_is_record, X)):
        spec = TensorSpec(name="X", datatype="BYTES", shape=(-1,))
        return Signature("records", (spec,), (np.dtype(object),), (UNKNOWN,)), list(X)
    if isinstance(X, list | tuple | pd.Series) and len(X) and all(isinstance(value, str | int | float) for value in X):
        X = np.asarray(X, object if any(isinstance(value, str) for value in X) else None)
    if isinstance(X, np.ndarray) and X.ndim == 1:
        signature, rows = _of_array(X.reshape(-1, 1))
        return replace(signature, layout="vector", inputs=(_as_vector(signature.inputs[0]),)), rows[:, 0]
    raise InvalidRows(f"expected a DataFrame, an array, or a list of texts or records, got {_describe(X)}")


def _as_vector(spec: TensorSpec) -> TensorSpec:
    return msgspec.structs.replace(spec, shape=(-1,))


def _is_record(row: Any) -> bool:
    """A dict, or a list of names or of pairs of a name and a value."""
    if isinstance(row, dict):
        return True
    return isinstance(row, list | tuple) and all(
        isinstance(part, str) or (isinstance(part, list | tuple) and len(part) == 2 and isinstance(part[0], str))
        for part in row
    )


def _describe(X: Any) -> str:
    return f"an array of shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__


def _is_mixed(X: pd.DataFrame) -> bool:
    return len(set(X.dtypes)) > 1 or X.dtypes.iloc[0].kind not in "fiub"


def _select(X: pd.DataFrame, names: Any) -> pd.DataFrame:
    wanted = list(X.columns) if names is None else [_column_called(str(name), X) for name in names]
    if lacking := [name for name in wanted if name not in X.columns]:
        raise InvalidRows(f"expected the columns the estimator was fitted on; missing: {', '.join(map(repr, lacking))}")
    if len(set(X.columns)) != len(X.columns):
        raise InvalidRows("expected distinct column names, got duplicates")
    if wrong := [name for name in wanted if not isinstance(name, str)]:
        raise InvalidRows(f"expected column names that are strings, got {wrong[0]!r}")
    return X[wanted]


def _column_called(name: str, X: pd.DataFrame) -> str:
    """The column that an estimator calls ``name``: LightGBM tells the names of its columns with _ for each space."""
    if name in X.columns:
        return name
    return next((column for column in X.columns if str(column).replace(" ", "_") == name), name)


def _check_width(estimator: Any, width: int) -> None:
    expected = getattr(estimator, "n_features_in_", width)
    if expected != width:
        raise InvalidRows(f"expected {expected} columns, as in training, got {width}")


def _of_frame(X: pd.DataFrame) -> tuple[Signature, pd.DataFrame]:
    specs, missing = [], []
    for name in X.columns:
        datatype = _datatype(X[name])
        specs.append(TensorSpec(name=str(name), datatype=datatype, shape=(-1, 1)))
        missing.append(_marker(X[name]))
    return Signature("columns", tuple(specs), tuple(X.dtypes), tuple(missing)), X.reset_index(drop=True)


def _of_array(X: Array) -> tuple[Signature, Array]:
    if X.dtype.kind in "US":
        X = X.astype(object)
    datatype = _datatype_of_objects(X.flat) if X.dtype == object else DATATYPES.get(X.dtype)
    if datatype is None and X.dtype == object:
        raise InvalidRows("expected an array of one kind of values, got strings and numbers mixed; use a DataFrame")
    if datatype is None:
        raise InvalidRows(f"expected one of {', '.join(map(str, DATATYPES))}, got an array of {X.dtype}")
    spec = TensorSpec(name="X", datatype=datatype, shape=(-1, X.shape[1]))
    marker = _one_marker(X.flat) if X.dtype == object else np.nan
    return Signature("matrix", (spec,), (X.dtype,), (marker,) * X.shape[1]), X


def _datatype(column: pd.Series) -> str:
    """Of strings BYTES, of numbers and booleans their own; FP64 where some may be missing and NumPy has no way to say so."""
    dtype = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if isinstance(dtype, pd.StringDtype):
        return "BYTES"
    if isinstance(dtype, _NULLABLE) or (dtype is not column.dtype and dtype.kind in "iub"):
        return "FP64"
    datatype = _datatype_of_objects(column) if dtype.kind == "O" else DATATYPES.get(dtype)
    if datatype is None:
        raise InvalidRows(f"column {column.name!r}: expected numbers, booleans or strings, got {column.dtype}")
    return datatype


def _datatype_of_objects(values: Iterable[Any]) -> str | None:
    """BYTES where all are strings, FP64 where all are numbers it can tell apart, None where they are mixed or something else."""
    present = [value for value in values if not is_missing(value)]
    if all(isinstance(value, str) for value in present):
        return "BYTES"
    return "FP64" if all(map(_is_number, present)) else None


def _is_number(value: Any) -> bool:
    """Integers from 2**53 on are not told apart by float64, though scikit-learn's encoders tell such objects apart."""
    if isinstance(value, int | np.integer):
        return abs(int(value)) < 2**53
    return isinstance(value, float | np.floating | np.bool_)


def _marker(column: pd.Series) -> Any:
    """How this column says that a value is missing; ``UNKNOWN`` where none is, and it could be None or NaN."""
    if column.dtype != object:
        return np.nan
    return _one_marker(column)


def _one_marker(values: Any) -> Any:
    """The marker in use. scikit-learn tells None from NaN, an artifact does not: there must be only one."""
    markers = [value for value in values if is_missing(value)]
    if len({value is None for value in markers}) > 1:
        raise InvalidRows("expected one marker for missing values in a column of objects, got both None and NaN")
    return markers[0] if markers else UNKNOWN
