"""``BatchQueue``: which requests run next. A plain value: no clock, no thread, no event loop; time is an argument."""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable
from math import ceil, inf
from operator import attrgetter
from typing import Any

import msgspec

from skerry.runtime.errors import Overloaded
from skerry.runtime.protocol.request import Request


class BatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How requests to one model wait and run together. Times are seconds.

    A batch has at most ``max_batch_size`` rows, or is one request that has more. An idle model runs a request at once;
    with ``max_queue_delay`` above 0 the first of a batch waits so long for others. At most ``max_queue_size`` requests of
    ``max_queue_rows`` rows wait: one more is refused, but a request of more rows than that may wait alone. A request that
    names no ``timeout`` or ``priority`` has these; a lower priority is served first.
    """

    max_batch_size: int = 64
    max_queue_delay: float = 0.0
    max_queue_size: int = 1024
    max_queue_rows: int = 100_000
    timeout: float = 30.0
    priority: int = 100

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_queue_size", "max_queue_rows", "priority"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.max_queue_delay < inf:
            raise ValueError(f"max_queue_delay: expected seconds from 0 on, got {self.max_queue_delay}")
        if not 0 < self.timeout < inf:
            raise ValueError(f"timeout: expected seconds above 0, got {self.timeout}")


class Waiting(msgspec.Struct, eq=False):
    """A request in the queue, since when, and until when it may run.

    Requests of one ``shape`` can be one run. ``answer`` is whatever the owner of the queue keeps with a request.
    """

    request: Request
    since: float
    deadline: float
    priority: int
    shape: Hashable
    answer: Any


class Batch(msgspec.Struct, frozen=True, eq=False):
    """Requests to be run as one, in the order they are served, and their rows."""

    waiting: list[Waiting]
    rows: int

    @property
    def requests(self) -> list[Request]:
        return [waiting.request for waiting in self.waiting]


class BatchQueue:
    """Requests that wait for one model. ``row_seconds`` is what a row takes in a batch, from which clients learn when to
    come again."""

    def __init__(self, policy: BatchPolicy, *, row_seconds: float = 0.0) -> None:
        self._policy = policy
        self._row_seconds = row_seconds
        self._waiting: list[Waiting] = []  # in the order they are served
        self.rows = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self, request: Request, now: float, *, deadline: float = inf, shape: Hashable = None, answer: Any = None
    ) -> Waiting:
        """Let a request wait behind all that are served no later.

        Raises:
            Overloaded: the queue is full.
        """
        self._check_room(request.rows)
        waiting = Waiting(request, now, deadline, request.priority or self._policy.priority, shape, answer)
        if not self._waiting or self._waiting[-1].priority <= waiting.priority:
            self._waiting.append(waiting)
        else:
            insort(self._waiting, waiting, key=attrgetter("priority"))
        self.rows += request.rows
        return waiting

    def drop(self, waiting: Waiting) -> bool:
        """Take back a request that nobody waits for any more; False if it no longer waits."""
        if waiting not in self._waiting:
            return False
        self._waiting.remove(waiting)
        self.rows -= waiting.request.rows
        return True

    def expired(self, now: float) -> list[Waiting]:
        """Take out those whose deadline has passed."""
        found = [waiting for waiting in self._waiting if waiting.deadline <= now]
        for waiting in found:
            self.drop(waiting)
        return found

    def next_batch(self, now: float) -> Batch | None:
        """Take out the requests to be run now; None while there are none, or the first may still wait for others.

        The first served goes first, and with it those behind it that have its shape, as long as there is room: nobody is
        overtaken by a request of the same priority and shape. Those whose deadline has passed are left for ``expired``.
        """
        if not self._waiting or now < self.due:
            return None
        taken: list[Waiting] = []
        left: list[Waiting] = []
        rows, full = 0, False
        for waiting in self._waiting:
            if waiting.deadline <= now or full or (taken and waiting.shape != taken[0].shape):
                left.append(waiting)
            elif taken and rows + waiting.request.rows > self._policy.max_batch_size:
                full = True
                left.append(waiting)
            else:
                taken.append(waiting)
                rows += waiting.request.rows
        self._waiting = left
        self.rows -= rows
        return Batch(taken, rows) if taken else None

    @property
    def due(self) -> float:
        """When there is a batch to run; infinite while nobody waits."""
        if not self._waiting:
            return inf
        if not self._policy.max_queue_delay or self.rows >= self._policy.max_batch_size:
            return -inf
        return min(waiting.since for waiting in self._waiting) + self._policy.max_queue_delay

    @property
    def deadline(self) -> float:
        """When the first of those that wait expires; infinite while nobody waits."""
        return min((waiting.deadline for waiting in self._waiting), default=inf)

    def _check_room(self, rows: int) -> None:
        count, policy = len(self._waiting), self._policy
        if count < policy.max_queue_size and (self.rows + rows <= policy.max_queue_rows or not count):
            return
        seconds = max(1, ceil(self.rows * self._row_seconds))
        raise Overloaded(
            f"too busy: {count} request{'s' * (count != 1)} of {self.rows} rows wait for the model; come again in {seconds} s",
            retry_after=seconds,
        )
