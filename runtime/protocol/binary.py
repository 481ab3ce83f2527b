"""The binary tensor data extension: tensors as bytes behind the JSON, little-endian, row by row, nothing between.

BOOL is one byte, 0 or 1; an element of BYTES is its length as UINT32, and its bytes. Source: Triton,
docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import struct
import sys

import numpy as np

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array
from skerry.runtime.tensors import DTYPES

JSON_SIZE_HEADER = "Inference-Header-Content-Length"
"""The HTTP header that says how many bytes of a body are JSON."""

BINARY_DTYPES: dict[str, np.dtype] = DTYPES | {"FP16": np.dtype(np.float16)}
"""Datatypes that a binary tensor may have. FP16 has no model, but is in every other float."""

_LENGTH = struct.Struct("<I")


def read_json_size(value: str, body_size: int) -> int:
    """``Inference-Header-Content-Length`` of a body of ``body_size`` bytes: digits, and no more than there are.

    Raises:
        InvalidInput: it is anything else.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 20 and int(value) <= body_size):
        raise InvalidInput(f"{JSON_SIZE_HEADER}: expected an integer from 0 to {body_size}, got {value!r:.40}")
    return int(value)


def read_tensor(body: bytes, start: int, size: int, datatype: str, count: int, where: str) -> Array:
    """``count`` elements of ``datatype`` in the ``size`` bytes of ``body`` from ``start`` on, in one dimension.

    Numbers are a read-only view of ``body`` where they are aligned in memory; texts are strings in an array of objects.

    Raises:
        InvalidInput: they are more or fewer bytes, no 0 or 1, no UTF-8; it begins with ``where``.
    """
    if start + size > len(body):
        raise InvalidInput(f"{where}expected {size} bytes of binary data, got {max(0, len(body) - start)}")
    if datatype == "BYTES":
        return _read_texts(body, start, start + size, count, where)
    dtype = BINARY_DTYPES[datatype]
    if size != count * dtype.itemsize:
        raise InvalidInput(f"{where}expected {count * dtype.itemsize} bytes for {count} of {datatype}, got {size}")
    if not count:
        return np.empty(0, dtype)  # NumPy makes no view of nothing
    if datatype == "BOOL":
        return _read_booleans(body, start, count, where)
    array = np.frombuffer(body, dtype.newbyteorder("<"), count, start)
    # What reads memory 32 bytes at a time may not be given numbers that begin anywhere.
    return array if array.flags.aligned and sys.byteorder == "little" else array.astype(dtype)


def _read_booleans(body: bytes, start: int, count: int, where: str) -> Array:
    found = np.frombuffer(body, np.uint8, count, start)
    if (wrong := found > 1).any():
        row = int(wrong.argmax())
        raise InvalidInput(f"{where}expected bytes 0 and 1 for BOOL, got {found[row]} as element {row}")
    return found.view(np.bool_)


def _read_texts(body: bytes, start: int, end: int, count: int, where: str) -> Array:
    if count * _LENGTH.size > end - start:
        raise InvalidInput(
            f"{where}expected at least {count * _LENGTH.size} bytes for {count} of BYTES, got {end - start}"
        )
    texts = np.empty(count, object)
    for index in range(count):
        first = start + _LENGTH.size
        last = first + (_LENGTH.unpack_from(body, start)[0] if first <= end else 0)
        if last > end:
            raise InvalidInput(f"{where}element {index} of BYTES: its length runs over the end of the tensor")
        texts[index] = _read_text(body[first:last], index, where)
        start = last
    if start != end:
        raise InvalidInput(f"{where}expected {count} elements of BYTES, got {end - start} bytes more")
    return texts


def _read_text(content: bytes, index: int, where: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{where}element {index} of BYTES: expected UTF-8") from None


def write_tensor(array: Array) -> bytes:
    """An answer's bytes: what ``read_tensor`` reads."""
    if array.dtype.kind in "OU":
        texts = [text.encode() for text in array.ravel().tolist()]
        return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
