"""Thrift's compact protocol, as far as Parquet is written in it: bytes → a dict from the number of a field to its value.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Fields = dict[int, Any]

_DEPTH = 16
"""Structs and lists in each other; Parquet has about eight."""
_VARINT = 10
"""Bytes of a number of 64 bits."""


class ThriftError(ValueError):
    """The bytes are not what they should be."""


def decode_struct(data: bytes, start: int, end: int) -> tuple[Fields, int]:
    """The struct at ``start``, and where it ends, which is not after ``end``.

    A field that is there twice is an error: readers differ in which of the two they take.

    Raises:
        ThriftError: there is no struct.
    """
    reader = _Reader(data, start, end)
    try:
        return reader.struct(0), reader.at
    except (IndexError, KeyError):
        raise ThriftError("expected a Thrift struct, got something else") from None


class _Reader:
    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = memoryview(data)[:end]
        self.at = start
        self._readers: dict[int, Callable[[int], Any]] = {
            3: lambda _: self._byte(),
            4: lambda _: self._signed(),
            5: lambda _: self._signed(),
            6: lambda _: self._signed(),
            7: lambda _: self._skip(8),
            8: lambda _: self._skip(self._unsigned()),
            9: self._list,
            10: self._list,
            12: self.struct,
        }

    def struct(self, depth: int) -> Fields:
        self._check_depth(depth)
        found: Fields = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            if number in found:
                raise ThriftError(f"expected field {number} once, got it twice")
            kind = head & 15
            found[number] = kind == 1 if kind in (1, 2) else self._readers[kind](depth + 1)
        return found

    def _list(self, depth: int) -> list[Any]:
        self._check_depth(depth)
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._unsigned()
        if size > len(self._data) - self.at:
            raise IndexError
        kind = head & 15
        read = self._readers[3 if kind in (1, 2) else kind]
        return [read(depth + 1) for _ in range(size)]

    def _check_depth(self, depth: int) -> None:
        if depth > _DEPTH:
            raise ThriftError("expected Thrift structs in few others, got more")

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 7 * _VARINT, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ThriftError("expected a number of 64 bits, got a longer one")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
