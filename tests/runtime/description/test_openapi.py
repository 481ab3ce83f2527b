"""``/openapi.json`` and ``/docs``: true of the models that are loaded, and of what they answer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.description.docs_page import ORIGIN
from skerry.runtime.description.pages import PAGES
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.targets import PATHS


@pytest.fixture(scope="module")
def client(
    iris_model: Model,
    passengers_model: Model,
    reviews_model: Model,
    diabetes_model: Model,
    records_model: Model,
    pairs_model: Model,
    vector_model: Model,
) -> Iterator[TestClient]:
    models = [
        iris_model,
        passengers_model,
        reviews_model,
        diabetes_model,
        records_model,
        pairs_model,
        vector_model,
    ]
    with TestClient(create_app(ModelRepository(models, "iris"))) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def resolved(schema: Any, document: Any) -> Any:
    """The schema with all that it refers to, to be validated against."""
    return {**schema, "components": document["components"]}


def examples(document: Any) -> list[tuple[str, str, Any]]:
    """Path, media type and body of every example."""
    return [
        (path, media_type, example["value"])
        for path, item in document["paths"].items()
        for media_type, content in item.get("post", {}).get("requestBody", {}).get("content", {}).items()
        for example in content.get("examples", {}).values()
    ]


def test_every_example_is_answered_as_the_document_says(client: TestClient, document: Any) -> None:
    found = examples(document)
    for path, media_type, body in found:
        content = json.dumps(body) if media_type == "application/json" else body
        reply = client.post(path, content=content, headers={"content-type": media_type})
        assert reply.status_code == 200, (path, body, reply.text)
        operation = document["paths"][path]["post"]
        if media_type == "application/json":
            asked = operation["requestBody"]["content"][media_type]["schema"]
            jsonschema_rs.validate(resolved(asked, document), body)
        answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate(resolved(answered, document), reply.json())
    assert len({path for path, _, _ in found}) == 1 + 7 * 4


def test_examples_are_rows_of_round_numbers(document: Any) -> None:
    content = document["paths"]["/models/iris/predict"]["post"]["requestBody"]["content"]
    (row,) = content["application/json"]["examples"]["example_1"]["value"]["X"]
    assert [float(f"{value:.4g}") for value in row] == row
    assert content["text/csv"]["examples"]["example_1"]["value"] == "x0,x1,x2,x3\n" + ",".join(map(str, row)) + "\n"


def test_a_row_of_named_columns_is_described_column_by_column(document: Any) -> None:
    schema = document["components"]["schemas"]["passengers.1.predict"]
    text: dict[str, Any] = {"type": "string", "pattern": "^[^\\u0000\\ufdd0]*$"}
    columns: dict[str, Any] = {
        "age": {"type": ["number", "null"]},
        "fare": {"type": ["number", "null"]},
        "relatives": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        "city": text | {"type": ["string", "null"]},
        "deck": text,
        "member": {"type": "boolean"},
    }
    assert schema["properties"]["records"] == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": columns,
            "additionalProperties": False,
            "required": list(columns),
        },
        "minItems": 1,
        "maxItems": 100_000,
    }
    assert schema["properties"]["X"]["items"] == {
        "type": "array",
        "prefixItems": [{"title": name, **column} for name, column in columns.items()],
        "items": False,
        "minItems": 6,
        "maxItems": 6,
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"X": [[1, 2, 3, 4]]}, 200),
        ({"X": [[1, 2, 3]]}, 400),
        ({"X": [[1, 2, 3, None]]}, 400),
        ({"X": [["1", 2, 3, 4]]}, 400),
        ({"X": []}, 400),
        ({}, 400),
        ({"X": [[1, 2, 3, 4]], "outputs": ["predict_proba"]}, 200),
        ({"X": [[1, 2, 3, 4]], "outputs": []}, 400),
        ({"X": [[1, 2, 3, 4]], "outputs": ["nothing"]}, 400),
        ({"X": [[1, 2, 3, 4]], "instances": [[1, 2, 3, 4]]}, 400),
        ({"instances": [[1, 2, 3, 4]]}, 200),
        ({"dataframe_split": {"columns": [0, 1, 2, 3], "data": [[1, 2, 3, 4]]}}, 200),
    ],
)
def test_the_schema_takes_what_the_server_takes(client: TestClient, document: Any, body: Any, status: int) -> None:
    schema = resolved({"$ref": "#/components/schemas/iris.1.predict"}, document)
    assert client.post("/models/iris/predict", json=body).status_code == status
    assert jsonschema_rs.is_valid(schema, body) == (status == 200)


def test_every_route_is_described(client: TestClient) -> None:
    inference = {path for path, _ in PATHS}
    routes = {
        (method, route.path)
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
        if route.path not in inference and route.path != "/v2/"
    }
    assert routes == set(PAGES)


def test_every_path_of_a_model_is_there(document: Any) -> None:
    for name in ("iris", "passengers", "reviews", "diabetes", "homes", "pairs", "half"):
        for path in (f"/models/{name}/predict", f"/models/{name}/versions/1/predict", f"/v2/models/{name}/infer"):
            assert path in document["paths"]
    assert "/predict" in document["paths"]


def test_everything_that_is_referred_to_is_there(document: Any) -> None:
    def is_there(reference: str) -> bool:
        found = document
        for name in reference.split("/"):
            if name not in found:
                return False
            found = found[name]
        return True

    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert references
    assert [reference for reference in references if not is_there(reference)] == []


def test_operations_have_ids_of_their_own(document: Any) -> None:
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(ids)) == len(ids)


def test_it_follows_the_models(steps_repository: Path, tmp_path: Path) -> None:
    shutil.copytree(steps_repository, tmp_path / "models")
    repository = ModelRepository.open(tmp_path / "models")
    with TestClient(create_app(repository)) as client:
        before = client.get("/openapi.json").json()["paths"]
        repository.unload("steps", 2)
        after = client.get("/openapi.json").json()["paths"]
    assert set(before) - set(after) == {"/models/steps/versions/2/predict", "/v2/models/steps/versions/2/infer"}


def test_without_a_model_there_are_still_the_pages() -> None:
    with TestClient(create_app(ModelRepository())) as client:
        assert set(client.get("/openapi.json").json()["paths"]) == {path for _, path in PAGES}
        assert "No model is loaded." in client.get("/docs").text


def test_the_page_shows_requests_to_the_address_it_was_asked_at(client: TestClient) -> None:
    page = client.get("/docs", headers={"host": "models.example:8000"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "curl http://models.example:8000/models/iris/predict -d " in page.text
    assert "<script" not in page.text
    assert ORIGIN not in page.text


def test_a_strange_host_is_not_repeated(client: TestClient) -> None:
    assert "<b>" not in client.get("/docs", headers={"host": "<b>evil</b>"}).text
