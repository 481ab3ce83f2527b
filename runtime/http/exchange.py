"""``Exchange``: one request and its answer, as an ASGI application or a ``Responder`` sees them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextvars import copy_context
from typing import Any, Protocol

from skerry.runtime.http.answer import CLOSE, STATUS_LINES, Answer, lines, refusal

Message = dict[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Coroutine[Any, Any, None]]

BODYLESS = {204, 304}
"""Statuses whose answers have no body, and no header that frames one (RFC 9110, section 6.4.1)."""
JOINED = 2**16
"""A body of up to so many bytes is copied behind its head, which is cheaper than a second write."""

_BUG = "internal error; the request was not at fault"
_STOPPING = "the server is stopping, and could not wait any longer"
_log = logging.getLogger("skerry.server")


class Wire(Protocol):
    """What an exchange needs of its connection."""

    @property
    def common_headers(self) -> bytes:
        """Lines that every answer has, such as its date."""

    @property
    def is_stopping(self) -> bool:
        """Whether this answer is to be the last."""

    def write(self, content: bytes) -> None: ...

    def write_soon(self, content: bytes) -> None:
        """Before the event loop turns; in its order with what is written."""

    def resume_reading(self) -> None: ...

    @property
    def writable(self) -> asyncio.Event | None:
        """Set once the client has read most of what was written; None where it has."""

    def finish(self, exchange: Exchange) -> None:
        """Its answer has been written, or nobody wants it any more."""

    def abort(self) -> None: ...


class Exchange:
    """The connection feeds it with the request's body; the application calls ``receive`` and ``send``."""

    __slots__ = (
        "_body",
        "_expects_continue",
        "_is_chunked",
        "_is_delivered",
        "_is_gone",
        "_left",
        "_start",
        "_waiter",
        "_wire",
        "is_answering",
        "is_complete",
        "is_over",
        "keep_alive",
        "scope",
    )

    def __init__(self, wire: Wire, scope: Message, *, keep_alive: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.is_complete = False  # the whole request is here
        self.is_answering = False  # some of the answer is written
        self.is_over = False  # all of it is, or nobody wants it
        self._wire = wire
        self._expects_continue = expects_continue
        self._body: bytes | bytearray = b""
        self._is_delivered = False
        self._is_gone = False
        self._waiter: asyncio.Future[None] | None = None
        self._start: Message = {}
        self._is_chunked = False
        self._left = 0

    # What the connection says.

    def feed(self, piece: bytes) -> None:
        """More of the body."""
        if self.is_over:
            return
        if not self._body:
            self._body = piece
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + piece)
        else:
            self._body += piece
        self._wake()

    def complete(self) -> None:
        """The body has ended."""
        self.is_complete = True
        self._wake()

    @property
    def body(self) -> bytes:
        """What came of the body, and was not received yet."""
        return bytes(self._body)

    def hang_up(self) -> None:
        """The client sends nothing any more; it may still read."""
        self._is_gone = True
        self._wake()

    def abandon(self) -> None:
        """Nobody reads the answer, or the connection has one of its own: what is still sent is dropped."""
        self.is_over = True
        self.hang_up()

    @property
    def backlog(self) -> int:
        """Bytes that the application has not taken yet."""
        return len(self._body)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Running the application.

    def begin(self, answering: Coroutine[Any, Any, Answer | None]) -> asyncio.Task[None] | None:
        """Run a responder up to its first wait; what is left then, if anything, is a task.

        Most answers need no wait. They are spared the task and a turn of the event loop, which together cost more than
        the answer. Up to its first wait, the responder has no current task.
        """
        context = copy_context()
        try:
            awaited = context.run(answering.send, None)
        except StopIteration as done:
            self._reply(done.value)
            return None
        except Exception as error:
            self._fail(error)
            return None
        rest = _wait_for(_Rest(answering, awaited))
        return asyncio.get_running_loop().create_task(self._reply_later(rest), context=context)

    async def _reply_later(self, rest: Coroutine[Any, Any, Answer | None]) -> None:
        try:
            answer = await rest
            if (writable := self._wire.writable) is not None:
                await writable.wait()
        except asyncio.CancelledError:
            self._give_up(503, _STOPPING)
            raise
        except Exception as error:
            self._fail(error)
        else:
            self._reply(answer)

    def _reply(self, answer: Answer | None) -> None:
        """A whole answer at once."""
        if self.is_over:
            return
        if answer is None:
            self._give_up(500, _BUG)
            return
        if self._wire.is_stopping:
            self.keep_alive = False
        try:
            head = answer.head(self._wire.common_headers, closes=not self.keep_alive)
        except ValueError as error:
            self._fail(error)
            return
        if len(answer.content) <= JOINED:
            self._wire.write_soon(head + answer.content)
        else:
            self._wire.write(head)
            self._wire.write(answer.content)
        self._end()

    async def run(self, app: App) -> None:
        """Run an ASGI application."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._give_up(503, _STOPPING)
            raise
        except Exception as error:
            self._fail(error)
        self._give_up(500, _BUG)

    def _fail(self, error: Exception) -> None:
        _log.error("a request failed by a fault of the server's own", exc_info=error)
        self._give_up(500, _BUG)

    def _give_up(self, status: int, text: str) -> None:
        """Answer for an application that has ended without an answer, or with half of one."""
        if self.is_over:
            return
        if self.is_answering:
            self._wire.abort()  # nothing else tells half an answer from a whole one
            return
        self.is_over = True
        self.keep_alive = False
        if not self._is_gone:
            self._wire.write(refusal(status, text))
        self._wire.finish(self)

    # What the application calls.

    async def receive(self) -> Message:
        if self._expects_continue and not self._body and not self.is_complete:
            self._expects_continue = False
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._body or self.is_complete or self._is_gone):
            await self._wait()
        if not self._is_delivered and (self.is_complete or self._body):
            body, self._body = bytes(self._body), b""
            self._is_delivered = self.is_complete
            return {"type": "http.request", "body": body, "more_body": not self.is_complete}
        while not (self._is_gone or self.is_over):
            await self._wait()
        return {"type": "http.disconnect"}

    async def _wait(self) -> None:
        self._wire.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if (writable := self._wire.writable) is not None:
            await writable.wait()
        if self.is_over:
            return
        body, ends = message.get("body", b""), not message.get("more_body", False)
        if not self.is_answering:
            self._answer(self._head(self._start["status"], self._start.get("headers", ())), body, ends)
        else:
            self._write_body(body, ends)

    def _answer(self, head: bytes, body: bytes, ends: bool) -> None:
        self.is_answering = True
        if self._left == len(body) <= JOINED and ends:
            self._wire.write(head + body)
            self._end()
        else:
            self._wire.write(head)
            self._write_body(body, ends)

    def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The head of the answer; from its headers follows how the body is framed."""
        framed = []
        self._is_chunked = True
        for name, value in headers:
            if name == b"content-length":
                self._is_chunked, self._left = False, int(value)
            elif name == b"connection" and b"close" in value:
                self.keep_alive = False
                continue
            framed.append((name, value))
        if self.scope["method"] == "HEAD" or status in BODYLESS:
            self._is_chunked, self._left = False, 0
        elif self._is_chunked:
            framed.append((b"transfer-encoding", b"chunked"))
        if not self.keep_alive or not self.is_complete or self._wire.is_stopping:
            self.keep_alive = False
        close = b"" if self.keep_alive else CLOSE
        return b"%b%b%b%b\r\n" % (STATUS_LINES[status], self._wire.common_headers, lines(framed), close)

    def _write_body(self, body: bytes, ends: bool) -> None:
        if self._is_chunked:
            self._wire.write(_chunk(body, ends))
        elif self.scope["method"] != "HEAD":
            self._left -= len(body)
            self._wire.write(body)
        if ends and self._left == 0:
            self._end()
        elif ends or self._left < 0:
            raise ValueError("an answer is not as long as its content-length says")

    def _end(self) -> None:
        self.is_over = True
        self._wake()
        self._wire.finish(self)


def _chunk(body: bytes, ends: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if ends else chunk


class _Rest:
    """What is left of a coroutine that has run up to its first wait; to await it is to go on with it."""

    def __init__(self, running: Coroutine[Any, Any, Answer | None], awaited: Any) -> None:
        self._running = running
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Answer | None]:
        awaited = self._awaited
        step: Callable[[Any], Any]
        while True:
            try:
                value = yield awaited
            except BaseException as error:
                argument, step = error, self._running.throw
            else:
                argument, step = value, self._running.send
            try:
                awaited = step(argument)
            except StopIteration as done:
                return done.value


async def _wait_for(rest: _Rest) -> Answer | None:
    return await rest
