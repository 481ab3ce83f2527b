from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.inference import INLINE_BODY
from skerry.runtime.models.repository import ModelRepository

ROW = '{"X": [[5.1, 3.5, 1.4, 0.2]]}'
LIMIT = 200_000
PREDICT, INFER = "/models/iris/predict", "/v2/models/iris/infer"


def renumbered(model: Model, version: int, **changed: Any) -> Model:
    """The same model under another version, or with another manifest."""
    copy = object.__new__(Model)
    manifest = msgspec.structs.replace(model.manifest, version=version, **changed)
    copy.__dict__.update(model.__dict__ | {"manifest": manifest})
    return copy


@pytest.fixture(scope="module")
def client(models: dict[str, Model], reciprocal_model: Model) -> Iterator[TestClient]:
    """Serves all samples, iris in versions 1 and 2; bodies of at most ``LIMIT`` bytes."""
    every = [*models.values(), renumbered(models["iris"], 2), reciprocal_model]
    with TestClient(create_app(ModelRepository(every), max_body=LIMIT)) as client:
        yield client


@pytest.fixture(scope="module")
def alone(iris_model: Model) -> Iterator[TestClient]:
    """Serves one model."""
    with TestClient(create_app(ModelRepository([iris_model]))) as client:
        yield client


def tensor(**changed: Any) -> dict[str, Any]:
    """An inference request for iris."""
    given = {"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}
    return {"inputs": [given | changed]}


def test_predict_answers_under_plain_names(client: TestClient) -> None:
    reply = client.post(PREDICT, content=ROW)
    assert (reply.status_code, reply.json()) == (200, {"prediction": [0], "model": "iris", "version": 2})
    assert reply.headers["content-type"] == "application/json"


def test_the_only_model_answers_without_its_name(alone: TestClient) -> None:
    assert alone.post("/predict", content=ROW).json() == {"prediction": [0], "model": "iris", "version": 1}


def test_several_models_want_a_name(client: TestClient) -> None:
    reply = client.post("/predict", content=ROW)
    assert reply.status_code == 404
    assert reply.json()["error"].startswith("expected a model's name in the path, as in /models/iris/predict: ")


def test_predict_is_scikit_learns(client: TestClient, passengers_estimator: Any, passengers_rows: pd.DataFrame) -> None:
    rows = passengers_rows[:20]
    body = {
        "records": json.loads(rows.to_json(orient="records", double_precision=15)),
        "outputs": ["predict", "predict_proba"],
    }
    reply = client.post("/models/passengers/predict", json=body).json()
    assert reply["prediction"] == passengers_estimator.predict(rows).tolist()
    np.testing.assert_allclose(reply["probabilities"], passengers_estimator.predict_proba(rows), rtol=1e-6)


def test_texts_are_answered(client: TestClient, reviews_estimator: Any, reviews_rows: list[str]) -> None:
    reply = client.post("/models/reviews/predict", json={"X": reviews_rows}).json()
    assert reply["prediction"] == reviews_estimator.predict(reviews_rows).tolist()


def test_infer_answers_as_the_protocol_says(client: TestClient) -> None:
    body = tensor() | {"id": "7", "outputs": [{"name": "predict"}]}
    output = {"name": "predict", "datatype": "INT64", "shape": [1], "data": [0]}
    expected = {"model_name": "iris", "model_version": "2", "id": "7", "outputs": [output]}
    reply = client.post(INFER, json=body)
    assert (reply.status_code, reply.json()) == (200, expected)


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_answers_for_itself(client: TestClient, version: int) -> None:
    predicted = client.post(f"/models/iris/versions/{version}/predict", content=ROW).json()
    inferred = client.post(f"/v2/models/iris/versions/{version}/infer", json=tensor()).json()
    assert (predicted["version"], inferred["model_version"]) == (version, str(version))


@pytest.mark.parametrize(
    "version", ["0", "01", "-1", "+1", "3", "latest", "1.0", "%201", "%EF%BC%91", "%C2%B2", "9" * 20, "9" * 5000]
)
@pytest.mark.parametrize("path", ["/models/iris/versions/{}/predict", "/v2/models/iris/versions/{}/infer"])
def test_no_other_version_answers(client: TestClient, path: str, version: str) -> None:
    reply = client.post(path.format(version), content=ROW)
    assert reply.status_code == 404
    assert reply.json()["error"].startswith("model 'iris' version '")
    assert reply.json()["error"].endswith(": not found; there is 1, 2")


@pytest.mark.parametrize(
    "name", ["Iris", "iris%20", "iris.", "%2e%2e", "..%2firis", "%00", "%2Fetc%2Fpasswd", "x" * 10_000, "iris;x=1"]
)
def test_no_other_name_answers(client: TestClient, name: str) -> None:
    reply = client.post(f"/models/{name}/predict", content=ROW)
    assert reply.status_code == 404
    assert len(reply.json()["error"]) < 300


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True, "live": True}),
        ("/v2/models/iris/ready", {"name": "iris", "ready": True}),
        ("/v2/models/iris/versions/1/ready", {"name": "iris", "ready": True}),
        (
            "/v2/models/diabetes/versions/1",
            {
                "name": "diabetes",
                "versions": ["1"],
                "platform": "onnx_onnxv1",
                "inputs": [
                    {"name": name, "datatype": "FP64", "shape": [-1, 1]}
                    for name in ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
                ],
                "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1]}],
            },
        ),
    ],
)
def test_questions_about_the_server_and_its_models_are_answered(
    client: TestClient, path: str, expected: object
) -> None:
    reply = client.get(path)
    assert (reply.status_code, reply.json()) == (200, expected)


def test_a_model_lists_its_versions(client: TestClient) -> None:
    assert client.get("/v2/models/iris").json()["versions"] == ["1", "2"]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_says_what_it_is(client: TestClient, path: str) -> None:
    reply = client.get(path, follow_redirects=False)
    assert reply.status_code == 200
    assert reply.json().keys() == {"name", "version", "extensions"}
    assert reply.json()["name"] == "skerry"


@pytest.mark.parametrize("path", ["/v2/models/nothing", "/v2/models/iris/versions/9", "/v2/models/nothing/ready"])
def test_questions_about_models_that_are_not_there_get_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/model", "/V2", "//v2", "/models/iris", "/../etc/passwd"])
def test_no_such_path_is_said_in_json(client: TestClient, path: str) -> None:
    reply = client.post(path, content=ROW)
    assert reply.status_code == 404
    assert reply.json()["error"].startswith("no such path: ")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PREDICT), ("DELETE", "/v2"), ("PUT", INFER), ("POST", "/v2/models/iris")]
)
def test_wrong_method_says_which_is_allowed(client: TestClient, method: str, path: str) -> None:
    reply = client.request(method, path)
    assert reply.status_code == 405
    assert reply.json() == {"error": f"method {method} is not allowed for {path!r}"}
    assert reply.headers["allow"]


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "space": b" ",
    "null": b"null",
    "list": b"[]",
    "text": b'"x"',
    "number": b"1",
    "truncated": b'{"X": [[1, 2',
    "trailing comma": b'{"X": [[1, 2, 3, 4],]}',
    "two documents": ROW.encode() * 2,
    "comment": b'{"X": [[1, 2, 3, 4]]} // done',
    "BOM": b"\xef\xbb\xbf" + ROW.encode(),
    "UTF-16": ROW.encode("utf-16"),
    "not UTF-8": b'{"\xff": 1}',
    "overlong UTF-8": b'{"\xc0\xaf": 1}',
    "lone surrogate": b'{"\\ud800": 1}',
    "deep": b"[" * 1_000,
    "deeper": b'{"X": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "deep unknown": b'{"a": ' + b'{"a": ' * 30_000,
    "deep data": b'{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": ' + b"[" * 90_000,
    "NaN": b'{"X": [[NaN, 1, 1, 1]]}',
    "Infinity": b'{"X": [[Infinity, 1, 1, 1]]}',
    "many lists": b'{"inputs": [' + b"[]," * 60_000 + b"[]]}",
    "control character": b'{"X": [["\x01"]]}',
    "nothing": b"{}",
}


@pytest.mark.parametrize("path", [PREDICT, INFER, "/models/passengers/predict", "/v2/models/reviews/infer"])
@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_body_is_the_clients_fault(client: TestClient, path: str, kind: str) -> None:
    reply = client.post(path, content=MALFORMED[kind])
    assert reply.status_code == 400, reply.text
    assert reply.json().keys() == {"error"}
    assert 0 < len(reply.json()["error"]) < 400


@pytest.mark.parametrize("value", ['"1.5"', '"nan"', "true", "null", "{}", "[]", "[1]", "1e400", "-1e400", "9" * 5000])
def test_value_that_is_no_number_is_refused(client: TestClient, value: str) -> None:
    predict = client.post(PREDICT, content=f'{{"X": [[1, 2, 3, {value}]]}}')
    data = f'{{"inputs": [{{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, {value}]}}]}}'
    infer = client.post(INFER, content=data)
    assert (predict.status_code, infer.status_code) == (400, 400)
    assert predict.json()["error"].startswith("input 'X' row 0 column 3: ")
    assert infer.json()["error"].startswith("input 'X' row 0 column 3: ")


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_body_over_the_limit_is_refused(client: TestClient, size: int) -> None:
    reply = client.post(PREDICT, content=ROW.ljust(size))
    assert reply.status_code == (200 if size == LIMIT else 413)
    if size > LIMIT:
        assert reply.json() == {"error": f"body: expected at most {LIMIT} bytes, got more"}


def test_body_without_a_length_is_limited_too(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 10_000

    assert client.post(PREDICT, content=(ROW.encode(), b" ")).status_code == 200
    assert client.post(PREDICT, content=_bounded(endless(), 100)).status_code == 413


def _bounded(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield next(chunks)


def test_large_body_is_answered_as_a_small_one(client: TestClient, iris_estimator: Any, iris_rows: np.ndarray) -> None:
    """Larger bodies are answered on a thread."""
    rows = np.tile(iris_rows, (10, 1))
    body = json.dumps({"X": rows.tolist()})
    assert len(body) > INLINE_BODY
    assert client.post(PREDICT, content=body).json()["prediction"] == iris_estimator.predict(rows).tolist()


def test_model_without_a_cost_curve_is_answered(iris_model: Model) -> None:
    with TestClient(create_app(ModelRepository([renumbered(iris_model, 1, cost=())]))) as client:
        assert client.post("/predict", content=ROW).json()["prediction"] == [0]


def test_rows_that_scikit_learn_refuses_are_the_clients_fault(
    client: TestClient, passengers_rows: pd.DataFrame
) -> None:
    record = json.loads(passengers_rows[:1].to_json(orient="records"))[0] | {"deck": "Z"}
    reply = client.post("/models/passengers/predict", json={"records": [record]})
    expected = "input 'deck' row 0: expected a category known from training, got another"
    assert (reply.status_code, reply.json()) == (400, {"error": expected})


def test_answer_that_json_cannot_carry_is_an_error_and_never_null(client: TestClient) -> None:
    """1 / 0 can be had in another format; the answer for a missing value is none."""
    failed = client.post("/models/reciprocal/predict", content='{"X": [[1], [0]]}')
    asked = client.post("/models/reciprocal/predict", content='{"X": [[1], [null]]}')
    text = "transform of row 1 is not a finite number, which JSON cannot carry"
    assert (failed.status_code, failed.json()) == (406, {"error": text})
    assert (asked.status_code, asked.json()) == (400, {"error": text})


def test_a_fault_of_ours_says_nothing_about_us(reciprocal_model: Model) -> None:
    """A session that does not fit its model stands for a bug."""
    broken = renumbered(reciprocal_model, 1)
    broken.__dict__["_session"] = None
    app = create_app(ModelRepository([broken]))
    with TestClient(app, raise_server_exceptions=False) as client:
        reply = client.post("/predict", content='{"X": [[1]]}')
    assert (reply.status_code, reply.json()) == (500, {"error": "internal error; the request was not at fault"})


def test_a_client_that_goes_away_is_no_fault_of_ours(iris_model: Model) -> None:
    """Nothing is raised, so nothing reaches the server's log."""
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"X": ', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
    }
    asyncio.run(create_app(ModelRepository([iris_model]))(scope, receive, send))
    assert sent == []


def test_neighbours_get_their_own_answers(client: TestClient, iris_model: Model, iris_rows: np.ndarray) -> None:
    """One refused request between two good ones changes neither."""
    good = [client.post(PREDICT, json={"X": iris_rows[[row]].tolist()}).json()["prediction"] for row in (0, 75)]
    assert client.post(PREDICT, content=b"").status_code == 400
    assert good == [[0], [1]]
    assert client.post(PREDICT, content=ROW).json()["prediction"] == iris_model.predict(iris_rows[:1]).tolist()


@pytest.mark.parametrize("path", ["/predict/", "/v2/models/iris/", "/v2/health/live/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_trailing_slash_is_another_path_and_no_redirect(client: TestClient, method: str, path: str) -> None:
    reply = client.request(method, path, follow_redirects=False)
    assert (reply.status_code, reply.json()) == (404, {"error": f"no such path: {path!r}"})
