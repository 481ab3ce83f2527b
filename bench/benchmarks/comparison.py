"""``Comparison``: all that docs/benchmarks.md says, as it is kept in docs/benchmarks.json. Seconds, bytes, per second.

HttpMeasurement, one for each load ─▶ summarize ─▶ Comparison ─▶ the page and the README's table
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from skerry.bench.benchmarks.servers import CONSTANT, SKERRY
from skerry.bench.intervals import compare, median_interval
from skerry.bench.results import HttpMeasurement, Interval, Machine, Part, Ratio, Run
from skerry.bench.units import plural
from skerry.runtime.errors import BenchError


class Load(Part, frozen=True):
    """What every server is asked at once: ``connections`` requests of ``rows`` rows."""

    rows: int
    connections: int

    def __str__(self) -> str:
        return f"{plural(self.rows, 'row')} at {plural(self.connections, 'connection')}"


class Figures(Part, frozen=True):
    """A route under a load: medians over the rounds; no latency where there was no answer in one of them. ``errors`` by kind
    are of all rounds; ``verified`` answers were compared with scikit-learn's. ``cores`` and ``resident_memory`` are of all processes of its server."""

    route: str
    requests_per_second: Interval
    p50: Interval | None
    p99: Interval | None
    requests: int
    verified: int | None
    errors: dict[str, int]
    cores: float | None
    resident_memory: int | None


class LoadFigures(Part, frozen=True):
    """All routes under a load, and their ratios to the constant answer and to Skerry."""

    load: Load
    figures: list[Figures]
    ratios: list[Ratio]


class ServerFigures(Part, frozen=True):
    """``start`` is seconds from the command to the first right answer; sizes are of its whole environment."""

    name: str
    settings: str
    start: Interval
    packages: int
    install_size: int
    versions: dict[str, str]


class Witness(Part, frozen=True):
    """Requests per second of the same load as wrk sees it and as our generator does, in one run of each, side by side."""

    route: str
    wrk: float
    ours: float


class Comparison(Part, frozen=True):
    """``took`` is how long all of it took, ``ceiling`` what the load generator reaches against a constant answer of its
    own; ``left_out`` has the reason by the name of each server that is not in the figures."""

    created: str
    machine: Machine
    is_pinned: bool
    rounds: int
    duration: float
    warmup: float
    took: float
    ceiling: float
    servers: list[ServerFigures]
    loads: list[LoadFigures]
    witness: list[Witness]
    left_out: dict[str, str]
    warnings: list[str]


def summarize(measurement: HttpMeasurement, load: Load) -> LoadFigures:
    """The figures of ``load``, with ratios to the constant answer and to Skerry. A route that never answered has none."""
    by_route = {
        target.name: [run for run in measurement.runs if run.target == target.name] for target in measurement.targets
    }
    measured = {route: runs for route, runs in by_route.items() if any(run.requests for run in runs)}
    ratios = [
        _ratio(load, route, baseline, measured)
        for baseline in (CONSTANT, SKERRY)
        for route in measured
        if route != baseline and baseline in measured
    ]
    figures = [_figures(route, runs) for route, runs in measured.items()]
    return LoadFigures(load=load, figures=figures, ratios=ratios)


def _figures(route: str, runs: Sequence[Run]) -> Figures:
    errors: Counter[str] = Counter()
    for run in runs:
        errors.update(run.errors)
    verified = [run.verified for run in runs if run.verified is not None]
    uses = [run.server for run in runs if run.server]
    latencies = [run.latency for run in runs if run.latency]
    answered_always = len(latencies) == len(runs)
    return Figures(
        route=route,
        requests_per_second=median_interval([run.requests_per_second for run in runs]),
        p50=median_interval([latency.p50 for latency in latencies]) if answered_always else None,
        p99=median_interval([latency.p99 for latency in latencies]) if answered_always else None,
        requests=sum(run.requests for run in runs),
        verified=sum(verified) if verified else None,
        errors=dict(errors),
        cores=median(use.cores for use in uses) if uses else None,
        resident_memory=max((use.resident_memory for use in uses), default=None),
    )


def _ratio(load: Load, route: str, baseline: str, runs: dict[str, list[Run]]) -> Ratio:
    """None is said where one of them did not answer in a round."""
    rates = [{run.round: run.requests_per_second for run in runs[name]} for name in (route, baseline)]
    shared = sorted(rates[0].keys() & rates[1].keys())
    values = [[rate[number] for number in shared] for rate in rates]
    return compare(f"requests per second, {load}", route, baseline, *values, higher_is_better=True)


def ratio_to(figures: LoadFigures, route: str, baseline: str) -> float | None:
    """How many times the baseline's requests per second; None where it cannot be said, 1 for the baseline itself."""
    if route == baseline:
        return 1.0
    rates = {each.route: each.requests_per_second.value for each in figures.figures}
    return rates[route] / rates[baseline] if route in rates and baseline in rates else None


def write_comparison(comparison: Comparison, file: Path) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def read_comparison(file: Path) -> Comparison:
    """Raises BenchError when ``file`` is missing or not one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Comparison)
    except OSError as error:
        raise BenchError(f"{file}: cannot be read: {error.strerror}", hint="make it with scripts/bench") from None
    except msgspec.DecodeError as error:
        raise BenchError(f"{file}: expected a comparison, got something else: {error}") from None
