"""``next_rate`` and ``find_knee``: which rate to try next, and what the tries so far say. Pure functions.

The knee is the highest rate at which the 99th percentile stays under a bound. It is looked for in open loop: from below,
on a ladder of shares of what the closed loop reached, until rates are not held; then by halving, down to 5 %. The
highest of many noisy tries flatters: so the rate that is found is tried again, and must hold in most of its tries.
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
CONFIRMED = 2
"""Times that the knee must be held, and more often than not."""
SHORT = 0.02
"""How far the achieved rate may be below the intended one."""
GROWING = 3.0
"""Where a queue grows evenly, the last answer comes twice as late as the median one; where one only came after more than
so many times the median, it was an exception."""
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
    return run.latency.p99 <= p99 and failed_share([run]) <= ERRORS and not falls_behind(run)


def failed_share(runs: Sequence[Run]) -> float:
    """Of all requests, from 0 to 1."""
    failed = sum(sum(run.errors.values()) for run in runs)
    return failed / max(1, failed + sum(run.requests for run in runs))


def falls_behind(run: Run) -> bool:
    """Whether a run at a rate did not keep up with it: fewer right answers than requests were due, or a queue that grew.

    A wait for the last answer that is no longer than any other says nothing, however short the run.
    """
    assert run.rate is not None
    due = run.rate * run.duration
    spare = slack(due, run.arrivals)
    if run.latency is None or run.requests < due * (1 - spare):
        return True
    wait = run.requests / run.requests_per_second - run.duration
    return spare * run.duration + run.latency.p50 < wait < GROWING * run.latency.p50


def slack(requests: float, arrivals: str | None) -> float:
    """How far an achieved rate may be below the intended one, as a share: ``SHORT``, or what the arrival of ``requests``
    alone explains: three standard deviations of a Poisson count, or two requests that fall beyond the ends."""
    return max(SHORT, (3 / sqrt(requests) if arrivals == "poisson" else 2 / requests) if requests else 1)


def next_rate(maximum: float, trials: Sequence[Trial]) -> float | None:
    """The rate to try next, given what the closed loop reached and all tries so far; None when there is no more to learn.

    A rate that was held makes good for lower ones that were not. In the end the highest is tried again.
    """
    return _searched(maximum, trials) or _doubted(trials)


def _searched(maximum: float, trials: Sequence[Trial]) -> float | None:
    held = _held(trials)
    failed = sorted({trial.rate for trial in trials if trial.rate > held})
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
    """The highest rate that was held in most of its tries."""
    return Knee(target=target, p99=p99, rate=_held(trials) or None)


def _held(trials: Sequence[Trial]) -> float:
    """The highest rate that was held as often as not, or more."""
    rates = {trial.rate for trial in trials}
    return max((rate for rate in rates if sum(votes := _votes(rate, trials)) * 2 >= len(votes)), default=0.0)


def _votes(rate: float, trials: Sequence[Trial]) -> list[bool]:
    return [trial.held for trial in trials if trial.rate == rate]


def _doubted(trials: Sequence[Trial]) -> float | None:
    """The highest rate that was held, if that was not often enough."""
    held = _held(trials)
    return held if held and sum(_votes(held, trials)) < CONFIRMED else None


def _again(rate: float, trials: Sequence[Trial]) -> float | None:
    """``rate``, unless it failed as often as it must to be given up."""
    return rate if len(_votes(rate, trials)) < FAILED else None
