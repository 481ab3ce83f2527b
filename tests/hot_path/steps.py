"""The hot path of the server, step by step: bytes to rows, rows to answers, answers to bytes, and all of it through
a connection.

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
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from skerry.export import export
from skerry.runtime import SessionConfig, load
from skerry.runtime.app import create_app
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.http.connection import Connection
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
    at_once = BatchPolicy(
        max_batch_size=1
    )  # else, on a slow machine, requests may be gathered, which takes a loop that turns
    yield Server(model, create_app(ModelRepository([model], policy=at_once)), loop, X)
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
    requests = [_request(path, body) for body in bodies(server, 1)]
    connection, transport = Connection(_Config(server.app), ServerState(), {}, server.loop), _Memory()  # type: ignore[arg-type]
    connection.connection_made(transport)

    def batch(items: Sequence[bytes]) -> None:
        for item in items:
            connection.data_received(item)
            assert transport.written.startswith(b"HTTP/1.1 200 ")

    measure(_name(f"request {protocol}", 1), batch, requests)


def _request(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-length: %d\r\n\r\n%b" % (
        path.encode(),
        len(body),
        body,
    )


@dataclass
class _Config:
    """Of uvicorn's, what a connection asks for."""

    loaded_app: ASGIApp


class _Memory(asyncio.Transport):
    """A socket's stand-in: what was written last."""

    written = b""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 50_000)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written = data

    def is_closing(self) -> bool:
        return False


def _name(step: str, rows: int) -> str:
    return f"{step}, {rows} row{'' if rows == 1 else 's'}"


def _each(function: Callable[[Any], object]) -> Batch:
    def batch(items: Sequence[Any]) -> None:
        for item in items:
            function(item)

    return batch
