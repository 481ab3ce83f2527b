"""``create_app``: the routes, and the one place that turns an error into a reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version

import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from skerry.runtime.errors import InferenceError, TooLarge
from skerry.runtime.protocol.inference import model_metadata, server_metadata
from skerry.runtime.repository import ModelRepository, ServedModel

MAX_BODY = 16 * 2**20
"""Bytes of a request's body. Decoded JSON takes up to twenty times its text in memory."""
INLINE_BODY = 32 * 2**10
INLINE_SECONDS = 0.002
"""Larger bodies, and models slower than this for one row, are answered on a worker thread: the event loop stays free."""

JSON = "application/json"
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(repository: ModelRepository, *, max_body: int = MAX_BODY) -> Starlette:
    """The ASGI application that serves the models of ``repository``."""
    endpoints = _Endpoints(repository, max_body)
    app = Starlette(
        routes=_routes(endpoints),
        exception_handlers={
            InferenceError: _on_error,
            HTTPException: _on_http,
            ClientDisconnect: _on_disconnect,
            Exception: _on_bug,
        },
    )
    app.router.redirect_slashes = False  # a redirect has no {"error"}, and repeats the client's Host
    return app


class _Endpoints:
    """One method per kind of request; each is a coroutine from request to response."""

    def __init__(self, repository: ModelRepository, max_body: int) -> None:
        self._repository = repository
        self._max_body = max_body
        self._version = version("skerry")

    async def predict(self, request: Request) -> Response:
        served = self._find(request)
        return await self._reply(request, served, _predict)

    async def infer(self, request: Request) -> Response:
        served = self._find(request)
        return await self._reply(request, served, _infer)

    async def live(self, request: Request) -> Response:
        return _reply({"live": True})

    async def ready(self, request: Request) -> Response:
        return _reply({"ready": True, "live": True})  # every model was loaded and checked before the port was opened

    async def server(self, request: Request) -> Response:
        return Response(server_metadata(self._version), media_type=JSON)

    async def model(self, request: Request) -> Response:
        manifest = self._find(request).model.manifest
        return Response(model_metadata(manifest, self._repository.versions(manifest.name)), media_type=JSON)

    async def model_ready(self, request: Request) -> Response:
        return _reply({"name": self._find(request).model.manifest.name, "ready": True})

    def _find(self, request: Request) -> ServedModel:
        return self._repository.get(request.path_params.get("name"), request.path_params.get("version"))

    async def _reply(
        self, request: Request, served: ServedModel, answer: Callable[[ServedModel, bytes], bytes]
    ) -> Response:
        body = await _read(request, self._max_body)
        if len(body) <= INLINE_BODY and _is_quick(served):
            return Response(answer(served, body), media_type=JSON)
        return Response(await to_thread.run_sync(partial(answer, served, body)), media_type=JSON)


def _is_quick(served: ServedModel) -> bool:
    """Whether one row is answered quickly; a manifest without a cost curve does not say so."""
    return any(cost.rows == 1 and cost.seconds <= INLINE_SECONDS for cost in served.model.manifest.cost)


def _predict(served: ServedModel, body: bytes) -> bytes:
    request = served.predict.decode(body)
    return served.predict.encode(request, served.model.answer(request.feeds, request.methods))


def _infer(served: ServedModel, body: bytes) -> bytes:
    request = served.inference.decode(body)
    return served.inference.encode(request, served.model.answer(request.feeds, request.methods))


def _routes(endpoints: _Endpoints) -> list[Route]:
    table: list[tuple[str, str, Endpoint]] = [
        ("POST", "/predict", endpoints.predict),
        ("POST", "/models/{name}/predict", endpoints.predict),
        ("POST", "/models/{name}/versions/{version}/predict", endpoints.predict),
        ("GET", "/v2", endpoints.server),
        ("GET", "/v2/", endpoints.server),
        ("GET", "/v2/health/live", endpoints.live),
        ("GET", "/v2/health/ready", endpoints.ready),
        ("GET", "/v2/models/{name}", endpoints.model),
        ("GET", "/v2/models/{name}/versions/{version}", endpoints.model),
        ("GET", "/v2/models/{name}/ready", endpoints.model_ready),
        ("GET", "/v2/models/{name}/versions/{version}/ready", endpoints.model_ready),
        ("POST", "/v2/models/{name}/infer", endpoints.infer),
        ("POST", "/v2/models/{name}/versions/{version}/infer", endpoints.infer),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


async def _read(request: Request, limit: int) -> bytes:
    """The body, never more than ``limit`` bytes of it."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge(f"body: expected at most {limit} bytes, got more")
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"body: expected at most {limit} bytes, got more")
        parts.append(chunk)
    return b"".join(parts)


def _reply(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type=JSON)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InferenceError)
    return _reply({"error": error.text}, error.status_hint)


async def _on_http(request: Request, error: Exception) -> Response:
    """Starlette's own errors: no such route, or not with this method."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    text = {404: f"no such path: {path!r:.200}", 405: f"method {request.method} is not allowed for {path!r:.200}"}
    response = _reply({"error": text.get(error.status_code, error.detail)}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _on_disconnect(request: Request, error: Exception) -> Response:
    """Nobody reads this; a client that went away is no fault of ours, and not for the log."""
    return Response(status_code=499)


async def _on_bug(request: Request, error: Exception) -> Response:
    """A fault of ours: the traceback goes to the log, the client learns only that it was not their doing."""
    return _reply({"error": "internal error; the request was not at fault"}, 500)
