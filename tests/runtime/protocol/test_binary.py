from __future__ import annotations

import struct

import numpy as np
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.protocol.binary import BINARY_DTYPES, read_json_size, read_tensor, write_tensor

WHERE = "input 'a': "


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


@pytest.mark.parametrize("value", ["0", "7", "010", "10"])
def test_the_size_of_the_json_is_digits(value: str) -> None:
    assert read_json_size(value, 10) == int(value)


@pytest.mark.parametrize(
    "value", ["", " 7", "-1", "+1", "11", "1e3", "0x7", "7, 7", "99999999999", "9" * 5000, "７", "²", "7.0"]
)
def test_any_other_size_is_refused(value: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"^Inference-Header-Content-Length: expected an integer from 0 to 10, got '"
    ):
        read_json_size(value, 10)


@pytest.mark.parametrize("start", [0, 8, 3])
@pytest.mark.parametrize("datatype", [name for name, dtype in BINARY_DTYPES.items() if dtype.kind in "iuf"])
def test_numbers_are_little_endian_wherever_they_begin(datatype: str, start: int) -> None:
    values = np.array([0, 1, 100], BINARY_DTYPES[datatype])
    content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    got = read_tensor(b"." * start + content + b"rest", start, len(content), datatype, 3, WHERE)
    np.testing.assert_array_equal(got, values, strict=True)
    assert got.flags.aligned
    assert write_tensor(values) == content


def test_aligned_numbers_are_not_copied() -> None:
    body = b"." * 8 + np.arange(4.0).tobytes()
    assert np.shares_memory(read_tensor(body, 8, 32, "FP64", 4, WHERE), np.frombuffer(body, np.uint8))


def test_booleans_are_bytes() -> None:
    got = read_tensor(b"\x01\x00\x01", 0, 3, "BOOL", 3, WHERE)
    np.testing.assert_array_equal(got, [True, False, True], strict=True)
    assert write_tensor(got) == b"\x01\x00\x01"


@pytest.mark.parametrize("values", [["Oslo", "", "Łódź", "a\nb"], [], [""]])
def test_texts_have_their_length_before_them(values: list[str]) -> None:
    content = texts(*(value.encode() for value in values))
    got = read_tensor(b"{}" + content, 2, len(content), "BYTES", len(values), WHERE)
    assert (got.tolist(), got.dtype.kind, got.shape) == (values, "O", (len(values),))
    assert write_tensor(got) == content
    assert write_tensor(np.array(values, np.str_)) == content


@pytest.mark.parametrize("datatype", ["FP64", "BOOL", "BYTES"])
def test_a_tensor_may_be_empty(datatype: str) -> None:
    assert read_tensor(b"", 0, 0, datatype, 0, WHERE).shape == (0,)


@pytest.mark.parametrize(
    ("body", "size", "datatype", "count", "expected"),
    [
        (b"12345678", 9, "FP64", 1, "expected 9 bytes of binary data, got 8"),
        (b"12345678", 2**62, "FP64", 1, f"expected {2**62} bytes of binary data, got 8"),
        (b"12345678", 7, "FP64", 1, "expected 8 bytes for 1 of FP64, got 7"),
        (b"12345678", 8, "FP32", 1, "expected 4 bytes for 1 of FP32, got 8"),
        (b"12345678", 8, "FP64", 2**60, f"expected {2**63} bytes for {2**60} of FP64, got 8"),
        (b"", 0, "FP64", 1, "expected 8 bytes for 1 of FP64, got 0"),
        (b"\x00\x02", 2, "BOOL", 2, "expected bytes 0 and 1 for BOOL, got 2 as element 1"),
        (texts(b"a"), 5, "BYTES", 2, "expected at least 8 bytes for 2 of BYTES, got 5"),
        (texts(b"abcdefgh"), 12, "BYTES", 2, "element 1 of BYTES: its length runs over the end of the tensor"),
        (texts(b"abcd", b"a") + b"123", 16, "BYTES", 2, "expected 2 elements of BYTES, got 3 bytes more"),
        (struct.pack("<I", 2**32 - 1) + b"abcd", 8, "BYTES", 1, "element 0 of BYTES: its length runs over the end of the tensor"),
        (texts(b"ab") + b"12", 8, "BYTES", 2, "element 1 of BYTES: its length runs over the end of the tensor"),
        (texts(b"a", b"\xff"), 10, "BYTES", 2, "element 1 of BYTES: expected UTF-8"),
        (texts(b"\xed\xa0\x80"), 7, "BYTES", 1, "element 0 of BYTES: expected UTF-8"),
        (b"1234", 4, "BYTES", 2**60, f"expected at least {2**62} bytes for {2**60} of BYTES, got 4"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_such_tensor_are_refused(
    body: bytes, size: int, datatype: str, count: int, expected: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        read_tensor(body, 0, size, datatype, count, WHERE)
    assert error.value.text == WHERE + expected
