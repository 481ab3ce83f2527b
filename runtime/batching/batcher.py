"""``Batcher``: answers requests to one model as its plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import NamedTuple

import msgspec

from skerry.runtime.batching.engine import Answers, Engine
from skerry.runtime.batching.plan import Plan, make_plan
from skerry.runtime.batching.queue import Batch, BatchPolicy, BatchQueue, Waiting
from skerry.runtime.errors import DeadlineExceeded
from skerry.runtime.model import Model
from skerry.runtime.protocol.request import Request

SOONEST = 0.001
"""Event loops count in milliseconds: a timer of less may ring before its time."""

UNSEEN = 3
"""Lone requests that follow one another and do not look whether another came with them: looking costs 2 µs, or 10 where
the model has had the caches to itself."""

Gone = Callable[[], Awaitable[None]]
"""What a client's departure is learned from: it raises when the client is gone, and never returns."""


class Outcome(NamedTuple):
    """A request's answers; seconds it waited and ran; rows of the run it was in, which ``runs`` counts: 0 where another
    request of that run stands for it."""

    answers: Answers
    queue: float
    infer: float
    batch: int
    runs: int = 1


class Batcher:
    """Answers requests to one model. Requests of up to ``inline_rows`` rows need none: the model may be asked directly."""

    def __init__(self, model: Model, policy: BatchPolicy | None = None, plan: Plan | None = None) -> None:
        self.policy = policy or BatchPolicy()
        self.plan = plan = plan or make_plan(model, self.policy)
        self.inline_rows = plan.loop_rows if plan.mode == "inline" else 0
        self._joint_rows = 0 if plan.mode == "inline" else plan.batch_rows
        engine = Engine(model, row_multiple=plan.row_multiple)
        policy = msgspec.structs.replace(self.policy, max_batch_size=plan.batch_rows)
        self.engine = engine
        self._gathered = _Gathered(engine, policy, plan)
        self._threaded = _Threaded(engine, policy, plan)
        self._joint: _Gathered | _Threaded = self._gathered if plan.mode == "gathered" else self._threaded

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._gathered.queue) + len(self._threaded.queue)

    def is_free(self, rows: int) -> bool:
        """Whether a request of so many rows, which has just come, may be answered by the engine at once, on the event loop.

        To be asked once for each, as it counts.
        """
        return rows <= self.plan.loop_rows and (rows > self._joint_rows or self._joint.is_free())

    def answer(self, request: Request, deadline: float, gone: Gone | None = None) -> Awaitable[Outcome]:
        """The answers to a request, which are its own also where it ran with others.

        ``deadline`` is on the clock of ``perf_counter``. ``gone`` is only asked while the request may still be dropped.

        Raises:
            Overloaded: too many wait already.
            DeadlineExceeded: its time was over before it ran.
            InferenceError: what the model raises; and whatever ``gone`` does.
        """
        if request.rows > self.plan.loop_rows:
            return self._threaded.answer(request, deadline, gone)
        if request.rows > self._joint_rows:
            return self._now(request, deadline)
        return self._joint.answer(request, deadline, gone)

    async def _now(self, request: Request, deadline: float) -> Outcome:
        return _run_now(self.engine, request, deadline)


class _Joint:
    """Requests wait for one another in a queue of the event loop that they came on; another loop begins with a new one."""

    def __init__(self, engine: Engine, policy: BatchPolicy, plan: Plan) -> None:
        self._new_queue = partial(BatchQueue, policy, row_seconds=plan.row_seconds)
        self._engine = engine
        self._patient = policy.max_queue_delay > 0
        self._begin(None)

    def _begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.queue = self._new_queue()
        self._loop = loop

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._begin(loop)
        return loop

    def _add(self, request: Request, deadline: float) -> Waiting:
        """The request in the queue, with a future of its ``Outcome``."""
        answer: asyncio.Future[Outcome] = self._running_loop().create_future()
        shape = self._engine.shape(request)
        return self.queue.add(request, perf_counter(), deadline=deadline, shape=shape, answer=answer)


class _Gathered(_Joint):
    """Requests that arrive in one turn of the event loop run at its end, on the loop, as one.

    Where the turn before brought only one, the first of a turn is free to run at once: it costs nothing to be alone.
    """

    def _begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        super()._begin(loop)
        self._scheduled = False
        self._alone = not self._patient
        self._unseen = 0
        self._arrived = 0

    def is_free(self) -> bool:
        """Whether a request that has just come is the first of its turn, and expects no other."""
        if self._unseen:
            self._unseen -= 1
            return True
        loop = self._running_loop()
        self._arrived += 1
        if self._scheduled or not self._alone:
            return False
        self._scheduled = True
        loop.call_soon(self._end_turn, loop)
        return True

    async def answer(self, request: Request, deadline: float, gone: Gone | None) -> Outcome:
        waiting = self._add(request, deadline)
        if self._patient or not self._scheduled:
            self._schedule(self._running_loop())
        return await (_wait(self.queue, waiting, gone) if self._patient else waiting.answer)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = True
        wait = min(self.queue.due, self.queue.deadline) - perf_counter() if self._patient else 0.0
        if wait > 0:
            loop.call_later(max(wait, SOONEST), self._end_turn, loop)
        else:
            loop.call_soon(self._end_turn, loop)

    def _end_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        self._alone = self._arrived <= 1 and not self._patient
        self._unseen = UNSEEN if self._alone else 0
        self._arrived = 0
        if not len(self.queue):
            return
        now = perf_counter()
        _expire(self.queue, now)
        batch = self.queue.next_batch(now)
        if batch is not None:
            _deliver(batch, *_timed(self._engine, batch.requests))
        if len(self.queue):
            self._schedule(loop)


class _Threaded(_Joint):
    """Requests run on a thread of the model's own: a slow model delays no other. It starts with the first of them.

    While the thread has nothing to do, the first request of a turn is free to run on the event loop instead.
    """

    def __init__(self, engine: Engine, policy: BatchPolicy, plan: Plan) -> None:
        super().__init__(engine, policy, plan)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="skerry-model")

    def _begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        super()._begin(loop)
        self._busy = False
        self._taken = False
        self._bell: asyncio.TimerHandle | None = None
        self._bell_at = float("inf")

    def is_free(self) -> bool:
        """Whether a request that has just come is the first of its turn, and nothing runs."""
        loop = self._running_loop()
        if self._busy or self._taken or self._patient:
            return False
        self._taken = True
        loop.call_soon(self._end_turn)
        return True

    def _end_turn(self) -> None:
        self._taken = False

    async def answer(self, request: Request, deadline: float, gone: Gone | None) -> Outcome:
        waiting = self._add(request, deadline)
        self._next()
        return await _wait(self.queue, waiting, gone)

    def _next(self) -> None:
        """Run what is to be run now, if nothing runs; else see to it that this is asked again in time."""
        assert self._loop is not None
        now = perf_counter()
        _expire(self.queue, now)
        batch = None if self._busy else self.queue.next_batch(now)
        if batch is not None:
            self._busy = True
            run = self._loop.run_in_executor(self._thread, _timed, self._engine, batch.requests)
            run.add_done_callback(partial(self._done, batch))
        self._ring(self.queue.deadline if self._busy else min(self.queue.due, self.queue.deadline), now)

    def _ring(self, at: float, now: float) -> None:
        """Have ``_next`` asked at that time, or before."""
        if at >= self._bell_at:
            return
        if self._bell is not None:
            self._bell.cancel()
        assert self._loop is not None
        self._bell_at = at
        self._bell = self._loop.call_later(max(at - now, SOONEST), self._rung)

    def _rung(self) -> None:
        self._bell, self._bell_at = None, float("inf")
        self._next()

    def _done(self, batch: Batch, run: asyncio.Future[_Run]) -> None:
        self._busy = False
        if not run.cancelled():
            _deliver(batch, *run.result())
        self._next()


async def _wait(queue: BatchQueue, waiting: Waiting, gone: Gone | None) -> Outcome:
    """What a request is answered; it leaves the queue with its client."""
    watch = asyncio.ensure_future(gone()) if gone is not None and len(queue) else None
    if watch is not None:
        watch.add_done_callback(partial(_leave, queue, waiting))
    answer: asyncio.Future[Outcome] = waiting.answer
    try:
        return await answer
    finally:
        queue.drop(waiting)
        if watch is not None:
            watch.cancel()


def _leave(queue: BatchQueue, waiting: Waiting, watch: asyncio.Future[None]) -> None:
    if not watch.cancelled() and (error := watch.exception()) is not None and not waiting.answer.done():
        queue.drop(waiting)
        waiting.answer.set_exception(error)


_Run = tuple[list[Answers | Exception], float, float]
"""What each request got, and when its run began and ended."""


def _timed(engine: Engine, requests: list[Request]) -> _Run:
    began = perf_counter()
    results = engine.run(requests)
    return results, began, perf_counter()


def _run_now(engine: Engine, request: Request, deadline: float) -> Outcome:
    began = perf_counter()
    if deadline <= began:
        raise late()
    answers = engine.answer(request.feeds, request.methods)
    return Outcome(answers, 0.0, perf_counter() - began, request.rows)


def _deliver(batch: Batch, results: list[Answers | Exception], began: float, ended: float) -> None:
    runs = 1
    for waiting, result in zip(batch.waiting, results, strict=True):
        if waiting.answer.done():
            continue  # nobody waits for it any more
        if isinstance(result, Exception):
            waiting.answer.set_exception(result)
            continue
        waiting.answer.set_result(Outcome(result, began - waiting.since, ended - began, batch.rows, runs))
        runs = 0


def _expire(queue: BatchQueue, now: float) -> None:
    for waiting in queue.expired(now):
        if not waiting.answer.done():
            waiting.answer.set_exception(late())


def late() -> DeadlineExceeded:
    return DeadlineExceeded("the time that the request had was over before the model ran")
