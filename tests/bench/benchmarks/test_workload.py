"""Requests are whole and all different; their answers are held against scikit-learn's, to the last digits."""

import json
from pathlib import Path

import joblib
import numpy as np
import pytest

from skerry.bench.benchmarks.servers import ROUTES, SERVERS, Route
from skerry.bench.benchmarks.workload import (
    DIFFERENT,
    Workload,
    check_probabilities,
    constant_answer,
    make_exchanges,
    make_workload,
)
from skerry.runtime import load

SOURCE = Path(__file__).parents[3] / "bench" / "peers" / "fit.py"
INFERENCE = next(route for route in ROUTES if route.name == "MLServer")
PREDICT = next(route for route in ROUTES if route.name == "FastAPI + scikit-learn")
PROBABILITIES = np.array([[0.25, 0.75], [1.0, 0.0]])


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    return make_workload(SOURCE, tmp_path_factory.mktemp("workload") / "model")


def test_the_artifact_and_the_file_are_the_same_model(workload: Workload) -> None:
    model = joblib.load(workload.folder / "model.joblib")
    np.testing.assert_array_equal(model.predict_proba(workload.rows), workload.probabilities)
    artifact = load(next(workload.artifacts.glob("*/*")))
    np.testing.assert_allclose(artifact.predict_proba(workload.rows), workload.probabilities, rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", DIFFERENT)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_requests_are_whole_and_differ(workload: Workload, route: Route, count: int) -> None:
    exchanges = make_exchanges(route, workload, count, "127.0.0.1:8000")
    assert len({exchange.request for exchange in exchanges}) == len(exchanges) == DIFFERENT[count]
    for exchange in exchanges:
        head, _, body = exchange.request.partition(b"\r\n\r\n")
        assert {
            f"POST {route.path.format(rows=count)} HTTP/1.1",
            "Host: 127.0.0.1:8000",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        } <= set(head.decode().split("\r\n"))
        assert json.loads(body)
        assert exchange.rows == count


def test_the_constant_answer_is_as_long_as_a_real_one(workload: Workload) -> None:
    answers = json.loads(workload.answers.read_text())
    assert {path: text.encode() for path, text in answers.items()} == {
        f"/{count}": constant_answer(workload, count) for count in DIFFERENT
    }
    assert json.loads(answers["/1"])["probabilities"] == workload.probabilities[:1].tolist()


def tensor(values: list[float]) -> bytes:
    return json.dumps({"outputs": [{"name": "predict_proba", "shape": [2, 2], "data": values}]}).encode()


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (INFERENCE, tensor([0.25, 0.75, 1.0, 0.0])),
        (INFERENCE, tensor([0.25, 0.75, 1.0 - 1e-13, 1e-13])),
        (PREDICT, b'{"probabilities":[[0.25,0.75],[1.0,0.0]]}'),
    ],
)
def test_right_answers_are_right(route: Route, answer: bytes) -> None:
    assert check_probabilities(route, PROBABILITIES, answer) is None


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (tensor([0.25, 0.75, 0.9, 0.1]), "expected scikit-learn's probabilities, got some 1.0e-01 away"),
        (
            tensor([0.25, 0.75, 0.0, 0.0]).replace(b"0.0, 0.0", b"null, 0"),
            "expected scikit-learn's probabilities, got some nan",
        ),
        (tensor([0.25, 0.75]), "expected probabilities of shape (2, 2), got"),
        (b'{"outputs":[]}', "expected probabilities of shape (2, 2), got"),
        (b'{"error":"no"}', "expected probabilities of shape (2, 2), got"),
        (b"[1,2,3]", "expected probabilities of shape (2, 2), got"),
        (b"nonsense", "expected probabilities of shape (2, 2), got b'nonsense'"),
    ],
)
def test_wrong_answers_are_wrong(answer: bytes, wrong: str) -> None:
    assert (check_probabilities(INFERENCE, PROBABILITIES, answer) or "").startswith(wrong)


def test_every_route_of_a_model_is_checked() -> None:
    assert [route.name for server in SERVERS for route in server.routes if route.answer is None] == ["constant answer"]
