"""``Curve``: how long a model takes for so many rows, measured where it runs."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from statistics import median
from time import perf_counter, thread_time

import msgspec
import numpy as np

from skerry.runtime.feeds import Feeds, rows_of
from skerry.runtime.manifest import Cost
from skerry.runtime.model import Model

ROWS = (1, 10, 100, 1000)
SECONDS = 0.1
"""Row counts measured at export, and the time spent on each."""

STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 512, 2048)
STEP_BYTES = 2**23
ROUNDS = 3
ROUND_SECONDS = 0.0003
"""Row counts measured when a model is loaded, as long as their values take no more memory; in so many rounds, and the time
spent on each in a round, if a run takes no longer."""
PATIENCE = 4
"""How many times longer measuring may take on a machine that is busy with something else."""


class Curve(msgspec.Struct, frozen=True):
    """Seconds of a run by its rows: at least one point, by rising rows; straight lines between the points.

    Before the first and beyond the last, a row takes what one of that point does: more than it will.
    """

    points: tuple[Cost, ...]

    def seconds(self, rows: int) -> float:
        """How long a run over ``rows`` rows takes."""
        low, high = self._around(lambda point: point.rows >= rows)
        if low is high:
            return low.seconds * max(rows, 1) / low.rows if rows > low.rows else low.seconds
        return low.seconds + (rows - low.rows) * (high.seconds - low.seconds) / (high.rows - low.rows)

    def rows_within(self, seconds: float) -> int:
        """Up to how many rows a run takes at most ``seconds``; 0 where one row takes longer."""
        low, high = self._around(lambda point: point.seconds > seconds)
        if low.seconds > seconds:
            return 0
        if low is high:
            return int(low.rows * seconds / low.seconds)
        return low.rows + int((seconds - low.seconds) * (high.rows - low.rows) / (high.seconds - low.seconds))

    def _around(self, beyond: Callable[[Cost], bool]) -> tuple[Cost, Cost]:
        """The first point that is ``beyond`` and the one before it; twice the first or the last, where there are no two."""
        place = next((index for index, point in enumerate(self.points) if beyond(point)), None)
        return (self.points[-1],) * 2 if place is None else (self.points[max(0, place - 1)], self.points[place])


def measure_cost(model: Model, feeds: Feeds) -> tuple[Cost, ...]:
    """Median seconds of one run over 1 to 1,000 rows; ``feeds`` are repeated or rotated to make them, so that rows differ."""
    return tuple(Cost(rows=rows, seconds=_measure(model, feeds, rows)) for rows in ROWS)


def measure_curve(run: Callable[[Feeds], object], feeds: Feeds, *, budget: float) -> Curve:
    """The shortest seconds of one run for each of ``STEPS``, as far as a ``budget`` of seconds at work lasts; of one row
    always.

    The shortest, as whatever else a machine does only adds to it; in rounds, so that it adds to all alike.
    """
    row_bytes = sum(array.nbytes for array in feeds.values()) / rows_of(feeds)
    steps = [rows for rows in STEPS if rows == 1 or rows * row_bytes <= STEP_BYTES]
    best: dict[int, float] = {}
    began, worked = perf_counter(), thread_time()
    for number, rows in enumerate(steps * ROUNDS):
        forecast = best.get(rows) or max((seconds * rows / known for known, seconds in best.items()), default=0.0)
        spent = max(thread_time() - worked, (perf_counter() - began) / PATIENCE)
        if not best or spent + 2 * forecast < budget:
            best[rows] = min(_shortest(run, feeds, rows, number), best.get(rows, inf))
    counts = sorted(best)  # what takes longer than more rows was disturbed
    return Curve(tuple(Cost(rows=rows, seconds=min(best[more] for more in counts if more >= rows)) for rows in counts))


def rotate(feeds: Feeds, rows: int, start: int = 0) -> Feeds:
    """``rows`` rows of ``feeds`` from ``start`` on, which begin again when they are over."""
    places = (np.arange(rows) + start) % rows_of(feeds)
    return {name: array[places] for name, array in feeds.items()}


def _shortest(run: Callable[[Feeds], object], feeds: Feeds, rows: int, start: int) -> float:
    """Of one run after a first one, whose memory has to be found; each over other rows, as requests are."""
    variants = [rotate(feeds, rows, start + place) for place in range(max(2, 16 // rows))]
    taken: list[float] = []
    began = perf_counter()
    while len(taken) < 2 or perf_counter() - began < ROUND_SECONDS:
        started = perf_counter()
        run(variants[len(taken) % len(variants)])
        taken.append(perf_counter() - started)
    return min(taken)


def _measure(model: Model, feeds: Feeds, rows: int) -> float:
    available = rows_of(feeds)
    variants = [
        {name: array[(np.arange(rows) + start) % available] for name, array in feeds.items()}
        for start in range(0, available, max(1, available // 16))
    ]
    methods = model.manifest.methods
    model.answer(variants[0], methods)
    taken: list[float] = []
    began = perf_counter()
    while len(taken) < 5 or perf_counter() - began < SECONDS:
        start = perf_counter()
        model.answer(variants[len(taken) % len(variants)], methods)
        taken.append(perf_counter() - start)
    return round(median(taken), 9)
