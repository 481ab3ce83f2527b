"""``time_trials``: median latencies of several models, measured in turns, so that what disturbs one disturbs all."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from skerry.export.signature import take
from skerry.quantize.graphs.gain import measure_gain
from skerry.quantize.teacher import Array
from skerry.quantize.trial import Trial
from skerry.runtime.feeds import Feeds
from skerry.runtime.model import Model

MANY = 1000
ROUNDS = 9
FEWEST = 3
SINGLE = 12
"""Rows of the larger call; rounds, and at least so many however long they take; calls with one row in a round."""


def slower(trial: Trial, exact: Trial, X: Any) -> str:
    """Where a trial's graph is slower than the exact one, both timed in turns by the processor's clock; "" where it is not."""
    rows = take(X, slice(min(MANY, len(X))))
    fed, feeds = (each.loaded().feeds.from_rows(rows) for each in (exact, trial))
    for timing in measure_gain(exact.content, trial.content, feeds, fed=fed).timings:
        if timing.is_slower:
            return str(timing)
    return ""


def time_trials(trials: Sequence[Trial], X: Any, *, seconds: float) -> list[tuple[float, float]]:
    """Median seconds of a call with 1 row and with 1,000, of each trial's graph, on as many threads as it is served with.

    ``X`` are rows as users have them, repeated where they are fewer; measuring ends after ``seconds``, but not before
    three rounds.
    """
    rows = take(X, np.arange(MANY) % len(X))
    models = [trial.loaded() for trial in trials]
    feeds = [model.feeds.from_rows(rows) for model in models]
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in models]
    began = perf_counter()
    for number in range(ROUNDS):
        if number >= FEWEST and perf_counter() - began > seconds:
            break
        for model, fed, (singles, many) in zip(models, feeds, taken, strict=True):
            singles += [_timed(model, _one(fed, (number * SINGLE + place) % MANY)) for place in range(SINGLE)][1:]
            many.append(_timed(model, fed))
    return [(median(singles), median(many)) for singles, many in taken]


def _one(feeds: Feeds, row: int) -> Feeds:
    return {name: array[row : row + 1] for name, array in feeds.items()}


def _timed(model: Model, feeds: dict[str, Array]) -> float:
    methods = model.manifest.methods
    began = perf_counter()
    model.answer(feeds, methods)
    return perf_counter() - began
