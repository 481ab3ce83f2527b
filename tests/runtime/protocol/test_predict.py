from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skerry.export import export
from skerry.runtime import Model, load
from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Feeds
from skerry.runtime.protocol.predict import PredictCodec

RECORD: dict[str, Any] = {"age": 31.5, "fare": None, "relatives": 2, "city": "Oslo", "deck": "A", "member": True}
ROW = list(RECORD.values())


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
        ({}, 'expected one of "X" and "records", got none'),
        ({"X": [ROW], "records": [RECORD]}, 'expected one of "X" and "records", got X and records'),
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
    with pytest.raises(InvalidInput, match=r'^expected one of "X", got none$'):
        iris.decode(b"{}")


def test_answers_come_under_plain_names(iris: PredictCodec, iris_model: Model) -> None:
    request = iris.decode(
        b'{"X": [[5.1, 3.5, 1.4, 0.2]], "outputs": ["predict", "predict_proba", "decision_function"]}'
    )
    answers = iris_model.answer(request.feeds, request.methods)
    assert msgspec.json.decode(iris.encode(request, answers)) == {
        "prediction": answers[0].tolist(),
        "probabilities": answers[1].tolist(),
        "decision_function": answers[2].tolist(),
        "model": "iris",
        "version": 1,
    }


def test_string_labels_are_strings(passengers: PredictCodec, passengers_model: Model) -> None:
    request = passengers.decode(body(X=[ROW, ROW]))
    answer = json.loads(passengers.encode(request, passengers_model.answer(request.feeds, request.methods)))
    assert (
        answer["prediction"]
        == passengers_model.predict(pd.DataFrame([RECORD, RECORD]).astype({"fare": float})).tolist()
    )


def test_scores_lose_nothing_on_the_way(iris: PredictCodec, iris_model: Model, iris_rows: np.ndarray) -> None:
    request = iris.decode(body(X=iris_rows.tolist(), outputs=["predict_proba"]))
    answer = json.loads(iris.encode(request, iris_model.answer(request.feeds, request.methods)))
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
