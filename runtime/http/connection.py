"""``Connection``: HTTP/1.1 on one socket, within limits of size and time.

uvicorn takes it as its ``http`` protocol. It stands in for uvicorn's own, which lets a request's head be of any size and
take any time, answers malformed ones as text, and drops requests when it stops. Framing is httptools'; its rules are those
of RFC 9112. What the two share with uvicorn is in ``tests/runtime/http/test_connection.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.server import ServerState

from skerry.runtime.http.answer import refusal
from skerry.runtime.http.call import Call
from skerry.runtime.http.exchange import App, Exchange
from skerry.runtime.http.outbox import Outbox
from skerry.runtime.http.responder import Responder
from skerry.runtime.http.stop import Stop
from skerry.runtime.limits import ConnectionLimits

READ_AHEAD = 2**16
"""Bytes of a body that are read before the application asks for them."""
DISCARDED = 2**18
"""Bytes that are read, after the last answer, only so that a reset does not take the answer from the client."""
FRAMING = 2**20
"""Bytes of a body in chunks that may be other than content: sizes, extensions, trailers."""

SINGLE = {
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"expect",
    b"inference-header-content-length",
    b"x-request-id",
    b"x-request-timeout",
}
"""Headers that mean something else to each reader when they come twice."""
NO_HOST = b'/?#@\\"<>^`{|} \t,'
"""Characters that a host and its port have not (RFC 3986, section 3.2.2)."""

_REPEATED = {"method": "POST"}
"""What an exchange must know of a request that a responder answers."""
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_NEVER = float("inf")
_log = logging.getLogger("skerry.server")


class Refused(Exception):
    """What came is no request, or is one beyond a limit. The connection answers with ``status`` and closes."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Connection(asyncio.Protocol):
    """One client's requests, answered one after the other.

    ``config``, ``server_state``, ``app_state`` and ``_loop`` are what uvicorn gives to a protocol. The application may
    have a ``responder``, which is asked before it; ``refused(client, status)``, which learns of what never became a
    request; and a ``stop``.
    """

    _common: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
    """The headers that uvicorn wants in every answer, as it gave them last, and as lines."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self._app = cast(App, config.loaded_app)
        self._responder: Responder | None = getattr(self._app, "responder", None)
        self._stop = getattr(self._app, "stop", None) or Stop()
        self._tell_refused = getattr(self._app, "refused", _tell_nobody)
        self._state = server_state
        self._app_state = app_state
        self._limits = limits or ConnectionLimits()
        self._outbox = outbox or Outbox()
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        # What is being read.
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._single: dict[bytes, bytes] = {}
        self._host: bytes | None = None  # the last one that was looked at
        self._in_head = False
        self._incoming: Exchange | None = None
        self._is_partial = False  # some of a request is here, and the rest is waited for
        self._fed = 0  # bytes that came since the request began
        self._size = 0  # of them, those that came last
        self._content = 0  # of them, those that are content
        self._arrived = b""  # what came last, where a request begins with it
        self._begun = 0  # requests that began in it
        # What is being answered.
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._last_words = b""  # an answer of the connection's own, for when its turn comes
        self._takes_no_more = False
        self._is_leaving = False
        self._was_told_to_stop = False
        self._unwritten = b""  # answers that are written at the end of this turn of the loop
        # Flow and time.
        self._is_paused = False
        self.writable: asyncio.Event | None = None
        self._unsent = 0  # bytes that the client had not read when waiting for it began
        self._unread_since = 0.0
        self._since = 0.0  # what the connection waits for, it waits for since then
        self._timer: asyncio.TimerHandle | None = None
        self._rings = _NEVER

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(cast(Any, self))
        self._client = _address(transport.get_extra_info("peername"))
        self._base = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
            "root_path": "",
            "server": _address(transport.get_extra_info("sockname")),
            "client": self._client,
        }
        self._since = self._loop.time()
        self._wait()

    def connection_lost(self, error: Exception | None) -> None:
        self._state.connections.discard(cast(Any, self))
        self._takes_no_more = True
        if self._timer is not None:
            self._timer.cancel()
        for exchange in (self._current, self._incoming, *self._waiting):
            if exchange is not None:
                exchange.abandon()
        self._waiting.clear()
        if self.writable is not None:
            self.writable.set()
        del self._parser  # the two know each other

    def eof_received(self) -> bool:
        """The client sends nothing more. It may still read: who has asked is answered."""
        if self._in_head or self._incoming is not None:
            self._refuse(Refused(400, "the request ended before it was complete"))
            return True
        if self._is_leaving or self._current is None:
            return False
        self._takes_no_more = True
        exchanges = [self._current, *self._waiting]
        for exchange in exchanges:
            exchange.hang_up()
        if not self._last_words:
            exchanges[-1].keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The client does not read its answers: until it does, no more requests are read."""
        self.writable = asyncio.Event()
        self.pause_reading()
        self._mind_unread()

    def resume_writing(self) -> None:
        if self.writable is not None:
            self.writable.set()
            self.writable = None
            self._unsent = 0
            self.resume_reading()

    def pause_reading(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._is_paused and self.writable is None and not self._waiting and not self._transport.is_closing():
            self._is_paused = False
            self._since = self._loop.time()
            self._transport.resume_reading()

    # Reading.

    def data_received(self, data: bytes) -> None:
        responder = self._responder
        if responder is not None and self._current is None and not self._fed and self._repeats(data, responder):
            return
        self._arrived, self._begun = b"" if self._fed else data, 0
        self._size = len(data)
        self._fed += self._size
        if self._takes_no_more:
            self._discard()
            return
        try:
            self._parse(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._in_head or self._incoming is not None:
            self._wait_for_more()
        else:
            self._fed = 0

    def _repeats(self, data: bytes, responder: Responder) -> bool:
        """Answer a request whose head came before, and whose body is here: there is nothing to parse."""
        found = responder.heads.find(data)
        if found is None or self._takes_no_more or self.writable is not None:
            return False
        call, body = found
        target = responder.target(call.method, call.path)
        if target is None:
            return False
        self._current = exchange = Exchange(self, _REPEATED, keep_alive=True, expects_continue=False)
        exchange.feed(body)
        exchange.complete()
        self._respond(exchange, responder, target, call)
        return True

    def _parse(self, data: bytes) -> None:
        try:
            while True:
                try:
                    return self._parser.feed_data(data)
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._without_upgrade() + data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if not self._takes_no_more:
                raise _refused(error) from error

    def _without_upgrade(self) -> bytes:
        """The head once more, for a new parser: a server may ignore that Upgrade is asked for (RFC 9110, section 7.8)."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise Refused(405, "method CONNECT is not allowed")
        version = self._parser.get_http_version().encode()
        self._parser = httptools.HttpRequestParser(self)
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version, b"".join(lines))

    def on_message_begin(self) -> None:
        if self._takes_no_more:
            raise Refused(400, "a request came after the last one")
        self._url = b""
        self._headers = []
        self._single = {}
        self._in_head = True
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._limits.max_target:
            raise Refused(414, f"request target: expected at most {self._limits.max_target} bytes, got more")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer, which nobody here asks for
        name = name.lower()
        self._headers.append((name, value))
        if name in SINGLE:
            if name in self._single:
                raise Refused(400, f"header {name.decode()}: expected once, got it twice")
            self._single[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._check_size()
        if self._parser.should_upgrade():
            return  # the head will be parsed once more
        single, version = self._single, self._parser.get_http_version()
        host = single.get(b"host")
        if host is None or host != self._host or version != "1.1":
            _check_host(host, version)
            self._host = host
        if b"transfer-encoding" in single:
            _check_encoding(single[b"transfer-encoding"], version)
        raw_path, _, query = self._url.partition(b"?")
        if raw_path[:1] != b"/" or b"#" in self._url:
            raw_path = _without_origin(raw_path, self._url)
        path = raw_path.decode("ascii")
        scope = {
            **self._base,
            "method": self._parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self._headers,
            "state": self._app_state.copy(),
        }
        is_current = version == "1.1"
        if not is_current:
            scope["http_version"] = version
        self._incoming = Exchange(
            self,
            scope,
            keep_alive=is_current and self._parser.should_keep_alive(),
            expects_continue=is_current and single.get(b"expect", b"").lower() == b"100-continue",
        )

    def _check_size(self) -> None:
        limits = self._limits
        if len(self._headers) > limits.max_headers:
            raise Refused(431, f"headers: expected at most {limits.max_headers}, got {len(self._headers)}")
        if self._fed <= limits.max_head and self._size <= limits.max_head:
            return  # all that came is no more than that
        if len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers) > limits.max_head:
            raise _large_head(limits)

    def on_body(self, body: bytes) -> None:
        if self._incoming is not None:
            self._content += len(body)
            self._incoming.feed(body)

    def on_message_complete(self) -> None:
        exchange = self._incoming
        if exchange is None:
            return  # the head of an upgrade, which will be parsed once more
        self._incoming = None
        self._is_partial = False
        self._fed = self._content = 0
        exchange.complete()
        if not exchange.keep_alive:
            self._takes_no_more = True
        if exchange is self._current:
            return
        if self._current is None:
            self._begin(exchange)
        elif len(self._waiting) < self._limits.max_pipelined:
            self._waiting.append(exchange)
            self.pause_reading()
        else:
            raise Refused(400, f"pipelined requests: expected at most {self._limits.max_pipelined} without an answer")

    def _wait_for_more(self) -> None:
        """Only some of a request is here."""
        incoming = self._incoming
        if incoming is None and self._fed > self._limits.max_head:
            self._refuse(_large_head(self._limits))
            return
        if self._fed - self._content > self._limits.max_head + FRAMING:
            self._refuse(Refused(413, f"chunks: expected at most {FRAMING} bytes beside their content, got more"))
            return
        if not self._is_partial:
            self._is_partial = True
            self._since = self._loop.time()
            self._wait()
        if incoming is not None:
            if incoming.backlog > READ_AHEAD:
                self.pause_reading()
            if self._current is None:
                self._begin(incoming)

    # Answering.

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        if not (exchange.is_complete and self._responder and self._begin_at_once(exchange, self._responder)):
            self._keep(self._loop.create_task(exchange.run(self._app)))

    def _begin_at_once(self, exchange: Exchange, responder: Responder) -> bool:
        scope = exchange.scope
        target = responder.target(scope["method"], scope["path"])
        if target is None:
            return False
        call = Call(scope["method"], scope["path"], scope["headers"], scope["query_string"])
        if self._begun == 1 and exchange.keep_alive and b"expect" not in call.headers:
            responder.heads.learn(self._arrived, call)
        self._respond(exchange, responder, target, call)
        return True

    def _respond(self, exchange: Exchange, responder: Responder, target: Any, call: Call) -> None:
        answering = responder.respond(target, call, self._client, exchange.body, exchange.receive)
        task = exchange.begin(answering)
        if task is not None:
            self._keep(task)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def finish(self, exchange: Exchange) -> None:
        self._state.total_requests += 1
        if exchange is not self._current:
            return
        self._current = None
        if self._transport.is_closing():
            return
        if not exchange.is_complete:
            self._leave()
        elif not exchange.keep_alive:
            self._close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
        elif self._last_words:
            self._say_last_words()
        elif self._incoming is not None:
            self._begin(self._incoming)
        else:
            self._since = self._loop.time()
            self.resume_reading()

    @property
    def common_headers(self) -> bytes:
        given = self._state.default_headers
        if given is not self._common[0]:
            type(self)._common = given, b"".join(b"%b: %b\r\n" % header for header in given)
        return self._common[1]

    @property
    def is_stopping(self) -> bool:
        return self._is_ending and not self._waiting and self._incoming is None

    @property
    def _is_ending(self) -> bool:
        return self._was_told_to_stop or self._stop.requested

    def write(self, content: bytes) -> None:
        self.flush()
        if not self._transport.is_closing():
            self._transport.write(content)

    def write_soon(self, content: bytes) -> None:
        """Write it with the answers to others, before this turn of the loop ends."""
        if len(self._state.connections) == 1:
            self.write(content)
        elif self._unwritten:
            self._unwritten += content
        else:
            self._unwritten = content
            self._outbox.add(self, self._loop.call_soon)

    def flush(self) -> None:
        """Write what is to be written soon."""
        if self._unwritten:
            content, self._unwritten = self._unwritten, b""
            if not self._transport.is_closing():
                self._transport.write(content)

    # Ending.

    def shutdown(self) -> None:
        """uvicorn's word that the server stops. What is on its way is answered still; what does not come is not waited for."""
        self._was_told_to_stop = True
        if not self._is_partial and self._current is None:
            self._since = self._loop.time()
            self._wait()

    def abort(self) -> None:
        self.flush()
        self._transport.abort()

    def _refuse(self, refused: Refused) -> None:
        """Answer by ourselves, after all that is to be answered before, and close."""
        self._takes_no_more = True
        self._in_head = self._is_partial = False
        incoming, self._incoming = self._incoming, None
        self._last_words = refusal(refused.status, refused.text)
        if incoming is None or incoming is not self._current:  # else the application tells of it itself
            self._tell_refused(self._client, refused.status)
        if incoming is not None:
            incoming.abandon()
        if self._current is None or self._current is incoming:
            self._current = None
            self._say_last_words(half_said=incoming is not None and incoming.is_answering)

    def _say_last_words(self, *, half_said: bool = False) -> None:
        if half_said:
            self.abort()  # another answer stands there already
            return
        self.write(self._last_words)
        self._leave()

    def _leave(self) -> None:
        """Nothing more is said. What still comes is read for a moment: else it would turn the close into a reset, and take
        the answer from a client that has not read it yet (RFC 9112, section 9.6).
        """
        self._takes_no_more = self._is_leaving = True
        self._is_partial = False
        self._incoming = None
        self._fed = 0
        self._since = self._loop.time()
        self.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.resume_reading()
        self._wait()

    def _discard(self) -> None:
        if not self._is_leaving:
            self.pause_reading()
        elif self._fed > DISCARDED:
            self._close()

    def _close(self) -> None:
        self._takes_no_more = True
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._mind_unread()

    # Waiting.

    def _mind_unread(self) -> None:
        self._unsent = self._transport.get_write_buffer_size()
        self._unread_since = self._loop.time()
        self._wait()

    def _deadline(self) -> float:
        """Until when the connection waits for what it waits for."""
        limits = self._limits
        if self._unsent:
            read = self._unsent - self._transport.get_write_buffer_size()
            return self._unread_since + limits.write_seconds + max(0, read) / limits.min_rate
        if self._is_leaving:
            return self._since + limits.linger_seconds
        if self._is_partial and not self._is_paused:
            return self._since + (
                limits.head_seconds if self._in_head else limits.body_seconds + self._fed / limits.min_rate
            )
        if self._current is not None or self._is_partial:
            return _NEVER
        return self._since + (limits.linger_seconds if self._is_ending else limits.idle_seconds)

    def _wait(self) -> None:
        """See to it that the clock is looked at in time. It is looked at once in a while, not set for every request."""
        look = min(self._deadline(), self._loop.time() + self._limits.idle_seconds)
        if self._timer is None or look < self._rings:
            if self._timer is not None:
                self._timer.cancel()
            self._rings = look
            self._timer = self._loop.call_at(look, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline():
            self._wait()
        elif self._unsent or self._is_leaving:
            self.abort()
        elif self._is_partial:
            part = "head" if self._in_head else "body"
            self._refuse(Refused(408, f"the {part} of the request did not arrive in time"))
        else:
            self._close()


def _tell_nobody(client: Any, status: int) -> None:
    pass


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


def _refused(error: httptools.HttpParserError) -> Refused:
    """What to say of something that is not HTTP: the parser's own reason has nothing of it."""
    cause = error.__context__
    if isinstance(cause, Refused):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError):
        _log.error("a request failed by a fault of the server's own", exc_info=cause)
        return Refused(500, "internal error; the request was not at fault")
    return Refused(400, f"malformed HTTP: {error.args[0]}")


def _large_head(limits: ConnectionLimits) -> Refused:
    return Refused(431, f"head of the request: expected at most {limits.max_head} bytes, got more")


def _check_host(host: bytes | None, version: str) -> None:
    """RFC 9112, section 3.2: a host, and only one, in HTTP/1.1."""
    if version not in ("1.0", "1.1"):
        raise Refused(400, f"HTTP version: expected 1.0 or 1.1, got {version}")
    if host is None:
        if version == "1.1":
            raise Refused(400, "header host: expected one, got none")
    elif host.translate(None, NO_HOST) != host or not host.isascii():
        raise Refused(400, "header host: expected a host and perhaps a port, got something else")


def _check_encoding(encoding: bytes, version: str) -> None:
    """RFC 9112, section 6.1: HTTP/1.0 has no chunks; other encodings are not read here."""
    if encoding.strip().lower() != b"chunked" or version != "1.1":
        raise Refused(400, "header transfer-encoding: expected chunked, in HTTP/1.1, got something else")


def _without_origin(target: bytes, whole: bytes) -> bytes:
    """The path of an absolute target (RFC 9112, section 3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if scheme.lower() not in (b"http", b"https") or not separator or b"#" in whole:
        raise Refused(400, "request target: expected a path, got something else")
    return b"/" + rest.partition(b"/")[2]
