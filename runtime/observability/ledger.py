"""``Ledger``: one record for each request, kept until somebody off the hot path takes them.

A request costs one ``Record`` and one append. Metrics, statistics, the access log and spans are made of the records
later, by ``Telemetry``.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

OK = "ok"
"""The outcome of a request that was answered; of any other it is the code of its error."""


class Key(NamedTuple):
    """What is counted together. Requests that reached no model have neither a name nor a version."""

    model: str = ""
    version: int = 0
    operation: str = ""


class Record(msgspec.Struct, gc=False):
    """How a request went; filled in step by step, so that one which failed says how far it came.

    ``began`` and ``ended`` are on the clock of ``perf_counter``; ``parse``, ``queue``, ``infer`` and ``encode`` are
    seconds, sizes are bytes. ``batch`` is how many rows were in the run that answered it, ``runs`` is 0 where another
    request of that run stands for it. ``client`` is host and port, ``traceparent`` and ``tracestate`` are the client's
    headers as they came (W3C Trace Context), ``trace_id`` is the
    trace that a span was made in.
    """

    key: Key
    began: float
    method: str = ""
    path: str = ""
    client: tuple[str, int] | None = None
    status: int = 200
    outcome: str = OK
    rows: int = 0
    batch: int = 0
    runs: int = 1
    parse: float = 0.0
    queue: float = 0.0
    infer: float = 0.0
    encode: float = 0.0
    ended: float = 0.0
    request_size: int = 0
    answer_size: int = 0
    request_id: str = ""
    traceparent: bytes | None = None
    tracestate: bytes | None = None
    trace_id: str = ""


class Ledger:
    """Where requests are written. ``limit`` records are kept at most, the newest; ``in_flight`` are being answered."""

    def __init__(self, limit: int = 100_000) -> None:
        self._records: deque[Record] = deque(maxlen=limit)
        self.add = self._records.append
        self.in_flight = 0

    def take(self, most: int) -> list[Record]:
        """Up to ``most`` of the records that nobody has taken, oldest first."""
        pop = self._records.popleft
        return [pop() for _ in range(min(most, len(self._records)))]
