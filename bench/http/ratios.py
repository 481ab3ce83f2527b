"""``compare_targets``: how many times what each target does the first one does, from rounds in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan

import msgspec

from skerry.bench.http.knee import ERRORS, failed_share
from skerry.bench.intervals import compare
from skerry.bench.results import Latency, Ratio, Run
from skerry.bench.units import percent

QUANTITIES: tuple[tuple[str, Callable[[Run], float], bool], ...] = (
    ("requests per second", lambda run: run.requests_per_second, True),
    ("p50 latency", lambda run: _of(run.latency, "p50"), False),
    ("p99 latency", lambda run: _of(run.latency, "p99"), False),
)
"""What is compared: its name, how a run has it (nan: nothing was answered), and whether more of it is better."""


def _of(latency: Latency | None, name: str) -> float:
    return getattr(latency, name) if latency else nan


def compare_targets(names: Sequence[str], runs: Sequence[Run]) -> list[Ratio]:
    """Each target with the first, over the rounds that both went through to the end.

    In open loop requests per second are given, not found, and so not compared. Failed requests are in no percentile:
    where more than ``ERRORS`` of them failed there is no ratio of latencies.
    """
    quantities = QUANTITIES if all(run.rate is None for run in runs) else QUANTITIES[1:]
    return [
        _ratio(quantity, read, _pairs(contender, names[0], runs), higher_is_better=higher_is_better)
        for contender in names[1:]
        for quantity, read, higher_is_better in quantities
        if _pairs(contender, names[0], runs)
    ]


def _pairs(contender: str, baseline: str, runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    first, second = (
        {run.round: run for run in runs if run.target == name and run.complete} for name in (contender, baseline)
    )
    return [(first[round], second[round]) for round in sorted(first.keys() & second.keys())]


def _ratio(
    quantity: str, read: Callable[[Run], float], pairs: Sequence[tuple[Run, Run]], *, higher_is_better: bool
) -> Ratio:
    runs, baseline = zip(*pairs, strict=True)
    name, other = runs[0].target, baseline[0].target
    ratio = compare(
        quantity, name, other, [*map(read, runs)], [*map(read, baseline)], higher_is_better=higher_is_better
    )
    failed = {run[0].target: share for run in (runs, baseline) if (share := failed_share(run)) > ERRORS}
    if higher_is_better or not failed or ratio.interval is None:
        return ratio
    told = " and ".join(f"{percent(share)} of {target}'s requests" for target, share in failed.items())
    verdict = f"{name} against {other}, {quantity}: no ratio, for {told} failed, which are in no percentile"
    return msgspec.structs.replace(ratio, interval=None, verdict=verdict)
