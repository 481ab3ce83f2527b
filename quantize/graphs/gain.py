"""``Gain``: whether a graph is smaller and faster than another, by bytes and by interleaved timing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter, thread_time

import numpy as np

from skerry.export.wire import Array
from skerry.runtime.session import Session, SessionConfig

ROWS = (1, 1000)
SECONDS = 0.3
"""Row counts that are timed, and the time spent on each."""
PAIRS = 3
"""How many times both are loaded anew: a session is a little faster or slower by where its memory happens to lie."""
ROUNDS = 5
"""Rounds of a pair at least; in each, both are timed one after the other, and who begins takes turns."""
LONG = 2e-4
"""A timing of a round covers at least so many seconds, of several runs if one takes less."""

NOISE, CLEAR = 0.05, 0.1
"""Times whose ratio is nearer to 1 are the same; and so much less is faster."""
UNNOTICED = 1e-6
"""A difference of so many seconds a run is none beside what a request takes, 100 times as much."""
SMALLER = 0.98
"""A file is smaller if it has at most this share of the bytes."""


@dataclass(frozen=True)
class Timing:
    """Median seconds of a run over ``rows`` rows; and the ratio after to before: of each round, the median of a pair's
    rounds, of these the median."""

    rows: int
    before: float
    after: float
    ratio: float

    @property
    def is_slower(self) -> bool:
        return self.ratio > 1 + NOISE and self.after - self.before > UNNOTICED

    @property
    def is_faster(self) -> bool:
        return self.ratio < 1 - CLEAR

    def __str__(self) -> str:
        return f"{_shown(self.after)} instead of {_shown(self.before)} for {self.rows:,} row{'s' * (self.rows > 1)}"


@dataclass(frozen=True)
class Gain:
    """Bytes of both files, and the timings."""

    before: int
    after: int
    timings: tuple[Timing, ...]

    @property
    def is_smaller(self) -> bool:
        return self.after <= SMALLER * self.before

    @property
    def is_faster(self) -> bool:
        return any(timing.is_faster for timing in self.timings) and not self.is_slower

    @property
    def is_slower(self) -> bool:
        return any(timing.is_slower for timing in self.timings)

    @property
    def worst(self) -> float:
        """The ratio after to before where it is largest."""
        return max(timing.ratio for timing in self.timings)

    @property
    def is_one(self) -> bool:
        """Whether it is smaller and not slower, or faster and not larger."""
        return (self.is_smaller and not self.is_slower) or (self.is_faster and self.after <= self.before)

    def __str__(self) -> str:
        return ", ".join([f"{self.after:,} bytes instead of {self.before:,}", *map(str, self.timings)])


def measure_gain(
    before: bytes,
    after: bytes,
    feeds: Mapping[str, Array],
    *,
    fed: Mapping[str, Array] | None = None,
    seconds: float | None = None,
) -> Gain:
    """Compare two graphs on one thread each; ``feeds`` are repeated to 1,000 rows. ``fed`` is what the one before gets of
    the same rows, where it is something else.

    Time is that of the processor, which does not run on while the machine does something else.
    """
    taken: list[list[Timing]] = []
    for _ in range(PAIRS):
        sessions = [Session(content, SessionConfig(intra_op_num_threads=1)) for content in (before, after)]
        runs = list(zip(sessions, (fed or feeds, feeds), strict=True))
        spent = (SECONDS if seconds is None else seconds) / PAIRS
        taken.append([_timing(runs, rows, spent) for rows in ROWS])
    return Gain(len(before), len(after), tuple(map(_median, zip(*taken, strict=True))))


def _median(timings: Sequence[Timing]) -> Timing:
    before, after, ratio = (median(getattr(each, name) for each in timings) for name in ("before", "after", "ratio"))
    return Timing(timings[0].rows, before, after, ratio)


def _timing(runs: list[tuple[Session, Mapping[str, Array]]], rows: int, seconds: float) -> Timing:
    calls = [partial(session.run, _repeated(feeds, rows), session.outputs) for session, feeds in runs]
    taken: list[tuple[float, ...]] = []
    repeats = max(1, int(LONG / max(1e-7, *(_time(call, 1) for call in calls * 2))))
    began = perf_counter()
    while len(taken) < ROUNDS or perf_counter() - began < seconds:
        order = (0, 1) if len(taken) % 2 else (1, 0)
        times = {place: _time(calls[place], repeats) for place in order}
        taken.append((times[0], times[1]))
    before, after = (median(times) for times in zip(*taken, strict=True))
    return Timing(rows, before, after, median(after / before for before, after in taken))


def _repeated(feeds: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {name: np.take(values, np.arange(rows) % len(values), axis=0) for name, values in feeds.items()}


def _time(call: Callable[[], object], repeats: int) -> float:
    began = thread_time()
    for _ in range(repeats):
        call()
    return (thread_time() - began) / repeats


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.1f} µs"
