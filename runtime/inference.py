"""``Inference``: from a request for inference to its answer; the one place that turns its errors into replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import msgspec

from skerry.runtime.errors import InferenceError, Overloaded
from skerry.runtime.http.answer import Answer
from skerry.runtime.http.body import ClientGone, encode_body, read_body
from skerry.runtime.http.call import Call, Headers
from skerry.runtime.http.deadline import TIMEOUT_HEADER, deadline_of
from skerry.runtime.http.heads import Heads
from skerry.runtime.http.request_id import new_request_id, read_request_id
from skerry.runtime.http.responder import Client, Receive
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.observability.ledger import OK, Key, Record
from skerry.runtime.observability.telemetry import Telemetry
from skerry.runtime.observability.timing import server_timing, total_timing
from skerry.runtime.protocol.request import Reply
from skerry.runtime.targets import Target, targets_of

INLINE_BODY = 32 * 2**10
"""Larger bodies are decoded, and their answers encoded, on a worker thread: the event loop stays free."""
GONE = 499, "client_gone"
"""The status, in metrics and logs, of a request whose client did not wait for the answer; nginx made it known."""
BUG = "internal_error"
"""The outcome of a request that met a fault of the server's own."""

_log = logging.getLogger("skerry.server")


class Inference:
    """Answers requests for inference by the models of ``repository``; a ``Responder``."""

    def __init__(self, repository: ModelRepository, max_body: int, telemetry: Telemetry) -> None:
        self.heads = Heads()
        self._repository = repository
        self._max_body = max_body
        self._ledger = telemetry.ledger
        self._timing = telemetry.server_timing
        self._targets: dict[str, Target] = {}
        repository.subscribe(self._retarget)

    def _retarget(self) -> None:
        """From here on a request is answered by what the repository has now: one assignment."""
        self._targets = targets_of(self._repository)

    def target(self, method: str, path: str) -> Target | None:
        """What answers there, or None."""
        return self._targets.get(path) if method == "POST" else None

    async def respond(
        self, target: Target, call: Call, client: Client, body: bytes | None, receive: Receive
    ) -> Answer | None:
        """The answer, and a record of how it went; None where the client went away."""
        record = record_of(target.key, call, client)
        headers = call.headers
        self._ledger.in_flight += 1
        try:
            if body is None or len(body) > self._max_body or b"content-encoding" in headers:
                body = await read_body(headers, receive, self._max_body)
            reply = await _infer(target, body, headers, record, receive)
            if b"accept-encoding" in headers:
                reply = await _encoded(reply, headers[b"accept-encoding"])
        except ClientGone:
            record.status, record.outcome = GONE
            return None
        except Exception as error:
            return self._answer(_refusal(error, record), record)
        else:
            return self._answer(reply, record)
        finally:
            self._ledger.in_flight -= 1
            record.ended = perf_counter()
            self._ledger.add(record)

    def _answer(self, reply: Reply, record: Record) -> Answer:
        record.answer_size = len(reply.content)
        own = []
        if self._timing:
            own.append((b"server-timing", server_timing(record) if record.outcome is OK else total_timing(record)))
        if record.request_id:
            own.append((b"x-request-id", record.request_id.encode()))
        return Answer(record.status, reply.content, ((b"content-type", reply.media_type), *reply.headers), own)


def record_of(key: Key, call: Call, client: Client) -> Record:
    """A record that has begun now."""
    headers = call.headers
    record = Record(key, perf_counter(), call.method, call.path, client)
    record.traceparent = headers.get(b"traceparent")
    if record.traceparent is not None:
        record.tracestate = headers.get(b"tracestate")
    request_id = headers.get(b"x-request-id")
    if request_id is not None:
        record.request_id = read_request_id(request_id)
    return record


async def _infer(target: Target, body: bytes, headers: Headers, record: Record, receive: Receive) -> Reply:
    """Decode, run, encode; ``record`` learns how long each took. Large bodies and answers are for a thread."""
    served, operation, _ = target
    began = perf_counter()
    record.request_size = len(body)
    large = len(body) > INLINE_BODY
    request = (
        await _on_thread(operation.decode, served, body, headers) if large else operation.decode(served, body, headers)
    )
    record.rows = request.rows
    if request.id:
        record.request_id = record.request_id or request.id
    decoded = perf_counter()
    record.parse = decoded - began
    now = request.rows <= served.inline_rows or served.batcher.is_free(request.rows)
    if now and request.timeout is None and TIMEOUT_HEADER not in headers:
        answers = served.answer(request.feeds, request.methods)
        ran = perf_counter()
        record.infer = ran - decoded
        record.batch = request.rows
    else:
        deadline = deadline_of(began, served.batcher.policy.timeout, request.timeout, headers.get(TIMEOUT_HEADER))
        outcome = await served.batcher.answer(request, deadline, partial(_watch, receive))
        answers, record.queue, record.infer, record.batch, record.runs = outcome
        ran = perf_counter()
    reply = (
        await _on_thread(operation.encode, served, request, answers, headers)
        if large
        else operation.encode(served, request, answers, headers)
    )
    record.encode = perf_counter() - ran
    return reply


async def _encoded(reply: Reply, accepted: bytes) -> Reply:
    """The answer in one of the ``accepted`` codings, where that is worth it."""
    content, coding = await encode_body(reply.content, accepted)
    if not coding:
        return reply
    headers = (*reply.headers, (b"content-encoding", coding), (b"vary", b"accept-encoding"))
    return Reply(content, reply.media_type, headers)


async def _watch(receive: Receive) -> None:
    """Raises ``ClientGone`` when the client, whose request has been read, goes away."""
    while (await receive())["type"] == "http.request":
        pass
    raise ClientGone


async def _on_thread(step: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, partial(step, *arguments))


def _refusal(error: Exception, record: Record) -> Reply:
    """The answer for what went wrong: the client's fault, or ours, which goes to the log; ``record`` learns of it."""
    record.request_id = record.request_id or new_request_id()
    if isinstance(error, InferenceError):
        record.status, record.outcome = error.status_hint, error.code
        headers = ((b"retry-after", b"%d" % error.retry_after),) if isinstance(error, Overloaded) else ()
        return Reply(msgspec.json.encode({"error": error.text}), headers=headers)
    record.status, record.outcome = 500, BUG
    _log.error("request %s failed by a fault of the server's own", record.request_id, exc_info=error)
    return Reply(msgspec.json.encode({"error": "internal error; the request was not at fault"}))
