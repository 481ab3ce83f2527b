"""``Plan``: how requests to a model are run, chosen from what runs cost on this machine.

inline      a request runs at once, on the event loop: no queue, no future, no thread
gathered    requests that arrive in one turn of the event loop run there as one
threaded    requests run on a worker thread, and those that arrive in the meantime as one; if nothing runs, and one is
            short enough for the event loop, it runs there at once
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from skerry.runtime.batching.cost import Curve, measure_curve, rotate
from skerry.runtime.batching.engine import Answers, Engine
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.model import Model

LOOP_SECONDS = 0.002
"""A run that takes longer is for a worker thread: the event loop stays free."""
GATHER_SECONDS = 5e-6
"""What it costs a request to be gathered: a future, a turn of the event loop, its share of copies."""
THREAD_SECONDS = 1e-4
"""What it costs a run to be on a thread: two switches, and to wait for Python's lock."""
LEAVE = 1.5
"""Rows must be cheaper by this factor in batches that are too long for the event loop, to leave it."""
GAIN = 0.2
"""Rows of a batch must be cheaper by this share, and by three times ``GATHER_SECONDS``: that is clearly less."""
NEAR = 1.05
"""Rows that are so near to the cheapest are as cheap. On the loop, batches are then as large as they may be, as it turns to
something else in between; on the thread as small, as others wait."""
DEARER = 1.1
"""What filling rows up may make of the cost of one row."""
MULTIPLES = (1, 2, 4)
"""Rows may be filled up to a multiple of these, for answers that are the same alone and in a batch."""
BUDGET = 0.06
"""Seconds in which a model is measured when it is loaded, and in which its rows are compared, for each multiple."""

Mode = Literal["inline", "gathered", "threaded"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A run of up to ``loop_rows`` rows may be on the event loop. Requests of up to ``batch_rows`` rows together run as one,
    filled up to a multiple of ``row_multiple``; 1 means that each runs alone. ``row_seconds`` is what a row takes."""

    loop_rows: int
    batch_rows: int = 1
    row_multiple: int = 1
    row_seconds: float = 0.0

    @property
    def mode(self) -> Mode:
        if self.batch_rows > self.loop_rows:
            return "threaded"
        return "gathered" if self.batch_rows > 1 else "inline"


def make_plan(model: Model, policy: BatchPolicy) -> Plan:
    """Measure ``model`` on its golden rows, and choose. Without any, its manifest's cost is the hint, and nothing is batched."""
    if model.sample is None:
        return choose_plan(Curve(model.manifest.cost), most=1) if model.manifest.cost else Plan(loop_rows=0)
    engine = Engine(model)
    curve = measure_curve(lambda feeds: engine.answer(feeds, engine.methods), model.sample, budget=BUDGET)
    plan = choose_plan(curve, most=policy.max_batch_size)
    if plan.batch_rows == 1:
        return plan
    return alike_plan(model, model.sample, curve, plan.batch_rows) or choose_plan(curve, most=1)


def alike_plan(model: Model, sample: Feeds, curve: Curve, rows: int) -> Plan | None:
    """The plan with batches of ``rows`` rows, or of half as many, in which a row is answered as it is alone."""
    for multiple in MULTIPLES:
        if curve.seconds(multiple) > DEARER * curve.seconds(1):
            return None
        engine = Engine(model, row_multiple=multiple)
        count = max(2, min(rows_of(sample), int(BUDGET / curve.seconds(multiple))))
        alone = in_batches(engine, sample, count, 1)
        for most in (rows, rows // 2):
            if all(same(in_batches(engine, sample, count, size), alone) for size in {most, max(2, most - 1)}):
                return msgspec.structs.replace(choose_plan(curve, most=most), row_multiple=multiple)
    return None


def choose_plan(curve: Curve, *, most: int) -> Plan:
    """The plan for a model of such costs, with batches of at most ``most`` rows."""
    loop_rows = curve.rows_within(LOOP_SECONDS)
    alone = curve.seconds(1)
    points = [point for point in curve.points if point.rows <= most] or list(curve.points[:1])
    on_loop = {point.rows: point.seconds / point.rows for point in points if point.rows <= loop_rows}
    on_thread = {point.rows: (point.seconds + THREAD_SECONDS) / point.rows for point in points}
    stays = on_loop and min(on_loop.values()) <= LEAVE * min(on_thread.values())
    each = on_loop if stays else on_thread
    near = [rows for rows, seconds in each.items() if seconds <= NEAR * min(each.values())]
    rows = max(near) if stays else min(near)
    if alone - each[rows] < max(GAIN * alone, 3 * GATHER_SECONDS):
        return Plan(loop_rows=loop_rows, row_seconds=alone)
    return Plan(loop_rows=loop_rows, batch_rows=rows, row_seconds=each[rows])


def in_batches(engine: Engine, feeds: Feeds, count: int, size: int) -> Answers:
    """The answers to ``count`` rows of ``feeds``, ``size`` of them in a run."""
    parts = [
        engine.answer(rotate(feeds, min(size, count - start), start), engine.methods) for start in range(0, count, size)
    ]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def same(got: Answers, expected: Answers) -> bool:
    """Whether all answers are the same to the bit."""
    return all(_bits(ours) == _bits(theirs) for ours, theirs in zip(got, expected, strict=True))


def _bits(array: Array) -> bytes | list[object]:
    return array.tolist() if array.dtype == object else array.tobytes()
