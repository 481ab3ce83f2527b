from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Feeds
from skerry.runtime.protocol.inference import InferenceCodec, model_metadata, server_metadata

COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "age": ("FP64", [31.5, None]),
    "fare": ("FP64", [7, 8.25]),
    "relatives": ("INT64", [2, 0]),
    "city": ("BYTES", ["Oslo", None]),
    "deck": ("BYTES", ["A", "B"]),
    "member": ("BOOL", [True, False]),
}
X = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
FLAT = [*X[0], *X[1]]


@pytest.fixture(scope="module")
def iris(iris_model: Model) -> InferenceCodec:
    return InferenceCodec(iris_model)


@pytest.fixture(scope="module")
def passengers(passengers_model: Model) -> InferenceCodec:
    return InferenceCodec(passengers_model)


def tensor(**changed: Any) -> dict[str, Any]:
    """The input of iris: two rows."""
    return {"name": "X", "shape": [2, 4], "datatype": "FP64", "data": FLAT} | changed


def columns(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of passengers: two rows."""
    return [
        {"name": name, "shape": [2, 1], "datatype": datatype, "data": data} | changed.get(name, {})
        for name, (datatype, data) in COLUMNS.items()
    ]


def body(*inputs: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"inputs": inputs, **fields}).encode()


def assert_feeds(got: Feeds, expected: Feeds) -> None:
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


@pytest.mark.parametrize("data", [X, FLAT], ids=["nested", "flat"])
def test_data_may_be_flat_or_nested(iris: InferenceCodec, data: list[Any]) -> None:
    assert_feeds(iris.decode(body(tensor(data=data))).feeds, {"X": np.array(X)})


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("shape", [[2, 1], [2]])
def test_columns_are_tensors_in_any_order(
    passengers: InferenceCodec, passengers_model: Model, order: int, shape: list[int]
) -> None:
    inputs = [given | {"shape": shape} for given in columns()][::order]
    expected = passengers_model.feeds.from_rows(pd.DataFrame({name: data for name, (_, data) in COLUMNS.items()}))
    assert_feeds(passengers.decode(body(*inputs)).feeds, expected)


def test_columns_may_be_nested(passengers: InferenceCodec) -> None:
    expected = passengers.decode(body(*columns())).feeds
    inputs = [given | {"data": [[value] for value in given["data"]]} for given in columns()]
    assert_feeds(passengers.decode(body(*inputs)).feeds, expected)


@pytest.mark.parametrize("shape", [[2, 1], [2]])
def test_one_column_of_an_array_model_may_be_flat(reciprocal_model: Model, shape: list[int]) -> None:
    codec = InferenceCodec(reciprocal_model)
    given = {"name": "X", "shape": shape, "datatype": "FP64", "data": [1, 2.5]}
    assert_feeds(codec.decode(body(given)).feeds, {"X": np.array([[1.0], [2.5]])})


def test_texts_are_one_tensor(reviews_model: Model) -> None:
    texts = ["a good film", ""]
    given = {"name": "X", "shape": [2], "datatype": "BYTES", "data": texts}
    assert_feeds(InferenceCodec(reviews_model).decode(body(given)).feeds, reviews_model.feeds.from_rows(texts))


def test_everything_is_answered_unless_asked_for(iris: InferenceCodec) -> None:
    assert iris.decode(body(tensor())).methods == ("predict", "predict_proba", "decision_function")
    assert iris.decode(body(tensor(), outputs=[])).methods == ("predict", "predict_proba", "decision_function")
    chosen = [{"name": "predict_proba"}, {"name": "predict", "parameters": {"binary_data": False}}]
    assert iris.decode(body(tensor(), outputs=chosen)).methods == ("predict_proba", "predict")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"datatype": "FP32"}, "input 'X': expected datatype FP64, got 'FP32'"),
        ({"datatype": "fp64"}, "input 'X': expected datatype FP64, got 'fp64'"),
        ({"datatype": 5}, "inputs[0].datatype: expected a string, got an integer"),
        ({"name": "x"}, "input 'X': missing"),
        ({"name": 5}, "inputs[0].name: expected a string, got an integer"),
        ({"shape": [4, 2]}, "input 'X': expected shape [-1, 4], got [4, 2]"),
        ({"shape": [8]}, "input 'X': expected shape [-1, 4], got [8]"),
        ({"shape": []}, "input 'X': expected shape [-1, 4], got []"),
        ({"shape": [-1, 4]}, "input 'X': expected shape [-1, 4], got [-1, 4]"),
        ({"shape": [2, -4]}, "input 'X': expected shape [-1, 4], got [2, -4]"),
        ({"shape": [1, 2, 4]}, "input 'X': expected shape [-1, 4], got [1, 2, 4]"),
        ({"shape": [3, 4]}, "input 'X': expected 12 values for shape [3, 4], got 8"),
        ({"shape": [1, 4]}, "input 'X': expected 4 values for shape [1, 4], got 8"),
        ({"shape": [2**62, 4]}, f"input 'X': expected {2**64} values for shape [{2**62}, 4], got 8"),
        ({"shape": [2.0, 4]}, "inputs[0].shape[0]: expected an integer, got a number"),
        ({"shape": [True, 4]}, "inputs[0].shape[0]: expected an integer, got true or false"),
        ({"shape": ["2", 4]}, "inputs[0].shape[0]: expected an integer, got a string"),
        ({"shape": "24"}, "inputs[0].shape: expected a list, got a string"),
        ({"shape": [0, 4], "data": []}, "expected at least one row, got none"),
        ({"data": [X[0], X[1][:3]]}, "input 'X': expected data flat or nested as shape [2, 4]"),
        ({"data": [X]}, "input 'X': [0][0]: expected a number, got a list"),
        ({"data": 5}, "input 'X': expected a list, got an integer"),
        ({"data": None}, "input 'X': expected a list, got null"),
        ({"data": {}}, "input 'X': expected a list, got an object"),
        ({"data": [1, 2, 3, "4", 5, 6, 7, 8]}, "input 'X': [3]: expected a number, got a string"),
        ({"data": [1, 2, 3, True, 5, 6, 7, 8]}, "input 'X': [3]: expected a number, got true or false"),
        ({"data": [1, 2, 3, None, 5, 6, 7, 8]}, "input 'X': [3]: expected a number, got null"),
        ({"surprise": 1}, "inputs[0] field 'surprise': unknown"),
        ({"parameters": {"a": []}}, "inputs[0].parameters[...]: expected true or false or an integer or a number or a string, got a list"),
    ],
)  # fmt: skip
def test_wrong_tensor_is_refused_by_name(iris: InferenceCodec, changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInput) as error:
        iris.decode(body(tensor(**changed)))
    assert error.value.text == expected


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        (b"{}", "field 'inputs': missing"),
        (body(), "input 'X': missing"),
        (body(tensor(), tensor()), "inputs: expected each tensor once, got one twice"),
        (body(tensor(), tensor(name="Y")), "input 'Y': unknown"),
        (body(tensor(), surprise=1), "field 'surprise': unknown"),
        (body(tensor(), id=5), "id: expected a string, got an integer"),
        (body({"name": "X", "shape": [1, 4], "datatype": "FP64"}), "inputs[0] field 'data': missing"),
        (body(tensor(), outputs=[{"name": "guard_0"}]), "output 'guard_0': expected some of predict, predict_proba, decision_function"),
        (body(tensor(), outputs=[{"name": "predict"}] * 2), "outputs: expected each once, got one twice"),
        (body(tensor(), outputs=["predict"]), "outputs[0]: expected an object, got a string"),
    ],
)  # fmt: skip
def test_wrong_request_is_refused(iris: InferenceCodec, request_body: bytes, expected: str) -> None:
    with pytest.raises(InvalidInput) as error:
        iris.decode(request_body)
    assert error.value.text == expected


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("age", [1, "x"], "input 'age': [1]: expected a number or null, got a string"),
        ("fare", [1, 1e400], "input 'fare': "),
        ("relatives", [1, 2.0], "input 'relatives': [1]: expected an integer, got a number"),
        ("relatives", [1, 2**63], "input 'relatives': "),
        ("relatives", [1, None], "input 'relatives': [1]: expected an integer, got null"),
        ("city", ["a", "b\0"], "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ("deck", ["a", None], "input 'deck': [1]: expected a string, got null"),
        ("member", [True, 1], "input 'member': [1]: expected true or false, got an integer"),
        ("member", [True], "input 'member': expected 2 values for shape [2, 1], got 1"),
    ],
)
def test_wrong_value_is_refused_by_name(passengers: InferenceCodec, name: str, data: list[Any], expected: str) -> None:
    request = body(*columns(**{name: {"data": data}})).replace(b"Infinity", b"1e400")
    with pytest.raises(InvalidInput) as error:
        passengers.decode(request)
    assert error.value.text.startswith(expected)


def test_columns_of_different_lengths_are_refused(passengers: InferenceCodec) -> None:
    with pytest.raises(InvalidInput, match=r"^expected as many rows in every input, got {'age': 1, 'fare': 2, "):
        passengers.decode(body(*columns(age={"shape": [1, 1], "data": [1]})))


@pytest.mark.parametrize("missing", COLUMNS)
def test_every_column_is_needed(passengers: InferenceCodec, missing: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^input '{missing}': missing$"):
        passengers.decode(body(*(given for given in columns() if given["name"] != missing)))


def test_answers_carry_datatype_and_shape(iris: InferenceCodec, iris_model: Model) -> None:
    request = iris.decode(body(tensor(), id="a-1", outputs=[{"name": "predict_proba"}, {"name": "predict"}]))
    answers = iris_model.answer(request.feeds, request.methods)
    assert msgspec.json.decode(iris.encode(request, answers)) == {
        "model_name": "iris",
        "model_version": "1",
        "id": "a-1",
        "outputs": [
            {"name": "predict_proba", "datatype": "FP64", "shape": [2, 3], "data": answers[0].ravel().tolist()},
            {"name": "predict", "datatype": "INT64", "shape": [2], "data": [0, 2]},
        ],
    }


def test_answers_have_no_id_where_none_was_given(passengers: InferenceCodec, passengers_model: Model) -> None:
    request = passengers.decode(body(*columns(), outputs=[{"name": "predict"}]))
    answers = passengers_model.answer(request.feeds, request.methods)
    output = {"name": "predict", "datatype": "BYTES", "shape": [2], "data": answers[0].tolist()}
    expected = {"model_name": "passengers", "model_version": "1", "outputs": [output]}
    assert msgspec.json.decode(passengers.encode(request, answers)) == expected


def test_model_metadata_names_tensors_as_the_protocol_does(iris_model: Model) -> None:
    assert msgspec.json.decode(model_metadata(iris_model.manifest, [1, 2])) == {
        "name": "iris",
        "versions": ["1", "2"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
            {"name": "decision_function", "datatype": "FP64", "shape": [-1, 3]},
        ],
    }


def test_server_metadata_names_no_extension() -> None:
    assert msgspec.json.decode(server_metadata("1.2")) == {"name": "skerry", "version": "1.2", "extensions": []}
