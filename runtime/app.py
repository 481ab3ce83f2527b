"""``create_app``: the ASGI application. Inference goes by a table of paths, everything else is Starlette's."""

from __future__ import annotations

from time import perf_counter

from starlette.types import Message, Receive, Scope, Send

from skerry.runtime.http.answer import Answer
from skerry.runtime.http.call import Call
from skerry.runtime.http.request_id import new_request_id
from skerry.runtime.http.stop import Stop
from skerry.runtime.inference import Inference, record_of
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.observability.ledger import OK, Key, Record
from skerry.runtime.observability.telemetry import Telemetry
from skerry.runtime.observability.timing import total_timing
from skerry.runtime.pages import make_pages

MAX_BODY = 16 * 2**20
"""Bytes of a request's body. Decoded JSON takes up to twenty times its text in memory."""


def create_app(
    repository: ModelRepository, *, max_body: int = MAX_BODY, telemetry: Telemetry | None = None, admin: bool = False
) -> App:
    """The ASGI application that serves the models of ``repository``; with ``admin``, clients may change it."""
    return App(repository, max_body, telemetry or Telemetry(), admin)


class App:
    """The ASGI application. A connection that knows ``responder`` need not speak ASGI for inference."""

    def __init__(self, repository: ModelRepository, max_body: int, telemetry: Telemetry, admin: bool) -> None:
        self._ledger = telemetry.ledger
        self._timing = telemetry.server_timing
        self.stop = Stop()
        self.responder = Inference(repository, max_body, telemetry)
        self._pages = make_pages(repository, telemetry, admin, self.stop)
        self.routes = self._pages.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        call = Call(scope["method"], scope["path"], scope["headers"], scope["query_string"])
        target = self.responder.target(call.method, call.path)
        if target is None:
            await self._show(call, scope, receive, send)
            return
        answer = await self.responder.respond(target, call, scope.get("client"), None, receive)
        if answer is not None:
            await _send(send, answer)

    async def _show(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but inference."""
        record = record_of(Key(), call, scope.get("client"))
        declared = call.headers.get(b"content-length", b"")
        record.request_size = int(declared[:20]) if declared.isdigit() else 0

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                _learn(record, scope, message["status"])
                if self._timing:
                    message["headers"].append((b"server-timing", total_timing(record)))
                if record.request_id:
                    message["headers"].append((b"x-request-id", record.request_id.encode()))
            else:
                record.answer_size += len(message.get("body", b""))
            await send(message)

        try:
            await self._pages(scope, receive, observe)
        finally:
            record.ended = perf_counter()
            self._ledger.add(record)

    def refused(self, client: tuple[str, int] | None, status: int) -> None:
        """A connection answered what was no request."""
        now = perf_counter()
        self._ledger.add(Record(Key(), now, client=client, status=status, outcome="malformed_request", ended=now))


async def _send(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.content)), *answer.own]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})


def _learn(record: Record, scope: Scope, status: int) -> None:
    """What a page was asked, and how it went; the labels are of a bounded number."""
    record.status = status
    record.outcome = OK if status < 400 else scope.get("skerry.outcome", "not_ready")
    name = getattr(scope.get("endpoint"), "__name__", "")
    record.key = Key(operation=scope["path"].rpartition("/")[2].strip() if name == "no_model" else name)
    if status >= 400 and not record.request_id:
        record.request_id = new_request_id()
