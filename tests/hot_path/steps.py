"""The hot path of the server, step by step: bytes to rows, rows to answers, answers to bytes, and all of it through the app.

Run by scripts/guard; the name keeps it out of the default tests. ``measure`` prints how each step changed.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from starlette.types import ASGIApp, Message

from skerry.export import export
from skerry.runtime import SessionConfig, load
from skerry.runtime.app import create_app
from skerry.runtime.model import Model
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.protocol.inference import InferenceCodec
from skerry.runtime.protocol.predict import PredictCodec

NUMBERS, REQUESTS = 30, 32
METHODS = ["predict", "predict_proba"]

Batch = Callable[[Sequence[Any]], object]
Measure = Callable[[str, Batch, Sequence[Any]], None]
Codec = PredictCodec | InferenceCodec


@dataclass(frozen=True)
class Server:
    """A logistic regression of 30 numbers as it is served, and requests for it, no two alike."""

    model: Model
    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    rows: np.ndarray

    def parts(self, count: int) -> list[np.ndarray]:
        return [np.roll(self.rows, index, axis=0)[:count] for index in range(REQUESTS)]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    random = np.random.default_rng(0)
    X = random.normal(size=(400, NUMBERS))
    estimator = LogisticRegression().fit(X, X[:, 0] + random.normal(size=400) > 0)
    artifact = export(estimator, X, name="numbers", to=tmp_path_factory.mktemp("repository"))
    model = load(artifact, SessionConfig(intra_op_num_threads=1))
    loop = asyncio.new_event_loop()
    gc.collect()
    gc.freeze()  # what training and export left behind is not to be looked through while a step is timed
    yield Server(model, create_app(ModelRepository([model])), loop, X)
    gc.unfreeze()
    loop.close()


def predict_bodies(server: Server, rows: int) -> list[bytes]:
    return [_json({"X": part.tolist(), "outputs": METHODS}) for part in server.parts(rows)]


def infer_bodies(server: Server, rows: int) -> list[bytes]:
    return [_json({"inputs": [_tensor(part)]}) for part in server.parts(rows)]


def _tensor(rows: np.ndarray) -> dict[str, Any]:
    return {"name": "X", "shape": rows.shape, "datatype": "FP64", "data": rows.ravel().tolist()}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


PROTOCOLS: dict[str, tuple[type[Codec], Callable[[Server, int], list[bytes]], str]] = {
    "/predict": (PredictCodec, predict_bodies, "/predict"),
    "infer": (InferenceCodec, infer_bodies, "/v2/models/numbers/infer"),
}


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_decode(measure: Measure, server: Server, protocol: str, rows: int) -> None:
    codec, bodies, _ = PROTOCOLS[protocol]
    measure(_name(f"decode {protocol}", rows), _each(codec(server.model).decode), bodies(server, rows))


# The batch decision comes here, with the batcher: which of the waiting requests run next.


@pytest.mark.parametrize("rows", [1, 100])
def test_answer(measure: Measure, server: Server, rows: int) -> None:
    feeds = [server.model.feeds.from_matrix(part) for part in server.parts(rows)]
    measure(_name("answer", rows), _each(lambda given: server.model.answer(given, METHODS)), feeds)


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_encode(measure: Measure, server: Server, protocol: str, rows: int) -> None:
    kind, bodies, _ = PROTOCOLS[protocol]
    codec = kind(server.model)
    requests = [codec.decode(body) for body in bodies(server, rows)]
    answered = [(request, server.model.answer(request.feeds, request.methods)) for request in requests]
    measure(_name(f"encode {protocol}", rows), _each(lambda pair: codec.encode(*pair)), answered)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_request(measure: Measure, server: Server, protocol: str) -> None:
    """One row, which is answered on the event loop: bodies over 32 KiB go to a thread, whose waking up nobody can time."""
    _, bodies, path = PROTOCOLS[protocol]
    measure(_name(f"request {protocol}", 1), _requests(server, path), bodies(server, 1))


def _name(step: str, rows: int) -> str:
    return f"{step}, {rows} row{'' if rows == 1 else 's'}"


def _each(function: Callable[[Any], object]) -> Batch:
    def batch(items: Sequence[Any]) -> None:
        for item in items:
            function(item)

    return batch


def _requests(server: Server, path: str) -> Batch:
    """Requests to the app without a socket, one after the other, as uvicorn would make them."""

    async def each(bodies: Sequence[bytes]) -> None:
        for body in bodies:
            assert await _status(server.app, path, body) == 200

    return lambda bodies: server.loop.run_until_complete(each(bodies))


async def _status(app: ASGIApp, path: str, body: bytes) -> int:
    replies: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        replies.append(message)

    await app(_scope(path, len(body)), receive, send)
    return int(replies[0]["status"])


def _scope(path: str, size: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-length", str(size).encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
    }
