"""``Load``: the runs of one load on one target, all rounds together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from skerry.bench.histogram import merge
from skerry.bench.intervals import median_interval
from skerry.bench.results import Interval, Latency, Run
from skerry.bench.units import number, plural


@dataclass(frozen=True)
class Load:
    """``rate`` and ``arrivals`` are None in a closed loop; ``runs`` are at least one."""

    target: str
    connections: int
    rate: float | None
    arrivals: str | None
    runs: tuple[Run, ...]

    @cached_property
    def latency(self) -> Latency | None:
        """Of all rounds together; None if nothing was answered."""
        return merge([run.latency for run in self.runs if run.latency is not None])

    def median_round(self, percentile: str) -> float | None:
        """The median of the rounds' ``p50``, ``p99`` ...: one disturbed round does not move it."""
        values = [getattr(run.latency, percentile) for run in self.runs if run.latency is not None]
        return median(values) if values else None

    @cached_property
    def requests_per_second(self) -> Interval:
        """The median round."""
        return median_interval([run.requests_per_second for run in self.runs])

    @cached_property
    def rows_per_second(self) -> Interval | None:
        """The median round; None if nobody knows how many rows a request has."""
        known = [run.rows_per_second for run in self.runs if run.rows_per_second is not None]
        return median_interval(known) if known else None

    @property
    def requests(self) -> int:
        """Answered and right."""
        return sum(run.requests for run in self.runs)

    @property
    def errors(self) -> Counter[str]:
        """By kind, the most frequent first."""
        found: Counter[str] = Counter()
        for run in self.runs:
            found.update(run.errors)
        return Counter(dict(found.most_common()))

    @property
    def examples(self) -> dict[str, str]:
        """The first text of each kind of error."""
        return {kind: text for run in reversed(self.runs) for kind, text in run.examples.items()}

    @property
    def verified(self) -> int | None:
        """Answers that were compared with the expected ones; None if none were given."""
        counts = [run.verified for run in self.runs if run.verified is not None]
        return sum(counts) if counts else None

    @property
    def duration(self) -> float:
        """Seconds of the median round."""
        return median(run.duration for run in self.runs)

    @property
    def complete(self) -> bool:
        """Whether every run went on to its end."""
        return all(run.complete for run in self.runs)

    @property
    def server_timing(self) -> dict[str, Latency]:
        """The server's own account of all rounds, by the names of its steps in the order in which they came."""
        names = list(dict.fromkeys(name for run in self.runs for name in run.server_timing))
        merged = {
            name: merge([run.server_timing[name] for run in self.runs if name in run.server_timing]) for name in names
        }
        return {name: latency for name, latency in merged.items() if latency is not None}


def loads_of(runs: Sequence[Run]) -> list[Load]:
    """Runs by load, in the order in which they first came; a sweep of rates from the lowest."""
    groups: dict[tuple[str, int, float | None, str | None], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.target, run.connections, run.rate, run.arrivals), []).append(run)
    targets = list(dict.fromkeys(run.target for run in runs))
    loads = [Load(*key, tuple(group)) for key, group in groups.items()]
    return sorted(loads, key=lambda load: (targets.index(load.target), load.rate or 0, load.connections))


def describe(load: Load) -> str:
    """``closed loop, 32 connections``; ``open loop, 2,000 requests/s (poisson), 64 connections``."""
    if load.rate is None:
        return f"closed loop, {plural(load.connections, 'connection')}"
    return f"open loop, {number(load.rate)} requests/s ({load.arrivals or 'constant'}), {plural(load.connections, 'connection')}"


def labels(loads: Sequence[Load]) -> list[str]:
    """For each load only what tells it from the others; empty where they are all the same."""
    parts = [
        (
            "closed loop" if load.rate is None else f"{number(load.rate)}/s",
            load.arrivals or "",
            plural(load.connections, "connection"),
        )
        for load in loads
    ]
    # a closed loop has no arrivals, which is no difference worth a word
    telling = [index for index in range(3) if len({part[index] for part in parts} - {""}) > 1]
    return [" ".join(filter(None, (part[index] for index in telling))) for part in parts]
