"""What is accepted in a request, as the server was told: the same under ``/predict`` and ``/v2``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.limits import Limits
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.request_policy import RequestPolicy

PREDICT, INFER = "/models/iris/predict", "/v2/models/iris/infer"
POLICY = RequestPolicy(limits=Limits(max_rows=2, max_elements=8), extra_columns="ignore", redacted=True)


@pytest.fixture(scope="module")
def client(iris_model: Model, passengers_model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(ModelRepository([iris_model, passengers_model], requests=POLICY))) as client:
        yield client


def tensor(rows: int, datatype: str = "FP64", value: object = 1.5) -> dict[str, object]:
    return {"inputs": [{"name": "X", "shape": [rows, 4], "datatype": datatype, "data": [value] * 4 * rows}]}


@pytest.mark.parametrize(
    ("path", "body"), [(PREDICT, {"X": [[1.0] * 4] * 3}), (INFER, tensor(3))], ids=["predict", "infer"]
)
def test_more_rows_than_the_limit_are_too_large(client: TestClient, path: str, body: object) -> None:
    reply = client.post(path, json=body)
    assert (reply.status_code, "at most 2 rows" in reply.json()["error"]) == (413, True)


def test_the_configuration_and_the_description_say_the_limit(client: TestClient) -> None:
    assert client.get("/v2/models/iris/config").json()["max_batch_size"] == 2
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["iris.1.predict"]["properties"]["X"]["maxItems"] == 2


def test_extra_columns_are_ignored_where_that_is_said(client: TestClient) -> None:
    known = {"age": 31.0, "fare": 20.5, "relatives": 2, "city": "Oslo", "deck": "A", "member": True}
    answers = [
        client.post("/models/passengers/predict", json={"records": [record]})
        for record in (known, known | {"note": "none"})
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["passengers.1.predict"]["properties"]["records"]["items"]["additionalProperties"] is True


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        (PREDICT, {"X": [[1, 2, 3, "secret"]]}, "input 'X' row 0 column 3: expected a number"),
        (INFER, tensor(1, value="secret"), "input 'X' row 0 column 0: expected a number"),
        (
            INFER,
            {"inputs": [{"name": "secret", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]},
            "input 'X': missing",
        ),
        (INFER, tensor(1, datatype="secret"), "input 'X': expected datatype FP64"),
    ],
    ids=["predict", "infer", "name", "datatype"],
)
def test_errors_leave_out_what_came(client: TestClient, path: str, body: object, text: str) -> None:
    reply = client.post(path, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"].startswith(text)
    assert "secret" not in reply.text
