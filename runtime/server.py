"""``serve``: uvicorn around the app. Models are loaded and checked before the port opens."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import uvicorn
from uvicorn.supervisors import Multiprocess

from skerry.runtime.app import App, create_app
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.errors import ServerError, SkerryError
from skerry.runtime.http.connection import Connection
from skerry.runtime.http.outbox import Outbox
from skerry.runtime.limits import ConnectionLimits
from skerry.runtime.models.directory import ModelDirectory
from skerry.runtime.models.follower import Follower
from skerry.runtime.models.memory import available_memory, release_memory, return_large_blocks
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.models.wanted import Wanted, WantedFiles
from skerry.runtime.observability.telemetry import Telemetry, TelemetryConfig
from skerry.runtime.request_policy import RequestPolicy
from skerry.runtime.session import SessionConfig, available_cores
from skerry.runtime.workers import Footprint, choose_workers, threads_of, too_many

_BACKLOG = 2048
_LAST_ACCEPT = 0.05
"""Seconds in which the last connections are accepted."""

_log = logging.getLogger("skerry.server")


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve. Port 0 takes any free one; ``default_model`` answers ``/predict``; 0 ``workers`` are as many
    as fit the machine and the models. Threads of a session are the cores that a worker has, where none are named.

    ``admin``: clients may load, unload and name versions. Not ``strict``: an artifact that is refused does not keep the
    others from being served; the server is not ready then, and says why. ``grace_seconds`` are what requests have left
    when the server is told to stop.
    """

    repository: str = "artifacts"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    default_model: str | None = None
    requests: RequestPolicy = RequestPolicy()
    batching: BatchPolicy = BatchPolicy()
    session: SessionConfig = SessionConfig()
    admin: bool = False
    strict: bool = True
    telemetry: TelemetryConfig = TelemetryConfig()
    connection: ConnectionLimits = ConnectionLimits()
    grace_seconds: int = 25


def serve(config: ServerConfig, announce: Callable[[str], None] = print) -> None:
    """Serve until interrupted. ``announce`` gets a line with the address, once requests are answered, and one for each
    model that does not run on the CPU alone, or not where it was asked to.

    Raises:
        ArtifactError: a model is not what its manifest says; nothing is served.
        ServerError: there is nothing to serve, the address cannot be bound, or the provider is not there.
    """
    config, reason = _staffed(config)
    listener = _bind(config)
    address = f"http://{_in_url(config.host)}:{listener.getsockname()[1]}"
    try:
        if config.workers == 1:
            repository = _open(config)
            app: Any = _app(config, repository, Telemetry(config.telemetry))
            announced = partial(
                _announce,
                announce,
                f"serving {', '.join(repository.names)} on {address}{reason}",
                _placements(repository),
            )
            _Server(_uvicorn(config, app), announced, repository.reload).run(sockets=[listener])
        else:
            _serve_with_workers(config, listener, f"{address} with {config.workers} workers{reason}", announce)
    except KeyboardInterrupt:
        pass  # the way a server is meant to end
    finally:
        listener.close()


def _announce(announce: Callable[[str], None], line: str, placements: Sequence[str]) -> None:
    for text in (line, *placements):
        announce(text)


def _placements(repository: ModelRepository) -> list[str]:
    """A line for each model that runs on something other than the CPU, or not where it was asked to."""
    models = [served.model for name in repository.names for served in repository.lineup(name).loaded.values()]
    return [
        f"{model.manifest.name} version {model.manifest.version} runs on {model.placement}"
        for model in models
        if model.placement.reason or {*model.placement.nodes} - {"cpu"}
    ]


def _staffed(config: ServerConfig) -> tuple[ServerConfig, str]:
    """The configuration with a number of workers, and why it is this one; a warning where they may be too many."""
    if config.workers == 1:
        return config, ""
    found = [one for versions in ModelDirectory(Path(config.repository)).models().values() for one in versions.values()]
    models = [Footprint.of(one.artifact.manifest) for one in found if one.artifact]
    if config.workers:
        if text := too_many(config.workers, available_memory(), models):
            _log.warning(text)
        return config, ""
    chosen = choose_workers(available_cores(), available_memory(), models)
    threads = f"{chosen.threads} thread{'s' * (chosen.threads != 1)} each"
    return msgspec.structs.replace(config, workers=chosen.count), f", {threads} ({chosen.reason})"


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready, and reloads the models on SIGHUP."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], reload: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._reload = reload

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload_on_a_thread)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _let_nobody_in(sockets or [])
        await asyncio.sleep(_LAST_ACCEPT)
        await super().shutdown(sockets)

    def _reload_on_a_thread(self) -> None:
        threading.Thread(target=self._reload, name="skerry-reload", daemon=True).start()


class _Workers(Multiprocess):
    """uvicorn's workers, which on SIGHUP load what is new instead of starting anew: no request waits for that."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], reload: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._reload = reload

    def handle_hup(self) -> None:
        self._reload()

    def terminate_all(self) -> None:
        _let_nobody_in(self.sockets)
        super().terminate_all()


def _let_nobody_in(listeners: list[socket.socket]) -> None:
    """Have the system turn clients away while those it has let in are accepted: closing a listener resets them."""
    for listener in listeners:
        listener.listen(0)


def _serve_with_workers(
    config: ServerConfig, listener: socket.socket, where: str, announce: Callable[[str], None]
) -> None:
    """This process loads the models first: one that cannot be loaded must not become a loop of dying workers."""
    Telemetry(config.telemetry).close()  # nor an access log that cannot be written
    with TemporaryDirectory(prefix="skerry-", ignore_cleanup_errors=True) as directory:
        files = WantedFiles(Path(directory))
        names, placements = _tell_workers(config, files, strict=config.strict)
        listener.listen(_BACKLOG)  # from here on a connection waits for a worker instead of being refused
        _announce(announce, f"serving {', '.join(names)} on {where}", placements)
        settings = _uvicorn(config, partial(_worker_app, config, Path(directory)), factory=True)
        _Workers(settings, [listener], partial(_reload_workers, config, files)).run()


def _tell_workers(config: ServerConfig, files: WantedFiles, *, strict: bool) -> tuple[list[str], list[str]]:
    """What lies in the repository and can be loaded is wanted of the workers, and what is there no more is not.

    Returns the names of the models, and what there is to say of where they run.
    """
    repository = _open(config, strict=strict)
    refused = {} if not files.stamps() else repository.unready  # of these the workers keep what they have
    for name in {*repository.known, *files.stamps()} - {*refused}:
        files.write(name, repository.lineup(name).wanted if name in repository.known else Wanted())
    for name, reason in refused.items():
        _log.error("model %s stays as it is: %s", name, reason)
    names, placements = repository.names, _placements(repository)
    del repository
    gc.collect()
    release_memory()
    return names, placements


def _reload_workers(config: ServerConfig, files: WantedFiles) -> None:
    try:
        _tell_workers(config, files, strict=False)
    except SkerryError as error:
        _log.error("the models stay as they are: %s", error.text)


def _worker_app(config: ServerConfig, directory: Path) -> App:
    files = WantedFiles(directory)
    repository = _open(config, files, strict=False)  # what should serve and cannot is told by /v2/health/ready
    Follower(files, repository.follow).start()
    counts = directory / "workers"
    counts.mkdir(exist_ok=True)
    return _app(config, repository, Telemetry(config.telemetry, run_directory=counts))


def _app(config: ServerConfig, repository: ModelRepository, telemetry: Telemetry) -> App:
    return_large_blocks()
    return create_app(repository, max_body=config.requests.limits.max_body, admin=config.admin, telemetry=telemetry)


def _open(config: ServerConfig, files: WantedFiles | None = None, *, strict: bool | None = None) -> ModelRepository:
    threads = config.session.intra_op_num_threads or threads_of(available_cores(), config.workers)
    return ModelRepository.open(
        config.repository,
        default=config.default_model,
        config=msgspec.structs.replace(config.session, intra_op_num_threads=threads),
        policy=config.batching,
        requests=config.requests,
        files=files,
        strict=config.strict if strict is None else strict,
    )


def _uvicorn(config: ServerConfig, app: Any, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=config.workers,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=cast(Any, partial(Connection, limits=config.connection, outbox=Outbox())),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=config.grace_seconds,
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
