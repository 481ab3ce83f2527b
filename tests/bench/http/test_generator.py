"""Loads on real servers whose delays are known, in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Literal

import psutil
import pytest

from skerry.bench.http.arrivals import intended_starts
from skerry.bench.http.exchange import Exchange, SameBytes
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.delays import ANSWER, REQUEST, delaying_server
from skerry.runtime.errors import BenchError

LATE = 2.0
"""Seconds by which a busy machine may be late."""


EXCHANGES = [Exchange(REQUEST, 2, SameBytes(b"right"))]


@pytest.fixture(scope="module")
def sleeping() -> Iterator[Callable[[float], Address]]:
    """A server that sleeps so many seconds before each answer, started when it is first asked for."""
    with ExitStack() as servers:
        yield cache(lambda delay: servers.enter_context(delaying_server("--sleep", str(delay))))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is gone after half a second."""
    monkeypatch.setattr("skerry.bench.http.load.PATIENCE", 0.5)


@pytest.fixture
def closed_port() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address(*listener.getsockname())


@pytest.mark.parametrize("rate", [None, 50.0])
@pytest.mark.parametrize("delay", [0.001, 0.005, 0.02])
def test_a_known_delay_is_measured_in_full(
    sleeping: Callable[[float], Address], delay: float, rate: float | None
) -> None:
    run = generate(
        sleeping(delay), EXCHANGES, LoadPlan(connections=8, rate=rate, duration=0.2, warmup=0.1), target="delays"
    )
    assert run.errors == {}
    assert run.latency is not None
    assert delay <= run.latency.min <= run.latency.p50 < delay + LATE
    assert run.complete
    assert run.verified == run.requests
    assert run.duration == pytest.approx(0.2)
    if rate:
        assert run.requests == 10


def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one() -> None:
    """As long as a server stands still, a closed loop asks nothing: one slow answer among thousands."""
    found = []
    for rate in (400.0, None):
        with delaying_server("--stall", "0.3", "--every", "0.4") as address:
            plan = LoadPlan(connections=4, rate=rate, duration=0.7, warmup=0)
            found.append(generate(address, EXCHANGES, plan, target="delays").latency)
    is_open, closed = found
    assert is_open is not None
    assert closed is not None
    assert is_open.count == 280
    assert is_open.max > 0.28
    assert is_open.p99 > 0.25  # what was due in the stall waited in line
    assert is_open.p90 > 0.15
    assert closed.p90 < 0.15


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_every_request_that_was_due_is_accounted_for(
    sleeping: Callable[[float], Address], arrivals: Literal["constant", "poisson"]
) -> None:
    """One connection and 20 ms an answer are 50 requests per second; 500 are due."""
    plan = LoadPlan(connections=1, rate=500, arrivals=arrivals, duration=0.2, warmup=0, timeout=0.3)
    run = generate(sleeping(0.02), EXCHANGES, plan, target="delays")
    assert run.errors.keys() == {"unanswered"}
    assert run.requests + run.errors["unanswered"] == len(intended_starts(plan)) == pytest.approx(100, abs=50)
    assert 3 <= run.requests <= 30
    assert run.latency is not None
    assert run.latency.max > 0.3  # the last one answered had been due long before
    assert run.examples == {"unanswered": "no answer within 0.3 s after the end of the run"}
    assert run.requests_per_second < 60
    assert run.complete


def test_a_free_connection_sends_on_time(sleeping: Callable[[float], Address]) -> None:
    run = generate(
        sleeping(0.001), EXCHANGES, LoadPlan(connections=4, rate=200, duration=0.3, warmup=0), target="delays"
    )
    assert run.generator.lateness is not None
    assert run.generator.lateness < LATE
    assert (run.requests, run.arrivals) == (60, "constant")


def test_the_warm_up_is_not_counted(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=2, rate=100, duration=0.2, warmup=0.2)
    assert generate(sleeping(0.001), EXCHANGES, plan, target="delays").requests == 20


def test_processes_share_the_connections_and_the_schedule(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=3, rate=100, duration=0.3, warmup=0.1, processes=2)
    run = generate(sleeping(0.001), EXCHANGES, plan, target="delays", round=4)
    assert run.errors == {}
    assert (run.requests, run.verified, run.generator.processes, run.connections, run.round) == (30, 30, 2, 3, 4)
    assert run.complete


def test_processes_are_no_more_than_connections(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=1, processes=8, duration=0.1, warmup=0)
    assert generate(sleeping(0.001), EXCHANGES, plan, target="delays").generator.processes == 1


def test_progress_is_told_while_it_runs(sleeping: Callable[[float], Address]) -> None:
    told: list[tuple[float, int, int]] = []
    plan = LoadPlan(connections=2, duration=0.8, warmup=0)
    run = generate(sleeping(0.005), EXCHANGES, plan, target="delays", progress=lambda *counts: told.append(counts))
    assert len(told) >= 2
    assert told == sorted(told)
    assert 0 < told[0][1] <= run.requests


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_down_ends_the_run_soon(closed_port: Address) -> None:
    run = generate(closed_port, EXCHANGES, LoadPlan(connections=4, duration=60), target="nobody")
    assert not run.complete
    assert (run.requests, run.latency) == (0, None)
    assert run.errors.keys() == {"connect"}
    assert 4 <= run.errors["connect"] <= 200
    assert run.examples == {"connect": f"{closed_port}: Connection refused"}


@pytest.mark.usefixtures("impatient")
def test_a_server_that_goes_away_leaves_what_was_answered() -> None:
    with delaying_server() as address:

        def end_server(elapsed: float, answers: int, errors: int) -> None:
            for process in _listening(address):
                os.kill(process, signal.SIGKILL)

        plan = LoadPlan(connections=2, rate=100, duration=60, warmup=0)
        run = generate(address, EXCHANGES, plan, target="delays", progress=end_server)
    assert not run.complete
    assert 10 <= run.requests <= 100
    assert run.errors["connect"] >= 2
    assert run.errors["unanswered"] >= 10
    assert run.examples["unanswered"] == "the server could not be reached any more"
    assert run.duration < 20


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_leaves_what_was_answered(sleeping: Callable[[float], Address], processes: int) -> None:
    plan = LoadPlan(connections=2, duration=60, warmup=0, processes=processes)
    interrupts = iter([True])

    def interrupt(elapsed: float, answers: int, errors: int) -> None:
        if answers > 10 and next(interrupts, False):
            os.kill(os.getpid(), signal.SIGINT)

    run = generate(sleeping(0.005), EXCHANGES, plan, target="delays", progress=interrupt)
    assert not run.complete
    assert run.errors == {}
    assert run.requests > 10
    assert run.duration < 20


def test_exchanges_are_sent_in_turn() -> None:
    seen: list[bytes] = []

    def attend() -> None:
        connection, _ = listener.accept()
        with connection:
            while request := connection.recv(65_536):
                seen.append(request)
                connection.sendall(ANSWER)

    exchanges = [Exchange(REQUEST.replace(b"/ ", b"/%d " % number), number, None) for number in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=attend)
        thread.start()
        plan = LoadPlan(connections=1, rate=60, duration=0.1, warmup=0)
        run = generate(Address(*listener.getsockname()), exchanges, plan, target="raw")
        thread.join()
    assert seen == [each.request for each in exchanges] * 2
    assert run.rows_per_second == pytest.approx(6 / 0.1, rel=0.9)


def test_nothing_to_send_is_an_error() -> None:
    with pytest.raises(BenchError, match="expected at least one request to send, got none"):
        generate(Address("127.0.0.1", 1), [], LoadPlan(), target="none")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, and its key, in one file."""
    file = tmp_path / "certificate.pem"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        f" -keyout key.pem -out {file.name}".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + (tmp_path / "key.pem").read_text())
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Address]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def attend(plain: socket.socket) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                while connection.recv(65_536):
                    connection.sendall(ANSWER)
        except OSError:
            pass  # a certificate that is not trusted ends the handshake

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Address("localhost", listener.getsockname()[1], tls=True)
        listener.shutdown(socket.SHUT_RDWR)


def test_https_is_spoken_where_the_certificate_is_trusted(
    tls_server: Address, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    run = generate(tls_server, EXCHANGES, LoadPlan(connections=2, duration=0.2, warmup=0), target="tls")
    assert run.errors == {}
    assert run.verified == run.requests
    assert run.requests >= 5


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: Address) -> None:
    run = generate(tls_server, EXCHANGES, LoadPlan(connections=1, duration=0.2, warmup=0), target="tls")
    assert not run.complete
    assert run.requests == 0
    assert run.errors.keys() == {"connect"}
    assert run.examples["connect"].startswith(f"{tls_server}: its certificate is not trusted: self")


def _listening(address: Address) -> list[int]:
    """The child processes that listen there."""
    return [
        child.pid
        for child in psutil.Process().children()
        if any(each.laddr.port == address.port for each in child.net_connections() if each.status == "LISTEN")
    ]
