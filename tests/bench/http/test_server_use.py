"""Which processes are the server, and what they used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from skerry.bench.http.generator import Address
from skerry.bench.http.server_use import Sample, ServerWatch, find_server, used
from skerry.bench.results import ServerUse

FORKED = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() and os.fork():
    print(listener.getsockname()[1], flush=True)
sum(range(3_000_000))
sys.stdin.read()
"""
"""A server of three processes that work a little and then wait."""

WORKER_LISTENS = """
import os, socket, subprocess, sys
if len(sys.argv) > 1:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
else:
    with open(0) as ours:
        workers = [subprocess.Popen([sys.executable, "-c", os.environ["PROGRAM"], "listen"], stdin=subprocess.PIPE)]
        workers.append(subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE))
        ours.read()
    for worker in workers:
        worker.communicate()
"""
"""The process that listens is a child of another, and has a sibling, as in LitServe."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """A program, and where it or a child of it listens."""
    environment = os.environ | {"PROGRAM": request.param}
    command = [sys.executable, "-c", request.param]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    yield process, Address("127.0.0.1", int(process.stdout.readline()))
    process.stdin.close()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("server", [FORKED, WORKER_LISTENS], indirect=True, ids=["forked", "child listens"])
def test_all_processes_of_a_server_are_found(server: tuple[subprocess.Popen[str], Address]) -> None:
    process, address = server
    found = find_server(address)
    assert found is not None
    assert found.pid == process.pid
    with ServerWatch(address) as watch:
        pass
    use = watch.use(1.0)
    assert use is not None
    assert use.processes == 3
    assert use.resident_memory > 10**6


@pytest.mark.parametrize("server", [FORKED], indirect=True)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_was_used_while_watched_is_counted(server: tuple[subprocess.Popen[str], Address], host: str) -> None:
    with ServerWatch(Address(host, server[1].port)) as watch:
        sum(range(1_000_000))  # of this process, which is none of the server's
    use = watch.use(1.0)
    assert use is not None
    assert 0 <= use.cores < 10


def test_a_server_that_is_not_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        for address in (Address("127.0.0.1", port), Address("192.0.2.1", port), Address("nowhere.invalid", port)):
            with ServerWatch(address) as watch:
                pass
            assert watch.use(1.0) is None
    assert find_server(Address("127.0.0.1", port)) is None


@pytest.mark.parametrize("server", [FORKED], indirect=True)
def test_a_server_that_dies_while_watched(server: tuple[subprocess.Popen[str], Address]) -> None:
    process, address = server
    with ServerWatch(address) as watch:
        for each in psutil.Process(process.pid).children():
            each.kill()
        process.kill()
        process.wait()
    assert watch.use(1.0) is None


def test_what_no_one_may_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert find_server(Address("127.0.0.1", 1)) is None


def test_use_is_what_was_spent_between_two_samples() -> None:
    before = Sample({1: 5.0, 2: 1.0}, 100)
    after = Sample({1: 6.5, 3: 0.5}, 300)
    assert used(before, after, 2.0) == ServerUse(processes=2, cores=1.0, resident_memory=300)
    assert used(before, after, 0.0) == ServerUse(processes=2, cores=0.0, resident_memory=300)
