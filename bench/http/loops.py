"""``ClosedLoop`` and ``OpenLoop``: when the requests of a ``Load`` are sent.

    ClosedLoop    a connection that is free asks at once: as many requests are open as there are connections
    OpenLoop      requests are due at intended starts; one that finds no free connection waits here, and its latency
                  counts from the intended start all the same (no coordinated omission, as Gil Tene calls it)

Timers of event loops are coarse, a millisecond at best. So an open loop sleeps until shortly before the next intended
start and then polls: it sends within microseconds, and keeps a core busy above a few hundred requests per second.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Sequence
from math import inf
from time import get_clock_info, perf_counter

import numpy as np

from skerry.bench.http.arrivals import intended_starts
from skerry.bench.http.connection import Connection
from skerry.bench.http.exchange import Exchange
from skerry.bench.http.load import Address, Load
from skerry.bench.http.plan import LoadPlan

_AWAKE = 0.002 + get_clock_info("monotonic").resolution
"""Seconds before an intended start at which an open loop stops sleeping; the clock's resolution is 16 ms on Windows."""


class ClosedLoop(Load):
    """A free connection asks at once."""

    def give(self, connection: Connection, now: float) -> None:
        if now < self.ends:
            connection.ask(self._next_asked(), now, now)
        else:
            connection.rest()
            self._idle.append(connection)

    def begin(self, start: float) -> None:
        super().begin(start)
        idle, self._idle = self._idle, deque()
        for connection in idle:
            if connection.is_open:
                self.give(connection, perf_counter())


class OpenLoop(Load):
    """A request is sent when it is due, or as soon after as a connection is free."""

    def __init__(
        self, address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, connections: int, process: int = 0
    ) -> None:
        super().__init__(address, exchanges, plan, connections)
        self._process = process
        self._starts = array("d", [inf])
        self._next = 0
        self._ticks = False

    def give(self, connection: Connection, now: float) -> None:
        due = self._starts[self._next]
        if due > now:
            connection.rest()
            self._idle.append(connection)
            if not self._ticks:
                self._tick()
            return
        self._next += 1
        if self._idle and due >= self.counted_from:
            self._late.append(now - due)
        connection.ask(self._next_asked(), due, now)

    def begin(self, start: float) -> None:
        super().begin(start)
        starts = np.append(start + intended_starts(self.plan, self._process), inf)
        self._starts = array("d", starts.tobytes())
        self._tick()

    def waiting(self, until: float) -> int:
        first, last = np.searchsorted(np.frombuffer(self._starts), [self.counted_from, until])
        return max(0, int(last) - max(int(first), self._next))

    def _tick(self) -> None:
        """Send what is due, and come back for the next; without a free connection ``give`` takes over."""
        idle, starts = self._idle, self._starts
        now = perf_counter()
        while idle and starts[self._next] <= now:
            connection = idle.popleft()
            if not connection.is_open:
                continue
            due = starts[self._next]
            self._next += 1
            if due >= self.counted_from:
                self._late.append(now - due)
            connection.ask(self._next_asked(), due, now)
            now = perf_counter()
        self._ticks = bool(idle) and starts[self._next] < inf
        if self._ticks:
            self._tick_again(starts[self._next] - now)

    def _tick_again(self, wait: float) -> None:
        loop = asyncio.get_running_loop()
        if wait > _AWAKE:
            loop.call_later(wait - _AWAKE, self._tick)
        else:
            loop.call_soon(self._tick)
