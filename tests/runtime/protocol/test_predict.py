from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skerry.export import export
from skerry.runtime import Model, load
from skerry.runtime.errors import InvalidInput, NotAcceptable, TooLarge, UnsupportedMedia
from skerry.runtime.feeds import Feeds
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.predict import PredictCodec
from skerry.runtime.protocol.request import Reply

RECORD: dict[str, Any] = {"age": 31.5, "fare": None, "relatives": 2, "city": "Oslo", "deck": "A", "member": True}
ROW = list(RECORD.values())
FIELDS = '"X", "records", "dataframe_records", "instances", "dataframe_split"'


@pytest.fixture(scope="module")
def iris(iris_model: Model) -> PredictCodec:
    return PredictCodec(iris_model)


@pytest.fixture(scope="module")
def passengers(passengers_model: Model) -> PredictCodec:
    return PredictCodec(passengers_model)


@pytest.fixture(scope="module")
def reviews(reviews_model: Model) -> PredictCodec:
    return PredictCodec(reviews_model)


def body(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def assert_feeds(got: Feeds, expected: Feeds) -> None:
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


@pytest.mark.parametrize(
    "request_body",
    [body(records=[RECORD]), body(X=[ROW]), body(records=[dict(reversed(RECORD.items()))])],
    ids=["records", "X", "another order"],
)
def test_rows_are_what_the_model_takes_of_a_frame(
    passengers: PredictCodec, passengers_model: Model, request_body: bytes
) -> None:
    expected = passengers_model.feeds.from_rows(pd.DataFrame([RECORD]).astype({"fare": float}))
    assert_feeds(passengers.decode(request_body).feeds, expected)


def test_rows_of_an_array_model_are_a_matrix(iris: PredictCodec) -> None:
    request = iris.decode(b'{"X": [[5.1, 3.5, 1.4, 0.2], [1, 2, 3, 1e23]]}')
    assert_feeds(request.feeds, {"X": np.array([[5.1, 3.5, 1.4, 0.2], [1.0, 2.0, 3.0, 1e23]])})


def test_rows_of_a_text_model_are_texts(reviews: PredictCodec, reviews_model: Model) -> None:
    texts = ["a good film", "", "très bon"]
    assert_feeds(reviews.decode(body(X=texts)).feeds, reviews_model.feeds.from_rows(texts))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("predict",)),
        ({"outputs": ["predict_proba"]}, ("predict_proba",)),
        ({"outputs": ["decision_function", "predict"]}, ("decision_function", "predict")),
    ],
)
def test_methods_are_the_first_or_those_asked_for(
    iris: PredictCodec, fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert iris.decode(body(X=[[1, 2, 3, 4]], **fields)).methods == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, f"expected one of {FIELDS}, got none"),
        ({"X": [ROW], "records": [RECORD]}, f"expected one of {FIELDS}, got X and records"),
        ({"x": [ROW]}, "field 'x': unknown"),
        ({"X": [ROW], "id": "1"}, "field 'id': unknown"),
        ({"X": None}, "X: expected a list, got null"),
        ({"X": {}}, "X: expected a list, got an object"),
        ({"X": ROW}, "row 0: expected a list, got a number"),
        ({"X": []}, "expected at least one row, got none"),
        ({"records": []}, "expected at least one row, got none"),
        ({"X": [ROW, ROW[:5]]}, "row 1: expected a list of length 6"),
        ({"X": [[*ROW, 1]]}, "row 0: expected a list of length 6"),
        ({"X": [["31", *ROW[1:]]]}, "input 'age' row 0: expected a number or null, got a string"),
        ({"X": [[True, *ROW[1:]]]}, "input 'age' row 0: expected a number or null, got true or false"),
        ({"records": [RECORD, RECORD | {"relatives": 2.0}]}, "input 'relatives' row 1: expected an integer, got a number"),
        ({"records": [RECORD | {"relatives": None}]}, "input 'relatives' row 0: expected an integer, got null"),
        ({"records": [RECORD | {"relatives": "2"}]}, "input 'relatives' row 0: expected an integer, got a string"),
        ({"records": [RECORD | {"member": 1}]}, "input 'member' row 0: expected true or false, got an integer"),
        ({"records": [RECORD | {"member": "false"}]}, "input 'member' row 0: expected true or false, got a string"),
        ({"records": [RECORD | {"deck": None}]}, "input 'deck' row 0: expected a string, got null"),
        ({"records": [RECORD | {"city": 5}]}, "input 'city' row 0: expected a string or null, got an integer"),
        ({"records": [RECORD | {"city": "a\0"}]}, "input 'city' row 0: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"records": [RECORD | {"city": "\ufdd0"}]}, "input 'city' row 0: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"records": [RECORD | {"Age": 1}]}, "input 'Age' row 0: unknown (did you mean 'age'?)"),
        ({"records": [RECORD, {name: RECORD[name] for name in RECORD if name != "deck"}]}, "input 'deck' row 1: missing"),
        ({"records": [ROW]}, "row 0: expected an object, got a list"),
        ({"X": [RECORD]}, "row 0: expected a list, got an object"),
        ({"X": [ROW], "outputs": []}, "outputs: expected at least one, each once"),
        ({"X": [ROW], "outputs": ["predict", "predict"]}, "outputs: expected at least one, each once"),
        ({"X": [ROW], "outputs": "predict"}, "outputs: expected a list, got a string"),
        ({"X": [ROW], "outputs": [5]}, "outputs[0]: expected a string, got an integer"),
        ({"X": [ROW], "outputs": ["predict_probs"]}, "output 'predict_probs': expected some of predict, predict_proba, decision_function (did you mean 'predict_proba'?)"),
        ({"X": [ROW], "outputs": ["guard_0"]}, "output 'guard_0': expected some of predict, predict_proba, decision_function"),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused_by_input_and_row(
    passengers: PredictCodec, fields: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        passengers.decode(body(**fields))
    assert error.value.text == expected


@pytest.mark.parametrize("value", ["1e400", "-1e400", "9" * 400])
def test_number_beyond_float64_is_refused(iris: PredictCodec, value: str) -> None:
    with pytest.raises(InvalidInput, match=r"^input 'X' row 0 column 2: expected a number in the range of float64$"):
        iris.decode(f'{{"X": [[1, 2, {value}, 4]]}}'.encode())


@pytest.mark.parametrize("value", [str(2**63), str(-(2**63) - 1), "9" * 5000])
def test_integer_beyond_int64_is_refused(passengers: PredictCodec, value: str) -> None:
    text = body(records=[RECORD]).decode().replace('"relatives": 2', f'"relatives": {value}')
    with pytest.raises(InvalidInput, match=r"^input 'relatives' row 0: "):
        passengers.decode(text.encode())


def test_an_array_model_has_no_records(iris: PredictCodec) -> None:
    with pytest.raises(InvalidInput, match=r"^field 'records': unknown$"):
        iris.decode(body(records=[RECORD]))
    with pytest.raises(InvalidInput, match=r'^expected one of "X", "instances", "dataframe_split", got none$'):
        iris.decode(b"{}")


def test_answers_come_under_plain_names(iris: PredictCodec, iris_model: Model) -> None:
    request = iris.decode(
        b'{"X": [[5.1, 3.5, 1.4, 0.2]], "outputs": ["predict", "predict_proba", "decision_function"]}'
    )
    answers = iris_model.answer(request.feeds, request.methods)
    assert msgspec.json.decode(iris.encode(request, answers).content) == {
        "prediction": answers[0].tolist(),
        "probabilities": answers[1].tolist(),
        "decision_function": answers[2].tolist(),
        "model": "iris",
        "version": 1,
    }


def test_string_labels_are_strings(passengers: PredictCodec, passengers_model: Model) -> None:
    request = passengers.decode(body(X=[ROW, ROW]))
    answer = json.loads(passengers.encode(request, passengers_model.answer(request.feeds, request.methods)).content)
    assert (
        answer["prediction"]
        == passengers_model.predict(pd.DataFrame([RECORD, RECORD]).astype({"fare": float})).tolist()
    )


def test_scores_lose_nothing_on_the_way(iris: PredictCodec, iris_model: Model, iris_rows: np.ndarray) -> None:
    request = iris.decode(body(X=iris_rows.tolist(), outputs=["predict_proba"]))
    answer = json.loads(iris.encode(request, iris_model.answer(request.feeds, request.methods)).content)
    np.testing.assert_array_equal(np.array(answer["probabilities"]), iris_model.predict_proba(iris_rows), strict=True)


def test_columns_of_any_name_are_records(tmp_path: Path) -> None:
    names = ["height 6'2\"", "back\\slash", "tab\there", "`tick` [0]", "größe"]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 5)), columns=names)
    model = load(export(LogisticRegression().fit(frame, frame.iloc[:, 0] > 0), frame, name="named", to=tmp_path))
    codec = PredictCodec(model)
    record = dict(zip(names, [1.0, 2.0, 3, 4.5, 5.0], strict=True))
    request = codec.decode(json.dumps({"records": [record, record]}).encode())
    assert request.feeds["FP64"].tolist() == [[1.0, 2.0, 3.0, 4.5, 5.0]] * 2
    for wrong, text in [
        (record | {"back\\slash": "2"}, "input 'back\\\\slash' row 1: expected a number, got a string"),
        (record | {"more": 1}, "input 'more' row 1: unknown"),
        ({"größe": 1.0}, "input 'height 6\\'2\"' row 1: missing"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            codec.decode(json.dumps({"records": [record, wrong]}).encode())
        assert refusal.value.text == text


def answered(codec: PredictCodec, model: Model, content: bytes, accept: str = "", **how: Any) -> Reply:
    request = codec.decode(content, **how)
    return codec.encode(request, model.answer(request.feeds, request.methods), accept)


@pytest.mark.parametrize("content_type", ["", "application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_json_is_what_a_body_is_for_lack_of_another_type(iris: PredictCodec, content_type: str) -> None:
    assert iris.decode(body(X=[[1, 2, 3, 4]]), content_type).rows == 1


@pytest.mark.parametrize("field", ["instances", "dataframe_records", "dataframe_split"])
def test_clients_of_other_servers_find_predictions(
    passengers: PredictCodec, passengers_model: Model, field: str
) -> None:
    rows: Any = {"columns": list(RECORD), "data": [ROW, ROW]} if field == "dataframe_split" else [RECORD, RECORD]
    expected = json.loads(
        answered(passengers, passengers_model, body(X=[ROW, ROW], outputs=["predict", "predict_proba"])).content
    )
    one = json.loads(answered(passengers, passengers_model, body(**{field: rows})).content)
    assert one == {"predictions": expected["prediction"], "model": "passengers", "version": 1}
    two = json.loads(
        answered(passengers, passengers_model, body(**{field: rows}, outputs=["predict", "predict_proba"])).content
    )
    assert two["predictions"] == [
        {"prediction": label, "probabilities": scores}
        for label, scores in zip(expected["prediction"], expected["probabilities"], strict=True)
    ]  # fmt: skip


def test_instances_are_all_rows_or_all_records(passengers: PredictCodec) -> None:
    with pytest.raises(InvalidInput, match=r"^instances: expected all rows as lists or all as objects, got both$"):
        passengers.decode(body(instances=[ROW, RECORD]))


@pytest.mark.parametrize(
    ("split", "error"),
    [
        ({"columns": list(RECORD)}, "dataframe_split field 'data': missing"),
        ({"columns": [*RECORD, "more"], "data": [[*ROW, 1]]}, "input 'more': unknown"),
        ({"columns": [*RECORD, "age"], "data": [[*ROW, 1]]}, "column 'age': expected once, got 2 times"),
        ({"columns": list(RECORD), "data": [ROW, ROW[:5]]}, "row 1: expected a list of length 6, got 5"),
        ({"columns": list(RECORD), "data": [ROW], "index": [1, 2]}, "dataframe_split.index: expected 1 values, got 2"),
        ({"columns": list(RECORD), "data": [ROW, ["x", *ROW[1:]]]}, "input 'age' row 1: expected a number or null, got a string"),
        ({"columns": list(RECORD), "data": []}, "expected at least one row, got none"),
    ],
)  # fmt: skip
def test_a_wrong_frame_is_refused(passengers: PredictCodec, split: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        passengers.decode(body(dataframe_split=split))
    assert refusal.value.text == error


def test_a_frame_without_names_feeds_a_matrix_in_order(iris: PredictCodec) -> None:
    request = iris.decode(body(dataframe_split={"columns": [0, 1, 2, 3], "data": [[1, 2, 3, 4]]}))
    assert request.feeds["X"].tolist() == [[1.0, 2.0, 3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b'{"X": [[1, 2, 3, 4]], "X": [[4, 3, 2, 1]]}', "X"),
        (b'{"X": [[1, 2, 3, 4]], "outputs": ["predict"], "outputs": ["predict_proba"]}', "outputs"),
    ],
)
def test_a_field_twice_is_refused(iris: PredictCodec, content: bytes, key: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^field '{key}': expected once in its object, got 2 times$"):
        iris.decode(content)


@pytest.mark.parametrize("extra_columns", ["refuse", "ignore"])
def test_an_input_twice_in_a_record_is_refused(passengers_model: Model, extra_columns: Any) -> None:
    codec = PredictCodec(passengers_model, extra_columns=extra_columns)
    for field in ("records", "instances", "dataframe_records"):
        text = body(**{field: [RECORD, RECORD]}).replace(b'"age": 31.5', b'"age": 31.5, "age": 99', 1)
        with pytest.raises(InvalidInput, match=r"^field 'age': expected once in its object, got 2 times$"):
            codec.decode(text)


def test_lines_are_refused_by_row(passengers: PredictCodec) -> None:
    for second, error in [
        (body(**(RECORD | {"age": "x"})), "input 'age' row 1: expected a number or null, got a string"),
        (json.dumps(["x", *ROW[1:]]).encode(), "input 'age' row 1: expected a number or null, got a string"),
        (json.dumps(ROW).encode(), "instances: expected all rows as lists or all as objects, got both"),
        (
            body(**RECORD).replace(b'"deck"', b'"city": "x", "deck"'),
            "field 'city': expected once in its object, got 2 times",
        ),
        (b"{", "expected JSON Lines: Input data was truncated"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            passengers.decode(body(**RECORD) + b"\n" + second, "application/x-ndjson")
        assert refusal.value.text == error


@pytest.mark.parametrize(
    ("limits", "content_type", "content", "error"),
    [
        (Limits(max_rows=2), "", body(X=[[1, 2, 3, 4]] * 3), "expected at most 2 rows, got 3"),
        (Limits(max_elements=8), "", body(instances=[[1, 2, 3, 4]] * 3), "expected at most 8 values, got 12"),
        (Limits(max_rows=2), "application/x-ndjson", b"[1, 2, 3, 4]\n" * 3, "expected at most 2 rows, got 3"),
        (Limits(max_rows=2), "text/csv", b"a,b,c,d\n" + b"1,2,3,4\n" * 9, "expected at most 2 rows, got 3"),
    ],
)
def test_rows_are_limited(iris_model: Model, limits: Limits, content_type: str, content: bytes, error: str) -> None:
    with pytest.raises(TooLarge) as refusal:
        PredictCodec(iris_model, limits=limits).decode(content, content_type)
    assert refusal.value.text == error


def test_numbers_beyond_float32_are_refused_where_scikit_learn_refuses_them(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    model = load(export(DecisionTreeClassifier().fit(rows, rows[:, 0] > 0), rows, name="tree", to=tmp_path))
    codec = PredictCodec(model)
    below, beyond = 3.4028235677973366e38 - 2e22, 3.4028235677973366e38
    assert codec.decode(body(X=[[below, -below]])).feeds["X"].tolist() == [[below, -below]]
    assert codec.decode(body(X=[[below, None], [1, 2]])).rows == 2
    for given in ([[beyond, 1]], [[1, 2], [-beyond, 1]], [[beyond, None]]):
        with pytest.raises(
            InvalidInput, match=r"^input 'X' row [01] column 0: expected a number in the range of float32"
        ):
            codec.decode(body(X=given))


@pytest.mark.parametrize(
    ("accept", "content"),
    [
        ("text/csv", b"prediction,probabilities_lost,probabilities_saved,probabilities_unknown\n"),
        ("application/x-ndjson", b'{"prediction":"'),
    ],
)
def test_answers_are_text_in_the_type_that_is_asked_for(
    passengers: PredictCodec, passengers_model: Model, accept: str, content: bytes
) -> None:
    reply = answered(passengers, passengers_model, body(X=[ROW], outputs=["predict", "predict_proba"]), accept)
    assert reply.media_type.decode() == accept
    assert reply.content.startswith(content)
    assert dict(reply.headers) == {b"model-name": b"passengers", b"model-version": b"1"}


@pytest.mark.parametrize(
    "accept", ["text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"]
)
def test_answers_in_columns_lose_nothing(passengers: PredictCodec, passengers_model: Model, accept: str) -> None:
    content = body(X=[ROW, ROW], outputs=["predict", "predict_proba"])
    labels, scores = passengers_model.answer(passengers.decode(content).feeds, ("predict", "predict_proba"))
    frame = READERS[accept](answered(passengers, passengers_model, content, accept).content)
    assert list(frame) == ["prediction", *(f"probabilities_{label}" for label in passengers_model.classes_)]
    assert frame["prediction"].tolist() == labels.tolist()
    np.testing.assert_array_equal(frame.iloc[:, 1:].to_numpy(), scores, strict=True)


READERS: dict[str, Any] = {
    "text/csv": lambda content: pd.read_csv(io.BytesIO(content)),
    "application/vnd.apache.arrow.stream": lambda content: pyarrow.ipc.open_stream(content).read_pandas(),
    "application/vnd.apache.parquet": lambda content: pd.read_parquet(io.BytesIO(content)),
}


@pytest.mark.parametrize("accept", ["text/csv", "application/vnd.apache.arrow.stream", "application/x-npy"])
def test_an_answer_that_is_not_finite_is_carried_by_all_but_json(reciprocal_model: Model, accept: str) -> None:
    codec = PredictCodec(reciprocal_model)
    content = body(X=[[1], [0], [None]])
    reply = answered(codec, reciprocal_model, content, accept)
    if accept == "application/x-npy":
        found = np.load(io.BytesIO(reply.content))
    else:
        found = READERS[accept](reply.content).to_numpy()
    np.testing.assert_array_equal(found, [[1, 1], [0, np.inf], [np.nan, np.nan]])
    for accept_json in ("", "application/x-ndjson"):
        with pytest.raises(InvalidInput, match=r"^transform of row 1 is not a finite number, which JSON cannot carry$"):
            answered(codec, reciprocal_model, content, accept_json)


def test_a_label_may_be_the_word_null(tmp_path: Path) -> None:
    rows = np.arange(10.0).reshape(-1, 1)
    labels = np.where(rows[:, 0] > 4, "null", "some")
    model = load(export(DecisionTreeClassifier().fit(rows, labels), rows, name="words", to=tmp_path))
    codec = PredictCodec(model)
    assert json.loads(answered(codec, model, body(X=[[9], [0]])).content)["prediction"] == ["null", "some"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"outputs=predict_proba", ("predict_proba",)),
        (b"outputs=predict,predict_proba", ("predict", "predict_proba")),
        (b"outputs=predict&outputs=decision%5Ffunction", ("predict", "decision_function")),
        (b"", ("predict",)),
    ],
)
def test_methods_of_any_format_may_be_in_the_query(iris: PredictCodec, query: bytes, expected: tuple[str, ...]) -> None:
    assert iris.decode(b"a,b,c,d\n1,2,3,4\n", "text/csv", query).methods == expected


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (b"output=predict", "query 'output': unknown (did you mean 'outputs'?)"),
        (b"outputs=", "output '': expected some of predict, predict_proba, decision_function"),
        (b"outputs=predict,predict", "outputs: expected at least one, each once"),
        (b"outputs=\xff", "output 'ÿ': expected some of predict, predict_proba, decision_function"),
    ],
)
def test_a_wrong_query_is_refused(iris: PredictCodec, query: bytes, error: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        iris.decode(body(X=[[1, 2, 3, 4]]), "", query)
    assert refusal.value.text == error
    with pytest.raises(InvalidInput, match=r"^outputs: expected in the body or in the query, got both$"):
        iris.decode(body(X=[[1, 2, 3, 4]], outputs=["predict"]), "", b"outputs=predict")


@pytest.mark.parametrize("content_type", ["application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"])
def test_a_library_that_is_not_installed_is_named_by_its_extra(
    iris: PredictCodec, iris_model: Model, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnsupportedMedia, match=r"needs the extra `arrow`, .* pip install 'skerry\[arrow\]'$"):
        iris.decode(b"x", content_type)
    request = iris.decode(body(X=[[1, 2, 3, 4]]))
    with pytest.raises(NotAcceptable, match=r"needs the extra `arrow`"):
        iris.encode(request, iris_model.answer(request.feeds, request.methods), content_type)


def test_nothing_but_the_first_arrow_imports_pyarrow() -> None:
    code = "import sys; import skerry.runtime.protocol.predict; assert 'pyarrow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("", body(X=[[1, 2, 3, "secret"]]), "input 'X' row 0 column 3: expected a number"),
        ("", body(secret=1), "field '…': unknown"),
        ("", body(X=[[1, 2, 3, 4]], outputs=["secret"]), "output '…': expected some of predict, predict_proba, decision_function"),
        ("text/csv", b"a,b,c,d\n1,2,3,secret\n", "input '…' row 0: expected a number"),
        ("text/csv", b"1,2,3,secret,5\n", "expected 4 columns"),
        ("secret/x", b"", "content-type: expected one of application/json, application/x-ndjson, text/csv, "),
    ],
)  # fmt: skip
def test_redacted_errors_have_nothing_that_the_client_sent(
    iris_model: Model, content_type: str, content: bytes, text: str
) -> None:
    with pytest.raises((InvalidInput, UnsupportedMedia)) as refusal:
        PredictCodec(iris_model, redacted=True).decode(content, content_type)
    assert refusal.value.text.startswith(text)
    assert "secret" not in refusal.value.text
