"""``start``: a server of the table, on a core of its own → ``Running``, which stops it, whatever it has become."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

import psutil

from skerry.bench.benchmarks.environments import Environment
from skerry.bench.benchmarks.servers import Server
from skerry.bench.http.endpoint import Endpoint
from skerry.bench.http.exchange import Exchange
from skerry.bench.http.probe import probe
from skerry.runtime.errors import BenchError

HOST = "127.0.0.1"
MARK = "SKERRY_BENCHMARKS"
"""The environment variable by which the processes of a server are known."""
PATIENCE = 60.0
"""Seconds for the first right answer."""
ANSWER = 5.0
"""Seconds for any answer."""
GRACE = 10.0
"""Seconds to end after being asked to; then it is made to."""
PAUSE = 0.005
"""Seconds between two looks at a server that starts: the resolution of the start times."""


@dataclass
class Running:
    """A server's first process, its ``port``, the ``log`` of all it writes, and the ``mark`` of all its processes. A context
    manager that stops them."""

    server: Server
    port: int
    mark: str
    log: Path
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=perf_counter)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *unused: object) -> None:
        stop(self)

    def last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else f"nothing in {self.log}"


def start(
    server: Server, environment: Environment, places: Mapping[str, Path], *, log: Path, core: int | None = None
) -> Running:
    """Start ``server`` in a session of its own, so that Ctrl-C reaches only us, on ``core`` (any, if None)."""
    port, second = free_ports(2)
    mark = f"{os.getpid()}-{port}"
    values = {"port": port, "second_port": second, **places}
    program, *rest = [part.format(**values) for part in server.command]
    variables = {name: value.format(**values) for name, value in server.variables.items()}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(environment.program(program)), *rest],
            cwd=places["folder"],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", MARK: mark} | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=pin(core),
        )
    return Running(server, port, mark, log, process)


def pin(core: int | None) -> Callable[[], None] | None:
    """What a new process does to stay on ``core``; None where that is not asked for, or the system cannot."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return None
    return partial(os.sched_setaffinity, 0, {core})


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def await_answer(running: Running, exchange: Exchange, patience: float = PATIENCE) -> float:
    """Seconds from the start to the first right answer. Raises BenchError when there is none."""
    while (wrong := ask(running.port, exchange)) is not None:
        if running.process.poll() is not None:
            raise BenchError(f"ended with status {running.process.returncode}: {running.last_words()}")
        if perf_counter() - running.began > patience:
            raise BenchError(f"no right answer in {patience:.0f} s: {wrong}")
        sleep(PAUSE)
    return perf_counter() - running.began


def ask(port: int, exchange: Exchange) -> str | None:
    """What is wrong with the answer, or None."""
    path = exchange.request.split(b" ", 2)[1].decode()
    try:
        probe(Endpoint.parse(f"http://{HOST}:{port}{path}"), exchange, timeout=ANSWER)
    except BenchError as error:
        return error.text
    return None


def stop(running: Running) -> None:
    """Ask the first process to end, and end all that it started: at once when it is gone, after ``GRACE``, or when we are
    interrupted meanwhile. Some start processes in sessions of their own, or leave them behind, but all inherit ``MARK``."""
    running.process.terminate()
    until = perf_counter() + GRACE
    while family := marked(running.mark):
        if running.process.poll() is not None or perf_counter() > until:
            for one in family:
                with suppress(psutil.Error):
                    one.kill()
        try:
            sleep(10 * PAUSE)
        except KeyboardInterrupt:
            until = 0.0
    running.process.wait()


def marked(mark: str) -> list[psutil.Process]:
    """Living processes with ``mark`` in their environment."""
    return [one for one in psutil.process_iter() if _mark_of(one) == mark]


def _mark_of(one: psutil.Process) -> str | None:
    try:
        return one.environ().get(MARK)
    except (psutil.Error, OSError):  # gone, or somebody else's
        return None
