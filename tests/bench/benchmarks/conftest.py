"""A comparison of three servers in seven rounds, with figures that were made up."""

from collections.abc import Callable

import pytest

from skerry.bench.benchmarks.comparison import Comparison, Load, ServerFigures, Witness, summarize
from skerry.bench.intervals import median_interval
from skerry.bench.results import GeneratorUse, HttpMeasurement, Latency, Machine, Run, ServerUse, Target

LOADS = (Load(rows=1, connections=32), Load(rows=1, connections=1), Load(rows=100, connections=32))
RATES = {"constant answer": 40_000.0, "Skerry /predict": 20_000.0, "MLServer": 1_000.0}
MACHINE = Machine(
    processor="a processor",
    cores=2,
    quota=None,
    memory=8 * 10**9,
    system="Linux",
    versions={"python": "3.11"},
    load_average=None,
)


def make_run(route: str, round: int, *, rate: float, errors: dict[str, int] | None = None) -> Run:
    """``errors`` are of each round; a ``rate`` of 0 is of a server that never answers."""
    rate *= 1 + round / 100
    return Run(
        target=route,
        connections=32,
        rate=None,
        arrivals=None,
        duration=2.0,
        round=round,
        requests=int(2 * rate),
        requests_per_second=rate,
        rows_per_second=rate,
        latency=make_latency(rate) if rate else None,
        errors=errors or {},
        verified=int(2 * rate),
        generator=GeneratorUse(processes=1, cores=0.5),
        server=ServerUse(processes=1, cores=1.0, resident_memory=10**8 + round),
    )


def make_latency(rate: float) -> Latency:
    """32 requests are always under way."""
    p50 = 32 / rate
    return Latency(count=1, mean=p50, min=0.0, p50=p50, p90=0.1, p99=2 * p50, p99_9=0.1, max=0.1, histogram="")


def make_measurement(rates: dict[str, float], rounds: int = 7, errors: dict[str, int] | None = None) -> HttpMeasurement:
    targets = [Target(name=name, url="http://host/", protocol="body", rows=1, body_size=9) for name in rates]
    runs = [make_run(name, round, rate=rate, errors=errors) for round in range(rounds) for name, rate in rates.items()]
    return HttpMeasurement(title="", created="2026-01-31", machine=MACHINE, targets=targets, ceiling=None, runs=runs)


@pytest.fixture
def measured() -> Callable[..., HttpMeasurement]:
    """Makes a measurement; see ``make_measurement``."""
    return make_measurement


@pytest.fixture
def rates() -> dict[str, float]:
    return dict(RATES)


@pytest.fixture
def comparison() -> Comparison:
    names = ("constant answer", "Skerry", "MLServer")
    return Comparison(
        created="2026-01-31T12:00:00+00:00",
        machine=MACHINE,
        is_pinned=True,
        rounds=7,
        duration=2.0,
        warmup=0.3,
        took=600.0,
        ceiling=90_000.0,
        servers=[
            ServerFigures(
                name=name,
                settings=f"As {name} is.",
                start=median_interval([1.0, 1.5, 2.0]),
                packages=17,
                install_size=145_000_000,
                versions={"numpy": "2.4.6"},
            )
            for name in names
        ],
        loads=[summarize(make_measurement(RATES), load) for load in LOADS],
        witness=[Witness(route="MLServer", wrk=1_000.0, ours=990.0)],
        left_out={"BentoML": "cannot be installed: no such version"},
        warnings=["the machine is noisy"],
    )
