"""``Load``: the connections of one process, what is sent on them, and what comes of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from array import array
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address
from itertools import cycle
from math import inf
from time import perf_counter, thread_time

import numpy as np

from skerry.bench.http.connection import Asked, Connection
from skerry.bench.http.exchange import Exchange
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.tally import Tally

PATIENCE = 3.0
"""Seconds without any connection after which the server is gone; no attempt to connect may take longer."""

_GLANCE, _TELL = 0.05, 0.25
"""Seconds between looks at what is overdue, and between reports of progress."""

_PAUSES = (0.05, 1.0)
"""Seconds before a connection that failed is tried again: at first, and at most after doubling."""


@dataclass(frozen=True)
class Address:
    """Where requests go; ``tls`` connections must show a certificate for ``host`` that this machine trusts."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def resolved(self) -> str:
        """The IP address of ``host`` that answers, so that nothing is looked up during a run; else ``host``."""
        try:
            ip_address(self.host)
        except ValueError:
            try:
                with socket.create_connection((self.host, self.port), timeout=PATIENCE) as connection:
                    return str(connection.getpeername()[0])
            except (OSError, UnicodeError):
                pass  # connecting will fail again, and be counted
        return self.host


class End(Enum):
    """How a load ended."""

    DONE = auto()
    STOPPED = auto()
    GONE = auto()


_UNANSWERED = {
    End.DONE: "no answer within {timeout:g} s after the end of the run",
    End.GONE: "the server could not be reached any more",
    End.STOPPED: "",
}

Start = Callable[[], Awaitable[float]]
"""Called when the connections are open: when to begin."""
Progress = Callable[[float, int, int], None]
"""Gets seconds since the load began, right answers and errors so far, about four times a second."""


class Load(ABC):
    """Requests of one process. Times are of ``perf_counter``, in seconds.

    A request is counted if it was sent, or due, between ``counted_from`` and ``ends``.
    """

    counted_from = inf
    ends = -inf
    last_answer = -inf

    def __init__(self, address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, connections: int) -> None:
        self.plan = plan
        self._address = address
        self._connections = connections
        self._asked = [Asked(exchange) for exchange in exchanges]
        self._next_asked = cycle(self._asked).__next__
        self._open: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._errors: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._timings: Counter[bytes] = Counter()
        self._late = array("d")
        self._attempts = 0
        self._is_refused = False
        self._is_over = False
        self._alive = perf_counter()
        self._marks: list[tuple[float, float]] = []

    # what connections call

    @abstractmethod
    def give(self, connection: Connection, now: float) -> None:
        """Let a free connection ``ask`` or ``rest``."""

    def opened(self, connection: Connection) -> None:
        """The connection can be used."""
        self._is_refused = False
        self._open.add(connection)
        if self._is_over:
            connection.give_up("", "")
        else:
            self.give(connection, perf_counter())

    def lost(self, connection: Connection) -> None:
        """The connection is closed, and nothing is open on it."""
        self._alive = perf_counter()
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def fail(self, started: float, kind: str, text: str) -> None:
        """A request got no right answer."""
        if started >= self.counted_from:
            self._count(kind, text)

    def note_timing(self, value: bytes) -> None:
        """A right answer that is counted had this Server-Timing."""
        self._timings[value] += 1

    # what a kind of loop adds

    def begin(self, start: float) -> None:
        """Send from now on; ``start`` is now."""
        self.counted_from = start + self.plan.warmup
        self.ends = self.counted_from + self.plan.duration

    def waiting(self, until: float) -> int:
        """Counted requests that were due before and have not been sent."""
        return 0

    # a run

    async def run(self, start: Start, tell: Progress, is_stopped: Callable[[], bool]) -> Tally:
        """Load until the plan is done, the server gone, or the run stopped, also by cancelling it."""
        context = ssl.create_default_context() if self._address.tls else None
        host = self._address.resolved()
        tasks = [asyncio.create_task(self._keep_open(host, context)) for _ in range(self._connections)]
        end = End.STOPPED
        try:
            await self._all_tried()
            await self._begin_at(await start())
            end = await self._watch(tell, is_stopped)
        except asyncio.CancelledError:
            pass  # the way to interrupt it; what is known by now is the result
        self._close(end)
        tally = self._tally(end)
        await _cancel(tasks)
        await self._all_closed()
        return tally

    async def _all_tried(self) -> None:
        while self._attempts < self._connections and perf_counter() - self._alive < PATIENCE:
            await asyncio.sleep(0.005)

    async def _all_closed(self) -> None:
        began = perf_counter()
        while self._open and perf_counter() - began < PATIENCE:
            await asyncio.sleep(0.001)

    async def _begin_at(self, start: float) -> None:
        await asyncio.sleep(start - perf_counter())
        self.begin(start)

    async def _watch(self, tell: Progress, is_stopped: Callable[[], bool]) -> End:
        began = told = perf_counter()
        while True:
            await asyncio.sleep(_GLANCE)
            now = perf_counter()
            self._mark(now)
            self._drop_overdue(now)
            if now - told >= _TELL:
                told = now
                tell(now - began, sum(len(asked.latencies) for asked in self._asked), self._errors.total())
            end = self._end(now)
            if end or is_stopped():
                return end or End.STOPPED

    def _end(self, now: float) -> End | None:
        if self._open:
            self._alive = now
        elif now - self._alive > PATIENCE or (self._is_refused and now >= self.ends):
            return End.GONE
        if now < self.ends:
            return None
        is_open = self.waiting(self.ends) or any(connection.waits() for connection in self._open)
        return None if is_open and now < self.ends + self.plan.timeout else End.DONE

    def _drop_overdue(self, now: float) -> None:
        overdue = [each for each in self._open if each.waits() and now - each.sent > self.plan.timeout]
        for connection in overdue:
            connection.give_up("timeout", f"no answer within {self.plan.timeout:g} s")

    # connections

    async def _keep_open(self, host: str, context: ssl.SSLContext | None) -> None:
        """Keep one connection open; after a failure wait, each time longer."""
        shortest, longest = _PAUSES
        pause = 0.0
        while True:
            began = perf_counter()
            connection = await self._connect(host, context)
            if connection is not None:
                await connection.closed
            is_well = connection is not None and (connection.ended_well or perf_counter() - began > longest)
            pause = 0.0 if is_well else min(max(2 * pause, shortest), longest)
            await asyncio.sleep(pause)

    async def _connect(self, host: str, context: ssl.SSLContext | None) -> Connection | None:
        loop = asyncio.get_running_loop()
        connection = Connection(self, loop.create_future())
        name = self._address.host if context else None
        try:
            async with asyncio.timeout(min(PATIENCE, self.plan.timeout)):
                await loop.create_connection(
                    lambda: connection, host, self._address.port, ssl=context, server_hostname=name
                )
        except (OSError, UnicodeError) as error:
            self._is_refused = True
            self._count("connect", f"{self._address}: {_reason(error)}")
            return None
        finally:
            self._attempts += 1
        return connection

    # what it comes to

    def _count(self, kind: str, text: str) -> None:
        self._errors[kind] += 1
        self._examples.setdefault(kind, text)

    def _mark(self, now: float) -> None:
        """Note the processor time where counting begins and where sending ends."""
        if now >= (self.ends if self._marks else self.counted_from) and len(self._marks) < 2:
            self._marks.append((now, thread_time()))

    def _close(self, end: End) -> None:
        """Whatever is open is unanswered, unless a person stopped the run: then it is nobody's fault."""
        now = perf_counter()
        text = _UNANSWERED[end].format(timeout=self.plan.timeout)
        if end is End.STOPPED:
            self.fail = lambda *_: None  # type: ignore[method-assign]
        for _ in range(self.waiting(now)):
            self.fail(now, "unanswered", text)
        self.ends = min(self.ends, now)
        self._is_over = True
        for connection in tuple(self._open):
            connection.give_up("unanswered", text)

    def _tally(self, end: End) -> Tally:
        if len(self._marks) == 1:
            self._marks.append((perf_counter(), thread_time()))
        checked = [asked for asked in self._asked if asked.check is not None]
        rows = [(asked.rows, len(asked.latencies)) for asked in self._asked]
        return Tally(
            latencies=np.concatenate([np.array(asked.latencies) for asked in self._asked]),
            lateness=np.array(self._late),
            rows=None if any(each is None for each, _ in rows) else sum((each or 0) * count for each, count in rows),
            verified=sum(len(asked.latencies) for asked in checked) if checked else None,
            duration=max(0.0, self.ends - self.counted_from),
            answered_after=max(0.0, self.last_answer - self.counted_from),
            cores=_cores(self._marks),
            complete=end is End.DONE,
            errors=self._errors,
            examples=self._examples,
            timings=self._timings,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError) and not error.args:
        return "no connection in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _cores(marks: Sequence[tuple[float, float]]) -> float:
    if len(marks) < 2:
        return 0.0
    (began, used), (ended, used_at_end) = marks
    return min(1.0, (used_at_end - used) / max(ended - began, 1e-9))


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End the tasks; one that had failed on its own is an error of this program, and raised."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
