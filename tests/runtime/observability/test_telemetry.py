from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.errors import ServerError
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.observability import telemetry
from skerry.runtime.observability.exposition import write
from skerry.runtime.observability.ledger import OK, Key, Record
from skerry.runtime.observability.metrics import families
from skerry.runtime.observability.telemetry import Telemetry, TelemetryConfig
from skerry.runtime.protocol.predict import PredictCodec

ROW = '{"X": [[5.1, 3.5, 1.4, 0.2], [6.0, 2.9, 4.5, 1.5]]}'
PREDICT = Key("iris", 1, "predict")


def value(client: TestClient, name: str, *labels: str) -> float:
    """The sum of the samples that have all of ``labels``."""
    lines = client.get("/metrics").text.splitlines()
    found = [
        line for line in lines if line.startswith((f"{name}{{", f"{name} ")) and all(one in line for one in labels)
    ]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def add(seen: Telemetry, number: int = 1) -> None:
    for _ in range(number):
        seen.ledger.add(Record(PREDICT, 1.0, "POST", "/predict", rows=1, batch=1, ended=2.0))


def answered(seen: Telemetry) -> int:
    return seen.totals().tallies[PREDICT].outcomes[200, OK]


@pytest.fixture
def client(iris_model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(ModelRepository([iris_model])), raise_server_exceptions=False) as client:
        yield client


def test_requests_are_counted_by_what_became_of_them(client: TestClient) -> None:
    for body in (ROW, ROW, "{", '{"X": "no"}'):
        client.post("/predict", content=body)
    client.post("/v2/models/iris/infer", content="{}")
    client.post("/models/nobody/predict", content=ROW)
    client.get("/nothing")
    client.put("/predict")
    lines = client.get("/metrics").text.splitlines()
    assert [line for line in lines if line.startswith("skerry_requests_total")] == [
        'skerry_requests_total{model="iris",version="1",operation="predict",status="200",outcome="ok"} 2',
        'skerry_requests_total{model="iris",version="1",operation="predict",status="400",outcome="invalid_input"} 2',
        'skerry_requests_total{model="iris",version="1",operation="infer",status="400",outcome="invalid_input"} 1',
        'skerry_requests_total{model="",version="",operation="predict",status="404",outcome="model_not_found"} 1',
        'skerry_requests_total{model="",version="",operation="predict",status="405",outcome="method_not_allowed"} 1',
        'skerry_requests_total{model="",version="",operation="",status="404",outcome="not_found"} 1',
    ]


def test_rows_bytes_and_times_are_told(client: TestClient) -> None:
    answers = [client.post("/predict", content=ROW) for _ in range(3)]
    assert value(client, "skerry_request_rows_sum") == 6
    assert value(client, "skerry_batch_rows_bucket", 'le="1"') == 0
    assert value(client, "skerry_batch_rows_bucket", 'le="2"') == 3
    assert value(client, "skerry_request_bytes_total", 'operation="predict"') == 3 * len(ROW)
    assert value(client, "skerry_response_bytes_total", 'operation="predict"') == 3 * len(answers[0].content)
    for step in ("parse", "queue", "infer", "encode"):
        assert value(client, "skerry_request_step_seconds_count", f'step="{step}"') == 3
    steps = value(client, "skerry_request_step_seconds_sum")
    assert 0 < steps < value(client, "skerry_request_duration_seconds_sum", 'operation="predict"')


def test_models_and_the_server_say_who_they_are(client: TestClient, iris_model: Model) -> None:
    assert value(client, "skerry_model_info", 'model="iris",version="1"', iris_model.manifest.estimator) == 1
    assert value(client, "skerry_model_load_seconds", 'model="iris"') > 0
    assert value(client, "skerry_build_info") == 1
    assert value(client, "skerry_requests_in_flight") == 0
    assert value(client, "skerry_queue_length", 'model="iris"') == 0
    assert value(client, "process_start_time_seconds") > 1e9


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_metrics_come_in_the_format_that_is_accepted(client: TestClient, accept: str, content_type: str) -> None:
    client.post("/predict", content=ROW)
    reply = client.get("/metrics", headers={"accept": accept})
    assert reply.headers["content-type"] == content_type
    assert reply.text.endswith("# EOF\n") == ("openmetrics" in content_type)


def test_prometheus_reads_all_of_it(client: TestClient) -> None:
    prometheus = pytest.importorskip("prometheus_client.parser")
    openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
    client.post("/predict", content=ROW)
    plain = client.get("/metrics").text
    strict = client.get("/metrics", headers={"accept": "application/openmetrics-text"}).text
    kinds = {family.name: family.type for family in openmetrics.text_string_to_metric_families(strict)}
    assert kinds["skerry_requests"] == kinds["skerry_request_bytes"] == "counter"
    assert kinds["skerry_request_duration_seconds"] == kinds["skerry_batch_rows"] == "histogram"
    assert kinds["skerry_model"] == "info"
    assert len(list(prometheus.text_string_to_metric_families(plain))) == len(kinds)


def test_every_answer_says_where_its_time_went(client: TestClient) -> None:
    assert client.post("/predict", content=ROW).headers["server-timing"].startswith("parse;dur=")
    refused = client.post("/predict", content="{}"), client.get("/nothing"), client.get("/v2/health/live")
    assert all(reply.headers["server-timing"].startswith("total;dur=") for reply in refused)


def test_where_the_time_went_can_be_kept(iris_model: Model) -> None:
    seen = Telemetry(TelemetryConfig(server_timing=False))
    with TestClient(create_app(ModelRepository([iris_model]), telemetry=seen)) as client:
        replies = client.post("/predict", content=ROW), client.post("/predict", content="{}"), client.get("/v2")
    assert [reply.headers.get("server-timing") for reply in replies] == [None] * 3


def test_an_id_goes_back_to_whoever_sent_it_and_with_every_refusal(client: TestClient) -> None:
    sent = {"x-request-id": "abc-1"}
    assert client.post("/predict", content=ROW, headers=sent).headers["x-request-id"] == "abc-1"
    assert client.get("/v2", headers=sent).headers["x-request-id"] == "abc-1"
    assert "x-request-id" not in client.post("/predict", content=ROW).headers
    assert "x-request-id" not in client.post("/predict", content=ROW, headers={"x-request-id": "a b"}).headers
    refused = [client.post("/predict", content="{}"), client.get("/nothing"), client.post("/predict", content="{}")]
    assert len({reply.headers["x-request-id"] for reply in refused}) == 3


def test_statistics_have_tritons_shape(client: TestClient) -> None:
    client.post("/predict", content=ROW)
    client.post("/predict", content="{}")
    (found,) = client.get("/v2/models/iris/stats").json()["model_stats"]
    assert (found["name"], found["version"], found["inference_count"], found["execution_count"]) == ("iris", "1", 2, 1)
    assert found["last_inference"] > 1.7e12
    parts = found["inference_stats"]
    assert {name: part["count"] for name, part in parts.items()} == {
        "success": 1,
        "fail": 1,
        "queue": 1,
        "compute_input": 1,
        "compute_infer": 1,
        "compute_output": 1,
        "cache_hit": 0,
        "cache_miss": 0,
    }
    assert 0 < parts["compute_infer"]["ns"] < parts["success"]["ns"]
    (batch,) = found["batch_stats"]
    assert (batch["batch_size"], batch["compute_infer"]) == (2, parts["compute_infer"])


def test_statistics_are_of_all_models_or_of_one_version(client: TestClient) -> None:
    everything = client.get("/v2/models/stats").json()
    assert [one["name"] for one in everything["model_stats"]] == ["iris"]
    assert client.get("/v2/models/iris/versions/1/stats").json()["model_stats"][0]["inference_count"] == 0
    for path in ("/v2/models/nobody/stats", "/v2/models/iris/versions/2/stats"):
        reply = client.get(path)
        assert (reply.status_code, list(reply.json())) == (404, ["error"])


def test_every_request_has_its_line(iris_model: Model, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    seen = Telemetry(TelemetryConfig(access_log=str(log)))
    with TestClient(create_app(ModelRepository([iris_model]), telemetry=seen)) as client:
        client.post("/predict", content=ROW, headers={"x-request-id": "abc"})
        client.post("/v2/models/iris/infer", content="{}")
        client.get("/nothing%0A%1b[31m%E2%80%A8")
        client.get("/v2/health/live")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line.get("operation"), line["status"], line.get("error")) for line in lines] == [
        ("predict", 200, None),
        ("infer", 400, "invalid_input"),
        (None, 404, "not_found"),
        ("live", 200, None),
    ]
    assert (lines[0]["request_id"], lines[0]["rows"], lines[0]["model"]) == ("abc", 2, "iris")
    assert lines[2]["path"] == "/nothing\n\x1b[31m\u2028"


def test_a_fault_of_our_own_is_counted_and_found_again(
    iris_model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(create_app(ModelRepository([iris_model]))) as client:
        monkeypatch.setattr(PredictCodec, "decode", lambda *arguments: 1 / 0)
        reply = client.post("/predict", content=ROW)
        assert reply.status_code == 500
        assert value(client, "skerry_requests_total", 'status="500",outcome="internal_error"') == 1
    assert reply.headers["x-request-id"] in caplog.text


def test_what_was_no_request_is_counted(iris_model: Model) -> None:
    app = create_app(ModelRepository([iris_model]))
    app.refused(("192.0.2.77", 4711), 431)
    assert value(TestClient(app), "skerry_requests_total", 'status="431",outcome="malformed_request"') == 1


def test_workers_are_one_to_whoever_asks(tmp_path: Path) -> None:
    first, second = Telemetry(run_directory=tmp_path), Telemetry(run_directory=tmp_path)
    add(first, 3)
    first.totals()
    add(second, 4)
    assert (answered(second), answered(first)) == (7, 7)
    first.close()
    second.close()


def test_no_count_goes_back_whoever_is_asked(tmp_path: Path) -> None:
    workers = [Telemetry(run_directory=tmp_path) for _ in range(3)]
    told = 0
    for turn in range(30):
        add(workers[turn % 3])
        now = answered(workers[(turn * 7) % 3])
        assert now >= told
        told = now
    for worker in workers:
        worker.totals()
    assert answered(workers[0]) == 30
    for worker in workers:
        worker.close()


def test_the_counts_of_a_worker_outlive_it(tmp_path: Path) -> None:
    first, second = Telemetry(run_directory=tmp_path), Telemetry(run_directory=tmp_path)
    add(first, 3)
    first.close()
    add(second, 4)
    assert answered(second) == 7
    for _ in range(5):
        successor = Telemetry(run_directory=tmp_path)
        add(successor)
        successor.close()
    assert answered(second) == 12
    second.close()
    assert len(list(tmp_path.glob("*.msgpack"))) == 2


def test_seconds_of_cpu_never_go_back(tmp_path: Path) -> None:
    def seconds() -> float:
        seen = Telemetry(run_directory=tmp_path)
        used = seen.workers()[0].resources.cpu_seconds
        seen.close()
        return used

    assert seconds() < seconds() < seconds()


def test_gauges_of_all_workers_are_added(tmp_path: Path) -> None:
    first, second = Telemetry(run_directory=tmp_path), Telemetry(run_directory=tmp_path)
    first.ledger.in_flight, second.ledger.in_flight = 2, 3
    first.queued = second.queued = lambda: {("iris", 1): 4}
    first.workers()
    lines = write(families(second.workers(), [])).decode().splitlines()
    assert "skerry_requests_in_flight 5" in lines
    assert 'skerry_queue_length{model="iris",version="1"} 8' in lines
    first.close()
    second.close()


def test_records_are_told_to_the_others_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "INTERVAL", 0.001)
    monkeypatch.setattr(telemetry, "PUBLISHED", 0.001)
    first, second = Telemetry(run_directory=tmp_path), Telemetry(run_directory=tmp_path)

    async def work() -> None:
        async with first.running():
            add(first, 1000)
            async with asyncio.timeout(30):
                while not second.totals().tallies:
                    await asyncio.sleep(0.001)
        assert answered(second) == 1000

    asyncio.run(work())
    second.close()


def test_a_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="access log"):
        Telemetry(TelemetryConfig(access_log=str(tmp_path)))


def test_a_fault_in_counting_ends_neither_the_server_nor_the_counting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telemetry, "INTERVAL", 0.001)
    seen = Telemetry()

    async def work() -> None:
        async with seen.running():
            seen.ledger.add("no record")  # type: ignore[arg-type]
            async with asyncio.timeout(30):
                while "not counted" not in caplog.text:
                    await asyncio.sleep(0.001)
            add(seen, 3)

    asyncio.run(work())
    assert answered(seen) == 3


def test_a_portion_at_a_time_is_taken_from_a_long_ledger() -> None:
    seen = Telemetry()
    turns = 0

    async def work() -> None:
        nonlocal turns
        look = asyncio.create_task(seen._look())
        while not look.done():
            turns += 1
            await asyncio.sleep(0)

    add(seen, telemetry.PORTION * 4)
    asyncio.run(work())
    assert turns >= 4
    assert answered(seen) == telemetry.PORTION * 4


def test_what_a_worker_uses_is_measured_while_it_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1e9
    monkeypatch.setattr(telemetry, "time", lambda: now)
    seen = Telemetry(run_directory=tmp_path)
    used = set()
    for _ in range(20):
        now += 0.25
        sum(number * number for number in range(200_000))
        used.add(seen.workers()[0].resources.cpu_seconds)
    seen.close()
    assert 2 <= len(used) <= 5
