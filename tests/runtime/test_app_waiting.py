"""Requests that wait: deadlines, clients that go away, queues that are full."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import msgspec
import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from skerry.runtime import Model
from skerry.runtime.app import App, create_app
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.models.repository import ModelRepository
from tests.runtime.held import Held

ROW = b'{"X": [[5.1, 3.5, 1.4, 0.2]]}'
ANSWER = {"prediction": [0], "model": "iris", "version": 1}
LATE = {"error": "the time that the request had was over before the model ran"}


class Client:
    """One request of one client, to an application that is no server's."""

    def __init__(self, app: App, path: str = "/predict", body: bytes = ROW, **headers: str) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": False})
        self._sent: list[Message] = []
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": fields}
        self._answered = asyncio.ensure_future(app(scope, self._messages.get, self._send))

    async def _send(self, message: Message) -> None:
        self._sent.append(message)

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def reply(self) -> tuple[int, Any]:
        """Status and content; status 0 where nothing was sent."""
        await self._answered
        return (self._sent[0]["status"], json.loads(self._sent[1]["body"])) if self._sent else (0, None)

    def header(self, name: bytes) -> bytes | None:
        return dict(self._sent[0]["headers"]).get(name)


@pytest.fixture
def held(iris_model: Model) -> Held:
    """It is so dear that it runs on a thread, as far as the server knows."""
    model = Held(iris_model)
    model.manifest = msgspec.structs.replace(model.manifest, cost=())
    model.sample = None
    return model


def serve(held: Held, **policy: Any) -> tuple[App, ModelRepository]:
    repository = ModelRepository([held], policy=BatchPolicy(**policy))
    return create_app(repository), repository


async def queued(repository: ModelRepository, count: int) -> None:
    while repository.get().batcher.queued != count:
        await asyncio.sleep(0.001)


def test_a_deadline_is_kept_while_the_model_is_busy(held: Held) -> None:
    async def wait() -> None:
        app, repository = serve(held)
        running = Client(app)
        await asyncio.to_thread(held.began.wait, 10)
        late = Client(app, x_request_timeout="0.02")
        patient = Client(app, x_request_timeout="60")
        infer = {
            "inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [5, 3, 1, 0]}],
            "parameters": {"timeout": 20_000},
        }
        by_parameter = Client(app, "/v2/models/iris/infer", json.dumps(infer).encode())
        assert await late.reply() == (504, LATE)
        assert await by_parameter.reply() == (504, LATE)
        await queued(repository, 1)
        held.go.set()
        assert await running.reply() == await patient.reply() == (200, ANSWER)

    asyncio.run(wait())
    assert held.runs == [1, 1]


def test_the_server_has_a_deadline_too(held: Held) -> None:
    async def wait() -> None:
        app, _ = serve(held, timeout=0.02)
        running = Client(app)
        await asyncio.to_thread(held.began.wait, 10)
        assert await Client(app).reply() == (504, LATE)
        held.go.set()
        assert await running.reply() == (200, ANSWER)  # what runs is answered

    asyncio.run(wait())


def test_the_work_of_a_client_that_goes_away_is_never_done(held: Held) -> None:
    async def wait() -> None:
        app, repository = serve(held)
        running, leaving, staying = Client(app), Client(app), Client(app)
        await queued(repository, 2)
        leaving.leave()
        assert await leaving.reply() == (0, None)
        await queued(repository, 1)
        held.go.set()
        assert await running.reply() == await staying.reply() == (200, ANSWER)

    asyncio.run(wait())
    assert held.runs == [1, 1]


def test_a_full_queue_says_when_to_come_again_and_recovers_at_once(held: Held) -> None:
    async def wait() -> None:
        app, repository = serve(held, max_queue_size=1)
        running, waiting = Client(app), Client(app)
        await queued(repository, 1)
        refused = Client(app)
        text = "too busy: 1 request of 1 rows wait for the model; come again in 1 s"
        assert await refused.reply() == (503, {"error": text})
        assert refused.header(b"retry-after") == b"1"
        held.go.set()
        assert await running.reply() == await waiting.reply() == await Client(app).reply() == (200, ANSWER)

    asyncio.run(wait())


@contextmanager
def listening(app: App) -> Iterator[int]:
    """uvicorn, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_a_closed_connection_takes_its_work_along(held: Held) -> None:
    app, repository = serve(held)
    batcher = repository.get().batcher
    with listening(app) as port:
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(3)]
        for count, connection in enumerate(connections):
            connection.request("POST", "/predict", ROW)
            wait_until(lambda count=count: batcher.queued == count and held.began.is_set())  # type: ignore[misc]
        connections[1].close()
        wait_until(lambda: batcher.queued == 1)
        held.go.set()
        for connection in (connections[0], connections[2]):
            assert json.loads(connection.getresponse().read()) == ANSWER
            connection.close()
    assert held.runs == [1, 1]


def wait_until(condition: Callable[[], bool]) -> None:
    until = monotonic() + 10
    while not condition():
        assert monotonic() < until
        sleep(0.001)


@pytest.fixture(scope="module")
def client(iris_model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(ModelRepository([iris_model]))) as client:
        yield client


@pytest.mark.parametrize("timeout", ["0", "-1", "1e9", "abc", "", "nan", "3601"])
def test_a_deadline_that_is_none_is_refused(client: TestClient, timeout: str) -> None:
    reply = client.post("/predict", content=ROW, headers={"x-request-timeout": timeout})
    expected = f"header x-request-timeout: expected seconds above 0 and at most 3600, such as 0.5, got {timeout!r}"
    assert (reply.status_code, reply.json()) == (400, {"error": expected})


def test_an_idle_model_answers_in_any_time(client: TestClient) -> None:
    assert client.post("/predict", content=ROW, headers={"X-Request-Timeout": "5"}).json() == ANSWER
