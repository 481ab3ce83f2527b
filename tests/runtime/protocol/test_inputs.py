from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime.errors import InferenceError, InvalidInput, TooLarge
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.binary import BINARY_DTYPES, write_tensor
from skerry.runtime.protocol.inputs import InputReader, Tensor
from skerry.runtime.tensors import DTYPES, TensorSpec

WIDER = {
    "FP64": {"FP16", "FP32", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"},
    "FP32": {"FP16", "INT8", "INT16", "UINT8", "UINT16"},
    "INT64": {"INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32"},
    "UINT64": {"UINT8", "UINT16", "UINT32"},
    "INT8": set(),
    "BOOL": set(),
    "BYTES": set(),
}


def reader(datatype: str, shape: tuple[int, ...] = (-1, 2), *, is_column: bool = False, **settings: Any) -> InputReader:
    spec = TensorSpec(name="a", datatype=datatype, shape=shape, **settings)
    return InputReader(spec, Limits(max_rows=10, max_elements=16), is_column=is_column)


def in_json(datatype: str, shape: list[int], data: str) -> Tensor:
    return Tensor("a", shape, datatype, msgspec.Raw(data.encode()))


def read(reader: InputReader, tensor: Tensor, body: bytes = b"", start: int | None = None) -> np.ndarray:
    return reader.read(tensor, body, start)[0]


@pytest.mark.parametrize("datatype", WIDER)
def test_a_datatype_is_the_inputs_own_or_one_that_it_has_exactly(datatype: str) -> None:
    for given, dtype in BINARY_DTYPES.items():
        values = np.array(["0", "1"], object) if given == "BYTES" else np.array([0, 1], dtype)
        content = write_tensor(values)
        tensor = Tensor("a", [1, 2], given, parameters={"binary_data_size": len(content)})
        if given == datatype or given in WIDER[datatype]:
            got, size = reader(datatype).read(tensor, b"{}" + content, 2)
            expected = values.reshape(1, 2) if datatype == "BYTES" else np.array([[0, 1]], DTYPES[datatype])
            np.testing.assert_array_equal(got, expected, strict=True)
            assert size == len(content)
        else:
            with pytest.raises(InvalidInput, match=rf"^input 'a': expected datatype {datatype}.*, got '{given}'$"):
                read(reader(datatype), tensor, content, 0)


@pytest.mark.parametrize(
    ("datatype", "text", "expected"),
    [
        ("FP64", "[1, 2.5]", [1.0, 2.5]),
        ("FP64", "[[1, 2.5]]", [1.0, 2.5]),
        ("FP64", "[1e308, -0.0]", [1e308, -0.0]),
        ("UINT64", "[18446744073709551615, 9223372036854775808]", [2**64 - 1, 2**63]),
        ("INT64", "[-9223372036854775808, 9223372036854775807]", [-(2**63), 2**63 - 1]),
        ("INT8", "[-128, 127]", [-128, 127]),
        ("BOOL", "[true, false]", [True, False]),
        ("BYTES", r'["\u0141\u00f3d\u017a", ""]', ["Łódź", ""]),
    ],
)
def test_json_is_read_as_its_datatype(datatype: str, text: str, expected: list[Any]) -> None:
    got = read(reader(datatype), in_json(datatype, [1, 2], text))
    np.testing.assert_array_equal(got, np.array([expected], DTYPES[datatype]), strict=True)


def test_a_number_of_less_precision_is_what_it_would_be_there() -> None:
    got = read(reader("FP64"), in_json("FP32", [1, 2], "[0.1, 2]"))
    np.testing.assert_array_equal(got, np.array([[np.float32(0.1), 2.0]], np.float64), strict=True)


@pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
def test_an_integer_that_is_no_float_is_refused(datatype: str) -> None:
    fits, beyond = np.array([0, 2**53], DTYPES[datatype]), np.array([0, 2**53 + 1], DTYPES[datatype])
    tensor = Tensor("a", [1, 2], datatype, parameters={"binary_data_size": 16})
    assert read(reader("FP64"), tensor, fits.tobytes(), 0).tolist() == [[0.0, 2.0**53]]
    with pytest.raises(InvalidInput) as error:
        read(reader("FP64"), tensor, beyond.tobytes(), 0)
    assert error.value.text == (
        f"input 'a' row 0 column 1: expected an integer that FP64 has, from -2**53 to 2**53, got {2**53 + 1}"
    )


def test_the_range_of_float32_is_no_matter_of_how_numbers_come() -> None:
    tensor = Tensor("a", [1, 2], "FP32", parameters={"binary_data_size": 8})
    content = np.array([1, 3e38], np.float32).tobytes()
    assert read(reader("FP64", single=True), tensor, content, 0).dtype == np.float64


@pytest.mark.parametrize(
    ("shape", "is_column", "given", "expected"),
    [
        ((-1, 1), True, [2], (2,)),
        ((-1, 1), True, [2, 1], (2,)),
        ((-1, 1), False, [2], (2, 1)),
        ((-1, 1), False, [2, 1], (2, 1)),
        ((-1,), False, [2], (2,)),
        ((-1,), False, [2, 1], (2,)),
        ((-1, 2), False, [1, 2], (1, 2)),
    ],
)
def test_one_value_a_row_may_have_a_dimension_or_not(
    shape: tuple[int, ...], is_column: bool, given: list[int], expected: tuple[int, ...]
) -> None:
    assert read(reader("FP64", shape, is_column=is_column), in_json("FP64", given, "[1, 2]")).shape == expected


@pytest.mark.parametrize("given", [[], [1], [1, 3], [2, 1], [1, 1, 2], [-1, 2], [1] * 65])
def test_another_shape_is_refused(given: list[int]) -> None:
    with pytest.raises(InvalidInput, match=r"^input 'a': expected shape \[-1, 2\], got \["):
        read(reader("FP64"), in_json("FP64", given, "[1, 2]"))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([11, 2], "input 'a': expected at most 10 rows, got 11"),
        ([2**62, 2], f"input 'a': expected at most 10 rows, got {2**62}"),
        ([2**63 + 1, 2], f"input 'a': expected at most 10 rows, got {2**63 + 1}"),
        ([9, 2], "input 'a': expected at most 16 values, got 18"),
    ],
)
def test_more_than_the_limits_is_known_from_the_shape(shape: list[int], expected: str) -> None:
    for tensor in (in_json("FP64", shape, "[1, 2]"), Tensor("a", shape, "FP64", parameters={"binary_data_size": 16})):
        with pytest.raises(TooLarge) as error:
            read(reader("FP64"), tensor, b"." * 16, 0)
        assert error.value.text == expected


def test_many_values_are_counted_before_they_are_decoded() -> None:
    with pytest.raises(InvalidInput, match=r"^input 'a': expected 2 values for shape \[1, 2\], got 40001$"):
        read(reader("FP64"), in_json("FP64", [1, 2], "[" + "1," * 40_000 + "1]"))


BINARY_SIZE = 'the parameter "binary_data_size"'


@pytest.mark.parametrize(
    ("datatype", "tensor", "expected"),
    [
        ("FP64", in_json("FP64", [1, 2], '[1, "2"]'), "row 0 column 1: expected a number, got a string"),
        ("FP64", in_json("FP64", [1, 2], '[[1, "2"]]'), "row 0 column 1: expected a number, got a string"),
        ("FP64", in_json("FP64", [1, 2], "[[[1, 2]]]"), "row 0 column 0: expected a number, got a list"),
        ("FP64", in_json("FP64", [1, 2], "[1, 1e400]"), "row 0 column 1: expected a number in the range of float64"),
        ("FP64", in_json("FP64", [2, 2], "[[1, 2], 3]"), "row 1: expected a list, got an integer"),
        ("FP64", in_json("FP64", [1, 2], "[[1], [2]]"), ": expected data flat or nested as shape [1, 2], got lists of other lengths"),
        ("FP64", in_json("FP64", [1, 2], "[1, 2, 3]"), ": expected 2 values for shape [1, 2], got 3"),
        ("FP64", in_json("FP32", [1, 2], "[1, 3.5e38]"), "row 0 column 1: expected a number in the range of FP32, got 3.5e+38"),
        ("INT8", in_json("INT8", [1, 2], "[1, 128]"), "row 0 column 1: expected an integer <= 127"),
        ("UINT64", in_json("UINT64", [1, 2], "[1, 18446744073709551616]"), "row 1: expected an integer in the range of UINT64, got 18446744073709551616"),
        ("FP64", Tensor("a", [1, 2], "FP64"), f': expected either "data" or {BINARY_SIZE}, got neither'),
        ("FP64", Tensor("a", [1, 2], "FP64", msgspec.Raw(b"[1, 2]"), {"binary_data_size": 16}), f': expected either "data" or {BINARY_SIZE}, got both'),
        ("FP64", Tensor("a", [1, 2], "FP64", parameters={"binary_data_size": 16}), ': expected "data", or the header Inference-Header-Content-Length, got "binary_data_size" without it'),
        ("FP64", Tensor("a", [1, 2], "FP64", parameters={"binary_data_size": -1}), ": parameter 'binary_data_size': expected an integer from 0 on, got -1"),
        ("FP64", Tensor("a", [1, 2], "FP64", parameters={"shared_memory_region": "r"}), ": parameter 'shared_memory_region': shared memory is not supported"),
    ],
)  # fmt: skip
def test_errors_name_the_tensor_and_the_row(datatype: str, tensor: Tensor, expected: str) -> None:
    with pytest.raises(InferenceError) as error:
        read(reader(datatype), tensor)
    assert error.value.text == "input 'a'" + (expected if expected[0] == ":" else f" {expected}")


def test_raw_bytes_are_rows() -> None:
    rows = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(reader("FP64").read_raw(rows.tobytes()), rows, strict=True)
    assert reader("BYTES", (-1,)).read_raw("Łódź".encode()).tolist() == ["Łódź"]
    with pytest.raises(
        InvalidInput, match=r"^input 'a': expected a multiple of 16 bytes, as a row of 2 FP64 has, got 15$"
    ):
        reader("FP64").read_raw(b"." * 15)
    with pytest.raises(TooLarge, match=r"^input 'a': expected at most 10 rows, got 11$"):
        reader("FP64").read_raw(b"." * 176)
