"""``InputReader``: one tensor of an inference request as an array, out of JSON or out of the bytes behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any, NoReturn

import msgspec
import numpy as np

from skerry.runtime.errors import InvalidInput, TooLarge, nearest
from skerry.runtime.feeds import Array, as_array, place, typed_array
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.binary import BINARY_DTYPES, JSON_SIZE_HEADER, read_tensor
from skerry.runtime.protocol.parameters import Parameters, check_reserved, read_count
from skerry.runtime.protocol.values import explain_element, json_type
from skerry.runtime.tensors import DTYPES, TensorSpec

_NESTED = re.compile(rb"\[\s*\[")
_LARGE = 2**16
"""Bytes of JSON from which on values are counted before they are decoded, as each takes up to 32 bytes in memory."""
_EXACT = 2**53
"""Up to here FP64 has every integer."""


class Tensor(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An input as it came. ``data`` is JSON, not yet decoded, and empty where there is none."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: Parameters | None = None


class InputReader:
    """Reads the tensors that feed one input, or the one matrix of all columns.

    An array comes out in the shape that the input has, (rows, width), or (rows,) of a column or a vector, and in its dtype,
    floats of JSON in float64; whether the model takes the values, missing or infinite, is for ``FeedBuilder`` to say.
    """

    def __init__(self, spec: TensorSpec, limits: Limits, *, is_column: bool = False) -> None:
        self._spec = spec
        self._shape = (-1,) if is_column else (-1, *spec.shape[1:])
        self._limits = limits
        self._where = f"input {spec.name!r}: "
        self._width = prod(spec.shape[1:])
        self._columns = list(spec.shape[1:])
        self._datatypes = datatypes_of(spec)
        self._decoder = cache(self._new_decoder)

    def read(self, tensor: Tensor, body: bytes, start: int | None) -> tuple[Array, int]:
        """The array, and how many of ``body``'s bytes from ``start`` on were its; None means there are none.

        Raises:
            InvalidInput: the tensor is not what the input takes; it says where.
            TooLarge: it declares more than the limits allow.
        """
        if tensor.datatype not in self._datatypes:
            self._refuse_datatype(tensor.datatype)
        count = self._count(tensor.shape)
        parameters = tensor.parameters or {}
        check_reserved(parameters, self._where[:-2])
        size = read_count(parameters, "binary_data_size", self._where[:-2], 0)
        if (size is None) == (not tensor.data):
            self._refuse('either "data" or the parameter "binary_data_size"', "neither" if size is None else "both")
        array = (
            self._from_json(tensor, count)
            if size is None
            else self._from_bytes(tensor.datatype, count, body, start, size)
        )
        return self._widened(array.reshape(self._shape), tensor.datatype), size or 0

    def read_raw(self, body: bytes) -> Array:
        """A body that is the tensor's bytes and nothing else: as many rows as there are; of texts one, without its length."""
        datatype = self._spec.datatype
        if datatype == "BYTES":
            body = len(body).to_bytes(4, "little") + body
            return self._from_bytes(datatype, self._count([1, *self._columns]), body, 0, len(body)).reshape(self._shape)
        row = self._width * DTYPES[datatype].itemsize
        if len(body) % row:
            self._refuse(f"a multiple of {row} bytes, as a row of {self._width} {datatype} has", f"{len(body)}")
        count = self._count([len(body) // row, *self._columns])
        return self._from_bytes(datatype, count, body, 0, len(body)).reshape(self._shape)

    def _count(self, shape: Sequence[int]) -> int:
        """How many values a tensor of that shape has; one column of n rows may be [n, 1] or [n]."""
        rows, columns = (shape[0], list(shape[1:])) if shape else (-1, [])
        if rows < 0 or (columns != self._columns and not (self._width == 1 and columns in ([], [1]))):
            self._refuse(f"shape {[-1, *self._columns]}", f"{shape[:16]!r:.80}")
        if rows > self._limits.max_rows:
            raise TooLarge(f"{self._where}expected at most {self._limits.max_rows} rows, got {rows}")
        if rows * self._width > self._limits.max_elements:
            raise TooLarge(
                f"{self._where}expected at most {self._limits.max_elements} values, got {rows * self._width}"
            )
        return rows * self._width

    def _from_bytes(self, datatype: str, count: int, body: bytes, start: int | None, size: int) -> Array:
        if start is None:
            self._refuse(f'"data", or the header {JSON_SIZE_HEADER}', '"binary_data_size" without it')
        return read_tensor(body, start, size, datatype, count, self._where)

    def _from_json(self, tensor: Tensor, count: int) -> Array:
        data = bytes(tensor.data)
        if tensor.datatype not in DTYPES:
            self._refuse(f"binary data for {tensor.datatype}", "JSON")
        if len(data) > _LARGE and tensor.datatype != "BYTES" and data.count(b",") >= max(count, 1):
            self._refuse_count(tensor.shape, count, data.count(b",") + 1)
        nested = bool(_NESTED.match(data))
        values = self._decoded(data, tensor.datatype, nested)
        if nested:
            if len(tensor.shape) != 2 or any(len(row) != tensor.shape[1] for row in values):
                self._refuse(f"data flat or nested as shape {tensor.shape}", "lists of other lengths")
            values = [value for row in values for value in row]
        if len(values) != count:
            self._refuse_count(tensor.shape, count, len(values))
        return typed_array(values, self._as(tensor.datatype))

    def _decoded(self, data: bytes, datatype: str, nested: bool) -> list[Any]:
        try:
            return self._decoder(datatype, nested).decode(data)
        except msgspec.ValidationError as error:
            text, indices = explain_element(str(error))
            raise InvalidInput(f"{self._place(indices, nested)}: {text}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"{self._where}expected JSON: {error}") from None

    def _place(self, indices: Sequence[int], nested: bool) -> str:
        if not indices:
            return f"input {self._spec.name!r}"
        row, *column = indices if nested or self._width == 1 else divmod(indices[0], self._width)
        return f"input {self._spec.name!r} row {row}" + (f" column {column[0]}" if column else "")

    def _new_decoder(self, datatype: str, nested: bool) -> msgspec.json.Decoder[list[Any]]:
        kind = json_type(self._as(datatype))
        return msgspec.json.Decoder(list[list[kind]] if nested else list[kind])  # type: ignore[valid-type]

    def _as(self, datatype: str) -> TensorSpec:
        """The input, if it had the datatype that came. Whether a number is in the range of float32 is seen once it is widened."""
        spec = self._spec
        return spec if datatype == spec.datatype else msgspec.structs.replace(spec, datatype=datatype, single=False)

    def _widened(self, array: Array, datatype: str) -> Array:
        """In the input's dtype, which has every value of the tensor's exactly, or it is refused."""
        if datatype == self._spec.datatype:
            return array
        if datatype in DTYPES:
            array = as_array(array, self._as(datatype))
        if array.dtype.kind in "iu" and self._spec.is_float and (lost := (array > _EXACT) | (array < -_EXACT)).any():
            raise InvalidInput(
                f"{place(self._spec, lost)}: expected an integer that {self._spec.datatype} has, from -2**53 to 2**53, got {array[lost][0]}"
            )
        return array.astype(DTYPES[self._spec.datatype])

    def _refuse(self, expected: str, got: str) -> NoReturn:
        raise InvalidInput(f"{self._where}expected {expected}, got {got}")

    def _refuse_count(self, shape: Sequence[int], count: int, got: int) -> NoReturn:
        self._refuse(f"{count} values for shape {list(shape)}", f"{got}")

    def _refuse_datatype(self, got: str) -> NoReturn:
        others = [datatype for datatype in self._datatypes if datatype != self._spec.datatype]
        wider = f" (or {', '.join(others)}, which it has exactly)" if others else ""
        hint = "" if got in BINARY_DTYPES else nearest(got.upper(), [self._spec.datatype])
        self._refuse(f"datatype {self._spec.datatype}{wider}", f"{got!r:.40}{hint}")


def datatypes_of(spec: TensorSpec) -> list[str]:
    """The datatypes of tensors that may feed an input: its own, and those of which it has every value."""
    return [datatype for datatype, dtype in BINARY_DTYPES.items() if _holds(spec, datatype, dtype)]


def _holds(spec: TensorSpec, datatype: str, dtype: np.dtype) -> bool:
    """Whether the input's dtype has every value of ``dtype``: integers and floats of fewer bits. What FP64 cannot have of
    64 bits is seen by value."""
    numbers = dtype.kind in "iuf" and (spec.is_float or spec.is_integer)
    return datatype == spec.datatype or (numbers and np.can_cast(dtype, DTYPES[spec.datatype], "safe"))
