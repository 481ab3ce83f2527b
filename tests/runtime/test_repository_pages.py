"""The model repository over HTTP, and changed while it answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from skerry.runtime.app import create_app
from skerry.runtime.models.aliases import read_aliases
from skerry.runtime.models.repository import ModelRepository

ROW = '{"X": [[5.0]]}'
TENSOR = {"inputs": [{"name": "X", "shape": [1, 1], "datatype": "FP64", "data": [5.0]}]}
CHANGES = [
    ("POST", "/v2/repository/models/steps/load"),
    ("POST", "/v2/repository/models/steps/unload"),
    ("PUT", "/models/steps/aliases/stable"),
    ("DELETE", "/models/steps/aliases/stable"),
    ("POST", "/models/steps/rollback"),
]


@pytest.fixture
def steps(steps_repository: Path, tmp_path: Path) -> Path:
    """A repository with ``steps`` in versions 1, 2 and 3."""
    return shutil.copytree(steps_repository, tmp_path / "models")


@pytest.fixture
def client(steps: Path) -> Iterator[TestClient]:
    """Of a server that may be changed; 1 and 2 are loaded."""
    repository = ModelRepository.open(steps)
    repository.unload("steps", 3)
    with TestClient(create_app(repository, admin=True)) as client:
        yield client


def predicted(client: TestClient, path: str = "/models/steps/predict") -> int:
    """The version that answers, which is the one that the answer names."""
    reply = client.post(path, content=ROW).json()
    assert round(reply["prediction"][0]) == 5 + 1000 * reply["version"]
    return reply["version"]


def described(client: TestClient) -> dict[str, Any]:
    (model,) = client.get("/models").json()["models"]
    return model


def error(reply: Any, status: int) -> str:
    assert (reply.status_code, reply.json().keys()) == (status, {"error"})
    return reply.json()["error"]


def test_an_alias_answers_with_the_number_of_its_version(client: TestClient) -> None:
    reply = client.put("/models/steps/aliases/canary", json={"version": 1})
    assert (reply.status_code, reply.json()) == (
        200,
        {
            "name": "steps",
            "default_version": 2,
            "aliases": {"canary": 1},
            "versions": [
                {"version": 1, "state": "READY", "reason": ""},
                {"version": 2, "state": "READY", "reason": ""},
                {"version": 3, "state": "UNAVAILABLE", "reason": "unloaded"},
            ],
        },
    )
    assert predicted(client, "/models/steps/versions/canary/predict") == 1
    inferred = client.post("/v2/models/steps/versions/canary/infer", json=TENSOR).json()
    assert (inferred["model_version"], round(inferred["outputs"][0]["data"][0])) == ("1", 1005)
    assert client.get("/v2/models/steps/versions/canary/ready").json() == {"name": "steps", "ready": True}
    assert client.get("/v2/models/steps").json()["versions"] == ["1", "2"]


def test_stable_answers_wherever_no_version_is_named(client: TestClient, steps: Path) -> None:
    assert predicted(client) == 2
    client.put("/models/steps/aliases/stable", json={"version": 1})
    assert [predicted(client, path) for path in ("/predict", "/models/steps/predict")] == [1, 1]
    assert client.post("/v2/models/steps/infer", json=TENSOR).json()["model_version"] == "1"
    assert read_aliases(steps / "steps").aliases == {"stable": 1}
    assert client.delete("/models/steps/aliases/stable").json()["aliases"] == {}
    assert predicted(client) == 2


def test_a_version_is_loaded_and_unloaded_and_rolled_back(client: TestClient) -> None:
    assert client.post("/v2/repository/models/steps/load").json()["default_version"] == 3
    assert predicted(client) == 3
    assert client.post("/models/steps/rollback").json()["aliases"] == {"stable": 2}
    assert predicted(client) == 2
    assert client.post("/v2/repository/models/steps/unload", json={"parameters": {"version": 3}}).status_code == 200
    assert error(client.post("/models/steps/versions/3/predict", content=ROW), 404) == (
        "model 'steps' version '3': not found; there is 1, 2, stable"
    )
    assert client.post("/models/steps/rollback").json()["default_version"] == 1
    assert error(client.post("/models/steps/rollback"), 409) == "there is no version to go back to from 1; loaded: 1, 2"
    assert predicted(client) == 1


@pytest.mark.parametrize(
    "version", ["0", "01", "-1", "latest", "Stable", "stable%20", str(10**20), "%EF%BC%91", "9" * 5000, "stable;x=1"]
)
def test_no_other_version_answers_for_one_that_is_not_there(client: TestClient, version: str) -> None:
    client.put("/models/steps/aliases/stable", json={"version": 1})
    for path in ("/models/steps/versions/{}/predict", "/v2/models/steps/versions/{}/infer"):
        assert error(client.post(path.format(version), content=ROW), 404).startswith("model 'steps' version ")


def test_the_index_says_how_each_version_is(client: TestClient) -> None:
    expected = [
        {"name": "steps", "version": "1", "state": "READY", "reason": ""},
        {"name": "steps", "version": "2", "state": "READY", "reason": ""},
        {"name": "steps", "version": "3", "state": "UNAVAILABLE", "reason": "unloaded"},
    ]
    assert client.post("/v2/repository/index").json() == expected
    assert client.post("/v2/repository/index", json={}).json() == expected
    assert client.post("/v2/repository/index", json={"ready": True}).json() == expected[:2]


def test_a_version_that_is_refused_is_said_with_its_reason(client: TestClient, steps: Path) -> None:
    (steps / "steps" / "3" / "card.md").write_bytes(b"changed")
    text = error(client.post("/v2/repository/models/steps/load"), 409)
    assert text.startswith("model 'steps': refused: steps/3/card.md: expected sha256:")
    refused = client.post("/v2/repository/index").json()[2]
    assert (refused["state"], text) == ("UNAVAILABLE", f"model 'steps': refused: {refused['reason']}")
    assert str(steps) not in text
    assert (predicted(client), client.get("/v2/health/ready").status_code) == (2, 200)


def test_an_unloaded_model_is_not_there_and_the_server_is_ready(client: TestClient) -> None:
    assert (
        client.post("/v2/repository/models/steps/unload", json={"parameters": {"unload_dependents": False}}).json()[
            "default_version"
        ]
        is None
    )
    for method, path in (
        ("POST", "/predict"),
        ("POST", "/models/steps/predict"),
        ("POST", "/v2/models/steps/versions/1/infer"),
        ("GET", "/v2/models/steps/ready"),
        ("GET", "/v2/models/steps"),
    ):
        assert error(client.request(method, path, content=ROW if method == "POST" else None), 404) == (
            "model 'steps': not loaded"
        )
    assert client.get("/v2/health/ready").json() == {"ready": True, "live": True}


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        ("load", {"parameters": {"config": "{}"}}, "parameter 'config': not taken from a request; export the model"),
        ("load", {"parameters": {"file:1/model.onnx": "AA=="}}, "parameter 'file:1/model.onnx': not taken from"),
        ("unload", {"parameters": {"config": "{}"}}, "parameter 'config': not taken from a request"),
        (
            "load",
            {"parameters": {"versoin": 1}},
            "parameter 'versoin': expected one of version (did you mean 'version'?)",
        ),
        ("load", {"parameters": {"version": 0}}, "version: expected a positive integer, got 0"),
        ("load", {"parameters": {"version": 1.0}}, "version: expected a positive integer, got 1.0"),
        ("load", {"parameters": {"version": True}}, "version: expected a positive integer, got True"),
        ("load", {"parameters": {"version": "01"}}, "version: expected a positive integer, got '01'"),
        ("load", {"parameters": {"version": 10**20}}, "version: expected a positive integer, got 1"),
        ("load", {"parameters": {"version": None}}, "version: expected a positive integer, got None"),
        ("load", {"parameters": []}, 'expected such as {"parameters": {"version": 3}}: Expected `object`'),
        ("load", {"version": 3}, 'expected such as {"parameters": {"version": 3}}: '),
        ("load", [], 'expected such as {"parameters": {"version": 3}}: '),
        ("load", b"{", 'expected such as {"parameters": {"version": 3}}: '),
        (
            "load",
            b'{"parameters": {"version": 3, "version": 2}}',
            "field 'version': expected once in its object, got 2",
        ),
        ("load", b'{"parameters": ' + b"[" * 5000, "expected"),
        ("unload", {"parameters": {"unload_dependents": 1}}, "parameter 'unload_dependents': expected true or false"),
    ],
)
def test_a_call_that_says_something_else_is_refused(client: TestClient, call: str, body: Any, expected: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)
    assert error(client.post(f"/v2/repository/models/steps/{call}", content=content), 400).startswith(expected)
    assert predicted(client) == 2


@pytest.mark.parametrize("version", ["3", 3])
def test_a_version_may_be_written_as_the_protocol_does(client: TestClient, version: object) -> None:
    reply = client.post("/v2/repository/models/steps/load", json={"parameters": {"version": version}})
    assert reply.json()["default_version"] == 3


@pytest.mark.parametrize(
    ("alias", "body", "status"),
    [
        ("stable", {"version": 3}, 404),
        ("stable", {"version": "x"}, 400),
        ("stable", {}, 400),
        ("stable", {"version": 1, "weight": 0.1}, 400),
        ("1", {"version": 1}, 400),
        ("a%20b", {"version": 1}, 400),
        ("x" * 65, {"version": 1}, 400),
    ],
)
def test_an_alias_that_cannot_be_is_refused(client: TestClient, alias: str, body: object, status: int) -> None:
    assert len(error(client.put(f"/models/steps/aliases/{alias}", json=body), status)) < 300


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_what_is_not_there_cannot_be_changed(client: TestClient, method: str, path: str) -> None:
    body = {"version": 1} if method == "PUT" else None
    text = error(client.request(method, path.replace("steps", "stesp"), json=body), 404)
    assert text.startswith("model 'stesp': not found")
    assert text.endswith("(did you mean 'steps'?)")


def test_a_body_is_bounded(client: TestClient) -> None:
    assert "at most 65536 bytes" in error(client.post("/v2/repository/models/steps/load", content=b" " * 70_000), 413)


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changes_are_off_unless_enabled(steps: Path, method: str, path: str) -> None:
    client = TestClient(create_app(ModelRepository.open(steps)))
    expected = "changing the model repository is turned off; `skerry serve --admin` turns it on"
    assert error(client.request(method, path, content=b"not even JSON"), 403) == expected
    assert [entry["state"] for entry in client.post("/v2/repository/index").json()] == ["READY"] * 3
    assert described(client)["default_version"] == 3


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_page_of_another_site_changes_nothing(client: TestClient, method: str, path: str) -> None:
    reply = client.request(method, path, headers={"sec-fetch-site": "cross-site"})
    assert "another site" in error(reply, 403)


def test_what_lies_on_disk_is_listed_for_those_who_may_load_it(client: TestClient, steps: Path) -> None:
    shutil.copytree(steps / "steps" / "1", steps / "new" / "1")
    manifest = steps / "new" / "1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"name": "steps"', '"name": "new"'))
    assert client.post("/v2/repository/index").json()[0] == {
        "name": "new",
        "version": "1",
        "state": "UNAVAILABLE",
        "reason": "not loaded",
    }
    assert error(client.post("/models/new/predict", content=ROW), 404).startswith("model 'new': not found")
    assert client.post("/v2/repository/models/new/load").status_code == 200
    assert client.post("/models/new/predict", content=ROW).json()["model"] == "new"
    assert predicted(client, "/predict") == 2


def test_a_server_is_not_ready_while_a_model_that_should_serve_cannot(steps: Path) -> None:
    (steps / "steps" / "3" / "card.md").write_bytes(b"changed")
    with TestClient(create_app(ModelRepository.open(steps, strict=False), admin=True)) as client:
        reply = client.get("/v2/health/ready")
        assert (reply.status_code, reply.json().keys()) == (503, {"ready", "live", "error"})
        assert reply.json()["error"].startswith("not ready: steps: steps/3/card.md: expected ")
        assert client.get("/v2/health/live").status_code == 200
        assert "not ready: steps/3/card.md" in error(client.get("/v2/models/steps/ready"), 503)
        assert "not ready: steps/3/card.md" in error(client.get("/v2/models/steps/versions/3/ready"), 503)
        assert client.get("/v2/models/steps/versions/2/ready").status_code == 200
        assert "not ready" in error(client.post("/models/steps/versions/3/predict", content=ROW), 503)
        assert predicted(client) == 2
        client.post("/v2/repository/models/steps/unload", json={"parameters": {"version": 3}})
        assert client.get("/v2/health/ready").status_code == 200
        assert client.get("/v2/models/steps/ready").status_code == 200
