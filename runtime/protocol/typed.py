"""``TypedReader``: the common inference request, read at once: tensors of the model's own datatypes, as JSON.

The types of its parts are made when the model is loaded: one pass of msgspec checks names, datatypes, values and ranges,
and what it lets through needs no second look. Whatever it does not take is for the thorough way, which also knows why.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from skerry.runtime.feeds import Array, FeedBuilder, Feeds
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.values import json_type
from skerry.runtime.tensors import BEYOND_SINGLE, DTYPES, MISSING, TensorSpec, is_usable

KEYS = 4
"""The keys of a tensor in such a request: name, shape, datatype and data."""

_FAULTS = (msgspec.MsgspecError, ValueError, TypeError, IndexError, OverflowError, RecursionError, struct.error)


class TypedReader:
    """Calling it with a body gives the decoded envelope and the feeds, or None where it is not such a request.

    Data is flat, or with ``nested`` a list of rows. ``matrix`` is the one tensor of all values, where there is one.
    """

    def __init__(
        self,
        feeds: FeedBuilder,
        envelope: type[msgspec.Struct],
        matrix: TensorSpec | None,
        limits: Limits,
        *,
        nested: bool,
    ) -> None:
        self._feeds = _reader_of(feeds, matrix, limits, nested)
        body = msgspec.defstruct(
            "Body",
            [("inputs", list[reduce(or_, self._feeds.kinds)])],  # type: ignore[misc]
            bases=(envelope,),
            kw_only=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(body).decode

    def __call__(self, body: bytes) -> tuple[Any, Feeds] | None:
        try:
            request: Any = self._decode(body)
            return request, self._feeds(request.inputs)
        except _FAULTS:
            return None


def is_typed(feeds: FeedBuilder) -> bool:
    """Whether a model is fed its columns and nothing else; what is made of texts and records cannot be read at once."""
    return feeds.tensors == set(feeds.groups if feeds.layout == "columns" else feeds.names)


def _reader_of(
    feeds: FeedBuilder, matrix: TensorSpec | None, limits: Limits, nested: bool
) -> _MatrixReader | _ColumnsReader:
    if feeds.layout != "columns":
        return _MatrixReader(feeds.inputs[0], feeds.names[0], limits, nested, tagged=False)
    tagged = len(feeds.inputs) > 1 or matrix is not None
    if matrix:  # a value may be missing here only where it may be in every column
        matrix = msgspec.structs.replace(matrix, missing=all(spec.missing for spec in feeds.inputs))
    one = _MatrixReader(matrix, matrix.datatype, limits, nested, tagged) if matrix else None
    return _ColumnsReader(feeds, one, limits, nested, tagged)


class _MatrixReader:
    """One tensor of all values: (rows, width), or (rows,)."""

    def __init__(self, spec: TensorSpec, feed: str, limits: Limits, nested: bool, tagged: bool) -> None:
        self._feed = feed
        columns = spec.shape[1:] or ((1,) if nested else ())
        self._width = columns[0] if columns else 1
        self._dimensions = len(spec.shape)
        self._limit = limits.max_elements
        self._nested = nested
        self._array = _array_of(spec, self._width)
        rows = Annotated[int, msgspec.Meta(ge=1, le=limits.max_rows)]
        shape: Any = tuple[(rows, *(Literal[size] for size in columns))]  # type: ignore[misc]
        self.kinds: list[Any] = [_tensor_type(spec, shape, self._width if nested else 0, tagged)]

    def __call__(self, tensors: Sequence[Any]) -> Feeds:
        (tensor,) = tensors
        data = [*chain.from_iterable(tensor.data)] if self._nested else tensor.data
        if len(data) != tensor.shape[0] * self._width or len(data) > self._limit:
            raise ValueError
        return {self._feed: self._array(data, tensor.shape[: self._dimensions])}


class _ColumnsReader:
    """One tensor for each column: (rows, 1) or (rows,), the same for all; or the one of all values."""

    def __init__(
        self, feeds: FeedBuilder, matrix: _MatrixReader | None, limits: Limits, nested: bool, tagged: bool
    ) -> None:
        self._matrix = matrix
        self._max_rows = min(limits.max_rows, limits.max_elements)
        self._nested = nested
        self._own = [_tensor_type(spec, list[int], 1 if nested else 0, tagged) for spec in feeds.inputs]
        self.kinds: list[Any] = [*self._own, *(matrix.kinds if matrix else ())]
        self._groups = [_Group(feeds, datatype) for datatype in feeds.groups]

    def __call__(self, tensors: Sequence[Any]) -> Feeds:
        if list(map(type, tensors)) != self._own:
            if self._matrix is not None and type(tensors[0]) is self._matrix.kinds[0]:
                return self._matrix(tensors)
            tensors = self._in_order(tensors)
        shapes = [tensor.shape for tensor in tensors]
        columns = [tensor.data for tensor in tensors]
        rows, *width = shapes[0]
        if (
            not 0 < rows <= self._max_rows
            or width not in ([1], [] if not self._nested else [1])
            or shapes.count(shapes[0]) != len(shapes)
            or list(map(len, columns)).count(rows) != len(columns)
        ):
            raise ValueError
        if self._nested:
            columns = [[*chain.from_iterable(column)] for column in columns]
        return {group.datatype: group(columns, rows) for group in self._groups}

    def _in_order(self, tensors: Sequence[Any]) -> Sequence[Any]:
        found = {type(tensor): tensor for tensor in tensors}
        if len(found) != len(tensors) or len(found) != len(self._own):
            raise ValueError
        return [found[kind] for kind in self._own]


class _Group:
    """The matrix of all columns of one datatype."""

    def __init__(self, feeds: FeedBuilder, datatype: str) -> None:
        self.datatype = datatype
        self._places = [place for place, spec in enumerate(feeds.inputs) if spec.datatype == datatype]
        self._array = _array_of(feeds.inputs[self._places[0]], len(self._places))

    def __call__(self, columns: Sequence[list[Any]], rows: int) -> Array:
        values = [*chain.from_iterable([columns[place] for place in self._places])]
        if rows == 1:
            return self._array(values, (1, len(values)))
        return np.ascontiguousarray(self._array(values, (len(self._places), rows)).T)


def _tensor_type(spec: TensorSpec, shape: Any, width: int, tagged: bool) -> type[msgspec.Struct]:
    """The tensor that feeds ``spec``; its data is rows of ``width`` values, or flat where that is 0.

    Its name tells it from others as a tag. Where it is alone, it is a field, as msgspec takes a lone type without its tag.
    """
    value = _value_type(spec)
    data: Any = list[tuple[(value,) * width] if width else value]  # type: ignore[misc]
    name = [] if tagged else [("name", Literal[spec.name])]
    return msgspec.defstruct(
        "Tensor",
        [*name, ("shape", shape), ("datatype", Literal[spec.datatype]), ("data", data)],
        tag_field="name" if tagged else None,
        tag=spec.name if tagged else None,
        forbid_unknown_fields=True,
        gc=False,
    )


def _value_type(spec: TensorSpec) -> Any:
    """A number of JSON is finite; where it becomes float32, or scikit-learn makes it that, its range is a bound."""
    if spec.is_float and (spec.single or spec.datatype == "FP32"):
        bounded: Any = Annotated[float, msgspec.Meta(gt=-BEYOND_SINGLE, lt=BEYOND_SINGLE)]
        return bounded | None if spec.missing else bounded
    return json_type(spec)


def _array_of(spec: TensorSpec, width: int) -> Callable[[list[Any], tuple[int, ...]], Array]:
    """Values of the input's type → an array of its dtype in a shape. ``struct`` takes half of NumPy's time for it."""
    if spec.datatype == "BYTES":
        return _texts
    dtype = DTYPES[spec.datatype]
    code, one_row = dtype.char, struct.Struct(f"{width}{dtype.char}").pack

    def numbers(values: list[Any], shape: tuple[int, ...]) -> Array:
        try:
            content = one_row(*values) if len(values) == width else struct.pack(f"{len(values)}{code}", *values)
        except struct.error:
            if None not in values:
                raise
            return np.array(values, dtype).reshape(shape)  # None becomes NaN
        return np.ndarray(shape, dtype, content)

    return numbers


def _texts(values: list[Any], shape: tuple[int, ...]) -> Array:
    present = [value for value in values if value is not None]
    if not is_usable("\n".join(present)):
        raise ValueError
    filled = values if len(present) == len(values) else [MISSING if value is None else value for value in values]
    return np.array(filled, object).reshape(shape)
