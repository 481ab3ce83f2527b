"""Rows as people have them → the arrays the model is fed: by name, checked, nothing coerced silently.

A model fitted on named columns is fed one matrix per datatype, named after it: the columns of that
datatype, in the order of the manifest's inputs. A run pays for each input, so one matrix is several
times cheaper than thirty columns. A model fitted on an array is fed that array as ``X``, also if it has
one dimension. Texts and records are fed as their names and values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from skerry.runtime.errors import InvalidInput, nearest
from skerry.runtime.extraction import Extraction
from skerry.runtime.manifest import Layout, RecordExtractor, TextExtractor, form_of
from skerry.runtime.records import decode_records
from skerry.runtime.tensors import BEYOND_SINGLE, DTYPES, MISSING, USABLE, TensorSpec, is_usable

Array = np.ndarray
Feeds = dict[str, Array]


def rows_of(feeds: Feeds) -> int:
    """How many rows are in ``feeds``."""
    return len(next(iter(feeds.values())))


class FeedBuilder:
    """Turns rows into feeds for one model.

    ``from_rows`` takes what people hold: a DataFrame, an array, a list of dicts, lists, texts or numbers.
    ``from_columns`` takes one sequence of values per input, ``from_typed`` what a decoder has typed
    already. Each returns ``{tensor: array}`` with at least one row, or raises ``InvalidInput`` naming
    input and row.
    """

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        layout: Layout,
        extractors: Sequence[TextExtractor | RecordExtractor] = (),
    ) -> None:
        self.inputs = tuple(inputs)
        self.layout = layout
        self.names = [spec.name for spec in self.inputs]
        self._known = frozenset(self.names)
        self.groups = group_by_datatype(self.inputs)
        self._limit = BEYOND_SINGLE if any(spec.single or spec.datatype == "FP32" for spec in self.inputs) else np.inf
        self._extractions = [Extraction(settings) for settings in extractors]
        self._form = form_of(extractors)

    def from_rows(self, rows: Any) -> Feeds:
        if self.layout == "records":
            return self.from_typed(_listed(rows))
        if self.layout == "vector":
            return self.from_matrix(_one_dimensional(rows, self.inputs[0]))
        if hasattr(rows, "columns"):
            return self._from_frame(rows)
        if isinstance(rows, Sequence) and rows and isinstance(rows[0], Mapping):
            return self.from_columns(self._transpose(rows))
        return self._from_array(_two_dimensional(rows, mixed=len(self.groups) > 1))

    def from_columns(self, columns: Mapping[str, Any]) -> Feeds:
        """Feeds from one sequence of values per input, by name, in any order."""
        self.check_names(columns)
        checked = {spec.name: as_array(columns[spec.name], spec) for spec in self.inputs}
        for name, values in checked.items():
            if values.ndim != 1:
                raise InvalidInput(f"input {name!r}: expected one value a row, got {values.ndim} dimensions")
        rows = {len(values) for values in checked.values()}
        if len(rows) != 1:
            lengths = {name: len(values) for name, values in checked.items()}
            raise InvalidInput(f"expected as many rows in every input, got {lengths}")
        return self._pack(checked)

    def from_typed(self, rows: Sequence[Any]) -> Feeds:
        """Feeds from rows whose values a decoder has typed: floats and strings (None where missing), ints, bools.

        A row is a tuple of the inputs' values in their order, a value, or a record.
        """
        if not rows:
            _refuse_empty()
        if self.layout == "records":
            return self._extracted({self.names[0]: rows})
        if self.layout != "columns":
            return self.from_matrix(typed_array(rows, self.inputs[0]))
        columns = dict(zip(self.names, zip(*rows, strict=True), strict=True))
        if len(self.groups) == 1 and self.inputs[0].is_float:
            return self._one_matrix(rows)
        return self._pack({spec.name: as_array(typed_array(columns[spec.name], spec), spec) for spec in self.inputs})

    def _from_named_matrix(self, matrix: Array) -> Feeds:
        if matrix.shape[1:] != (len(self.inputs),):
            _refuse_width((-1, len(self.inputs)), matrix.shape)
        if not len(matrix):
            _refuse_empty()
        plain = len(self.groups) == 1 and self.inputs[0].is_float and matrix.dtype.kind == "f"
        return self._one_matrix(matrix) if plain else self._from_array(matrix)

    def _one_matrix(self, rows: Sequence[Any] | Array) -> Feeds:
        """All columns are floats of one datatype: one array, checked at once where nothing is wrong."""
        datatype = self.inputs[0].datatype
        matrix = np.asarray(rows, np.float64)
        if (np.abs(matrix) < self._limit).all():
            return {datatype: matrix.astype(DTYPES[datatype], copy=False)}
        return self._pack({spec.name: as_array(matrix[:, index], spec) for index, spec in enumerate(self.inputs)})

    def from_matrix(self, matrix: Any) -> Feeds:
        """Feeds from ``X``: (rows, width), or one value a row; a record as JSON. Named columns come in their order."""
        if self.layout == "columns":
            return self._from_named_matrix(np.asarray(matrix))
        spec = self.inputs[0]
        if self.layout == "records":
            return self.from_typed(decode_records(list(matrix), self._form))
        values = as_array(matrix, spec)
        if values.ndim != len(spec.shape) or values.shape[1:] != spec.shape[1:]:
            _refuse_width(spec.shape, values.shape)
        if not len(values):
            _refuse_empty()
        return self._extracted({spec.name: values}) if self._extractions else {spec.name: values}

    @property
    def tensors(self) -> set[str]:
        """The names of the arrays in the feeds."""
        found = set().union(*(extraction.tensors for extraction in self._extractions))
        if self.layout == "columns":
            return found | set(self.groups)
        return found or set(self.names)

    def check_names(self, given: Mapping[str, Any], where: str = "") -> None:
        """Every input once, nothing else."""
        if given.keys() == self._known:
            return
        for name in self.names:
            if name not in given:
                raise InvalidInput(f"input {name!r}{where}: missing{nearest(name, set(given) - set(self.names))}")
        for name in given:
            if name not in self.names:
                raise InvalidInput(f"input {name!r}{where}: unknown{nearest(str(name), self.names)}")

    def _from_frame(self, frame: Any) -> Feeds:
        names = list(frame.columns)
        if self.layout != "columns":
            return self._from_array(_to_numpy(frame))
        if len(set(names)) != len(names):
            raise InvalidInput("expected distinct column names, got duplicates")
        return self.from_columns({name: _to_numpy(frame[name]) for name in names})

    def _from_array(self, array: Array) -> Feeds:
        if self.layout != "columns":
            return self.from_matrix(array)
        if array.shape[1] != len(self.inputs):
            _refuse_width((-1, len(self.inputs)), array.shape)
        return self.from_columns({name: array[:, index] for index, name in enumerate(self.names)})

    def _transpose(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        if self.layout != "columns":
            raise InvalidInput("expected rows of values, got records: the model was fitted without column names")
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise InvalidInput(f"row {index}: expected a record as in row 0, got {_describe(row)}")
            if row.keys() != set(self.names):
                self.check_names(row, f" row {index}")
        return {name: [row[name] for row in rows] for name in self.names}

    def _pack(self, columns: Mapping[str, Array]) -> Feeds:
        rows = len(next(iter(columns.values())))
        if not rows:
            _refuse_empty()
        feeds = {}
        for datatype, names in self.groups.items():
            feeds[datatype] = matrix = np.empty((rows, len(names)), DTYPES[datatype])
            for index, name in enumerate(names):
                matrix[:, index] = columns[name]
        return feeds | self._extracted(columns)

    def _extracted(self, columns: Mapping[str, Any]) -> Feeds:
        feeds: Feeds = {}
        for extraction in self._extractions:
            feeds |= extraction(columns[extraction.settings.input])
        return feeds


def group_by_datatype(inputs: Sequence[TensorSpec]) -> dict[str, tuple[str, ...]]:
    """The model's own inputs for named columns: datatype → the names of its columns, in order."""
    groups: dict[str, tuple[str, ...]] = {}
    for spec in inputs:
        groups[spec.datatype] = (*groups.get(spec.datatype, ()), spec.name)
    return groups


def as_array(values: Any, spec: TensorSpec) -> Array:
    """``values`` as an array of the input's dtype, for a column (rows,) or a matrix (rows, width).

    Widening is allowed (int → float, float32 → float64), losing is not (float → int, overflow), and
    neither is text for a number or a number for text. A missing value is None, NaN or pandas' NA.
    """
    array = values if isinstance(values, np.ndarray) else _from_sequence(values, spec)
    if not array.size:
        return array.astype(DTYPES[spec.datatype])  # no value, so none is coerced
    if spec.datatype == "BYTES":
        return _as_strings(array, spec)
    if array.dtype == object:
        array = _from_objects(array, spec)
    if spec.is_float:
        return _as_floats(array, spec)
    if spec.is_integer:
        return _as_integers(array, spec)
    if array.dtype.kind != "b":
        _refuse_kind(array, spec)
    return array


def typed_array(values: Sequence[Any], spec: TensorSpec) -> Array:
    """Values of the right Python type as an array; floats stay float64 until their range is checked."""
    try:
        return np.array(values, np.float64 if spec.is_float else DTYPES[spec.datatype])
    except OverflowError:  # of UINT64, whose upper half has no bound that a decoder could know
        found = np.array(values, object)
        wrong = found > np.iinfo(DTYPES[spec.datatype]).max
        raise InvalidInput(
            f"{place(spec, wrong)}: expected an integer in the range of {spec.datatype}, got {found[wrong][0]}"
        ) from None


def check_finite(array: Array, spec: TensorSpec) -> None:
    """Refuse NaN and ±inf where scikit-learn refuses them; one pass where all is well."""
    limit = BEYOND_SINGLE if spec.single else np.inf
    if (spec.missing and spec.infinite and not spec.single) or (np.abs(array) < limit).all():
        return
    if not spec.missing and (missing := np.isnan(array)).any():
        raise InvalidInput(f"{place(spec, missing)}: expected a number, got a missing value")
    if not spec.infinite and (infinite := np.isinf(array)).any():
        raise InvalidInput(f"{place(spec, infinite)}: expected a finite number, got {array[infinite][0]}")
    if spec.single and (beyond := (np.abs(array) >= BEYOND_SINGLE) & np.isfinite(array)).any():
        raise InvalidInput(f"{place(spec, beyond)}: expected a number in the range of float32, got {array[beyond][0]}")


def place(spec: TensorSpec, wrong: Array) -> str:
    """Where the first true value of ``wrong`` is, in words."""
    row, *column = np.argwhere(wrong)[0]
    return f"input {spec.name!r} row {row}" + (f" column {column[0]}" if column else "")


def _as_floats(array: Array, spec: TensorSpec) -> Array:
    dtype = DTYPES[spec.datatype]
    if array.dtype.kind not in "fiub":
        _refuse_kind(array, spec)
    if array.dtype == dtype:
        check_finite(array, spec)
        return array
    with np.errstate(over="ignore"):
        floats = array.astype(dtype)
    if floats.dtype.itemsize < array.dtype.itemsize and (lost := np.isinf(floats) & ~np.isinf(array)).any():
        raise InvalidInput(
            f"{place(spec, lost)}: expected a number in the range of {spec.datatype}, got {array[lost][0]}"
        )
    check_finite(floats, spec)
    return floats


def _as_integers(array: Array, spec: TensorSpec) -> Array:
    if array.dtype.kind not in "iu":
        _refuse_kind(array, spec)
    integers = array.astype(DTYPES[spec.datatype], copy=False)
    if integers is not array and (lost := integers != array).any():
        raise InvalidInput(
            f"{place(spec, lost)}: expected an integer in the range of {spec.datatype}, got {array[lost][0]}"
        )
    return integers


def _as_strings(array: Array, spec: TensorSpec) -> Array:
    if array.dtype.kind == "U":
        array = array.astype(object)
    if array.dtype != object:
        _refuse_kind(array, spec)
    strings = array
    if not all(type(value) is str for value in array.flat):
        values = [value if isinstance(value, str) else _missing_string(value) for value in array.flat]
        strings = np.array(values, dtype=object).reshape(array.shape)
        if (wrong := np.array([value is None for value in values]).reshape(array.shape)).any():
            raise InvalidInput(f"{place(spec, wrong)}: expected a string, got {_describe(array[wrong][0])}")
        if not spec.missing and (missing := strings == MISSING).any():
            raise InvalidInput(f"{place(spec, missing)}: expected a string, got a missing value")
    _check_characters(array, spec)
    return strings


def _check_characters(array: Array, spec: TensorSpec) -> None:
    if is_usable("\n".join(value for value in array.flat if isinstance(value, str))):
        return
    wrong = np.array([isinstance(value, str) and not is_usable(value) for value in array.flat]).reshape(array.shape)
    raise InvalidInput(f"{place(spec, wrong)}: expected {USABLE}")


def _missing_string(value: Any) -> str | None:
    return MISSING if is_missing(value) else None


def is_missing(value: Any) -> bool:
    """Whether ``value`` is None, NaN or pandas' NA (which equals nothing and has no truth)."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _from_objects(array: Array, spec: TensorSpec) -> Array:
    """Numbers kept in an object array; each must be one, or missing where the input has a way to say so."""
    values = [np.nan if spec.is_float and is_missing(value) else value for value in array.flat]
    wrong = np.array([_is_no_number(value, spec) for value in values], bool).reshape(array.shape)
    if wrong.any():
        raise InvalidInput(f"{place(spec, wrong)}: expected {_expectation(spec)}, got {_describe(array[wrong][0])}")
    return np.array(values).reshape(array.shape)


def _is_no_number(value: Any, spec: TensorSpec) -> bool:
    return isinstance(value, str | bytes) or not np.isscalar(value) or (not spec.is_float and is_missing(value))


def _from_sequence(values: Any, spec: TensorSpec) -> Array:
    if spec.datatype != "BYTES":
        try:
            array = np.asarray(values)
        except ValueError:
            raise InvalidInput(f"input {spec.name!r}: expected rows of equal length") from None
        if array.dtype.kind not in "USO" or array.ndim == 0:
            return array
    try:
        return np.array(values, dtype=object)
    except ValueError:
        raise InvalidInput(f"input {spec.name!r}: expected rows of equal length") from None


def _to_numpy(columns: Any) -> Array:
    """A frame's or a series' values; pandas' extension types become objects, never floats by accident."""
    return np.asarray(columns.to_numpy())


def _one_dimensional(rows: Any, spec: TensorSpec) -> Array:
    array = (
        _to_numpy(rows) if hasattr(rows, "to_numpy") else rows if isinstance(rows, str) else _from_sequence(rows, spec)
    )
    if np.ndim(array) != 1:
        what = "texts" if spec.datatype == "BYTES" else "values"
        got = "one text" if isinstance(rows, str) else f"{np.ndim(array)} dimensions"
        raise InvalidInput(f"expected a list of {what}, got {got}")
    return np.asarray(array)


def _listed(rows: Any) -> list[Any]:
    if isinstance(rows, str | bytes | Mapping) or not hasattr(rows, "__iter__"):
        raise InvalidInput(f"expected a list of records, got {_describe(rows)}")
    return list(rows)


def _two_dimensional(rows: Any, *, mixed: bool) -> Array:
    """Rows as an array; values of a list stay what they are where the datatypes are ``mixed``."""
    try:
        array = np.asarray(rows)
        if not isinstance(rows, np.ndarray) and (mixed or array.dtype.kind in "US"):
            array = np.array(rows, dtype=object)  # NumPy would print the numbers beside a text, and make 1 of True
    except ValueError:
        raise InvalidInput("expected rows of equal length") from None
    if array.shape == (0,):
        _refuse_empty()
    if array.ndim != 2:
        raise InvalidInput(
            f"expected rows of values (2 dimensions), got {array.ndim} dimension{'s' * (array.ndim != 1)}"
        )
    return array


def _expectation(spec: TensorSpec) -> str:
    if spec.datatype == "BYTES":
        return "a string"
    if spec.datatype == "BOOL":
        return "true or false"
    return "a number" if spec.is_float else "an integer"


def _describe(value: Any) -> str:
    return "a missing value" if is_missing(value) else f"{value!r:.60}"


def _refuse_kind(array: Array, spec: TensorSpec) -> NoReturn:
    got = (
        f"{_describe(array.flat[0].item() if hasattr(array.flat[0], 'item') else array.flat[0])} ({array.dtype})"
        if array.size
        else str(array.dtype)
    )
    raise InvalidInput(f"input {spec.name!r} row 0: expected {_expectation(spec)}, got {got}")


def _refuse_width(expected: Sequence[int], got: Sequence[int]) -> NoReturn:
    wanted = f"{expected[1]} values a row" if len(expected) == 2 else "one value a row"
    came = f"{got[1]}" if len(got) == 2 else f"shape {tuple(got)}"
    raise InvalidInput(f"expected {wanted}, got {came}")


def _refuse_empty() -> NoReturn:
    raise InvalidInput("expected at least one row, got none")
