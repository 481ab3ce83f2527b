from __future__ import annotations

import json
from time import process_time
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, NotAcceptable, TooLarge
from skerry.runtime.feeds import FeedBuilder, Feeds
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.inference import TYPED_BODY, InferenceCodec

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
FLOATS = "datatype FP64 (or UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP32, FP16, which it has exactly)"


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
        ({"datatype": "BF16"}, f"input 'X': expected {FLOATS}, got 'BF16'"),
        ({"datatype": "fp64"}, f"input 'X': expected {FLOATS}, got 'fp64' (did you mean 'FP64'?)"),
        ({"datatype": "BOOL"}, f"input 'X': expected {FLOATS}, got 'BOOL'"),
        ({"datatype": "FP16"}, "input 'X': expected binary data for FP16, got JSON"),
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
        ({"shape": [2.0, 4]}, "inputs[0].shape[0]: expected an integer, got a number"),
        ({"shape": [True, 4]}, "inputs[0].shape[0]: expected an integer, got true or false"),
        ({"shape": ["2", 4]}, "inputs[0].shape[0]: expected an integer, got a string"),
        ({"shape": "24"}, "inputs[0].shape: expected a list, got a string"),
        ({"shape": [0, 4], "data": []}, "expected at least one row, got none"),
        ({"data": [X[0], X[1][:3]]}, "input 'X': expected data flat or nested as shape [2, 4], got lists of other lengths"),
        ({"data": [X]}, "input 'X' row 0 column 0: expected a number, got a list"),
        ({"data": 5}, "input 'X': expected a list, got an integer"),
        ({"data": None}, "input 'X': expected a list, got null"),
        ({"data": {}}, "input 'X': expected a list, got an object"),
        ({"data": [1, 2, 3, "4", 5, 6, 7, 8]}, "input 'X' row 0 column 3: expected a number, got a string"),
        ({"data": [1, 2, 3, True, 5, 6, 7, 8]}, "input 'X' row 0 column 3: expected a number, got true or false"),
        ({"data": [1, 2, 3, None, 5, 6, 7, 8]}, "input 'X' row 0 column 3: expected a number, got null"),
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
        (body(tensor(), tensor()), "input 'X': expected once, got 2 times"),
        (body(tensor(), tensor(name="Y")), "input 'Y': unknown"),
        (body(tensor(), surprise=1), "field 'surprise': unknown"),
        (body(tensor(), id=5), "id: expected a string or null, got an integer"),
        (body({"name": "X", "shape": [1, 4], "datatype": "FP64"}), "input 'X': expected either \"data\" or the parameter \"binary_data_size\", got neither"),
        (body(tensor(), outputs=[{"name": "guard_0"}]), "output 'guard_0': expected some of predict, predict_proba, decision_function"),
        (body(tensor(), outputs=[{"name": "predict"}] * 2), "output 'predict': expected once, got 2 times"),
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
        ("age", [1, "x"], "input 'age' row 1: expected a number or null, got a string"),
        ("fare", [1, 1e400], "input 'fare' row 1: "),
        ("relatives", [1, 2.0], "input 'relatives' row 1: expected an integer, got a number"),
        ("relatives", [1, 2**63], "input 'relatives' row 1: "),
        ("relatives", [1, None], "input 'relatives' row 1: expected an integer, got null"),
        ("city", ["a", "b\0"], "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ("deck", ["a", None], "input 'deck' row 1: expected a string, got null"),
        ("member", [True, 1], "input 'member' row 1: expected true or false, got an integer"),
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
    assert msgspec.json.decode(iris.encode(request, answers).content) == {
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
    assert msgspec.json.decode(passengers.encode(request, answers).content) == expected


DIABETES = [[0.01 * (row + column) for column in range(10)] for row in range(3)]


@pytest.fixture(scope="module")
def diabetes(diabetes_model: Model) -> InferenceCodec:
    return InferenceCodec(diabetes_model)


def binary(array: np.ndarray, datatype: str = "FP64", **fields: Any) -> tuple[bytes, int]:
    """A request of one binary tensor ``X``, and the size of its JSON."""
    parameters = {"binary_data_size": array.nbytes}
    given = {"name": "X", "shape": array.shape, "datatype": datatype, "parameters": parameters}
    header = body(given, **fields)
    return header + array.tobytes(), len(header)


@pytest.mark.parametrize("data", [DIABETES, [value for row in DIABETES for value in row]], ids=["nested", "flat"])
def test_one_matrix_feeds_named_columns_of_one_datatype(diabetes: InferenceCodec, data: list[Any]) -> None:
    given = {"name": "X", "shape": [3, 10], "datatype": "FP64", "data": data}
    expected = {"FP64": np.array(DIABETES)}
    assert_feeds(diabetes.decode(body(given)).feeds, expected)
    assert_feeds(diabetes.decode(*binary(np.array(DIABETES))).feeds, expected)
    assert_feeds(diabetes.decode(np.array(DIABETES).tobytes(), 0).feeds, expected)


@pytest.mark.parametrize("nested", [False, True])
def test_a_value_may_be_missing_in_the_column_that_takes_it(diabetes_model: Model, nested: bool) -> None:
    inputs = tuple(
        msgspec.structs.replace(spec, missing=spec.name in ("age", "bmi")) for spec in diabetes_model.manifest.inputs
    )
    model = object.__new__(Model)
    model.__dict__.update(diabetes_model.__dict__ | {"feeds": FeedBuilder(inputs, "columns")})
    codec = InferenceCodec(model)
    rows: list[Any] = [[None, 0.1, None, *[0.1] * 7], [0.1] * 10]
    data = rows if nested else [value for row in rows for value in row]
    given = {"name": "X", "shape": [2, 10], "datatype": "FP64", "data": data}
    assert_feeds(codec.decode(body(given)).feeds, {"FP64": np.array(rows, np.float64)})
    assert_feeds(codec.decode(*binary(np.array(rows, np.float64))).feeds, {"FP64": np.array(rows, np.float64)})
    with pytest.raises(InvalidInput, match=r"^input 'sex' row 0: expected a number, got a missing value$"):
        codec.decode(body(given).replace(b"null, 0.1,", b"null, null,", 1))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"shape": [3, 9], "data": [0.0] * 27}, "input 'X': expected shape [-1, 10], got [3, 9]"),
        ({"shape": [1, 10], "data": [0.0] * 9 + [None]}, "input 'X' row 0 column 9: expected a number, got null"),
    ],
)
def test_a_matrix_of_columns_is_as_wide_as_they_are_many(
    diabetes: InferenceCodec, given: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        diabetes.decode(body({"name": "X", "datatype": "FP64"} | given))
    assert error.value.text == expected


def test_a_column_is_named_where_a_matrix_has_what_it_does_not_take(diabetes: InferenceCodec) -> None:
    rows = np.array(DIABETES)
    rows[1, 2] = np.nan
    with pytest.raises(InvalidInput, match=r"^input 'bmi' row 1: expected a number, got a missing value$"):
        diabetes.decode(*binary(rows))


def test_columns_of_several_datatypes_have_no_matrix(passengers: InferenceCodec) -> None:
    with pytest.raises(InvalidInput, match=r"^input 'age': missing$"):
        passengers.decode(body(tensor(shape=[1, 6])))
    with pytest.raises(
        InvalidInput, match=r"^Inference-Header-Content-Length: expected more than 0, as the model takes 6"
    ):
        passengers.decode(b"", 0)


def test_requests_read_at_once_and_thoroughly_are_the_same(
    iris: InferenceCodec, passengers: InferenceCodec, diabetes: InferenceCodec
) -> None:
    """A body that is larger than those that are read at once is read thoroughly."""
    column = {"shape": [2, 1], "datatype": "FP64", "data": [1, 2.5]}
    names = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    fields = {"id": "7", "outputs": [{"name": "predict"}], "parameters": {"timeout": 5, "priority": 3}}
    for codec, inputs in (
        (iris, [tensor()]),
        (iris, [tensor(data=X)]),
        (passengers, columns()),
        (passengers, [given | {"data": [[value] for value in given["data"]]} for given in columns()][::-1]),
        (diabetes, [{"name": name} | column for name in names]),
        (diabetes, [{"name": "X", "shape": [3, 10], "datatype": "FP64", "data": DIABETES}]),
    ):
        for request in (body(*inputs), body(*inputs, **fields)):
            quick, thorough = codec.decode(request), codec.decode(request + b" " * TYPED_BODY)
            assert_feeds(quick.feeds, thorough.feeds)
            assert all(array.flags.c_contiguous and array.flags.aligned for array in quick.feeds.values())
            assert msgspec.structs.replace(quick, feeds={}) == msgspec.structs.replace(thorough, feeds={})


@pytest.mark.parametrize("offset", range(8))
def test_binary_rows_may_begin_anywhere(iris: InferenceCodec, iris_model: Model, offset: int) -> None:
    request, size = binary(np.array(X))
    request = request[:size] + b" " * offset + request[size:]
    decoded = iris.decode(request, size + offset)
    assert_feeds(decoded.feeds, {"X": np.array(X)})
    assert iris_model.answer(decoded.feeds, ("predict",))[0].tolist() == [0, 2]


def test_binary_and_json_tensors_may_be_mixed(passengers: InferenceCodec) -> None:
    expected = passengers.decode(body(*columns(city={"data": ["Oslo", "Łódź"]}))).feeds
    texts = [("deck", [b"A", b"B"]), ("city", [b"Oslo", "Łódź".encode()])]
    content = {name: b"".join(len(v).to_bytes(4, "little") + v for v in values) for name, values in texts}
    content["member"] = b"\x01\x00"
    inputs = columns()
    for given in inputs:
        if given["name"] in content:
            del given["data"]
            given["parameters"] = {"binary_data_size": len(content[given["name"]])}
    header = body(*inputs)
    request = header + b"".join(content[given["name"]] for given in inputs if given["name"] in content)
    assert_feeds(passengers.decode(request, len(header)).feeds, expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda request, size: (request + b"12", size), "expected 64 bytes of binary tensors behind the JSON, got 66"),
        (lambda request, size: (request[:-1], size), "input 'X': expected 64 bytes of binary data, got 63"),
        (lambda request, size: (request, size + 1), "expected JSON: "),
        (lambda request, size: (request, size - 1), "expected JSON: "),
        (lambda request, size: (request[:size], None), "input 'X': expected \"data\", or the header "),
        (lambda request, size: (request.replace(b": 64", b": 56"), size), "input 'X': expected 64 bytes for 8 of FP64, got 56"),
        (lambda request, size: (request, 0), "input 'X': expected a multiple of 32 bytes, as a row of 4 FP64 has, got "),
    ],
)  # fmt: skip
def test_a_body_is_its_json_and_its_tensors(iris: InferenceCodec, change: Any, expected: str) -> None:
    with pytest.raises(InvalidInput) as error:
        iris.decode(*change(*binary(np.array(X))))
    assert error.value.text.startswith(expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_binary_numbers_are_looked_at_like_others(iris: InferenceCodec, value: float) -> None:
    rows = np.array(X)
    rows[1, 2] = value
    with pytest.raises(InvalidInput, match=r"^input 'X' row 1 column 2: expected a "):
        iris.decode(*binary(rows))


def test_a_raw_request_is_answered_in_bytes(iris: InferenceCodec, iris_model: Model) -> None:
    request = iris.decode(np.array(X).tobytes(), 0)
    assert (request.rows, request.methods) == (2, iris_model.manifest.methods)
    reply = iris.encode(request, iris_model.answer(request.feeds, request.methods))
    assert reply.media_type == b"application/octet-stream"
    with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
        iris.decode(b"", 0)


@pytest.mark.parametrize("identity", ["1", "a" * 128, "8f14e45f-ceea-467f-a8b2-1c4c0e5b7d11", "a.b_c:d/e+f=@-"])
def test_ids_are_echoed(iris: InferenceCodec, iris_model: Model, identity: str) -> None:
    request = iris.decode(body(tensor(), id=identity))
    reply = iris.encode(request, iris_model.answer(request.feeds, request.methods))
    assert msgspec.json.decode(reply.content)["id"] == request.id == identity


@pytest.mark.parametrize("identity", ["a" * 129, "a b", "a\n", "é", '"', "<", "\x00"])
def test_ids_that_do_not_belong_into_a_log_are_refused(iris: InferenceCodec, identity: str) -> None:
    with pytest.raises(InvalidInput, match=r"^id: expected 1 to 128 of letters, digits and . _ : / \+ = @ -, got "):
        iris.decode(body(tensor(), id=identity))


def test_members_may_be_null_and_a_client_may_name_the_model(iris: InferenceCodec) -> None:
    expected = iris.decode(body(tensor()))
    given = iris.decode(body(tensor(parameters=None), id=None, outputs=None, parameters=None, model_name="iris"))
    assert_feeds(given.feeds, expected.feeds)
    assert msgspec.structs.replace(given, feeds={}) == msgspec.structs.replace(expected, feeds={})
    with pytest.raises(InvalidInput, match=r"^model_name: expected 'iris', as in the path, got 'wine'$"):
        iris.decode(body(tensor(), model_name="wine"))


def test_parameters_say_when_to_answer(iris: InferenceCodec) -> None:
    request = iris.decode(body(tensor(), parameters={"timeout": 250_000, "priority": 2, "content_type": "np"}))
    assert (request.timeout, request.priority, request.form) == (0.25, 2, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"parameters": {"sequence_id": 7}}, "request: parameter 'sequence_id': sequences are not supported"),
        ({"parameters": {"timeout": "1"}}, "request: parameter 'timeout': expected an integer from 0 on, got '1'"),
        ({"parameters": {"binary_data_output": 1}}, "request: parameter 'binary_data_output': expected true or false, got 1"),
        ({"outputs": [{"name": "predict", "parameters": {"binary_data": "yes"}}]}, "output 'predict': parameter 'binary_data': expected true or false, got 'yes'"),
        ({"outputs": [{"name": "predict_proba", "parameters": {"classification": 4}}]}, "output 'predict_proba': parameter 'classification': expected an integer from 1 to 3, got 4"),
        ({"outputs": [{"name": "predict_proba", "parameters": {"classification": 10**9}}]}, "output 'predict_proba': parameter 'classification': expected an integer from 1 to 3, got 1000000000"),
        ({"outputs": [{"name": "predict_proba", "parameters": {"classification": 0}}]}, "output 'predict_proba': parameter 'classification': expected an integer from 1 to 3, got 0"),
        ({"outputs": [{"name": "predict", "parameters": {"classification": 1}}]}, "output 'predict': parameter 'classification': expected an output of several scores a row, got predict"),
        ({"outputs": [{"name": "predict", "parameters": {"shared_memory_region": "r"}}]}, "output 'predict': parameter 'shared_memory_region': shared memory is not supported"),
        ({"outputs": [{"name": "predict_prob"}]}, "output 'predict_prob': expected some of predict, predict_proba, decision_function (did you mean 'predict_proba'?)"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(iris: InferenceCodec, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInput) as error:
        iris.decode(body(tensor(), **fields))
    assert error.value.text == expected


def test_answers_may_be_binary_and_classes(passengers: InferenceCodec, passengers_model: Model) -> None:
    outputs = [
        {"name": "predict"},
        {"name": "predict_proba", "parameters": {"binary_data": False, "classification": 1}},
        {"name": "decision_function"},
    ]
    request = passengers.decode(body(*columns(), id="1", outputs=outputs, parameters={"binary_data_output": True}))
    labels, shares, scores = passengers_model.answer(request.feeds, request.methods)
    reply = passengers.encode(request, (labels, shares, scores))
    ((header, size),) = reply.headers
    assert (header, reply.media_type) == (b"inference-header-content-length", b"application/octet-stream")
    content, tensors = reply.content[: int(size)], reply.content[int(size) :]
    best = shares.argmax(axis=1)
    texts = [
        f"{row[index]}:{index}:{passengers_model.classes_[index]}" for row, index in zip(shares, best, strict=True)
    ]
    strings = b"".join(len(label).to_bytes(4, "little") + label.encode() for label in labels.tolist())
    assert msgspec.json.decode(content) == {
        "model_name": "passengers",
        "model_version": "1",
        "id": "1",
        "outputs": [
            {"name": "predict", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(strings)}},
            {"name": "predict_proba", "datatype": "BYTES", "shape": [2, 1], "data": texts},
            {"name": "decision_function", "datatype": "FP64", "shape": [2, 3], "parameters": {"binary_data_size": 48}},
        ],
    }
    assert tensors == strings + scores.tobytes()


def test_json_has_no_number_that_is_none(reciprocal_model: Model) -> None:
    codec = InferenceCodec(reciprocal_model)
    text = "transform of row 1 is not a finite number, which JSON cannot carry"
    for fields in ({}, {"outputs": [{"name": "transform"}]}):
        for data, error in (([1, 0], NotAcceptable), ([None, 0], InvalidInput)):
            given = {"name": "X", "shape": [2, 1], "datatype": "FP64", "data": data}
            request = codec.decode(body(given, **fields))
            with pytest.raises(error, match=text if data[0] else "transform of row 0 is not"):
                codec.encode(request, reciprocal_model.answer(request.feeds, request.methods))
    request = codec.decode(body(given, parameters={"binary_data_output": True}))
    reply = codec.encode(request, reciprocal_model.answer(request.feeds, request.methods))
    got = np.frombuffer(reply.content[int(reply.headers[0][1]) :]).reshape(2, 2)
    np.testing.assert_array_equal(got, [[np.nan, np.nan], [0.0, np.inf]])


@pytest.mark.parametrize(
    ("text", "again", "key"),
    [
        (b'"inputs":', b'"inputs": [], "inputs":', "inputs"),
        (b'"name":', b'"name": "Y", "name":', "name"),
        (b'"data":', b'"data": [], "data":', "data"),
        (b'"timeout":', b'"timeout": 1, "timeout":', "timeout"),
        (b'"name": "predict"', b'"name": "predict", "name": "predict"', "name"),
    ],
)
def test_no_key_is_there_twice(iris: InferenceCodec, text: bytes, again: bytes, key: str) -> None:
    request = body(tensor(), outputs=[{"name": "predict"}], parameters={"timeout": 5})
    for size in (None, len(request) + len(again) - len(text)):
        with pytest.raises(InvalidInput, match=f"^field '{key}': expected once in its object, got 2 times$"):
            iris.decode(request.replace(text, again, 1), size)


def test_limits_are_settings(iris_model: Model) -> None:
    codec = InferenceCodec(iris_model, Limits(max_rows=1))
    for request in ((body(tensor()),), binary(np.array(X))):
        with pytest.raises(TooLarge, match=r"^input 'X': expected at most 1 rows, got 2$"):
            codec.decode(*request)
    few = InferenceCodec(iris_model, Limits(max_elements=7))
    with pytest.raises(TooLarge, match=r"^input 'X': expected at most 7 values, got 8$"):
        few.decode(body(tensor()))


def test_an_object_of_a_record_has_each_key_once(records_model: Model) -> None:
    codec = InferenceCodec(records_model)
    records = ['{"city": "Oslo", "size": 10}', '{"city": "Oslo", "size": 10, "city": "Bergen"}']
    given = {"name": "X", "shape": [2], "datatype": "BYTES", "data": records}
    with pytest.raises(InvalidInput, match=r"^field 'city': expected once in its object, got 2 times$"):
        codec.decode(body(given))


@pytest.mark.parametrize(
    "request_body",
    [
        body(tensor(name="X" * 10**6)),
        body(tensor(datatype="F" * 10**6)),
        body(tensor(**{"x" * 10**6: 1})),
        body(tensor(), **{"x" * 10**6: 1}),
        body(tensor(), id="x" * 10**6),
        body(tensor(), model_name="x" * 10**6),
        body(tensor(), outputs=[{"name": "x" * 10**6}]),
        body(tensor(), parameters={"triton_" + "x" * 10**6: 1}),
        body(tensor(), parameters={"timeout": "x" * 10**6}),
        body(*(tensor(name=f"X{number}") for number in range(20_000))),
        body(*(tensor(name=f"X{number // 2}") for number in range(20_000))),
        body(tensor(), outputs=[{"name": "predict"}] * 20_000),
        b"x" * 10**6,
    ],
)
def test_an_error_is_short_and_soon_said(iris: InferenceCodec, request_body: bytes) -> None:
    began = process_time()
    with pytest.raises(InvalidInput) as error:
        iris.decode(request_body)
    assert len(error.value.text) <= 600
    assert process_time() - began < 1
