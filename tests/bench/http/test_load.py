"""Connections that open, break and open again: servers that go away, and TLS; with the real generator."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from skerry.bench.http.exchange import Exchange, SameBytes
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.delays import ANSWER, REQUEST, delaying_server
from tests.bench.http.serving import serving

EXCHANGES = [Exchange(REQUEST, 2, SameBytes(b"right"))]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is gone after half a second."""
    monkeypatch.setattr("skerry.bench.http.load.PATIENCE", 0.5)


@pytest.fixture
def closed_port() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address(*listener.getsockname())


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
            _kill(address)

        plan = LoadPlan(connections=2, rate=100, duration=60, warmup=0)
        run = generate(address, EXCHANGES, plan, target="delays", progress=end_server)
    assert not run.complete
    assert 10 <= run.requests <= 100
    assert run.errors["connect"] >= 2
    assert run.errors["unanswered"] >= 10
    assert run.examples["unanswered"] == "the server could not be reached any more"
    assert run.duration < 20


@pytest.mark.parametrize("rate", [None, 100.0])
def test_a_server_that_goes_away_in_a_short_run_leaves_it_incomplete(rate: float | None) -> None:
    """Shorter than it takes to call a server gone."""
    with delaying_server() as address:

        def end_server(elapsed: float, answers: int, errors: int) -> None:
            if answers:
                _kill(address)

        plan = LoadPlan(connections=2, rate=rate, duration=1.5, warmup=0, timeout=0.5)
        run = generate(address, EXCHANGES, plan, target="delays", progress=end_server)
    assert not run.complete
    assert run.requests > 0
    assert run.errors["connect"] >= 1
    assert run.duration < 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, and its key, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    file = folder / "certificate.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        f" -keyout key.pem -out {file.name}".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + (folder / "key.pem").read_text())
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Address]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(plain: socket.socket) -> None:  # a certificate that is not trusted ends the handshake
        with context.wrap_socket(plain, server_side=True) as connection:
            while connection.recv(65_536):
                connection.sendall(ANSWER)

    with serving(serve) as address:
        yield Address("localhost", address.port, tls=True)


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


def _kill(address: Address) -> None:
    for process in _listening(address):
        os.kill(process, signal.SIGKILL)


def _listening(address: Address) -> list[int]:
    """The child processes that listen there."""
    return [
        child.pid
        for child in psutil.Process().children()
        if any(each.laddr.port == address.port for each in child.net_connections() if each.status == "LISTEN")
    ]
