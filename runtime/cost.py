"""``Cost``: how long a model takes for so many rows, measured where it runs."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np

from skerry.runtime.feeds import Feeds
from skerry.runtime.manifest import Cost
from skerry.runtime.model import Model

ROWS = (1, 10, 100, 1000)
SECONDS = 0.1
"""Measured row counts, and the time spent on each."""


def measure_cost(model: Model, feeds: Feeds) -> tuple[Cost, ...]:
    """Median seconds of one run over 1 to 1,000 rows; ``feeds`` are repeated or rotated to make them, so that rows differ."""
    return tuple(Cost(rows=rows, seconds=_measure(model, feeds, rows)) for rows in ROWS)


def _measure(model: Model, feeds: Feeds, rows: int) -> float:
    available = len(next(iter(feeds.values())))
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
