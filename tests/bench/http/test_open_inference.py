"""The Open Inference Protocol from the client's side: requests in both forms, and answers of all kinds."""

from __future__ import annotations

import json
import pickle
import struct
from typing import Any

import numpy as np
import pytest

from skerry.bench.http.open_inference import (
    ModelMetadata,
    RightOutputs,
    Tensor,
    TensorMetadata,
    decode_answer,
    decode_metadata,
    encode_binary,
    encode_json,
    fits_binary,
    to_tensors,
)
from skerry.runtime.errors import BenchError


def spec(name: str, datatype: str, *shape: int) -> TensorMetadata:
    return TensorMetadata(name, datatype, list(shape))


X = spec("X", "FP64", -1, 2)
COLUMNS = [spec("age", "FP64", -1, 1), spec("city", "BYTES", -1, 1), spec("rooms", "INT64", -1)]


def test_metadata_is_read_whatever_else_it_says() -> None:
    body = b'{"name": "m", "platform": "", "versions": [], "inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 2], "parameters": {}}], "outputs": []}'
    assert decode_metadata(body, where="") == ModelMetadata([X])
    assert decode_metadata(b"{}", where="") == ModelMetadata()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"inputs": [{"name": 1}]}', b"\xff"])
def test_what_is_no_metadata(body: bytes) -> None:
    with pytest.raises(BenchError, match="http://h/m: expected a model's metadata with its inputs, got "):
        decode_metadata(body, where="http://h/m")


@pytest.mark.parametrize(
    ("rows", "inputs", "tensors"),
    [
        ([[1, 2], [3, 4]], [X], [("X", "FP64", (2, 2), [1, 2, 3, 4])]),
        ([{"a": 1, "b": 2}], [X], [("X", "FP64", (1, 2), [1, 2])]),
        ([1, 2], [spec("X", "FP32", -1)], [("X", "FP32", (2,), [1, 2])]),
        ([[1], [2]], [spec("X", "FP32", -1, 1)], [("X", "FP32", (2, 1), [1, 2])]),
        ([[1, 2, 3]] * 2, [spec("X", "FP32", -1, -1)], [("X", "FP32", (2, 3), [1, 2, 3] * 2)]),
        ([[[1, 2], [3, 4]]], [spec("X", "FP32", -1, 2, 2)], [("X", "FP32", (1, 2, 2), [1, 2, 3, 4])]),
        ([[1, 2]], [spec("X", "FP32", 2)], [("X", "FP32", (2,), [1, 2])]),
        (["a text"], [spec("X", "BYTES", -1)], [("X", "BYTES", (1,), ["a text"])]),
        ([{"city": "Oslo"}], [spec("X", "BYTES", -1)], [("X", "BYTES", (1,), ['{"city":"Oslo"}'])]),
        ([[["a", 1.0]]], [spec("X", "BYTES", -1, 1)], [("X", "BYTES", (1, 1), ['[["a",1.0]]'])]),
        ([["a", "b"]], [spec("X", "BYTES", -1, 2)], [("X", "BYTES", (1, 2), ["a", "b"])]),
        (
            [{"city": "Oslo", "rooms": 2, "age": None, "more": 1}, {"age": 3.5, "city": "", "rooms": 0}],
            COLUMNS,
            [("age", "FP64", (2, 1), [None, 3.5]), ("city", "BYTES", (2, 1), ["Oslo", ""]), ("rooms", "INT64", (2,), [2, 0])],
        ),
        ([[1.5, "x", 2]], COLUMNS, [("age", "FP64", (1, 1), [1.5]), ("city", "BYTES", (1, 1), ["x"]), ("rooms", "INT64", (1,), [2])]),
    ],
)  # fmt: skip
def test_rows_become_tensors(rows: list[Any], inputs: list[TensorMetadata], tensors: list[Any]) -> None:
    assert to_tensors(rows, inputs) == [Tensor(*tensor) for tensor in tensors]


@pytest.mark.parametrize(
    ("rows", "inputs", "error"),
    [
        ([[1, 2, 3]], [X], r"input 'X': expected values for shape \[-1, 2\], got 3 in 1 row"),
        ([[1], [2]], [spec("X", "FP32", 1)], r"input 'X': expected values for shape \[1\], got 2 in 2 rows"),
        ([{"age": 1, "citi": "x"}], COLUMNS, r"input 'city': missing in the rows to be sent \(did you mean 'citi'\?\)"),
        ([[1, 2]], COLUMNS, "expected rows of 3 values, as the server has inputs, got 2"),
        ([1], COLUMNS, "expected rows of 3 values, as the server has inputs, got one"),
    ],
)
def test_rows_that_do_not_fit(rows: list[Any], inputs: list[TensorMetadata], error: str) -> None:
    with pytest.raises(BenchError, match=error):
        to_tensors(rows, inputs)


def test_a_request_in_json() -> None:
    assert json.loads(encode_json([Tensor("X", "FP64", (1, 2), [1.5, None])])) == {
        "inputs": [{"name": "X", "datatype": "FP64", "shape": [1, 2], "data": [1.5, None]}]
    }


def test_a_request_in_binary() -> None:
    tensors = [
        Tensor("a", "FP32", (2,), [1.5, None]),
        Tensor("b", "BYTES", (2,), ["é", ""]),
        Tensor("c", "BOOL", (1,), [True]),
        Tensor("d", "FP16", (1,), [1]),
    ]
    length, body = encode_binary(tensors)
    header = json.loads(body[:length])
    assert [part["parameters"] for part in header["inputs"]] == [{"binary_data_size": size} for size in (8, 10, 1, 2)]
    assert header["parameters"] == {"binary_data_output": True}
    expected = (
        struct.pack("<2f", 1.5, np.nan) + struct.pack("<I2sI", 2, "é".encode(), 0) + b"\x01" + struct.pack("<e", 1)
    )
    assert body[length:] == expected


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("a", "INT8", (1,), [300]),
        Tensor("a", "INT64", (1,), [None]),
        Tensor("a", "BYTES", (1,), [None]),
        Tensor("a", "FP64", (1,), ["x"]),
        Tensor("a", "BF16", (1,), [1]),
    ],
)
def test_what_has_no_binary_form(tensor: Tensor) -> None:
    with pytest.raises(BenchError, match="input 'a': expected"):
        encode_binary([tensor])


def test_which_rows_fit_the_binary_form() -> None:
    rows = [{"age": None, "city": "x", "rooms": 1}, {"age": 1, "city": None, "rooms": 1}]
    assert [fits_binary(row, COLUMNS) for row in rows] == [True, False]


def answer(*outputs: dict[str, Any], rest: bytes = b"") -> bytes:
    return json.dumps({"model_name": "m", "id": "1", "outputs": outputs}).encode() + rest


def output(name: str, datatype: str, shape: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, **more}


def binary(size: int) -> dict[str, Any]:
    return {"parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(
    ("body", "tensors"),
    [
        (answer(output("y", "INT64", [2], data=[1, 2])), [("y", "INT64", (2,), [1, 2])]),
        (answer(output("y", "FP64", [2, 2], data=[[1, 2], [3, 4]])), [("y", "FP64", (2, 2), [1, 2, 3, 4])]),
        (answer(output("y", "BYTES", [1], data=["é"], parameters={"content_type": "str"})), [("y", "BYTES", (1,), ["é"])]),
        (answer(output("y", "INT64", [0], data=[])), [("y", "INT64", (0,), [])]),
        (answer(output("y", "INT64", [], data=[7])), [("y", "INT64", (), [7])]),
        (answer(output("y", "FP32", [2], **binary(8)), rest=struct.pack("<2f", 0.5, -2)), [("y", "FP32", (2,), [0.5, -2])]),
        (
            answer(
                output("a", "BYTES", [2], **binary(10)), output("b", "INT8", [1], data=[3]), output("c", "BOOL", [2], **binary(2)),
                rest=struct.pack("<I2sI", 2, "é".encode(), 0) + b"\x00\x01",
            ),
            [("a", "BYTES", (2,), ["é", ""]), ("b", "INT8", (1,), [3]), ("c", "BOOL", (2,), [False, True])],
        ),
    ],
)  # fmt: skip
def test_answers_in_both_forms(body: bytes, tensors: list[Any]) -> None:
    assert decode_answer(body) == {tensor[0]: Tensor(*tensor) for tensor in tensors}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "expected JSON with outputs, got nothing"),
        (b"<html>", "expected JSON with outputs, got <html>"),
        (b'{"outputs": [NaN]}', "expected JSON with outputs"),
        (b"[" * 100_000, "expected JSON with outputs"),
        (b"{}", "expected outputs with name, shape and datatype: .*missing required field `outputs`"),
        (b'{"outputs": []}', "expected outputs, got none"),
        (answer({"name": "y"}), "expected outputs with name, shape and datatype"),
        (answer(output("y", "INT64", [2])), "output 'y': expected data, got none"),
        (answer(output("y", "INT64", [2], data=[1])), r"output 'y': expected values for shape \[2\], got 1"),
        (answer(output("y", "INT64", [-1], data=[1])), r"output 'y': expected values for shape \[-1\], got 1"),
        (answer(output("y", "INT64", [1], data=[1]), rest=b"xx"), "expected no bytes after the outputs, got 2"),
        (answer(output("y", "FP32", [2], **binary(8)), rest=b"1234"), "output 'y': expected 8 bytes, got 4"),
        (answer(output("y", "FP32", [1], **binary(-1))), "output 'y': expected -1 bytes, got 0"),
        (answer(output("y", "FP32", [1], parameters={"binary_data_size": "4"})), "output 'y': expected '4' bytes"),
        (answer(output("y", "FP32", [1], **binary(3)), rest=b"123"), "output 'y': expected whole values of FP32, got 3"),
        (answer(output("y", "BF16", [1], **binary(2)), rest=b"12"), "output 'y': expected whole values of BF16"),
        (answer(output("y", "BYTES", [1], **binary(2)), rest=b"12"), "output 'y': expected the length of a text, got 2"),
        (answer(output("y", "BYTES", [1], **binary(5)), rest=b"\x09\0\0\0a"), "output 'y': expected a text of 9 bytes, got 1"),
    ],
)  # fmt: skip
def test_answers_that_are_none(body: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        decode_answer(body)


def test_expected_outputs_are_compared_and_others_passed_over() -> None:
    check = RightOutputs({"predict": ["a"], "predict_proba": [0.25, 0.75]})
    assert check(answer(output("predict", "BYTES", [1, 1], data=["a"]))) is None
    assert check(answer(output("predict", "BYTES", [1], data=["b"]))) == 'predict[0]: expected "a", got "b"'
    proba = struct.pack("<2d", 0.25, 0.75)
    assert check(answer(output("predict_proba", "FP64", [1, 2], **binary(16)), rest=proba)) is None
    assert check(answer(output("y", "INT64", [1], data=[1]))) == "expected output 'predict' or 'predict_proba', got 'y'"
    assert check(b"oops") == "expected JSON with outputs, got oops"


def test_without_expected_values_the_structure_is_checked() -> None:
    check = pickle.loads(pickle.dumps(RightOutputs()))
    assert check(answer(output("y", "INT64", [1], data=[1]))) is None
    assert check(answer(output("y", "INT64", [2], data=[1]))) == "output 'y': expected values for shape [2], got 1"
