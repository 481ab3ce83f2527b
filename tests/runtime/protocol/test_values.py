from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime.errors import InvalidInput, NotAcceptable
from skerry.runtime.protocol.values import decode, json_type, to_json
from skerry.runtime.tensors import DTYPES, TensorSpec

NAN, INF = float("nan"), float("inf")


def spec(datatype: str, *, missing: bool = False) -> TensorSpec:
    return TensorSpec(name="a", datatype=datatype, shape=(-1, 1), missing=missing)


def value(text: str, datatype: str, *, missing: bool = False) -> Any:
    return msgspec.json.decode(text, type=json_type(spec(datatype, missing=missing)))


@pytest.mark.parametrize(
    ("datatype", "text", "expected"),
    [
        ("FP64", "1", 1.0),
        ("FP64", "1.5", 1.5),
        ("FP32", "1e300", 1e300),
        ("FP64", "100000000000000000000000", 1e23),
        ("INT64", "-9223372036854775808", -(2**63)),
        ("UINT8", "255", 255),
        ("BOOL", "false", False),
        ("BYTES", '"\\u00e9"', "é"),
    ],
)
def test_values_are_decoded_as_their_datatype(datatype: str, text: str, expected: object) -> None:
    got = value(text, datatype)
    assert (got, type(got)) == (expected, type(expected))


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "BYTES"])
def test_null_is_a_missing_value_where_the_input_takes_one(datatype: str) -> None:
    assert value("null", datatype, missing=True) is None


@pytest.mark.parametrize(
    ("datatype", "texts"),
    [
        ("FP64", ['"1.5"', '"nan"', '""', "true", "null", "[]", "{}", "1e400", "NaN", "Infinity"]),
        ("INT64", ["1.0", "1.7", "1e2", '"7"', "true", "null", str(2**63), "9" * 5000]),
        ("UINT64", ["-1", "1.0"]),
        ("BOOL", ["0", "1", '"false"', "null"]),
        ("BYTES", ["1", "true", "null", "[]"]),
    ],
)
def test_nothing_is_coerced(datatype: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(msgspec.DecodeError):
            value(text, datatype)


@pytest.mark.parametrize("datatype", [datatype for datatype, dtype in DTYPES.items() if dtype.kind in "iu"])
def test_integers_keep_to_their_range(datatype: str) -> None:
    limits = np.iinfo(DTYPES[datatype])
    low, high = int(limits.min), int(limits.max)
    assert (value(str(low), datatype), value(str(high), datatype)) == (low, high)
    for wrong in (low - 1, *([high + 1] if high < 2**63 else [])):  # beyond UINT64, it is for NumPy to refuse
        with pytest.raises(msgspec.ValidationError):
            value(str(wrong), datatype)


class Record(msgspec.Struct, forbid_unknown_fields=True):
    age: float
    city: str | None


class Body(msgspec.Struct, forbid_unknown_fields=True):
    X: list[tuple[float, int]] = []
    records: list[Record] = []
    outputs: list[str] = []


DECODER = msgspec.json.Decoder(Body)
NAMES = ("age", "city")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "expected a JSON object, got an empty body"),
        (b"[]", "expected an object, got a list"),
        (b'{"Y": 1}', "field 'Y': unknown"),
        (b'{"X": 5}', "X: expected a list, got an integer"),
        (b'{"X": [5]}', "row 0: expected a list, got an integer"),
        (b'{"X": [[1, 2], [1]]}', "row 1: expected a list of length 2"),
        (b'{"X": [[1, 2], ["x", 2]]}', "input 'age' row 1: expected a number, got a string"),
        (b'{"X": [[1, 2.5]]}', "input 'city' row 0: expected an integer, got a number"),
        (b'{"X": [[1e400, 2]]}', "input 'age' row 0: expected a number in the range of float64"),
        (b'{"records": [{"age": 1, "city": "x"}, {"age": null, "city": "x"}]}', "input 'age' row 1: expected a number, got null"),
        (b'{"records": [{"age": 1, "city": 5}]}', "input 'city' row 0: expected a string or null, got an integer"),
        (b'{"records": [{"age": 1}]}', "input 'city' row 0: missing"),
        (b'{"records": [{"age": 1, "city": "x", "citi": 1}]}', "input 'citi' row 0: unknown (did you mean 'city'?)"),
        (b'{"outputs": ["a", 1]}', "outputs[1]: expected a string, got an integer"),
        (b"\xff", "expected JSON: invalid character (byte 0)"),
        (b'{"outputs": ["\xff"]}', "expected JSON: the body is not valid UTF-8"),
        (b'{"outputs": ' + b"[" * 9, "outputs[0]: expected a string, got a list"),
        (b"{", "expected JSON: Input data was truncated"),
    ],
)  # fmt: skip
def test_errors_name_the_input_and_the_row(body: bytes, expected: str) -> None:
    with pytest.raises(InvalidInput) as error:
        decode(DECODER, body, NAMES)
    assert error.value.text == expected


def test_nesting_ends_in_an_error_of_the_client() -> None:
    decoder = msgspec.json.Decoder(msgspec.Raw)
    with pytest.raises(InvalidInput, match=r"^expected JSON: it is nested too deeply$"):
        decode(decoder, b"[" * 250_000, ())


def test_texts_are_rows() -> None:
    decoder = msgspec.json.Decoder(msgspec.defstruct("Texts", [("X", list[str])]))
    with pytest.raises(InvalidInput, match=r"^row 1: expected a string, got an integer$"):
        decode(decoder, b'{"X": ["a", 1]}', ("X",))


def test_columns_of_an_array_are_numbered() -> None:
    decoder = msgspec.json.Decoder(Body)
    with pytest.raises(InvalidInput, match=re.escape("input 'X' row 0 column 1: expected an integer, got a string")):
        decode(decoder, b'{"X": [[1, "x"]]}', ("X",))


@pytest.mark.parametrize(
    ("array", "flat", "expected"),
    [
        (np.array([0.5, -0.0]), False, [0.5, -0.0]),
        (np.array([[1, 2], [3, 4]]), False, [[1, 2], [3, 4]]),
        (np.array([[1, 2], [3, 4]]), True, [1, 2, 3, 4]),
        (np.array(["a", "é"]), False, ["a", "é"]),
        (np.array(["a", "é"], object), True, ["a", "é"]),
        (np.array([True]), False, [True]),
    ],
)
def test_answers_become_lists(array: np.ndarray, flat: bool, expected: list[Any]) -> None:
    got = to_json(array, {}, "predict", flat=flat)
    assert msgspec.json.encode(got) == msgspec.json.encode(expected)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
def test_an_answer_that_is_no_number_is_an_error_that_names_its_row(wrong: float, flat: bool) -> None:
    answer = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, wrong]])
    text = re.escape("predict_proba of row 1 is not a finite number, which JSON cannot carry")
    with pytest.raises(NotAcceptable, match=f"^{text}$"):
        to_json(answer, {"X": np.ones((2, 1))}, "predict_proba", flat=flat)
    with pytest.raises(InvalidInput, match=f"^{text}$"):
        to_json(answer, {"X": np.array([[1.0], [NAN]])}, "predict_proba", flat=flat)
