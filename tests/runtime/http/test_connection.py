"""What comes over a socket: requests, what is none, what is too large, and what is too slow. The server is the real one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import inspect
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import msgspec
import pytest
import uvicorn
from uvicorn.server import ServerState

from skerry.runtime import Model, load
from skerry.runtime.app import App, create_app
from skerry.runtime.artifact import Artifact
from skerry.runtime.http.answer import Answer
from skerry.runtime.http.call import Call
from skerry.runtime.http.connection import Connection
from skerry.runtime.http.heads import Heads
from skerry.runtime.limits import ConnectionLimits
from skerry.runtime.models.repository import ModelRepository

ROW = b'{"X": [[5.1, 3.5, 1.4, 0.2]]}'
ANSWER = {"prediction": [0], "model": "iris", "version": 1}
LIMIT = 100_000
LIMITS = ConnectionLimits(head_seconds=5, body_seconds=5, write_seconds=5, linger_seconds=0.5)
HASTY = ConnectionLimits(
    head_seconds=0.2, body_seconds=0.2, write_seconds=0.2, idle_seconds=0.4, linger_seconds=0.2, min_rate=2**20
)


class WithTasks:
    """The same application, which does not say which requests need no task."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.stop = app.stop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


@contextlib.contextmanager
def serving(app: Any, limits: ConnectionLimits, grace: int = 5) -> Iterator[int]:
    """Its port. The loop is in a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=cast(Any, partial(Connection, limits=limits)),
        loop="uvloop",
        ws="none",
        lifespan="auto",
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=grace,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=partial(server.run, [listener]), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture(scope="module", params=["prompt", "tasks"])
def port(request: pytest.FixtureRequest, iris_model: Model) -> Iterator[int]:
    app = create_app(ModelRepository([iris_model]), max_body=LIMIT)
    with serving(app if request.param == "prompt" else WithTasks(app), LIMITS) as port:
        yield port


@pytest.fixture(scope="module")
def hasty(iris_model: Model) -> Iterator[int]:
    """Waits for nothing longer than 0.4 s."""
    with serving(create_app(ModelRepository([iris_model]), max_body=LIMIT), HASTY) as port:
        yield port


@pytest.fixture(autouse=True)
def _others_are_answered_as_ever(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every case, whatever it was, another client gets the same answer."""
    yield
    for name in ("port", "hasty"):
        if name in request.fixturenames:
            with Client(request.getfixturevalue(name)) as client:
                client.send(post(ROW))
                status, headers, body = client.read()
            assert (status, json.loads(body)) == (200, ANSWER)
            assert headers.keys() - {"date", "server", "server-timing"} == {"content-type", "content-length"}


class Client:
    """A socket, and the answers read from it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._buffer = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _fill(self) -> bool:
        try:
            piece = self._socket.recv(2**16)
        except ConnectionError:
            piece = b""
        self._buffer += piece
        return bool(piece)

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        while b"\r\n\r\n" not in self._buffer:
            assert self._fill(), f"closed after {self._buffer!r}"
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers.get("content-length", 0))
        while len(self._buffer) < size:
            assert self._fill()
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return int(first.split()[1]), headers, body

    def is_closed(self) -> bool:
        """Whether the server closes, having said nothing more."""
        self._socket.settimeout(3)
        with contextlib.suppress(TimeoutError):
            while self._fill():
                pass
            return self._buffer == b""
        return False


def post(body: bytes, *lines: str, path: str = "/predict") -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: here", f"content-length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def framed(*lines: bytes, body: bytes = ROW) -> bytes:
    """A request whose lines say themselves how long its body is."""
    return b"\r\n".join([b"POST /predict HTTP/1.1", b"Host: here", *lines]) + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return framed(b"Transfer-Encoding: chunked", body=b"".join(chunks))


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


END = b"0\r\n\r\n"
GET = b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(ROW)

NO_HTTP: dict[str, tuple[int, bytes]] = {
    # Neither a request line nor anything like it.
    "garbage": (400, b"\x00\x01\x02\x03\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)),
    "no version": (400, b"GET /\r\n\r\n"),
    "HTTP/0.9": (400, b"GET / HTTP/0.9\r\n\r\n"),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": (400, b"GET / HTTP/2.0\r\nHost: here\r\n\r\n"),
    "HTTP/9.9": (400, b"GET / HTTP/9.9\r\nHost: here\r\n\r\n"),
    "unknown method": (400, b"FOO / HTTP/1.1\r\nHost: here\r\n\r\n"),
    "CONNECT": (405, b"CONNECT there:443 HTTP/1.1\r\nHost: there:443\r\n\r\n"),
    "target UTF-8": (400, "GET /é HTTP/1.1\r\nHost: here\r\n\r\n".encode()),
    "target NUL": (400, b"GET /\x00 HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target CR": (400, b"GET /a\rb HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target fragment": (400, b"GET /v2#x HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target asterisk": (400, b"GET * HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target of another scheme": (400, b"GET ftp://here/v2 HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target 8 KiB": (414, b"GET /" + b"a" * 8 * 2**10 + b" HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target 65535": (414, b"GET /" + b"a" * 65534 + b" HTTP/1.1\r\nHost: here\r\n\r\n"),
    "target 70000": (414, b"GET /" + b"a" * 70000),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: here\n\n"),
    # Headers.
    "header of 16 KiB": (431, framed(b"A: " + b"a" * 16 * 2**10)),
    "headers of 16 KiB": (431, framed(*[b"A%d: " % i + b"a" * 1000 for i in range(17)])),
    "65 headers": (431, framed(*[b"A: b"] * 63, LENGTH)),
    "name with a space": (400, framed(b"A b: c")),
    "name before a space": (400, framed(b"A : c")),
    "name with NUL": (400, framed(b"A\x00: c")),
    "no name": (400, framed(b": c")),
    "value with LF": (400, framed(b"A: b\nC: d")),
    "value with CR": (400, framed(b"A: b\rc")),
    "value with NUL": (400, framed(b"A: b\x00c")),
    "folded": (400, framed(b"A: b\r\n c")),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    **{
        f"host {host!r}": (400, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        for host in (b"a/b", b"a?b", b"a#b", b"a@b", b"a b", b"a,b", b"\xe9")
    },
    # How long is the body? Nobody may answer differently.
    **{
        f"length {length!r}": (400, framed(b"Content-Length: " + length))
        for length in (b"-1", b"+29", b"29, 29", b"29, 30", b"0x1d", "２９".encode(), b"9" * 30, b"", b"2 9")
    },
    "two equal lengths": (400, framed(LENGTH, LENGTH)),
    "two lengths": (400, framed(LENGTH, b"Content-Length: 5")),
    "length and chunks": (400, framed(LENGTH, b"Transfer-Encoding: chunked", body=chunk(ROW) + END)),
    "chunks and length": (400, framed(b"Transfer-Encoding: chunked", LENGTH, body=chunk(ROW) + END)),
    **{
        f"encoding {encoding!r}": (400, framed(b"Transfer-Encoding: " + encoding, body=chunk(ROW) + END))
        for encoding in (b"xchunked", b"chunked, identity", b"\x0bchunked", b"gzip, chunked", b"identity", b"", b"chunked, chunked")
    },
    "two encodings": (400, framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=chunk(ROW) + END)),
    "chunks in HTTP/1.0": (400, b"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(ROW) + END),
    "two content codings": (400, framed(LENGTH, b"Content-Encoding: gzip", b"Content-Encoding: gzip")),
    # Chunks.
    "chunk 0x": (400, chunked(b"0x1d\r\n" + ROW + b"\r\n", END)),
    "chunk +": (400, chunked(b"+1d\r\n" + ROW + b"\r\n", END)),
    "chunk size and space": (400, chunked(b"1d ;a\r\n" + ROW + b"\r\n", END)),
    "chunk of 17 digits": (400, chunked(b"1" * 17 + b"\r\n" + ROW)),
    "chunk and no CRLF": (400, chunked(b"1d\r\n" + ROW, END)),
    "chunk and garbage": (400, chunked(b"1d\r\n" + ROW + b"XX", END)),
    "chunk and LF": (400, chunked(b"1d\n" + ROW + b"\n", b"0\n\n")),
    "chunk extensions": (413, chunked(*[b"1;" + b"e" * 60_000 + b"\r\n{\r\n"] * 20)),
    "trailers": (413, chunked(chunk(ROW), b"0\r\n", *[b"A: " + b"b" * 60_000 + b"\r\n"] * 20)),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_HTTP)
def test_what_is_no_request_is_refused_as_everything_is_and_the_connection_closed(port: int, case: str) -> None:
    status, content = NO_HTTP[case]
    with Client(port) as client:
        client.send(content)
        answered, headers, body = client.read()
        assert client.is_closed()
    assert answered == status, body
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert json.loads(body).keys() == {"error"}
    assert re.fullmatch(r"[\w `'.,:;/()\-]{10,120}", json.loads(body)["error"])


HTTP: dict[str, tuple[int, bytes]] = {
    "POST": (200, post(ROW)),
    "chunks": (200, chunked(chunk(ROW[:5]), chunk(ROW[5:]), END)),
    "chunks with extensions": (200, chunked(b"1d;a=b\r\n" + ROW + b"\r\n", END)),
    "chunks with a trailer": (200, chunked(chunk(ROW), b"0\r\nContent-Encoding: gzip\r\n\r\n")),
    "chunks of a byte": (200, chunked(*[chunk(b" ")] * 65_537, chunk(ROW), END)),
    "Chunked": (200, framed(b"Transfer-Encoding: Chunked", body=chunk(ROW) + END)),
    "length and a space": (200, framed(LENGTH + b" ")),
    "empty lines before": (200, b"\r\n\r\n" + post(ROW)),
    "absolute target": (200, b"GET http://there/v2/health/live?x=y HTTP/1.1\r\nHost: here\r\n\r\n"),
    "host with a port": (200, b"GET /v2/health/live HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"),
    "no host in HTTP/1.0": (200, b"GET /v2/health/live HTTP/1.0\r\n\r\n"),
    "GET with a body": (200, b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n" + LENGTH + b"\r\n\r\n" + ROW),
    "POST without a length": (400, b"POST /predict HTTP/1.1\r\nHost: here\r\n\r\n"),
    "TRACE": (405, b"TRACE /v2 HTTP/1.1\r\nHost: here\r\n\r\n"),
    "64 headers": (200, framed(*[b"A: b"] * 62, LENGTH)),
    "h2c": (200, framed(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk", LENGTH)),
    "websocket": (404, b"GET /ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    "another expectation": (200, post(ROW, "expect: tea")),
    "bytes beyond ASCII in a value": (200, post(ROW, "a: \xe9")),
    "body too large": (413, post(b" " * (LIMIT + 1))),
    "coding unknown": (415, post(ROW, "content-encoding: br")),
    "coding twice": (415, post(gzip.compress(gzip.compress(ROW)), "content-encoding: gzip, gzip")),
    "coding empty": (415, post(ROW, "content-encoding:")),
    "coding wrong": (400, post(ROW, "content-encoding: gzip")),
    "gzip": (200, post(gzip.compress(ROW), "content-encoding: GZIP")),
    "bomb": (413, post(gzip.compress(bytes(64 * 2**20)), "content-encoding: gzip")),
}  # fmt: skip


@pytest.mark.parametrize("case", HTTP)
def test_what_is_a_request_is_answered(port: int, case: str) -> None:
    status, content = HTTP[case]
    with Client(port) as client:
        client.send(content)
        answered, headers, body = client.read()
        assert answered == status, body
        assert headers["content-type"].startswith("application/json")
        if "connection" in headers:
            assert headers["connection"] == "close"
            assert client.is_closed()
        else:
            client.send(post(ROW))
            assert client.read()[0] == 200
    if content.startswith(b"POST") and status == 200:
        assert json.loads(body) == ANSWER


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(port: int, size: int) -> None:
    """Declared or in chunks; what was declared is refused before it is sent."""
    body = ROW.ljust(size)
    declared = post(body) if size == LIMIT else post(b"").replace(b"length: 0", b"length: %d" % size)
    for content in (declared, chunked(chunk(body), END) if size == LIMIT else chunked(chunk(body))):
        with Client(port) as client:
            client.send(content)
            status, headers, answer = client.read()
        assert status == (200 if size == LIMIT else 413)
        assert headers.get("connection") == (None if size == LIMIT else "close")
        if size > LIMIT:
            assert json.loads(answer) == {"error": f"body: expected at most {LIMIT} bytes, got more"}


def test_a_large_body_that_is_refused_does_not_reset_the_connection(port: int) -> None:
    """The client sends on while it is told: it must be able to read that."""
    with Client(port) as client:
        client.send(post(b"").replace(b"length: 0", b"length: 200000") + bytes(200_000))
        assert client.read()[0] == 413
        assert client.is_closed()


def test_a_client_may_ask_whether_to_send_its_body(port: int) -> None:
    head = post(ROW, "expect: 100-continue")[: -len(ROW)]
    with Client(port) as client:
        client.send(head)
        assert client.read() == (100, {}, b"")
        client.send(ROW)
        assert json.loads(client.read()[2]) == ANSWER
    with Client(port) as client:
        client.send(head.replace(b"length: 29", b"length: 999999"))
        assert client.read()[0] == 413
        assert client.is_closed()


@pytest.mark.parametrize("lines", ["close", "close, keep-alive", "CLOSE ", " Close"])
def test_a_client_that_wants_to_close_is_closed(port: int, lines: str) -> None:
    with Client(port) as client:
        client.send(post(ROW, f"connection: {lines}") + post(ROW))
        status, headers, body = client.read()
        assert (status, headers["connection"], json.loads(body)) == (200, "close", ANSWER)
        assert client.is_closed()


def test_an_answer_to_HEAD_has_no_body(port: int) -> None:
    with Client(port) as client:
        client.send(b"HEAD /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n" + post(ROW))
        client._buffer = b""
        while b"prediction" not in client._buffer:
            assert client._fill()
        head, _, rest = client._buffer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_sent_at_once_are_answered_in_their_order(port: int) -> None:
    names = [b'{"X": [[%d, 3.5, 1.4, 0.2]], "outputs": ["predict_proba"]}' % i for i in range(12)]
    with Client(port) as client:
        client.send(b"".join(post(body) if i % 3 else GET + post(body) for i, body in enumerate(names)))
        alone, together = [], []
        for i in range(len(names)):
            if i % 3 == 0:
                assert client.read()[2] == b'{"live":true}'
            together.append(client.read()[2])
        for body in names:
            client.send(post(body))
            alone.append(client.read()[2])
    assert together == alone


def test_no_more_requests_are_kept_waiting_than_16(port: int) -> None:
    """The 17th in a row that cannot be answered at once ends the connection, after the answers before it."""
    with Client(port) as client:
        client.send(GET * 10_000)
        statuses = []
        with contextlib.suppress(AssertionError):
            while True:
                statuses.append(client.read()[0])
    assert statuses == [200] * 17 + [400]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_request_may_arrive_in_any_pieces(port: int, size: int) -> None:
    content = post(ROW) + chunked(chunk(ROW), END) + GET
    with Client(port) as client:
        for start in range(0, len(content), size):
            client.send(content[start : start + size])
            time.sleep(0.0005)
        answers = [client.read() for _ in range(3)]
    assert [status for status, _, _ in answers] == [200] * 3
    assert [json.loads(body) for _, _, body in answers] == [ANSWER, ANSWER, {"live": True}]


def test_what_is_wrong_is_said_after_what_was_right(port: int) -> None:
    with Client(port) as client:
        client.send(GET + post(ROW) + b"nonsense\r\n\r\n")
        assert [client.read()[0] for _ in range(3)] == [200, 200, 400]
        assert client.is_closed()


def test_a_client_that_sends_nothing_more_is_answered(port: int) -> None:
    with Client(port) as client:
        client.send(GET + post(ROW))
        client.half_close()
        assert client.read()[0] == 200
        assert json.loads(client.read()[2]) == ANSWER
        assert client.is_closed()


@pytest.mark.parametrize("content", [post(ROW)[:-5], post(ROW)[:30]])
def test_half_a_request_is_none(port: int, content: bytes) -> None:
    with Client(port) as client:
        client.send(content)
        client.half_close()
        status, headers, body = client.read()
        assert client.is_closed()
    assert (status, headers["connection"]) == (400, "close")
    assert json.loads(body) == {"error": "the request ended before it was complete"}


@pytest.mark.parametrize("content", [post(ROW)[:-5], post(ROW), GET * 5])
def test_a_client_that_vanishes_leaves_nothing_behind(port: int, content: bytes, caplog: Any) -> None:
    for _ in range(20):
        client = Client(port)
        client.send(content)
        client.reset()
    time.sleep(0.1)
    assert caplog.records == []


# Time.


@pytest.mark.parametrize("sent", [b"P", post(ROW)[:40], post(ROW)[:-1]])
def test_a_slow_request_is_told_so_however_it_trickles(hasty: int, sent: bytes) -> None:
    """The time counts from its first byte, not from its last."""
    began = time.monotonic()
    with Client(hasty) as client:
        client.send(sent)
        with contextlib.suppress(ConnectionError):
            for byte in post(ROW)[len(sent) : -1] * 3:
                if time.monotonic() - began > 0.35:
                    break
                time.sleep(0.04)
                client.send(bytes([byte]) if len(sent) < 40 else b"")
        status, _, body = client.read()
        assert client.is_closed()
    assert status == 408
    assert json.loads(body)["error"] in {
        f"the {part} of the request did not arrive in time" for part in ("head", "body")
    }
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("before", [b"", post(ROW)])
def test_a_connection_without_a_request_is_closed(hasty: int, before: bytes) -> None:
    began = time.monotonic()
    with Client(hasty) as client:
        client.send(before)
        if before:
            assert client.read()[0] == 200
        assert client.is_closed()
    assert 0.3 < time.monotonic() - began < 2


def test_a_body_that_comes_steadily_may_take_longer(iris_model: Model) -> None:
    limits = msgspec.structs.replace(HASTY, min_rate=10_000.0)
    with serving(create_app(ModelRepository([iris_model]), max_body=LIMIT), limits) as port, Client(port) as client:
        body = ROW.ljust(20_000)
        content = post(body)
        for start in range(0, len(content), 2_000):
            client.send(content[start : start + 2_000])
            time.sleep(0.05)
        assert client.read()[0] == 200


async def _large(scope: Any, receive: Any, send: Any) -> None:
    """Answers with 50 MB."""
    await receive()
    content = bytes(50_000_000)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000000")]})
    await send({"type": "http.response.body", "body": content})


def test_a_client_that_does_not_read_its_answer_is_let_go() -> None:
    with serving(_large, HASTY) as port, Client(port) as client:
        client.send(post(ROW))
        time.sleep(1.0)
        with contextlib.suppress(AssertionError, ConnectionError):
            client.read()
            pytest.fail("the whole answer came")


def test_a_client_that_reads_slowly_gets_its_answer() -> None:
    limits = msgspec.structs.replace(HASTY, min_rate=1_000_000.0)
    with serving(_large, limits) as port, Client(port) as client:
        client.send(post(ROW))
        client._socket.settimeout(10)
        while len(client._buffer) < 50_000_000:
            client._buffer += client._socket.recv(2**22)
            time.sleep(0.005)
        assert len(client.read()[2]) == 50_000_000


# The application.


async def _streams(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it got, piece by piece, of unknown length."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


async def _silent(scope: Any, receive: Any, send: Any) -> None:
    """Answers nothing."""


async def _half(scope: Any, receive: Any, send: Any) -> None:
    """Answers less than it promises."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"abc"})


async def _injects(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
    await send({"type": "http.response.body", "body": b"abc"})


def test_an_answer_of_unknown_length_comes_in_chunks() -> None:
    with serving(_streams, LIMITS) as port, Client(port) as client:
        client.send(post(ROW))
        assert client.read()[1]["transfer-encoding"] == "chunked"
        while not client._buffer.endswith(END):
            assert client._fill()
        assert client._buffer == chunk(ROW) + END


class Prompt:
    """An application as a responder, of which it is thought that it waits for nothing; it may."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.responder = self
        self.heads = Heads()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def target(self, method: str, path: str) -> Any:
        return self._app

    async def respond(self, target: Any, call: Call, client: Any, body: bytes | None, receive: Any) -> Answer | None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await target({"type": "http", "method": call.method}, receive, send)
        if not sent:
            return None
        headers = tuple(header for header in sent[0]["headers"] if header[0] != b"content-length")
        return Answer(sent[0]["status"], b"".join(part["body"] for part in sent[1:]), headers, [])


_VARIABLE: ContextVar[str] = ContextVar("variable", default="unset")


async def _waits(scope: Any, receive: Any, send: Any) -> None:
    """Waits for the loop, for a future, for a thread, and for an error; its context is the same after as before."""
    token = _VARIABLE.set("set")
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    await asyncio.to_thread(time.sleep, 0.001)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)
    content = _VARIABLE.get().encode()
    _VARIABLE.reset(token)
    assert (await receive())["body"] == ROW
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})


async def _raises_late(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.001)
    raise ValueError


async def _raises(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError


@pytest.mark.parametrize("app", [_silent, _injects, _raises, _raises_late])
@pytest.mark.parametrize("lane", [lambda app: app, Prompt])
def test_an_application_that_fails_is_answered_for(app: Any, lane: Any) -> None:
    with serving(lane(app), LIMITS) as port, Client(port) as client:
        client.send(post(ROW))
        status, headers, body = client.read()
        assert client.is_closed()
    assert (status, headers["connection"]) == (500, "close")
    assert json.loads(body) == {"error": "internal error; the request was not at fault"}


def test_half_an_answer_is_not_taken_for_a_whole_one() -> None:
    with serving(_half, LIMITS) as port, Client(port) as client:
        client.send(post(ROW))
        with pytest.raises(AssertionError):
            client.read()


@pytest.mark.parametrize("app", [_waits, Prompt(_waits)])
def test_an_application_may_wait_though_it_said_it_does_not(app: Any) -> None:
    with serving(app, LIMITS) as port, Client(port) as client:
        client.send(post(ROW) * 3)
        assert [client.read()[2] for _ in range(3)] == [b"set"] * 3


async def _stuck(scope: Any, receive: Any, send: Any) -> None:
    """Never answers; takes a moment to end, as the real application does."""
    if scope["type"] == "http":
        await asyncio.sleep(60)
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.sleep(0.01)
    await send({"type": "lifespan.shutdown.complete"})


def test_a_request_that_outlives_the_grace_of_a_stopping_server_is_told_so() -> None:
    with contextlib.ExitStack() as server:
        port = server.enter_context(serving(_stuck, LIMITS, grace=1))
        with Client(port) as client:
            client.send(post(ROW))
            time.sleep(0.1)
            server.close()
            status, _, body = client.read()
            assert client.is_closed()
    assert status == 503
    assert json.loads(body) == {"error": "the server is stopping, and could not wait any longer"}


# uvicorn.


def test_this_much_of_uvicorn_is_relied_on() -> None:
    """How it makes a connection, and what it asks of one; where it changes, this fails rather than a server."""
    source = inspect.getsource(uvicorn.Server)
    made = re.search(r"config\.http_protocol_class\((.*?)\)", source, re.DOTALL)
    assert made is not None
    assert re.findall(r"(\w+)=", made[1]) == ["config", "server_state", "app_state", "_loop"]
    assert set(re.findall(r"\bconnection\.(\w+)", source)) == {"shutdown"}
    assert vars(ServerState()).keys() == {"total_requests", "connections", "tasks", "default_headers"}
    assert {"startup", "shutdown", "handle_exit", "servers", "should_exit"} <= {
        *dir(uvicorn.Server),
        *re.findall(r"self\.(\w+)", source),
    }


def test_a_head_that_came_before_is_answered_as_it_was_whatever_stands_behind_it(port: int) -> None:
    """In pieces, twice in a packet, with a body of another length or none: each is what it would be the first time."""
    bad = b'{"X": [[5.1, 3.5, 1.4, null]]}'[: len(ROW)].ljust(len(ROW))
    with Client(port) as client:
        for _ in range(3):
            client.send(post(ROW))
            assert json.loads(client.read()[2]) == ANSWER
        client.send(post(bad))
        assert client.read()[0] == 400
        for content in (post(ROW)[:20], post(ROW)[20:-5], post(ROW)[-5:]):
            client.send(content)
            time.sleep(0.02)
        assert json.loads(client.read()[2]) == ANSWER
        client.send(post(ROW) * 2 + post(bad))
        assert [client.read()[0] for _ in range(3)] == [200, 200, 400]
        client.send(post(ROW)[: -len(ROW)] + ROW + b"GARBAGE\r\n\r\n")
        assert [client.read()[0] for _ in range(2)] == [200, 400]
        assert client.is_closed()


def test_a_head_that_asks_to_close_closes_every_time(port: int) -> None:
    for _ in range(3):
        with Client(port) as client:
            client.send(post(ROW, "connection: close"))
            assert client.read()[:2][1]["connection"] == "close"
            assert client.is_closed()


def test_a_head_that_came_before_reaches_no_model_that_went_away(iris_artifact: Artifact) -> None:
    repository = ModelRepository([load(iris_artifact)])
    app = create_app(repository)
    with serving(app, LIMITS) as port, Client(port) as client:
        path = "/v2/models/iris/infer"
        body = b'{"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}]}'
        for _ in range(2):
            client.send(post(body, path=path))
            assert client.read()[0] == 200
        repository.unload("iris")
        client.send(post(body, path=path))
        assert client.read()[0] in (404, 503)
