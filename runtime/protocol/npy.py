"""NumPy's ``.npy``: one array as rows, one array as the answer. Nothing is unpickled, and no text of a client evaluated.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from math import prod

import numpy as np

from skerry.runtime.errors import InvalidInput, NotAcceptable
from skerry.runtime.feeds import Array
from skerry.runtime.protocol.columns import EXPECTED, ColumnContract
from skerry.runtime.tensors import TensorSpec

MAGIC = b"\x93NUMPY"
_LENGTH = {(1, 0): 2, (2, 0): 4}
"""Version → bytes of the header's length. Version 3 is only for fields with names, which no array of rows has."""
_HEADER = 1024
"""Bytes of the header at most; NumPy writes 118."""
_SHAPE = r"\((?P<shape>(?:\s*\d{1,18}L?\s*,)*\s*(?:\d{1,18}L?)?\s*)\)"
_ENTRIES = {
    "descr": re.compile(r"""["']descr["']\s*:\s*["'](?P<descr>[^"']*)["']"""),
    "fortran_order": re.compile(r"""["']fortran_order["']\s*:\s*(?P<fortran_order>True|False)"""),
    "shape": re.compile(rf"""["']shape["']\s*:\s*{_SHAPE}"""),
}
_DESCR = re.compile(r"[<>=|]?(?:f[248]|[iu][1248]|b1|U[1-9]\d{0,5})")
"""Real numbers, truths and strings of a fixed width; no objects, no bytes, no dates, no fields."""
_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b", "O": "U"}
"""Kind of an input's dtype → the kinds it takes: integers for floats, and nothing else's."""


def decode_npy(body: bytes, contract: ColumnContract, inputs: Sequence[TensorSpec]) -> Array:
    """The array; its header, shape and size are checked before it is looked at. Numbers are not copied.

    Raises:
        InvalidInput: it is not an array of what each of ``inputs`` takes.
        TooLarge: it declares more rows or values than a request may have.
    """
    dtype, fortran, shape, start = _header(body)
    if not 1 <= len(shape) <= 2:
        raise InvalidInput(f"expected an array of 1 or 2 dimensions, got {len(shape)}")
    contract.check_size(shape[0], prod(shape[1:]))
    if len(body) - start != prod(shape) * dtype.itemsize:
        raise InvalidInput(
            f"expected {prod(shape) * dtype.itemsize} bytes for shape {shape} of {dtype.str}, got {len(body) - start}"
        )
    for spec in inputs:
        if dtype.kind not in _KINDS[kind := spec.numpy_dtype.kind]:
            raise InvalidInput(f"input {spec.name!r} row 0: expected {EXPECTED[kind]}, got an array of {dtype.name}")
    array = np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if fortran else "C")
    return _CHECKS.get(dtype.kind, _native)(array)


def encode_npy(answers: Sequence[Array]) -> bytes:
    """One answer as an ``.npy``; strings as an array of a fixed width.

    Raises:
        NotAcceptable: there are several.
    """
    if len(answers) != 1:
        raise NotAcceptable(f"expected one output for application/x-npy, got {len(answers)}")
    array = answers[0]
    buffer = io.BytesIO()
    np.save(buffer, array.astype(str) if array.dtype == object else array, allow_pickle=False)
    return buffer.getvalue()


def _header(body: bytes) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Dtype, whether columns come first, shape, and where the values start."""
    size = _LENGTH.get((body[6], body[7])) if body.startswith(MAGIC) and len(body) > 12 else None
    if size is None:
        raise InvalidInput("expected an .npy of version 1.0 or 2.0, got something else")
    length = int.from_bytes(body[8 : 8 + size], "little")
    start = 8 + size + length
    if length > _HEADER or start > len(body):
        raise InvalidInput(f"expected an .npy header of at most {_HEADER} bytes, got {length}")
    text = body[8 + size : start].decode("latin-1")
    found = {key: match[key] for key, entry in _ENTRIES.items() if (match := entry.search(text))}
    rest = text
    for entry in _ENTRIES.values():
        rest = entry.sub("", rest, count=1)
    if len(found) != 3 or not re.fullmatch(r"\{[\s,]*\}\s*", rest):
        raise InvalidInput("expected an .npy header of descr, fortran_order and shape")
    if not _DESCR.fullmatch(found["descr"]):
        raise InvalidInput(f"expected an array of real numbers, truths or strings, got {found['descr']!r:.40}")
    shape = tuple(int(part.strip().rstrip("L")) for part in found["shape"].split(",") if part.strip())
    return np.dtype(found["descr"]), found["fortran_order"] == "True", shape, start


def _native(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _truths(array: Array) -> Array:
    if array.size and array.view(np.uint8).max() > 1:
        raise InvalidInput("expected bytes 0 and 1 for truths, got others")
    return array


def _strings(array: Array) -> Array:
    """Any four bytes could be said to be a character; Unicode ends at U+10FFFF."""
    plain = np.ascontiguousarray(array)
    codes = plain.view(f"{plain.dtype.str[0]}u4")
    if codes.size and codes.max() > 0x10FFFF:
        raise InvalidInput("expected strings of Unicode characters, got others")
    return plain.astype(object)


_CHECKS = {"b": _truths, "U": _strings}
