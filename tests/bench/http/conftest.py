"""Servers to measure: the real one, over the sample artifacts; and small ones that answer whatever a test says."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

Reply = Callable[[bytes], bytes | None]
"""A whole request → the bytes that are sent back; the connection is closed after None."""


@pytest.fixture(scope="session")
def skerry_server(repository: Path, models: object) -> Iterator[str]:
    """``skerry serve`` with all samples, in a process of its own; its address."""
    command = [sys.executable, "-m", "skerry.cli", "serve", str(repository), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        announced = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert announced is not None, process.stderr.read()
        yield announced[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Reply], str]]:
    """Starts a server on a thread that answers as ``reply`` says, request by request; returns its address."""
    servers: list[_Server] = []

    def start(reply: Reply) -> str:
        servers.append(_Server(reply))
        return servers[-1].url

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def http() -> Callable[..., bytes]:
    """Makes the bytes of an answer."""

    def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        return "\r\n".join(lines).encode() + body

    return answer


class _Server:
    """Connections are served one thread each, until the end of the test."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as stream:
            while request := _read(stream):
                answer = self._reply(request)
                if answer is None:
                    return
                connection.sendall(answer)


def _read(stream: object) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()  # type: ignore[attr-defined]
        if not line:
            return b""
        head += line
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return head + (stream.read(int(length[1])) if length else b"")  # type: ignore[attr-defined]
