"""``Telemetry``: takes the records of the ledger a few times a second, and makes of them all that is seen from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter, time

import msgspec

from skerry.runtime.observability.access_log import AccessLog, Clients, LineMaker
from skerry.runtime.observability.ledger import Ledger
from skerry.runtime.observability.slot import Published, Slot
from skerry.runtime.observability.tally import Totals
from skerry.runtime.observability.tracing import Tracer
from skerry.runtime.resources import Resources

INTERVAL = 0.1
"""Seconds between two looks into the ledger."""
PUBLISHED = 0.25
"""Seconds between two publications, where there is anything new."""
HEARTBEAT = 1.0
"""Seconds between two publications, where there is not: who publishes nothing for ``STALE`` seconds is gone."""
PORTION = 500
"""Records that are taken at once: they keep the event loop from requests for a few hundred microseconds."""

_log = logging.getLogger("skerry.server")

Queued = Callable[[], dict[tuple[str, int], int]]


class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is told. ``access_log`` is a file, ``-`` for standard output, or None; ``clients`` is what it says of them."""

    server_timing: bool = True
    access_log: str | None = None
    clients: Clients = "network"
    tracing: bool = False


class Telemetry:
    """All that is seen of a worker. ``run_directory`` is where several workers meet.

    ``queued`` may be set: it tells how many wait for a model.

    Raises:
        ServerError: the access log cannot be written, or OpenTelemetry is not installed.
    """

    def __init__(
        self,
        config: TelemetryConfig | None = None,
        *,
        run_directory: Path | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        config = config or TelemetryConfig()
        self.server_timing = config.server_timing
        self.ledger = Ledger()
        self.queued: Queued = dict
        self._log = AccessLog(config.access_log) if config.access_log else None
        self._line = LineMaker(config.clients)
        self._tracer = tracer or (Tracer() if config.tracing else None)
        self._portion = PORTION if self._tracer is None else PORTION // 25  # a span takes as long as thirty records
        self._slot = Slot(run_directory) if run_directory else None
        inherited = self._slot.inherited if self._slot else None
        self._totals = inherited.totals if inherited else Totals()
        self._before = self._totals.lost_lines, inherited.resources.cpu_seconds if inherited else 0.0
        self._published = Published(self._totals)
        self._resources, self._measured = Resources(), 0.0
        self._is_new = False

    def workers(self) -> dict[int, Published]:
        """What all workers counted, this one up to now, the others up to a quarter of a second ago.

        What was told once is published before: the next may ask another worker, and no count goes back.
        """
        while self._take(self._portion):
            pass  # all of it, in one go
        self._publish()
        if self._slot is None:
            return {0: self._published}
        return self._slot.others() | {self._slot.number: self._published}

    def totals(self) -> Totals:
        """The counts of all workers."""
        totals = Totals()
        for published in self.workers().values():
            totals.add(published.totals)
        return totals

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look into the ledger from time to time, and once more at the end."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Write and export what waits."""
        self.workers()
        if self._log is not None:
            self._log.close()
        if self._tracer is not None:
            self._tracer.close()
        if self._slot is not None:
            self._publish()
            self._slot.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self._look()
            except Exception as error:  # what is seen of requests is no reason to serve none
                _log.error("requests were answered and not counted", exc_info=error)

    async def _look(self) -> None:
        """Take what there is, a portion at a time; publish it if the last time was long enough ago."""
        while self._take(self._portion) == self._portion:
            await asyncio.sleep(0)
        if self._slot is not None and time() - self._published.at > (PUBLISHED if self._is_new else HEARTBEAT):
            self._publish()

    def _take(self, most: int) -> int:
        """Count up to so many records; returns how many there were."""
        records = self.ledger.take(most)
        if not records:
            return 0
        self._is_new = True
        now, clock = time(), perf_counter()
        self._totals.count(records, now, clock)
        if self._tracer is not None:
            for record in records:
                self._tracer.trace(record, now, clock)
        if self._log is not None:
            self._log.write([self._line(record, now, clock) for record in records])
        return len(records)

    def _publish(self) -> None:
        self._is_new = False
        lost_lines, cpu_seconds = self._before
        if self._log is not None:
            self._totals.lost_lines = lost_lines + self._log.lost
        now = time()
        if now - self._measured > HEARTBEAT:
            used, self._measured = Resources.now(), now
            self._resources = msgspec.structs.replace(used, cpu_seconds=cpu_seconds + used.cpu_seconds)
        self._published = Published(self._totals, self.ledger.in_flight, self.queued(), self._resources, now)
        if self._slot is not None:
            self._slot.publish(self._published)
