"""``serve``: uvicorn around the app. Models are loaded and checked before the port opens."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from skerry.runtime.app import MAX_BODY, create_app
from skerry.runtime.errors import ServerError
from skerry.runtime.repository import ModelRepository
from skerry.runtime.session import SessionConfig, available_cores

_BACKLOG = 2048


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve. Port 0 takes any free one; ``default_model`` answers ``/predict``."""

    repository: str = "artifacts"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    default_model: str | None = None
    max_body: int = MAX_BODY


def serve(config: ServerConfig, announce: Callable[[str], None] = print) -> None:
    """Serve until interrupted. ``announce`` gets one line, with the address, once requests are answered.

    Raises:
        ArtifactError: a model is not what its manifest says; nothing is served.
        ServerError: there is nothing to serve, or the address cannot be bound.
    """
    listener = _bind(config)
    address = f"http://{_in_url(config.host)}:{listener.getsockname()[1]}"
    try:
        if config.workers == 1:
            repository = _open(config)
            app: Any = create_app(repository, max_body=config.max_body)
            _Server(
                _uvicorn(config, app), partial(announce, f"serving {', '.join(repository.names)} on {address}")
            ).run(sockets=[listener])
        else:
            names = _open(config).names  # a model that cannot be loaded must not become a loop of dying workers
            listener.listen(_BACKLOG)  # from here on a connection waits for a worker instead of being refused
            announce(f"serving {', '.join(names)} on {address} with {config.workers} workers")
            settings = _uvicorn(config, partial(_worker_app, config), factory=True)
            Multiprocess(settings, sockets=[listener]).run()
    except KeyboardInterrupt:
        pass  # the way a server is meant to end
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _worker_app(config: ServerConfig) -> Starlette:
    return create_app(_open(config), max_body=config.max_body)


def _open(config: ServerConfig) -> ModelRepository:
    threads = max(1, available_cores() // config.workers)
    return ModelRepository.open(
        config.repository, default=config.default_model, config=SessionConfig(intra_op_num_threads=threads)
    )


def _uvicorn(config: ServerConfig, app: Any, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=config.workers,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_worker_healthcheck=60,  # a worker that is loading a large model is not a dead one
    )


def _bind(config: ServerConfig) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ServerError(
            f"{config.host}:{config.port}: cannot listen: {error.strerror}", hint="choose another with --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
