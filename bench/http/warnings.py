"""``find_warnings``: what a reader must know before believing a measurement of servers, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skerry.bench.http.knee import falls_behind
from skerry.bench.http.target import Prepared
from skerry.bench.results import HttpMeasurement, Run

NEAR_CEILING = 0.8
"""From this share of the ceiling on, the generator may be the limit."""
BUSY = 0.9
"""Likewise in closed loop from this processor time per second of one of its processes on."""
LATE = 0.1
"""Likewise in open loop where its own lateness is more than this share of the 99th percentile."""
LONG = 0.05
"""A knee's bound that is more than this share of a run may not show that a queue grows."""


def find_warnings(measured: HttpMeasurement, main_runs: Sequence[Run], targets: Sequence[Prepared]) -> list[str]:
    """``main_runs`` are those that are no try for the knee; ``targets`` are all there are."""
    found: list[str] = []
    for target in targets:
        name = target.target.name
        mine = [run for run in main_runs if run.target == name]
        swept = [run for run in measured.runs if run.target == name]
        found += _of_generator(name, swept, measured.ceiling)
        found += _of_rate(name, mine)
        found += _of_errors(name, mine)
        if not target.verified:
            found.append(f"{name}: the answers were not verified: nobody said what is right")
    return [*found, *_of_knees(measured)]


def _of_generator(name: str, runs: Sequence[Run], ceiling: float | None) -> Iterator[str]:
    """The first of the signs that the generator was the limit."""
    reached = max((run.requests_per_second for run in runs), default=0.0)
    busy = max((run.generator.cores for run in runs if run.rate is None), default=0.0)
    late = max((run.generator.lateness or 0.0 for run in runs if _is_late(run)), default=0.0)
    signs = {
        f"it reached {reached:,.0f} of the {ceiling or 0:,.0f} requests/s that it is capable of": (
            ceiling and reached > NEAR_CEILING * ceiling
        ),
        f"it was busy {busy:.0%} of the time": busy > BUSY,
        f"it sent requests up to {late * 1000:.3g} ms late": late,
    }
    sign = next((text for text, seen in signs.items() if seen), None)
    if sign:
        yield f"{name}: the generator, not the server, may be the limit: {sign}; give it more processes, or a quieter machine"


def _is_late(run: Run) -> bool:
    lateness = run.generator.lateness
    return bool(lateness and run.rate is not None and run.latency and lateness > LATE * run.latency.p99)


def _of_rate(name: str, runs: Sequence[Run]) -> Iterator[str]:
    missed = [run for run in runs if run.rate is not None and falls_behind(run)]
    if missed:
        worst = min(missed, key=lambda run: run.requests_per_second)
        yield (
            f"{name}: the rate was not reached: {worst.requests_per_second:,.0f} of {worst.rate:,.0f} requests/s "
            "were answered, so latencies grow with the duration"
        )


def _of_errors(name: str, runs: Sequence[Run]) -> Iterator[str]:
    """A sentence for each kind: how many of how many, and the first text."""
    total = sum(run.requests + sum(run.errors.values()) for run in runs)
    for kind in dict.fromkeys(kind for run in runs for kind in run.errors):
        count = sum(run.errors.get(kind, 0) for run in runs)
        text = next((run.examples[kind] for run in runs if run.examples.get(kind)), "")
        if count:
            yield f"{name}: {count:,} of {total:,} requests failed: {kind}" + (f": {text}" if text else "")


def _of_knees(measured: HttpMeasurement) -> Iterator[str]:
    shortest = min((run.duration for run in measured.runs), default=0.0)
    bound = max((knee.p99 for knee in measured.knees), default=0.0)
    if bound > LONG * shortest:
        yield (
            f"the knee is not to be trusted: in runs of {shortest:.3g} s a server that falls behind may keep its p99 under "
            f"{bound:g} s; give a --duration of {bound / LONG:.3g} or more"
        )
