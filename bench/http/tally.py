"""``Tally``: what one process of the generator counted, and how tallies become a ``Run``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from skerry.bench.histogram import summarize
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.server_timing import summarize_timings
from skerry.bench.results import GeneratorUse, Run


@dataclass
class Tally:
    """``latencies`` of right answers and ``lateness`` of sending in seconds, float64; ``rows`` of those answers;
    ``verified`` of them compared; ``errors`` by kind with the first text of each; ``timings`` are Server-Timing headers
    by how often they came. ``duration`` is how long requests were sent, ``answered_after`` when the last right answer
    came, both in seconds from where counting began, and ``cores`` the processor time per second."""

    latencies: np.ndarray
    lateness: np.ndarray
    rows: int | None
    verified: int | None
    duration: float
    answered_after: float
    cores: float
    complete: bool
    errors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    timings: Counter[bytes] = field(default_factory=Counter)


def merged(tallies: Sequence[Tally], plan: LoadPlan, *, target: str, round: int) -> Run:
    """The run of these processes.

    Rates are right answers over the time until the last of them came, and at least the time in which requests were
    sent, so that a server that answers long after the load ended does not look faster than it is.
    """
    latencies = np.concatenate([tally.latencies for tally in tallies])
    duration = max(tally.duration for tally in tallies)
    elapsed = max(duration, *(tally.answered_after for tally in tallies))
    rows = _total([tally.rows for tally in tallies])
    errors = dict(sum((tally.errors for tally in tallies), Counter()).most_common())
    return Run(
        target=target,
        connections=plan.connections,
        rate=plan.rate,
        arrivals=plan.arrivals if plan.rate else None,
        duration=duration,
        round=round,
        requests=len(latencies),
        requests_per_second=len(latencies) / elapsed if elapsed else 0.0,
        rows_per_second=None if rows is None or not elapsed else rows / elapsed,
        latency=summarize(latencies),
        errors=errors,
        examples={kind: text for tally in reversed(tallies) for kind, text in tally.examples.items()},
        verified=_total([tally.verified for tally in tallies]),
        generator=_use(tallies),
        server_timing=summarize_timings(sum((tally.timings for tally in tallies), Counter())),
        complete=all(tally.complete for tally in tallies) and not is_gone(len(latencies), errors),
    )


def is_gone(requests: int, errors: Mapping[str, int]) -> bool:
    """Whether there was no server during a run: nothing was answered, not even wrongly, for want of connections."""
    return not requests and bool(errors) and errors.keys() <= {"connect", "closed"}


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _use(tallies: Sequence[Tally]) -> GeneratorUse:
    lateness = np.concatenate([tally.lateness for tally in tallies])
    return GeneratorUse(
        processes=len(tallies),
        cores=max(tally.cores for tally in tallies),
        lateness=float(np.quantile(lateness, 0.99)) if lateness.size else None,
    )
