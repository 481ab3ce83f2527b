"""``next_rate`` and ``find_knee``: which rate to try next, and what the tries so far say. Pure functions.

The knee is the highest rate at which the 99th percentile stays under a bound. It is looked for in open loop: from below,
on a ladder of shares of what the closed loop reached, until rates are not held; then by halving, down to 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from skerry.bench.results import Knee, Run

LADDER = (0.1, 0.25, 0.5, 0.7, 0.85, 1.0, 1.25, 1.6, 2.0)
"""Shares of the closed loop's requests per second. It has only so many connections, so an open loop may hold more."""
LOWEST = 0.01
"""The share that is tried when none of the ladder's is held."""
PRECISION = 0.05
"""The knee lies at most this much above the rate that was held."""
FAILED = 2
"""Rates above one that is held which must fail before the ladder ends, and times that the one next to it must: a
disturbance of the machine is not the server's fault."""
SHORT = 0.02
"""How far the achieved rate may be below the intended one."""
ERRORS = 0.001
"""The share of requests that may fail."""


@dataclass(frozen=True)
class Trial:
    """A rate (requests per second) that was tried, and whether it was held."""

    rate: float
    held: bool


def is_held(run: Run, p99: float) -> bool:
    """Whether a run at a rate kept up with it, with hardly an error, and with its 99th percentile within ``p99`` seconds."""
    assert run.rate is not None
    if run.latency is None or not run.complete:
        return False
    errors = sum(run.errors.values())
    short = run.rate * (1 - slack(run.rate * run.duration, run.arrivals))
    return run.latency.p99 <= p99 and errors <= ERRORS * (run.requests + errors) and run.requests_per_second >= short


def slack(requests: float, arrivals: str | None) -> float:
    """How far an achieved rate may be below the intended one, as a share: ``SHORT``, or what the arrival of ``requests``
    alone explains: three standard deviations of a Poisson count, or two requests that fall beyond the ends."""
    return max(SHORT, (3 / sqrt(requests) if arrivals == "poisson" else 2 / requests) if requests else 1)


def next_rate(maximum: float, trials: Sequence[Trial]) -> float | None:
    """The rate to try next, given what the closed loop reached and all tries so far; None when there is no more to learn.

    A rate that was held makes good for lower ones that were not.
    """
    held = _held(trials)
    failed = sorted({trial.rate for trial in trials if not trial.held and trial.rate > held})
    highest = max((trial.rate for trial in trials), default=0.0)
    rung = next((share * maximum for share in LADDER if share * maximum > highest), None)
    if rung is not None and len(failed) < FAILED:
        return rung
    if not failed:
        return None
    if not held:
        return _again(LOWEST * maximum, trials)
    if failed[0] > held * (1 + PRECISION):
        return sqrt(held * failed[0])
    return _again(failed[0], trials)


def find_knee(target: str, p99: float, trials: Sequence[Trial]) -> Knee:
    """The highest rate that was held."""
    return Knee(target=target, p99=p99, rate=_held(trials) or None)


def _held(trials: Sequence[Trial]) -> float:
    return max((trial.rate for trial in trials if trial.held), default=0.0)


def _again(rate: float, trials: Sequence[Trial]) -> float | None:
    """``rate``, unless it failed as often as it must to be given up."""
    return rate if sum(trial.rate == rate for trial in trials) < FAILED else None
