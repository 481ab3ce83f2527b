"""``latencies``: how long models take for a call, in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from skerry.bench.stock import StockConversion
from skerry.bench.turns import order
from skerry.runtime.model import Model
from skerry.runtime.session import Session, SessionConfig

ROWS = (1, 1_000)
ROUNDS, TURN, MOST_CALLS = 13, 0.02, 200
"""Rounds; seconds of a turn, and calls in it at most. A long call is a turn by itself."""

Call = Callable[[slice], object]


def calls_of(model: Model, X: Any) -> Call:
    """Asks an artifact for all its methods; of texts and records the feeds are made in the call, as skl2onnx's graph does."""
    methods = model.manifest.methods
    if model.manifest.extractors:
        return lambda part: model.answer(model.feeds.from_rows(X[part]), methods)
    feeds = model.feeds.from_rows(X)
    return lambda part: model.answer({name: array[part] for name, array in feeds.items()}, methods)


def stock_calls(stock: StockConversion, X: Any) -> Call:
    """Asks skl2onnx's graph for all its outputs."""
    session = Session(stock.content, SessionConfig(intra_op_num_threads=1))
    feeds = stock.feeds(X)
    return lambda part: session.run({name: array[part] for name, array in feeds.items()}, session.outputs)


def latencies(calls: Mapping[str, Call], rows: int, total: int) -> dict[str, list[float]]:
    """Median seconds of a call with so many of ``total`` rows, one for each round; every call has other rows."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    starts = np.random.default_rng(0).integers(total - rows + 1, size=(ROUNDS + 1, MOST_CALLS))
    for number in range(ROUNDS + 1):  # the first warms up
        for name in order(list(calls), number):
            found[name].append(_turn(calls[name], rows, starts[number]))
    return {name: seconds[1:] for name, seconds in found.items()}


def _turn(call: Call, rows: int, starts: Sequence[int]) -> float:
    began, taken = perf_counter(), []
    for start in starts:
        before = perf_counter()
        call(slice(start, start + rows))
        taken.append(perf_counter() - before)
        if perf_counter() - began > TURN:
            break
    return median(taken)
