"""``/predict`` over HTTP: the media types of bodies and answers, and the statuses of what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET

PATH = "/models/passengers/predict"


@pytest.fixture(scope="module")
def client(iris_model: Model, passengers_model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(ModelRepository([iris_model, passengers_model]))) as client:
        yield client


def test_a_table_in_is_a_table_out(
    client: TestClient, passengers_rows: pd.DataFrame, passengers_estimator: Any
) -> None:
    reply = client.post(
        f"{PATH}?outputs=predict,predict_proba",
        content=passengers_rows.to_csv(index=False),
        headers={"content-type": "text/csv; charset=utf-8", "accept": CSV},
    )
    assert (reply.status_code, reply.headers["content-type"]) == (200, CSV)
    assert (reply.headers["model-name"], reply.headers["model-version"]) == ("passengers", "1")
    found = pd.read_csv(io.StringIO(reply.text))
    assert found["prediction"].tolist() == passengers_estimator.predict(passengers_rows).tolist()
    np.testing.assert_allclose(found.iloc[:, 1:], passengers_estimator.predict_proba(passengers_rows), rtol=1e-9)


@pytest.mark.parametrize("accept", [JSON, NDJSON, CSV, ARROW, PARQUET, NPY])
def test_every_type_of_answer_is_named(client: TestClient, accept: str) -> None:
    reply = client.post("/models/iris/predict", json={"X": [[1, 2, 3, 4]]}, headers={"accept": accept})
    assert (reply.status_code, reply.headers["content-type"]) == (200, accept)
    assert reply.content


@pytest.mark.parametrize(
    ("path", "headers", "content", "status", "error"),
    [
        ("/models/iris/predict", {"content-type": "image/png"}, b"", 415, "content-type: expected one of application/json, "),
        ("/models/iris/predict", {"content-type": "text/csv; charset=latin-1"}, b"", 415, "content-type: expected charset utf-8"),
        ("/models/iris/predict", {"accept": "image/png"}, b'{"X": [[1, 2, 3, 4]]}', 406, "accept: expected one of application/json, "),
        ("/models/iris/predict", {"accept": NPY}, b'{"X": [[1, 2, 3, 4]], "outputs": ["predict", "predict_proba"]}', 406, "expected one output for "),
        ("/models/iris/predict", {"content-type": CSV}, b"a,b\n1,2\n", 400, "expected 4 columns, got 2: 'a', 'b'"),
        ("/models/iris/predict", {"content-type": CSV}, b"a,b,c,d\n" + b"1,2,3,4\n" * 100_001, 413, "expected at most 100000 rows, got 100001"),
        ("/models/iris/predict?model=iris", {}, b'{"X": [[1, 2, 3, 4]]}', 400, "query 'model': unknown"),
    ],
)  # fmt: skip
def test_what_is_refused_has_a_status_and_an_error_in_json(
    client: TestClient, path: str, headers: dict[str, str], content: bytes, status: int, error: str
) -> None:
    reply = client.post(path, content=content, headers=headers)
    assert (reply.status_code, reply.headers["content-type"]) == (status, JSON)
    assert reply.json()["error"].startswith(error)
