"""What is said about a measurement, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skerry.bench.http.generator import Address
from skerry.bench.http.target import Prepared
from skerry.bench.http.warnings import find_warnings
from skerry.bench.machine import read_machine
from skerry.bench.results import GeneratorUse, HttpMeasurement, Knee, Run, Target

TARGET = Prepared(
    Target(name="predict", url="http://127.0.0.1:8000/predict", protocol="predict", rows=1, body_size=50),
    Address("127.0.0.1", 8000),
    (),
    verified=True,
)


def warnings(runs: list[Run], ceiling: float | None = None, knees: Sequence[Knee] = ()) -> list[str]:
    measured = HttpMeasurement(
        title="", created="", machine=read_machine(), targets=[], ceiling=ceiling, runs=runs, knees=[*knees]
    )
    return find_warnings(measured, [each for each in runs if each.round == 0], [TARGET])


def test_what_a_reader_must_know(made_run: Callable[..., Run]) -> None:
    run = made_run

    def of(*runs: Run, ceiling: float | None = None) -> list[str]:
        return warnings(list(runs), ceiling)

    quiet = run("predict")
    assert of(quiet) == of(quiet, ceiling=1000.0) == []
    limit = "predict: the generator, not the server, may be the limit: "
    advice = "; give it more processes, or a quieter machine"
    assert of(quiet, ceiling=110.0) == [f"{limit}it reached 100 of the 110 requests/s that it is capable of{advice}"]
    busy = GeneratorUse(processes=1, cores=0.97)
    assert of(run("predict", generator=busy)) == [f"{limit}it was busy 97% of the time{advice}"]
    open_loop = run("predict", rate=100.0, arrivals="constant", generator=busy)
    assert of(open_loop) == []
    late = run("predict", rate=100.0, arrivals="constant", generator=GeneratorUse(processes=1, cores=1, lateness=0.002))
    assert of(late) == [f"{limit}it sent requests up to 2 ms late{advice}"]
    short = run("predict", rate=150.0, arrivals="constant")  # 1,500 were due
    assert of(short) == [
        "predict: the rate was not reached: 100 of 150 requests/s were answered, so latencies grow with the duration"
    ]
    errors = run("predict", errors={"timeout": 3, "status 500": 1}, examples={"timeout": "no answer within 10 s"})
    assert of(errors, errors) == [
        "predict: 6 of 2,008 requests failed: timeout: no answer within 10 s",
        "predict: 2 of 2,008 requests failed: status 500",
    ]
    tried = run("predict", 1, rate=150.0, arrivals="constant", errors={"timeout": 30})
    assert of(quiet, tried) == []  # a try for the knee may fail


def test_answers_that_nobody_compared_are_told_of(made_run: Callable[..., Run]) -> None:
    unverified = Prepared(TARGET.target, TARGET.address, ())
    measured = HttpMeasurement(
        title="", created="", machine=read_machine(), targets=[], ceiling=None, runs=[made_run("predict")]
    )
    assert find_warnings(measured, measured.runs, [unverified]) == [
        "predict: the answers were not verified: nobody said what is right"
    ]


def test_a_bound_too_long_for_the_runs_is_told_of(made_run: Callable[..., Run]) -> None:
    def of(p99: float) -> list[str]:
        return warnings([made_run("predict")], knees=[Knee(target="predict", p99=p99, rate=90.0)])

    assert of(0.5) == []
    assert of(1.0) == [
        "the knee is not to be trusted: in runs of 10 s a server that falls behind may keep its p99 under 1 s; give a "
        "--duration of 20 or more"
    ]
