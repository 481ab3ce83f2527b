"""``SERVERS``: who is compared, how each is started, what it is sent, and where its answer has the probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MODEL = "cancer"
CONSTANT, SKERRY = "constant answer", "Skerry /predict"
"""The routes that the others are compared with."""

Rows = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Route:
    """One way to ask a server. ``body`` makes the JSON document for rows (n, 30); ``answer`` finds the probabilities in
    the document that comes back, as anything with 2 n numbers; None where there are none."""

    name: str
    path: str
    body: Callable[[Rows], object]
    answer: Callable[[Any], Any] | None


@dataclass(frozen=True)
class Server:
    """``command`` begins with a program of ``environment``, a folder of bench/peers with its requirements, and runs in
    ``folder``. In it and in ``variables``, {port}, {second_port}, {model}, {artifact} and {answers} are filled in.
    ``settings`` says in a sentence what is set, and what is not."""

    name: str
    environment: str
    folder: str
    command: tuple[str, ...]
    routes: tuple[Route, ...]
    settings: str
    variables: Mapping[str, str] = field(default_factory=dict)


def _x(rows: Rows) -> object:
    return {"X": rows.tolist()}


def _x_outputs(rows: Rows) -> object:
    return {"X": rows.tolist(), "outputs": ["predict_proba"]}


def _inference(rows: Rows) -> object:
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    return {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}


def _probabilities(document: Any) -> Any:
    return document["probabilities"]


def _tensor(document: Any) -> Any:
    return document["outputs"][0]["data"]


def _itself(document: Any) -> Any:
    return document


_UVICORN = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log", "--loop", "uvloop", "--http", "httptools")

SERVERS = (
    Server(
        "constant answer",
        "skerry",
        "constant",
        ("uvicorn", "app:app", *_UVICORN, "--lifespan", "off", "--ws", "none", "--log-level", "warning"),
        (Route(CONSTANT, "/{rows}", _x_outputs, None),),
        "A bare ASGI application under uvicorn (uvloop, httptools, no access log) that reads the request and sends as many "
        "bytes as Skerry's `/predict` would. No Python server built on uvicorn can be faster: it is the floor. It runs in Skerry's environment.",
        {"ANSWERS": "{answers}"},
    ),
    Server(
        "Skerry",
        "skerry",
        "skerry",
        ("skerry", "serve", "{artifact}", "--port", "{port}"),
        (
            Route(SKERRY, "/predict", _x_outputs, _probabilities),
            Route("Skerry /infer", f"/v2/models/{MODEL}/infer", _inference, _tensor),
        ),
        "`skerry serve`, as it is installed. `/predict` takes rows, `/v2/models/NAME/infer` the Open Inference Protocol's "
        "JSON.",
    ),
    Server(
        "FastAPI + scikit-learn",
        "fastapi",
        "fastapi",
        ("uvicorn", "app:app", *_UVICORN),
        (Route("FastAPI + scikit-learn", "/predict", _x, _probabilities),),
        "uvicorn with its `standard` extra (uvloop, httptools), one worker, no access log; pydantic models for request and "
        "answer; `async def`, which FastAPI's documentation advises where nothing is waited for, and which was faster here "
        "than `def` and its thread pool.",
        {"MODEL": "{model}"},
    ),
    Server(
        "MLServer",
        "mlserver",
        "mlserver",
        ("mlserver", "start", "{folder}"),
        (Route("MLServer", f"/v2/models/{MODEL}/infer", _inference, _tensor),),
        "mlserver-sklearn, Open Inference Protocol's JSON; `debug: false` (no access log), no metrics endpoint, and "
        "`parallel_workers: 0`: on one core faster than the default of one worker process. uvloop and httptools "
        "are installed.",
        {
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{second_port}",
            "MLSERVER_MODEL_URI": "{model}",
        },
    ),
    Server(
        "BentoML",
        "bentoml",
        "bentoml",
        ("bentoml", "serve", "service:Classifier", "--host", "127.0.0.1", "--port", "{port}"),
        (Route("BentoML", "/predict", _x, _itself),),
        "A service class with a NumPy argument; `workers=1`, access log and metrics off, no tracing exporter; an `async` "
        "method, which was faster here than one for the thread pool. uvloop and httptools are installed, and uvicorn uses "
        "them.",
        {"MODEL": "{model}", "BENTOML_DO_NOT_TRACK": "true"},
    ),
    Server(
        "LitServe",
        "litserve",
        "litserve",
        ("python", "server.py", "{port}"),
        (Route("LitServe", "/predict", _x, _probabilities),),
        '`accelerator="cpu"`, `workers_per_device=1`: one process for HTTP, one for the model, as it always has; '
        '`log_level="warning"`. `fast_queue` made no difference here.',
        {"MODEL": "{model}"},
    ),
)
"""In the order of the tables."""

ROUTES = tuple(route for server in SERVERS for route in server.routes)
