"""Measurements as they come: made numbers, real types. What is drawn and written must bear all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest

from skerry.bench.histogram import summarize
from skerry.bench.intervals import compare
from skerry.bench.results import (
    Contender,
    GeneratorUse,
    HttpMeasurement,
    Interval,
    Knee,
    Latency,
    Machine,
    Measurement,
    ModelMeasurement,
    Point,
    Ratio,
    Run,
    ServerUse,
    Target,
)

CREATED = "2026-11-22T04:30:00+00:00"
NASTY = '<script>alert("x")</script> & $\\frac{1}{0}$ | 模型'
"""A name that is no HTML, no formula, no end of a Markdown cell, and in letters that the plots' font lacks."""
LONG = "a-model-with-a-name-that-somebody-made-of-all-the-settings/gradient-boosting-n500-depth8-lr005-v12"


def machine() -> Machine:
    return Machine(
        processor="Intel(R) Xeon(R) Processor @ 2.20GHz",
        cores=2,
        quota=2.0,
        memory=8_330_000_000,
        system="Linux 6.8.0 x86_64",
        versions={
            "python": "3.12.11",
            "skerry": "0.1.0",
            "onnxruntime": "1.30.1",
            "numpy": "2.4.6",
            "uvloop": "0.22.1",
        },
        load_average=(0.31, 0.22, 0.18),
        noise=0.042,
        steal=0.0003,
    )


def around(value: float, spread: float = 0.02, confidence: float = 0.95) -> Interval:
    return Interval(value=value, low=value * (1 - spread), high=value * (1 + 1.2 * spread), confidence=confidence)


def latencies(median: float, *, count: int, tail: float, seed: int) -> Latency | None:
    """A body around ``median`` and a share of 0.4 % that waits up to ``tail`` seconds."""
    random = np.random.default_rng(seed)
    body = median * random.lognormal(0, 0.18, count)
    waits = random.random(count) < 0.004
    return summarize(body + waits * random.uniform(0, tail, count))


def run(target: str, *, rate: float | None = None, reached: float, median: float, tail: float, round: int = 0) -> Run:
    count = int(reached * 2)
    return Run(
        target=target,
        connections=32,
        rate=rate,
        arrivals=None if rate is None else "poisson",
        duration=10.0,
        round=round,
        requests=int(reached * 10),
        requests_per_second=reached,
        rows_per_second=reached,
        latency=latencies(median, count=count, tail=tail, seed=round),
        errors={},
        verified=int(reached * 10),
        generator=GeneratorUse(processes=1, cores=0.61, lateness=None if rate is None else 0.00031),
        server=ServerUse(processes=1, cores=0.94, resident_memory=81_400_000),
    )


def target(name: str, url: str = "http://127.0.0.1:8000/predict", rows: int = 1) -> Target:
    return Target(name=name, url=url, protocol="predict", rows=rows, body_size=184)


def made_models(names: Sequence[str]) -> ModelMeasurement:
    """Contenders that cost more the later they stand, on 1 and 2 threads, at 1 to 10,000 rows."""
    random = np.random.default_rng(0)
    points, ratios = [], []
    fixed, by_row = (18e-6, 31e-6, 190e-6, 1_400e-6), (1.1e-6, 2.9e-6, 2.2e-6, 4.1e-6)
    for threads in (1, 2):
        for rows in (1, 10, 100, 1_000, 10_000):
            means = [
                (fixed[index] + rows * by_row[index] / (threads if rows > 50 else 1)) for index in range(len(names))
            ]
            rounds = [mean * random.lognormal(0, 0.03, 7) for mean in means]
            points += [
                Point(
                    contender=name,
                    rows=rows,
                    threads=threads,
                    calls=int(0.4 / mean) + 5,
                    latency=around(mean),
                    rows_per_second=rows / mean,
                )
                for name, mean in zip(names, means, strict=True)
            ]
            ratios += [
                compare(
                    f"latency, {rows:,} row{'s' * (rows > 1)}, {threads} thread{'s' * (threads > 1)}",
                    name,
                    names[0],
                    list(values),
                    list(rounds[0]),
                    higher_is_better=False,
                )
                for name, values in zip(names[1:], rounds[1:], strict=True)
            ]
    return ModelMeasurement(
        title=f"{names[0]}: latency by rows, in process",
        created=CREATED,
        machine=machine(),
        contenders=[
            Contender(
                name=name,
                description=f"{name} as it is called",
                load=around(0.06 + index / 5),
                first_call=around(0.0012),
                resident_memory=23_000_000 * (index + 1),
                file_size=None if index == 3 else 1_830_000,
            )
            for index, name in enumerate(names)
        ],
        points=points,
        ratios=ratios,
    )


def made_comparison(names: Sequence[str]) -> HttpMeasurement:
    """Servers in seven rounds; the second fails now and then, the first tells where its time goes."""
    random = np.random.default_rng(1)
    reached = {name: 4_200 / (1 + 1.9 * index) * random.lognormal(0, 0.02, 7) for index, name in enumerate(names)}
    runs = []
    for round in range(7):
        for index, name in enumerate(names):
            rate = float(reached[name][round])
            done = run(name, reached=rate, median=32 / rate, tail=0.08, round=round)
            changes: dict[str, object] = {"errors": {"status 503": 11 + round, "timeout": 2} if index == 1 else {}}
            if index == 0:
                changes["server_timing"] = {
                    step: latencies(median, count=2_000, tail=0.004, seed=round)
                    for step, median in {"decode": 19e-6, "queue": 410e-6, "infer": 88e-6, "encode": 12e-6}.items()
                }
            runs.append(msgspec.structs.replace(done, **changes))
    quantities: list[tuple[str, Callable[[str], list[float]], bool]] = [
        ("requests per second", lambda name: [r.requests_per_second for r in runs if r.target == name], True),
        ("p50 latency", lambda name: [r.latency.p50 for r in runs if r.target == name and r.latency], False),
        ("p99 latency", lambda name: [r.latency.p99 for r in runs if r.target == name and r.latency], False),
    ]
    ratios = [
        compare(quantity, name, names[0], values(name), values(names[0]), higher_is_better=higher)
        for name in names[1:]
        for quantity, values, higher in quantities
    ]
    return HttpMeasurement(
        title=f"{', '.join(names)}: the same model and rows",
        created=CREATED,
        machine=machine(),
        targets=[target(name, f"http://127.0.0.1:{8000 + index}/predict") for index, name in enumerate(names)],
        ceiling=21_400.0,
        runs=runs,
        ratios=ratios,
        warnings=["skerry's server shared its 2 cores with the generator"],
    )


def made_sweep(names: Sequence[str] = ("skerry",)) -> HttpMeasurement:
    """Rates up to where the server no longer keeps up."""
    runs = []
    for index, name in enumerate(names):
        limit = 4_000 / (1 + index)
        for rate in (250, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000):
            used = min(rate / limit, 0.995)
            median = 0.0009 / (1 - used)
            runs.append(run(name, rate=rate, reached=min(rate, limit) * 0.998, median=median, tail=15 * median))
    return HttpMeasurement(
        title=f"{', '.join(names)}: the highest rate at which p99 stays under 20 ms",
        created=CREATED,
        machine=machine(),
        targets=[target(name) for name in names],
        ceiling=21_400.0,
        runs=runs,
        knees=[Knee(target=name, p99=0.02, rate=3_500.0 / (1 + index)) for index, name in enumerate(names)],
        warnings=["at 5,000 requests/s the server did not keep up: latency grew for as long as the run lasted"],
    )


def made_failure() -> HttpMeasurement:
    """Nothing was answered, and it was broken off."""
    failed = Run(
        target="skerry",
        connections=32,
        rate=None,
        arrivals=None,
        duration=3.1,
        round=0,
        requests=0,
        requests_per_second=0.0,
        rows_per_second=0.0,
        latency=None,
        errors={"connection refused": 12_042, "timeout": 1},
        verified=None,
        generator=GeneratorUse(processes=1, cores=0.7),
        complete=False,
    )
    return HttpMeasurement(
        title="skerry: closed loop",
        created=CREATED,
        machine=machine(),
        targets=[target("skerry")],
        ceiling=None,
        runs=[failed],
        warnings=["skerry: the server was gone after 3.1 s"],
        complete=False,
    )


def made_measurements() -> dict[str, Measurement]:
    loop = run("iris", reached=4_180.0, median=0.0076, tail=0.04)
    closed = HttpMeasurement(
        title="http://127.0.0.1:8000/predict: closed loop",
        created=CREATED,
        machine=machine(),
        targets=[target("iris")],
        ceiling=21_400.0,
        runs=[loop],
    )
    return {
        "models": made_models(["skerry artifact", "parent artifact", "skl2onnx", "scikit-learn"]),
        "one model": made_models(["skerry artifact"]),
        "one point": ModelMeasurement(
            title="iris/1: latency in process",
            created=CREATED,
            machine=machine(),
            contenders=[
                Contender(
                    name="iris/1", description="", load=None, first_call=None, resident_memory=None, file_size=None
                )
            ],
            points=[
                Point(
                    contender="iris/1",
                    rows=1,
                    threads=1,
                    calls=4_000,
                    latency=Interval(value=9.1e-6, low=9.1e-6, high=9.1e-6, confidence=0.0),
                    rows_per_second=1 / 9.1e-6,
                )
            ],
        ),
        "closed loop": closed,
        "sweep": made_sweep(),
        "two sweeps": made_sweep(("skerry", "FastAPI + scikit-learn")),
        "comparison": made_comparison(["skerry", "FastAPI + scikit-learn", "MLServer"]),
        "long names": made_comparison([LONG, LONG.replace("v12", "v13"), NASTY]),
        "long model names": made_models([LONG, LONG.replace("v12", "v13"), NASTY, "x"]),
        "failure": made_failure(),
        "nothing": HttpMeasurement(
            title="nothing", created=CREATED, machine=machine(), targets=[], ceiling=None, runs=[], complete=False
        ),
        "no ratio": HttpMeasurement(
            title="a and b",
            created=CREATED,
            machine=machine(),
            targets=[target("a"), target("b")],
            ceiling=None,
            runs=[loop],
            ratios=[
                Ratio(
                    quantity="requests per second",
                    contender="a",
                    baseline="b",
                    rounds=1,
                    interval=None,
                    verdict="a against b, requests per second: too few rounds to say (1, not 6)",
                )
            ],
        ),
    }


@pytest.fixture(scope="session")
def measurements() -> dict[str, Measurement]:
    """By name: models, one model, one point, closed loop, sweep, two sweeps, comparison, long names, long model names,
    failure, nothing, no ratio."""
    return made_measurements()
