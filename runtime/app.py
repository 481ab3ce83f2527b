"""``create_app``: the routes, and the one place that turns an error into a reply.

A request for inference goes from a table of paths straight to its endpoint; everything else is Starlette's.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from skerry.runtime.description.docs_page import ORIGIN, POLICY, write_page
from skerry.runtime.description.openapi import describe
from skerry.runtime.errors import Forbidden, InferenceError, ModelNotReady, Overloaded
from skerry.runtime.feeds import Array
from skerry.runtime.http.body import ClientGone, encode_body, read_body
from skerry.runtime.http.deadline import TIMEOUT_HEADER, deadline_of
from skerry.runtime.http.request_id import new_request_id, read_request_id
from skerry.runtime.http.stop import Stop
from skerry.runtime.models.repository import Entry, ModelRepository, ServedModel
from skerry.runtime.observability.exposition import OPENMETRICS, PROMETHEUS, write
from skerry.runtime.observability.ledger import OK, Key, Record
from skerry.runtime.observability.metrics import ModelInfo, families
from skerry.runtime.observability.statistics import statistics
from skerry.runtime.observability.telemetry import Telemetry
from skerry.runtime.observability.timing import server_timing, total_timing
from skerry.runtime.protocol.binary import read_json_size
from skerry.runtime.protocol.metadata import model_config, model_metadata, server_metadata
from skerry.runtime.protocol.repository import (
    MAX_CALL,
    decode_alias,
    decode_call,
    decode_index,
    encode_index,
    encode_model,
    encode_models,
)
from skerry.runtime.protocol.request import JSON, Reply, Request

MAX_BODY = 16 * 2**20
"""Bytes of a request's body. Decoded JSON takes up to twenty times its text in memory."""
INLINE_BODY = 32 * 2**10
"""Larger bodies are decoded, and their answers encoded, on a worker thread: the event loop stays free."""

Headers = dict[bytes, bytes]
QUERY = b":query"
"""The query string, beside the headers: no header's name begins with a colon (RFC 9110, section 5.6.2)."""
Endpoint = Callable[[HttpRequest], Awaitable[Response]]

_log = logging.getLogger("skerry.server")


def create_app(
    repository: ModelRepository, *, max_body: int = MAX_BODY, telemetry: Telemetry | None = None, admin: bool = False
) -> App:
    """The ASGI application that serves the models of ``repository``; with ``admin``, clients may change it."""
    return App(repository, max_body, telemetry or Telemetry(), admin)


class Operation(NamedTuple):
    """One wire format: how its bytes become a request, and answers become its bytes."""

    name: str
    decode: Callable[[ServedModel, bytes, Headers], Request]
    encode: Callable[[ServedModel, Request, list[Array], Headers], Reply]


def _decode_predict(served: ServedModel, body: bytes, headers: Headers) -> Request:
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    return served.predict.decode(body, content_type, headers.get(QUERY, b""))


def _encode_predict(served: ServedModel, request: Request, answers: list[Array], headers: Headers) -> Reply:
    return served.predict.encode(request, answers, headers.get(b"accept", b"").decode("latin-1"))


def _decode_infer(served: ServedModel, body: bytes, headers: Headers) -> Request:
    size = headers.get(b"inference-header-content-length")
    return served.inference.decode(body, None if size is None else read_json_size(size.decode("latin-1"), len(body)))


def _encode_infer(served: ServedModel, request: Request, answers: list[Array], headers: Headers) -> Reply:
    return served.inference.encode(request, answers)


PREDICT = Operation("predict", _decode_predict, _encode_predict)
INFER = Operation("infer", _decode_infer, _encode_infer)

PATHS: tuple[tuple[str, Operation], ...] = (
    ("/predict", PREDICT),
    ("/models/{name}/predict", PREDICT),
    ("/models/{name}/versions/{version}/predict", PREDICT),
    ("/v2/models/{name}/infer", INFER),
    ("/v2/models/{name}/versions/{version}/infer", INFER),
)
"""Where inference is asked for, by POST."""


class Target(NamedTuple):
    """What answers at a path."""

    served: ServedModel
    operation: Operation
    key: Key


class App:
    """The ASGI application."""

    def __init__(self, repository: ModelRepository, max_body: int, telemetry: Telemetry, admin: bool) -> None:
        self._ledger = telemetry.ledger
        self._timing = telemetry.server_timing
        self._max_body = max_body
        self._targets: dict[str, Target] = {}
        self._repository = repository
        self.stop = Stop()
        self._pages = _pages(repository, telemetry, admin, self.stop)
        self.routes = self._pages.routes
        repository.subscribe(self._retarget)

    def _retarget(self) -> None:
        """From here on a request is answered by what the repository has now: one assignment."""
        self._targets = _targets(self._repository)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = self._targets.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if target is not None:
            await self._answer(target, scope, receive, send)
        elif scope["type"] == "http":
            await self._show(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _answer(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["query_string"]:
            headers[QUERY] = scope["query_string"]
        record = _record(target.key, scope, headers)
        self._ledger.in_flight += 1
        try:
            body = await read_body(headers, receive, self._max_body)
            reply = await _infer(target, body, headers, record, receive)
        except ClientGone:
            record.status, record.outcome = GONE  # nobody would read an answer
        except Exception as error:
            await self._send(send, _refusal(error, record), record)
        else:
            await self._send(send, await _encoded(reply, headers), record)
        finally:
            self._ledger.in_flight -= 1
            record.ended = perf_counter()
            self._ledger.add(record)

    async def _send(self, send: Send, reply: Reply, record: Record) -> None:
        record.answer_size = size = len(reply.content)
        headers = [(b"content-type", reply.media_type), (b"content-length", b"%d" % size), *reply.headers]
        if self._timing:
            timing = server_timing(record) if record.outcome is OK else total_timing(record)
            headers.append((b"server-timing", timing))
        if record.request_id:
            headers.append((b"x-request-id", record.request_id.encode()))
        await send({"type": "http.response.start", "status": record.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    async def _show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but inference."""
        record = _record(Key(), scope, headers := dict(scope["headers"]))
        declared = headers.get(b"content-length", b"")
        record.request_size = int(declared[:20]) if declared.isdigit() else 0

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                _learn(record, scope, message["status"])
                if self._timing:
                    message["headers"].append((b"server-timing", total_timing(record)))
                if record.request_id:
                    message["headers"].append((b"x-request-id", record.request_id.encode()))
            else:
                record.answer_size += len(message.get("body", b""))
            await send(message)

        try:
            await self._pages(scope, receive, observe)
        finally:
            record.ended = perf_counter()
            self._ledger.add(record)

    def is_prompt(self, scope: Scope) -> bool:
        """Whether this is inference, which most often waits for nothing: the connection spares such a request a task."""
        return scope["method"] == "POST" and scope["path"] in self._targets

    def refused(self, client: tuple[str, int] | None, status: int) -> None:
        """A connection answered what was no request."""
        now = perf_counter()
        self._ledger.add(Record(Key(), now, client=client, status=status, outcome="malformed_request", ended=now))


def _record(key: Key, scope: Scope, headers: Headers) -> Record:
    record = Record(key, perf_counter(), scope["method"], scope["path"], scope.get("client"))
    record.traceparent = headers.get(b"traceparent")
    if record.traceparent is not None:
        record.tracestate = headers.get(b"tracestate")
    request_id = headers.get(b"x-request-id")
    if request_id is not None:
        record.request_id = read_request_id(request_id)
    return record


GONE = 499, "client_gone"
"""The status, in metrics and logs, of a request whose client did not wait for the answer; nginx made it known."""


def _learn(record: Record, scope: Scope, status: int) -> None:
    """What a page was asked, and how it went; the labels are of a bounded number."""
    record.status = status
    record.outcome = OK if status < 400 else scope.get("skerry.outcome", "not_ready")
    name = getattr(scope.get("endpoint"), "__name__", "")
    record.key = Key(operation=scope["path"].rpartition("/")[2].strip() if name == "no_model" else name)
    if status >= 400 and not record.request_id:
        record.request_id = new_request_id()


async def _infer(target: Target, body: bytes, headers: Headers, record: Record, receive: Receive) -> Reply:
    """Decode, run, encode; ``record`` learns how long each took. Large bodies and answers are for a thread."""
    served, operation = target.served, target.operation
    began = perf_counter()
    record.request_size = len(body)
    large = len(body) > INLINE_BODY
    request = (
        await _on_thread(operation.decode, served, body, headers) if large else operation.decode(served, body, headers)
    )
    record.rows = request.rows
    if request.id:
        record.request_id = record.request_id or request.id
    decoded = perf_counter()
    record.parse = decoded - began
    now = request.rows <= served.inline_rows or served.batcher.is_free(request.rows)
    if now and request.timeout is None and TIMEOUT_HEADER not in headers:
        answers = served.answer(request.feeds, request.methods)
        ran = perf_counter()
        record.infer = ran - decoded
        record.batch = request.rows
    else:
        deadline = deadline_of(began, served.batcher.policy.timeout, request.timeout, headers.get(TIMEOUT_HEADER))
        outcome = await served.batcher.answer(request, deadline, partial(_watch, receive))
        answers, record.queue, record.infer, record.batch, record.runs = outcome
        ran = perf_counter()
    reply = (
        await _on_thread(operation.encode, served, request, answers, headers)
        if large
        else operation.encode(served, request, answers, headers)
    )
    record.encode = perf_counter() - ran
    return reply


async def _encoded(reply: Reply, headers: Headers) -> Reply:
    """The answer as the client's Accept-Encoding asks for it."""
    accepted = headers.get(b"accept-encoding")
    if accepted is None:
        return reply
    content, coding = await encode_body(reply.content, accepted)
    if not coding:
        return reply
    return Reply(
        content, reply.media_type, (*reply.headers, (b"content-encoding", coding), (b"vary", b"accept-encoding"))
    )


async def _watch(receive: Receive) -> None:
    """Raises ``ClientGone`` when the client, whose request has been read, goes away."""
    while (await receive())["type"] == "http.request":
        pass
    raise ClientGone


async def _on_thread(step: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, partial(step, *arguments))


def _refusal(error: Exception, record: Record) -> Reply:
    """The answer for what went wrong: the client's fault, or ours, which goes to the log; ``record`` learns of it."""
    record.request_id = record.request_id or new_request_id()
    if isinstance(error, InferenceError):
        record.status, record.outcome = error.status_hint, error.code
        headers = ((b"retry-after", b"%d" % error.retry_after),) if isinstance(error, Overloaded) else ()
        return Reply(_encode({"error": error.text}), headers=headers)
    record.status, record.outcome = 500, BUG
    _log.error("request %s failed by a fault of the server's own", record.request_id, exc_info=error)
    return Reply(_encode({"error": "internal error; the request was not at fault"}))


BUG = "internal_error"
"""The outcome of a request that met a fault of the server's own."""


def _targets(repository: ModelRepository) -> dict[str, Target]:
    """Every path at which a version answers: under its number and its aliases, or without a version, or without a name."""
    targets = _paths(repository.get()) if repository.default else {}
    for name in repository.names:
        for label, served in repository.labels(name).items():
            targets |= _paths(served, name) if label is None else _paths(served, name, label)
    return targets


def _paths(served: ServedModel, *names: str) -> dict[str, Target]:
    """The paths with as many names in them as given: a model's, and what its version is called."""
    places = dict(zip(("name", "version"), names, strict=False))
    return {
        path.format(**places): Target(served, operation, Key(*_identity(served), operation.name))
        for path, operation in PATHS
        if path.count("{") == len(names)
    }


def _identity(served: ServedModel) -> tuple[str, int]:
    return served.model.manifest.name, served.model.manifest.version


class _Pages:
    """One method per page; each is a coroutine from request to response."""

    def __init__(self, repository: ModelRepository, stop: Stop) -> None:
        self._repository = repository
        self._stop = stop
        self._version = version("skerry")

    async def live(self, request: HttpRequest) -> Response:
        return _reply({"live": True})

    async def ready(self, request: HttpRequest) -> Response:
        """Every model that should serve can, and the server is not about to stop."""
        if self._stop.requested:
            return _reply({"ready": False, "live": True, "error": "not ready: the server is stopping"}, 503)
        if unready := self._repository.unready:
            text = "; ".join(f"{name}: {reason}" for name, reason in unready.items())
            return _reply({"ready": False, "live": True, "error": f"not ready: {text}"}, 503)
        return _reply({"ready": True, "live": True})

    async def server(self, request: HttpRequest) -> Response:
        return Response(server_metadata(self._version), media_type=JSON.decode())

    async def model(self, request: HttpRequest) -> Response:
        manifest = self._find(request).model.manifest
        return Response(model_metadata(manifest, self._repository.versions(manifest.name)), media_type=JSON.decode())

    async def config(self, request: HttpRequest) -> Response:
        model = self._find(request).model
        content = model_config(model.manifest, self._repository.requests.limits.max_rows, model.placement)
        return Response(content, media_type=JSON.decode())

    async def model_ready(self, request: HttpRequest) -> Response:
        name = self._find(request).model.manifest.name
        if "version" not in request.path_params and name in self._repository.unready:
            raise ModelNotReady(f"model {name!r}: not ready: {self._repository.unready[name]}")
        return _reply({"name": name, "ready": True})

    async def no_model(self, request: HttpRequest) -> Response:
        """Inference by a model that is not there: had it been, the table of paths would have known."""
        self._find(request)
        raise ModelNotReady("the model was loaded just now; ask again")

    def _find(self, request: HttpRequest) -> ServedModel:
        return self._repository.get(request.path_params.get("name"), request.path_params.get("version"))


class _RepositoryPages:
    """What the model repository is asked; and what changes it, on threads of their own, if ``admin``."""

    def __init__(self, repository: ModelRepository, admin: bool) -> None:
        self._repository = repository
        self._admin = admin
        self._threads = CapacityLimiter(4)  # whoever waits for a model to load takes no thread from inference

    async def index(self, request: HttpRequest) -> Response:
        ready = decode_index(await _body_of(request))
        return _reply(encode_index(await self._entries(), ready=ready))

    async def models(self, request: HttpRequest) -> Response:
        return _reply({"models": encode_models(self._repository, await self._entries())})

    async def load(self, request: HttpRequest) -> Response:
        self._check(request)
        return await self._change(request, self._repository.load, decode_call(await _body_of(request), "load"))

    async def unload(self, request: HttpRequest) -> Response:
        self._check(request)
        return await self._change(request, self._repository.unload, decode_call(await _body_of(request), "unload"))

    async def set_alias(self, request: HttpRequest) -> Response:
        self._check(request)
        alias, version = request.path_params["alias"], decode_alias(await _body_of(request))
        return await self._change(request, self._repository.set_alias, alias, version)

    async def delete_alias(self, request: HttpRequest) -> Response:
        self._check(request)
        return await self._change(request, self._repository.delete_alias, request.path_params["alias"])

    async def roll_back(self, request: HttpRequest) -> Response:
        self._check(request)
        return await self._change(request, self._repository.roll_back)

    def _check(self, request: HttpRequest) -> None:
        """Raises Forbidden: changes are off; or a page of another site asks, from the browser of somebody who may."""
        if not self._admin:
            raise Forbidden("changing the model repository is turned off; `skerry serve --admin` turns it on")
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Forbidden("changing the model repository from a page of another site is not allowed")

    async def _change(self, request: HttpRequest, step: Callable[..., None], *arguments: Any) -> Response:
        name = request.path_params["name"]
        await to_thread.run_sync(partial(step, name, *arguments), limiter=self._threads)
        return _reply(encode_model(self._repository, name, await self._entries()))

    async def _entries(self) -> list[Entry]:
        """What lies on disk is listed only for those who may load it."""
        return await to_thread.run_sync(partial(self._repository.index, disk=self._admin), limiter=self._threads)


class _SeenPages:
    """What was counted, of all workers."""

    def __init__(self, repository: ModelRepository, telemetry: Telemetry) -> None:
        self._repository = repository
        self._telemetry = telemetry

    async def metrics(self, request: HttpRequest) -> Response:
        """In OpenMetrics' format for whoever accepts it, else in Prometheus'."""
        openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
        found = families(self._telemetry.workers(), map(self._info, _served(self._repository)))
        content_type = OPENMETRICS if openmetrics else PROMETHEUS
        return Response(write(found, openmetrics=openmetrics), headers={"content-type": content_type})

    async def stats(self, request: HttpRequest) -> Response:
        """Of one version, of all versions of a model, or of all models."""
        name, label = request.path_params.get("name"), request.path_params.get("version")
        served = [self._repository.get(name, label)] if name else _served(self._repository)
        if name and label is None:
            served = [one for one in _served(self._repository) if one.model.manifest.name == name]
        return _reply(statistics(self._telemetry.totals(), map(_identity, served)))

    def _info(self, served: ServedModel) -> ModelInfo:
        (name, number), model = _identity(served), served.model
        digest = self._repository.lineup(name).wanted.versions.get(number, "")
        return ModelInfo(name, number, digest, model.manifest.estimator, model.load_seconds, model.loaded)


class _DescriptionPages:
    """What can be asked, and of which models; made once after they were changed, on a thread, when somebody asks."""

    def __init__(self, repository: ModelRepository) -> None:
        self._repository = repository
        self._version = version("skerry")
        self._state = object()  # another one after every change
        self._made: tuple[object, bytes, str] = (None, b"", "")
        self._lock = threading.Lock()
        repository.subscribe(self._change)

    async def openapi(self, request: HttpRequest) -> Response:
        _, document, _ = await to_thread.run_sync(self._make)
        return Response(document, media_type=JSON.decode())

    async def docs(self, request: HttpRequest) -> Response:
        _, _, page = await to_thread.run_sync(self._make)
        host = request.headers.get("host", "")
        origin = f"{request.scope['scheme']}://{host if _HOST.fullmatch(host) else 'localhost:8000'}"
        headers = {"content-security-policy": POLICY, "x-content-type-options": "nosniff"}
        return Response(page.replace(ORIGIN, origin), media_type="text/html", headers=headers)

    def _change(self) -> None:
        self._state = object()

    def _make(self) -> tuple[object, bytes, str]:
        with self._lock:
            state = self._state
            if self._made[0] is not state:
                paths = {path: (one.served, one.operation.name) for path, one in _targets(self._repository).items()}
                found = describe(paths, version=self._version, limits=self._repository.requests.limits)
                self._made = state, found.openapi, write_page(found.models, self._version)
            return self._made


_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
"""A host and a port that may stand in a page."""


def _served(repository: ModelRepository) -> list[ServedModel]:
    """Every version that answers, by name and number."""
    return [
        repository.get(name, str(number)) for name in sorted(repository.names) for number in repository.versions(name)
    ]


def _queued(repository: ModelRepository) -> dict[tuple[str, int], int]:
    return {_identity(served): served.batcher.queued for served in _served(repository)}


async def _body_of(request: HttpRequest) -> bytes:
    return await read_body(dict(request.scope["headers"]), request.receive, MAX_CALL)


def _pages(repository: ModelRepository, telemetry: Telemetry, admin: bool, stop: Stop) -> Starlette:
    pages = _Pages(repository, stop)
    stock = _RepositoryPages(repository, admin)
    seen = _SeenPages(repository, telemetry)
    described = _DescriptionPages(repository)
    telemetry.queued = partial(_queued, repository)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with telemetry.running():
            stop.watch(asyncio.get_running_loop())
            yield
            await asyncio.sleep(0.01)  # what was cancelled at the end of the grace answers that, and is counted

    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/v2", pages.server),
        ("GET", "/v2/", pages.server),
        ("GET", "/v2/health/live", pages.live),
        ("GET", "/v2/health/ready", pages.ready),
        ("GET", "/metrics", seen.metrics),
        ("GET", "/openapi.json", described.openapi),
        ("GET", "/docs", described.docs),
        ("GET", "/v2/models/stats", seen.stats),
        ("GET", "/v2/models/{name}/stats", seen.stats),
        ("GET", "/v2/models/{name}/versions/{version}/stats", seen.stats),
        ("GET", "/v2/models/{name}", pages.model),
        ("GET", "/v2/models/{name}/versions/{version}", pages.model),
        ("GET", "/v2/models/{name}/config", pages.config),
        ("GET", "/v2/models/{name}/versions/{version}/config", pages.config),
        ("GET", "/v2/models/{name}/ready", pages.model_ready),
        ("GET", "/v2/models/{name}/versions/{version}/ready", pages.model_ready),
        ("POST", "/v2/repository/index", stock.index),
        ("POST", "/v2/repository/models/{name}/load", stock.load),
        ("POST", "/v2/repository/models/{name}/unload", stock.unload),
        ("GET", "/models", stock.models),
        ("PUT", "/models/{name}/aliases/{alias}", stock.set_alias),
        ("DELETE", "/models/{name}/aliases/{alias}", stock.delete_alias),
        ("POST", "/models/{name}/rollback", stock.roll_back),
        *[("POST", path, pages.no_model) for path, _ in PATHS],
    ]
    app = Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in table],
        exception_handlers={InferenceError: _on_error, HTTPException: _on_http, Exception: _on_bug},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect has no {"error"}, and repeats the client's Host
    return app


_encode = msgspec.json.Encoder().encode


def _reply(content: object, status: int = 200) -> Response:
    return Response(_encode(content), status, media_type=JSON.decode())


async def _on_error(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, InferenceError)
    request.scope["skerry.outcome"] = error.code
    return _reply({"error": error.text}, error.status_hint)


async def _on_http(request: HttpRequest, error: Exception) -> Response:
    """Starlette's own errors: no such route, or not with this method."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    request.scope["skerry.outcome"] = {404: "not_found", 405: "method_not_allowed"}.get(
        error.status_code, "bad_request"
    )
    text = {404: f"no such path: {path!r:.200}", 405: f"method {request.method} is not allowed for {path!r:.200}"}
    response = _reply({"error": text.get(error.status_code, error.detail)}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _on_bug(request: HttpRequest, error: Exception) -> Response:
    """A fault of ours: the traceback goes to the log, the client learns only that it was not their doing."""
    request.scope["skerry.outcome"] = BUG
    return _reply({"error": "internal error; the request was not at fault"}, 500)
