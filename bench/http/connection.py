"""``Connection``: one HTTP/1.1 connection, one request at a time, every answer judged.

The path of an answer is as short as it can be. An answer that is, byte for byte, one that was parsed and judged right
before needs neither again; any other goes through httptools. Nothing is looked at twice, and nothing allocated that
need not be.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpResponseParser

from skerry.bench.http.exchange import Exchange, shown
from skerry.bench.http.server_timing import read_header

if TYPE_CHECKING:
    from skerry.bench.http.load import Load

_REMEMBERED = 4
"""Bodies known to be right, of each exchange."""


class Asked:
    """An exchange, the latencies of its right answers in seconds, and what of them is remembered."""

    __slots__ = ("answer", "bodies", "check", "is_head", "latencies", "record", "request", "rows")

    def __init__(self, exchange: Exchange) -> None:
        self.request = exchange.request
        self.rows = exchange.rows
        self.check = exchange.check
        self.is_head = exchange.request.startswith(b"HEAD ")
        self.latencies = array("d")
        self.record = self.latencies.append
        self.answer: bytes | None = None
        self.bodies: deque[bytes] = deque(maxlen=_REMEMBERED)

    def judge(self, status: int, body: bytes) -> tuple[str, str] | None:
        """The kind of error that an answer is and a text about it, or None if it is right."""
        if not 200 <= status < 300:
            return f"status {status}", shown(body, 200)
        if self.check is None or body in self.bodies:
            return None
        try:
            wrong = self.check(body)
        except Exception as error:  # an answer that the check cannot cope with is not one it would accept
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            return "wrong answer", wrong
        self.bodies.append(body)
        return None


class Connection(asyncio.Protocol):
    """One request at a time: ``ask`` sends it, and ``load.give`` is called once it was answered.

    ``ended_well`` is true when the server closed after a whole answer, as it said it would.
    """

    __slots__ = (
        "_asked",
        "_begun",
        "_completed",
        "_expected",
        "_has_headers",
        "_load",
        "_parser",
        "_parts",
        "_started",
        "_status",
        "_stays",
        "_transport",
        "_unparsed",
        "_write",
        "closed",
        "ended_well",
        "sent",
    )

    def __init__(self, load: Load, closed: asyncio.Future[None]) -> None:
        self._load = load
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._asked: Asked | None = None
        self._expected: bytes | None = None
        self._parts: list[bytes] = []
        self._unparsed: bytes | None = None
        self._forget()
        self.closed = closed
        self.ended_well = False
        self.sent = 0.0

    def ask(self, asked: Asked, started: float, now: float) -> None:
        """Send the request now; its latency counts from ``started``."""
        self._asked = asked
        self._expected = asked.answer
        self._started = started
        self.sent = now
        self._write(asked.request)

    def rest(self) -> None:
        """Ask nothing for now."""
        self._asked = self._expected = None

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    def waits(self) -> bool:
        """Whether an answer is to come."""
        return self._asked is not None

    def give_up(self, kind: str, text: str) -> None:
        """Count the request that is open as failed, if there is one, and close the connection."""
        if self._asked is not None:
            self.rest()
            self._load.fail(self._started, kind, text)
        if self._transport is not None:
            self._transport.abort()

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self._load.opened(self)

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if data != self._expected:
            self._parse(data, now)
            return
        load = self._load
        if self._started >= load.counted_from:
            self._asked.record(now - self._started)  # type: ignore[union-attr]  # an answer is expected to something
            load.last_answer = now
        load.give(self, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked is not None and exc is None and self._ends_with_connection():
            self._status, self._stays = self._parser.get_status_code(), False
            self._finish(perf_counter())
        # both refer to this object, and the garbage collector does not run during a measurement
        self._transport = None
        del self._parser
        place = "in the middle of an answer" if self._unparsed else "before an answer came"
        self.give_up("closed", f"the server closed the connection {place}")
        self._load.lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    # what the parser calls

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_headers_complete(self) -> None:
        self._has_headers = True
        if self._asked is not None and self._asked.is_head:
            self._complete()

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._asked is not None and not self._asked.is_head:
            self._complete()

    # an answer that is not known yet

    def _parse(self, data: bytes, now: float) -> None:
        self._expected = None  # what follows is a part of an answer, and no answer
        self._unparsed = self._unparsed or data
        if self._asked is None:
            self.give_up("not HTTP", "")
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self.give_up("not HTTP", f"{error or type(error).__name__}: {shown(data)}")
            return
        if self._begun > 1:
            self.give_up("not HTTP", f"more than one answer to one request: {shown(data)}")
        elif self._completed:
            self._finish(now, whole=data if data is self._unparsed else None)

    def _complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status < 200:  # 100 Continue and the like; the answer itself is still to come
            self._forget()
            return
        self._completed = True
        self._stays = self._parser.should_keep_alive() or self._has_no_body_to_end()

    def _finish(self, now: float, whole: bytes | None = None) -> None:
        """Judge an answer; ``whole`` is all of it, where it came in one piece."""
        asked, load, started = self._asked, self._load, self._started
        assert asked is not None
        timing = read_header(self._unparsed or b"")
        problem = asked.judge(self._status, self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
        if problem:
            load.fail(started, *problem)
        elif started >= load.counted_from:
            asked.record(now - started)
            load.last_answer = now
            if timing is not None:
                load.note_timing(timing)
        if problem is None and timing is None and self._stays:
            asked.answer = whole
        self._go_on(asked)

    def _go_on(self, asked: Asked) -> None:
        self._forget()
        if asked.is_head:  # the parser takes what comes next for the body that the headers speak of
            self._parser = HttpResponseParser(self)
        if self._stays:
            self._load.give(self, perf_counter())
            return
        self.rest()
        self.ended_well = True
        if self._transport is not None:
            self._transport.close()

    def _forget(self) -> None:
        self._begun, self._completed, self._has_headers = 0, False, False
        self._unparsed = None
        self._parts.clear()

    def _has_no_body_to_end(self) -> bool:
        """Whether this is an answer to HEAD whose body, which never comes, the parser would wait for until the connection
        ends."""
        head = (self._unparsed or b"").partition(b"\r\n\r\n")[0].lower()
        is_head = self._asked is not None and self._asked.is_head
        return is_head and head.startswith(b"http/1.1") and b"\nconnection: close" not in head

    def _ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection ends this answer (RFC 9112, section 6.3, rule 8)."""
        head = (self._unparsed or b"").partition(b"\r\n\r\n")[0].lower()
        return self._has_headers and b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head
