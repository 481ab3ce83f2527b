"""Servers measured in turns: what comes out when all is well, and what is kept when it is not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from skerry.bench.http.generator import Address, generate
from skerry.bench.http.measurement import (
    Progress,
    distinct,
    measure_servers,
    schedule,
    trial_plan,
)
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.target import Prepared, prepare
from skerry.bench.results import Measurement, Run
from skerry.runtime import Artifact

BRIEF = LoadPlan(connections=2, duration=0.05, warmup=0, timeout=1)


@pytest.fixture(scope="session")
def targets(skerry_server: str, repository: Path) -> list[Prepared]:
    """The same model asked in two ways."""
    paths = {"predict": "/models/iris/predict", "infer": "/v2/models/iris/infer"}
    return [prepare(skerry_server + path, artifact=repository / "iris", name=name) for name, path in paths.items()]


# what is done


def test_two_targets_are_measured_in_turns(targets: list[Prepared]) -> None:
    seen: list[Progress] = []
    measured = measure_servers(targets, BRIEF, rounds=2, progress=seen.append)
    assert measured.complete
    assert measured.title == "predict against infer: 2 connections"
    assert measured.targets == [each.target for each in targets]
    assert [(run.target, run.round) for run in measured.runs] == [
        (name, round)
        for round in range(2)
        for name in (("predict", "infer") if round % 2 == 0 else ("infer", "predict"))
    ]
    assert all(run.errors == {} and run.verified == run.requests > 0 for run in measured.runs)
    assert all(run.server is not None and run.server.processes == 1 for run in measured.runs)
    assert [(ratio.quantity, ratio.contender, ratio.baseline, ratio.rounds) for ratio in measured.ratios] == [
        (quantity, "infer", "predict", 2) for quantity in ("requests per second", "p50 latency", "p99 latency")
    ]
    assert measured.ceiling is not None
    assert measured.ceiling > 0
    assert not any("verified" in warning for warning in measured.warnings)
    assert {step.step for step in seen} <= set(range(5))
    assert seen[-1].steps == 4
    assert msgspec.json.decode(msgspec.json.encode(measured), type=Measurement) == measured


def test_an_open_loop_is_compared_by_latency_alone(targets: list[Prepared]) -> None:
    plan = msgspec.structs.replace(BRIEF, rate=50.0, arrivals="poisson")
    measured = measure_servers(targets, plan, ceiling=False)
    assert measured.title == "predict against infer: 50 requests/s (poisson) on 2 connections"
    assert [run.rate for run in measured.runs] == [50.0, 50.0]
    assert [ratio.quantity for ratio in measured.ratios] == ["p50 latency", "p99 latency"]
    assert measured.ceiling is None


def test_the_knee_is_looked_for_on_each_target(targets: list[Prepared], monkeypatch: pytest.MonkeyPatch) -> None:
    """One bound that a rate stays under, and one that none does."""
    monkeypatch.setattr("skerry.bench.http.knee.LADDER", (0.1, 0.2))
    easy = measure_servers(targets[:1], BRIEF, knee_p99=60.0, ceiling=False)
    assert easy.knees[0].rate in {run.rate for run in easy.runs if run.rate}
    hard = measure_servers(targets, BRIEF, knee_p99=1e-9, ceiling=False)
    assert [(knee.target, knee.p99, knee.rate) for knee in hard.knees] == [
        ("predict", 1e-9, None),
        ("infer", 1e-9, None),
    ]
    assert [run.target for run in hard.runs] == ["predict", "infer"] * 5  # a closed loop and four tries each
    assert hard.title == "predict against infer: 2 connections, and the knee at a p99 of 1e-06 ms"


def test_a_knee_beside_a_rate_measures_the_closed_loop_first(targets: list[Prepared]) -> None:
    plan = msgspec.structs.replace(BRIEF, rate=20.0)
    measured = measure_servers(targets[:1], plan, knee_p99=1e-9, ceiling=False)
    assert [run.rate is None for run in measured.runs] == [False, True, False, False, False, False]


def test_answers_that_nobody_knows_are_not_called_verified(skerry_server: str, models: object) -> None:
    """The structure of the answers was checked, but no value."""
    made_up = prepare(f"{skerry_server}/v2/models/iris/infer", name="made up")
    measured = measure_servers([made_up], BRIEF, ceiling=False)
    assert measured.runs[0].verified is None
    assert "made up: the answers were not verified: nobody said what is right" in measured.warnings


# what goes wrong


def test_errors_are_told_by_kind_with_the_first_text(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    """The first two answers are right, for the probe and the beginning; the next are not."""
    answers = iter([http(b"ok"), http(b"ok")])
    url = serve(lambda request: next(answers, None) or http(b"out of memory\n", "500 Internal Server Error"))
    measured = measure_servers([prepare(url, name="server")], BRIEF, ceiling=False)
    assert measured.complete
    failed = measured.runs[0].errors["status 500"]
    assert failed > 0
    expected = f"server: {failed:,} of {failed + 1:,} requests failed: status 500: out of memory"
    assert expected in measured.warnings


def test_a_server_that_dies_leaves_what_was_measured(iris_artifact: Artifact, repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "skerry.cli", "serve", str(repository), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = re.findall(r"http://[\d.:]+", process.stdout.readline())[0]
        target = prepare(f"{url}/models/iris/predict", artifact=repository / "iris", name="iris")

        def kill(progress: Progress) -> None:
            if progress.step == 2:
                process.kill()

        plan = msgspec.structs.replace(BRIEF, duration=0.4)
        measured = measure_servers([target], plan, rounds=5, progress=kill, ceiling=False)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not measured.complete
    assert measured.runs[0].complete
    assert len(measured.runs) < 5
    assert measured.warnings[0].startswith("broken off, and so only a part: ")


def test_a_server_that_is_gone_ends_the_measurement(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    gone = prepare(serve(lambda request: http(b"ok")), name="gone")
    target = Prepared(gone.target, Address("127.0.0.1", 1), gone.exchanges)
    measured = measure_servers([target], BRIEF, rounds=3, ceiling=False)
    assert not measured.complete
    assert [(run.requests, run.complete) for run in measured.runs] == [(0, False)]
    assert measured.warnings[0].startswith("broken off, and so only a part: the run on gone ended early: connect: ")


def test_an_interrupt_leaves_what_was_measured(targets: list[Prepared]) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 2 and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    sent: list[bool] = []
    plan = msgspec.structs.replace(BRIEF, duration=0.4)
    measured = measure_servers(targets, plan, rounds=5, progress=interrupt, ceiling=False)
    assert not measured.complete
    assert [run.complete for run in measured.runs] == [True, False]
    assert measured.warnings[0].startswith("broken off, and so only a part: ")


def test_an_interrupt_while_the_ceiling_is_measured_leaves_nothing(targets: list[Prepared]) -> None:
    plan = msgspec.structs.replace(BRIEF, duration=20)
    interrupt = threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT])

    def begin(progress: Progress) -> None:
        assert progress.step == 0
        interrupt.start()

    measured = measure_servers(targets, plan, progress=begin)
    interrupt.join()
    assert not measured.complete
    assert (measured.runs, measured.ceiling) == ([], None)
    assert measured.warnings[0] == "broken off, and so only a part: interrupted"


def test_an_interrupt_between_runs_leaves_what_was_measured(
    targets: list[Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(9))

    def interrupted(*arguments: object, **options: object) -> Run:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return generate(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("skerry.bench.http.measurement.generate", interrupted)
    measured = measure_servers(targets, BRIEF, rounds=5, ceiling=False)
    assert not measured.complete
    assert [run.complete for run in measured.runs] == [True, True]
    assert measured.warnings[0] == "broken off, and so only a part: interrupted"


# what is decided


def test_the_order_of_targets_turns_around_each_round(targets: list[Prepared]) -> None:
    names = [(round, target.target.name) for round, target in schedule(targets, 3)]
    assert names == [(0, "predict"), (0, "infer"), (1, "infer"), (1, "predict"), (2, "infer"), (2, "predict")]


def test_progress_is_a_line() -> None:
    step = Progress(step=2, steps=6, what="predict", elapsed=1.25, duration=10.0, answers=12_345, errors=0)
    assert str(step) == "2 of 6, predict: 1.2 of 10 s, 12,345 answers"
    sweep = msgspec.structs.replace(step, steps=None, errors=3)
    assert str(sweep) == "2, predict: 1.2 of 10 s, 12,345 answers, 3 errors"
    ceiling = Progress(step=0, steps=6, what="the ceiling", elapsed=0.0, duration=2.0, answers=0, errors=0)
    assert str(ceiling) == "the ceiling: 0.0 of 2 s, 0 answers"


def test_a_server_can_be_compared_with_itself(targets: list[Prepared]) -> None:
    names = [target.target.name for target in distinct([targets[0], targets[1], targets[0], targets[0]])]
    assert names == ["predict", "infer", "predict (2)", "predict (3)"]


def test_a_try_does_not_wait_for_what_has_failed() -> None:
    plan = LoadPlan(timeout=10, duration=5)
    assert trial_plan(plan, 100.0, 0.005) == msgspec.structs.replace(plan, rate=100.0, timeout=1.0)
    assert trial_plan(plan, 100.0, 0.2).timeout == 4
    assert trial_plan(plan, 100.0, 5.0).timeout == 10
