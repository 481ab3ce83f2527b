"""``take_turns``: several servers under the same load, in interleaved rounds; the server on one core, the load on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from skerry.bench.http.exchange import Exchange
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.measurement import schedule
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.target import Prepared
from skerry.bench.intervals import compare, median_interval
from skerry.bench.results import Interval, Run, Target
from skerry.runtime.errors import BenchError

Runs = dict[str, list[Run]]
"""By target, one of each round."""


def as_target(name: str, address: Address, exchanges: Sequence[Exchange]) -> Prepared:
    """Requests to a server, each with the check of its answer."""
    request = exchanges[0].request
    path = request.split(b" ", 2)[1].decode()
    size = len(request.partition(b"\r\n\r\n")[2])
    target = Target(name=name, url=f"http://{address}{path}", protocol="body", rows=exchanges[0].rows, body_size=size)
    return Prepared(target, address, tuple(exchanges), verified=True)


def take_turns(
    targets: Sequence[Prepared], plan: LoadPlan, rounds: int, between: Callable[[int], object] = lambda _: None
) -> Runs:
    """The runs of each target; ``between`` is called before each round, with its number.

    Raises:
        BenchError: a request failed, or was answered wrongly.
    """
    found: Runs = {target.target.name: [] for target in targets}
    for round, target in schedule(targets, rounds):
        if all(len(runs) == round for runs in found.values()):
            between(round)
        name = target.target.name
        run = generate(target.address, target.exchanges, plan, target=name, round=round)
        if run.errors or not run.complete:
            raise BenchError(f"{name}: {dict(run.errors)} {run.examples}")
        found[name].append(run)
    return found


def rates(runs: Sequence[Run]) -> list[float]:
    """Requests per second."""
    return [run.requests_per_second for run in runs]


def medians(runs: Sequence[Run]) -> list[float]:
    """Median latencies in seconds."""
    return [run.latency.p50 if run.latency else float("nan") for run in runs]


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """How many times the others the values are, from paired rounds: ``0.52 (0.50 to 0.54)``."""
    found = compare("values", "these", "those", values, others, higher_is_better=True).interval
    if found is None:
        return f"{median(one / other for one, other in zip(values, others, strict=True)):.2f}"
    return spread(found, 2)


def difference(values: Sequence[float], others: Sequence[float], size: float, unit: str) -> str:
    """By how much the values are above the others, from paired rounds: ``21.3 (20.1 to 22.0) µs``."""
    found = median_interval([(one - other) / size for one, other in zip(values, others, strict=True)])
    return f"{spread(found, 1)} {unit}"


def spread(found: Interval, decimals: int) -> str:
    return f"{found.value:.{decimals}f} ({found.low:.{decimals}f} to {found.high:.{decimals}f})"


def busiest(found: Runs) -> float:
    """The largest share of its core that the generator used in a run: near 1, it was the limit and not the server."""
    return max(run.generator.cores for runs in found.values() for run in runs)
