from __future__ import annotations

import pytest

from skerry.runtime.protocol.thrift import ThriftError, decode_struct


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x00", {}),
        (b"\x15\x02\x16\xd0\x0f\x00", {1: 1, 2: 1000}),
        (b"\x05\x28\x03\x00", {20: -2}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x18\x02ab\x15\x04\x00", {1: None, 2: 2}),
        (b"\x19\x25\x02\x04\x15\x06\x00", {1: [1, 2], 2: 3}),
        (b"\x19\x1c\x15\x02\x00\x00", {1: [{1: 1}]}),
        (b"\x17" + bytes(8) + b"\x13\x05\x00", {1: None, 2: 5}),
    ],
)
def test_structs_are_values_by_the_numbers_of_their_fields(content: bytes, expected: dict[int, object]) -> None:
    assert decode_struct(b"?" + content + b"more", 1, len(content) + 5) == (expected, len(content) + 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x15",
        b"\x15" + b"\xff" * 12,
        b"\x15\x02\x05\x02\x02\x00",
        b"\x18\xff\xff\xff\xff\x07",
        b"\x19\xf5\xff\xff\xff\xff\x07",
        b"\x1b\x00",
        b"\x1e\x00",
        b"\x1c" * 10_000,
        b"\x19\x19" * 10_000,
    ],
)
def test_what_is_no_struct_is_refused(content: bytes) -> None:
    with pytest.raises(ThriftError):
        decode_struct(content, 0, len(content))
