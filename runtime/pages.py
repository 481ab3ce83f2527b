"""``Pages``: everything that is asked of the server but inference, by Starlette's routes."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from skerry.runtime.description.docs_page import ORIGIN, POLICY, write_page
from skerry.runtime.description.openapi import describe
from skerry.runtime.errors import Forbidden, InferenceError, ModelNotReady
from skerry.runtime.http.body import read_body
from skerry.runtime.http.stop import Stop
from skerry.runtime.inference import BUG
from skerry.runtime.models.repository import Entry, ModelRepository
from skerry.runtime.models.served import ServedModel
from skerry.runtime.observability.exposition import OPENMETRICS, PROMETHEUS, write
from skerry.runtime.observability.metrics import ModelInfo, families
from skerry.runtime.observability.statistics import statistics
from skerry.runtime.observability.telemetry import Telemetry
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
from skerry.runtime.protocol.request import JSON
from skerry.runtime.targets import PATHS, identity, targets_of

Endpoint = Callable[[HttpRequest], Awaitable[Response]]


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
        return _reply(statistics(self._telemetry.totals(), map(identity, served)))

    def _info(self, served: ServedModel) -> ModelInfo:
        (name, number), model = identity(served), served.model
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
                paths = {path: (one.served, one.operation.name) for path, one in targets_of(self._repository).items()}
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
    return {identity(served): served.batcher.queued for served in _served(repository)}


async def _body_of(request: HttpRequest) -> bytes:
    return await read_body(dict(request.scope["headers"]), request.receive, MAX_CALL)


def make_pages(repository: ModelRepository, telemetry: Telemetry, admin: bool, stop: Stop) -> Starlette:
    """The ASGI application of all pages; its routes also know the paths of inference, of models that are not there."""
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
