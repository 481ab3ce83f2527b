"""``Tally``: what records amount to; ``Totals``: a tally for each model, version and operation.

Metrics and statistics are views of the totals. They can be added to each other, which is how several workers are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from skerry.runtime.observability.ledger import OK, Key, Record

Array = np.ndarray
Size = tuple[int, float, float, float]

STEPS = ("parse", "queue", "infer", "encode")
SECONDS = (
    *(1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3),
    *(1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the buckets of times: a small model answers in tens of microseconds."""
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536)
"""Upper bounds of the buckets of rows."""
SIZES = 128
"""Different rows of a run that statistics keep apart."""
KEYS = 1000
"""Tallies that are kept apart; the least recently used go into that of ``OTHERS``."""
OTHERS = Key("others", 0, "")

_SECONDS, _ROWS = np.array(SECONDS), np.array(ROWS)
_TIMES = (*STEPS, "whole")


def _zeros(*shape: int) -> Any:
    return msgspec.field(default_factory=lambda: np.zeros(shape, np.int64))


class Tally(msgspec.Struct):
    """Counts of requests that were counted together.

    ``outcomes`` are requests by status and outcome. Of those that were answered: ``times`` is (step, bucket), the whole
    being the fifth step, and ``seconds`` are the sums; ``rows`` and ``batches`` are buckets of the rows of requests and of
    runs, with the sums ``row_sum`` and ``batch_sum``. ``sizes`` is rows of a run → such runs, and their seconds of parse,
    infer and encode, where the parses and encodes are those of each request in them. ``failed`` is (bucket) the whole of all others, ``failed_seconds`` the sum. ``last`` is
    seconds since the epoch.
    """

    outcomes: dict[tuple[int, str], int] = {}
    times: Array = _zeros(len(_TIMES), len(SECONDS) + 1)
    seconds: Array = msgspec.field(default_factory=lambda: np.zeros(len(_TIMES)))
    rows: Array = _zeros(len(ROWS) + 1)
    row_sum: int = 0
    batches: Array = _zeros(len(ROWS) + 1)
    batch_sum: int = 0
    sizes: dict[int, Size] = {}
    failed: Array = _zeros(len(SECONDS) + 1)
    failed_seconds: float = 0.0
    request_bytes: int = 0
    answer_bytes: int = 0
    last: float = 0.0

    def count(self, records: Sequence[Record], now: float, clock: float) -> None:
        """Count records, the newest last; ``now`` is the time since the epoch when ``perf_counter`` was ``clock``."""
        answered = [record for record in records if record.outcome == OK]
        if answered:
            self._count_answered(answered)
        if len(answered) < len(records):
            self._count_failed([record for record in records if record.outcome != OK])
        self.request_bytes += sum([record.request_size for record in records])
        self.answer_bytes += sum([record.answer_size for record in records])
        self.last = now + records[-1].ended - clock

    def _count_answered(self, records: list[Record]) -> None:
        for status, number in Counter([record.status for record in records]).items():
            self._count_outcome((status, OK), number)
        # Lists of one field each: to make an array of them takes two thirds of the time that one of tuples takes.
        times = np.array(
            [
                [record.parse for record in records],
                [record.queue for record in records],
                [record.infer for record in records],
                [record.encode for record in records],
                [record.ended - record.began for record in records],
            ]
        )
        self.times += _buckets(times, _SECONDS)
        self.seconds += times.sum(axis=1)
        if records[0].key.model:
            self._count_rows(records, times)

    def _count_rows(self, records: list[Record], times: Array) -> None:
        rows, batches, runs = np.array(
            [
                [record.rows for record in records],
                [record.batch for record in records],
                [record.runs for record in records],
            ]
        )
        self.rows += _buckets(rows[None], _ROWS)[0]
        self.row_sum += int(rows.sum())
        led = batches[runs > 0]
        self.batches += _buckets(led[None], _ROWS)[0]
        self.batch_sum += int(led.sum())
        sizes, places = np.unique(batches, return_inverse=True)
        parts = [np.bincount(places, column).tolist() for column in (runs, times[0], times[2] * runs, times[3])]
        for size, ran, *seconds in zip(sizes.tolist(), *parts, strict=True):
            _add_size(self.sizes, size, (int(ran), *seconds))

    def _count_failed(self, records: list[Record]) -> None:
        for outcome, number in Counter([(record.status, record.outcome) for record in records]).items():
            self._count_outcome(outcome, number)
        times = np.array([[record.ended - record.began for record in records]])
        self.failed += _buckets(times, _SECONDS)[0]
        self.failed_seconds += float(times.sum())

    def _count_outcome(self, outcome: tuple[int, str], number: int) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    def add(self, other: Tally) -> None:
        """Add another's counts to these."""
        for outcome, number in other.outcomes.items():
            self._count_outcome(outcome, number)
        for size, counts in other.sizes.items():
            _add_size(self.sizes, size, counts)
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.last = max(self.last, other.last)

    @property
    def answered(self) -> int:
        """Requests that were answered."""
        return int(self.times[-1].sum())


_SUMS = tuple(name for name in Tally.__struct_fields__ if name not in ("outcomes", "sizes", "last"))


def _buckets(values: Array, bounds: Array) -> Array:
    """How many values of each row of (rows, requests) are in each bucket: (rows, buckets). A bound is inside its bucket."""
    rows, buckets = len(values), len(bounds) + 1
    places = np.searchsorted(bounds, values) + np.arange(rows)[:, None] * buckets
    return np.bincount(places.ravel(), minlength=rows * buckets).reshape(rows, buckets)


def _add_size(sizes: dict[int, Size], size: int, counts: Any) -> None:
    if size in sizes or len(sizes) < SIZES:
        sizes[size] = tuple(map(sum, zip(sizes.get(size, (0, 0.0, 0.0, 0.0)), counts, strict=True)))  # type: ignore[assignment]


class Totals(msgspec.Struct):
    """Tallies, and lines of the access log that were not written."""

    tallies: dict[Key, Tally] = {}
    lost_lines: int = 0

    def count(self, records: Iterable[Record], now: float, clock: float) -> None:
        """Count records, oldest first; see ``Tally.count``."""
        groups: dict[Key, list[Record]] = {}
        for record in records:
            groups.setdefault(record.key, []).append(record)
        for key, group in groups.items():
            self._of(key).count(group, now, clock)

    def add(self, other: Totals) -> None:
        """Add another's counts to these."""
        for key, tally in other.tallies.items():
            self._of(key).add(tally)
        self.lost_lines += other.lost_lines

    def _of(self, key: Key) -> Tally:
        if key not in self.tallies and len(self.tallies) >= KEYS:
            oldest = min(self.tallies.keys() - {OTHERS}, key=lambda key: self.tallies[key].last)
            self.tallies.setdefault(OTHERS, Tally()).add(self.tallies.pop(oldest))
        return self.tallies.setdefault(key, Tally())
