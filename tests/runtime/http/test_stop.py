"""A stopping server answers what was sent before it was told to, and says on each answer that it was the last."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.runtime.test_server import ask, serving

ROW = '{"X": [[5.1, 3.5, 1.4, 0.2]]}'
ANSWER = {"prediction": ["setosa"], "model": "iris", "version": 1}
CLIENTS = 12


class Load:
    """Clients that ask on and on, half of them on connections that they keep, until nobody listens any more.

    ``lost`` are the requests without an answer: when each was sent, and whether its connection was new.
    """

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.lost: list[tuple[float, bool]] = []
        self._port = port
        self._threads = [threading.Thread(target=self._ask, args=(keeps,)) for keeps in (True, False) * (CLIENTS // 2)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)

    def _ask(self, keeps: bool) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                connection.connect()
            except OSError:
                return
            new = True
            while self._is_kept(connection, keeps, new):
                new = False
            connection.close()

    def _is_kept(self, connection: http.client.HTTPConnection, keeps: bool, new: bool) -> bool:
        sent = time.monotonic()
        try:
            connection.request("POST", "/predict", ROW, {} if keeps else {"connection": "close"})
            response = connection.getresponse()
            right = json.loads(response.read()) == ANSWER and response.status == 200
        except (OSError, http.client.HTTPException):
            right = False
        if not right:
            self.lost.append((sent, new))
            return False
        self.answered += 1
        return not response.will_close


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_request_that_was_sent_before_is_lost(workers: str, number: signal.Signals) -> None:
    """Nor one on a connection that was answered before: its answer says that it is the last."""
    with serving("--workers", workers) as (process, connection):
        _until_ready(connection)
        load = Load(connection.port)
        time.sleep(0.7)
        told = time.monotonic()
        process.send_signal(number)
        load.join()
        process.wait(timeout=30)
        errors = _errors(process)
    assert load.answered > 50
    assert [(sent - told, new) for sent, new in load.lost if sent < told or not new] == []
    assert errors == ""


def _until_ready(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "POST", "/predict", ROW) == (200, ANSWER)
    connection.close()


def _errors(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


@contextlib.contextmanager
def _silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
    yield sockets
    for each in sockets:
        each.close()


def test_a_connection_that_has_said_nothing_yet_is_answered_for_a_moment() -> None:
    """And a request that was under way is waited for. The second signal changes nothing."""
    request = f"POST /predict HTTP/1.1\r\nhost: here\r\ncontent-length: {len(ROW)}\r\n\r\n{ROW}".encode()
    with serving() as (process, connection), _silent(connection.port, 2) as (silent, partial):
        _until_ready(connection)
        partial.sendall(request[:60])
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        silent.sendall(request)
        answers = [_read(silent)]
        partial.sendall(request[60:])
        answers.append(_read(partial))
        process.wait(timeout=30)
        errors = _errors(process)
    for answer in answers:
        assert b"200 OK" in answer
        assert b"\r\nconnection: close\r\n" in answer
        assert answer.endswith(b'{"prediction":["setosa"],"model":"iris","version":1}')
    assert errors == ""


def _read(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(2**16):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_server_that_is_told_to_stop_is_not_ready() -> None:
    with serving() as (process, connection):
        assert ask(connection, "GET", "/v2/health/ready")[0] == 200
        process.send_signal(signal.SIGTERM)
        expected = {"ready": False, "live": True, "error": "not ready: the server is stopping"}
        assert _soon(lambda: ask(connection, "GET", "/v2/health/ready") == (503, expected))


def _soon(is_so: Callable[[], bool]) -> bool:
    """Whether it is so once, before the server is gone."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        while not is_so():
            time.sleep(0.005)
        return True
    return False


def test_an_idle_connection_does_not_keep_the_server() -> None:
    with serving() as (process, connection), _silent(connection.port, 20):
        _until_ready(connection)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM
        assert time.monotonic() - began < 5
