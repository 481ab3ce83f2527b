"""Loads on real servers whose delays are known, in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Literal

import pytest

from skerry.bench.http import generator
from skerry.bench.http.arrivals import intended_starts
from skerry.bench.http.exchange import Exchange, SameBytes
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.delays import ANSWER, REQUEST, delaying_server
from skerry.runtime.errors import BenchError

LATE = 2.0
"""Seconds by which a busy machine may be late."""


EXCHANGES = [Exchange(REQUEST, 2, SameBytes(b"right"))]


@pytest.fixture(scope="module")
def sleeping() -> Iterator[Callable[[float], Address]]:
    """A server that sleeps so many seconds before each answer, started when it is first asked for."""
    with ExitStack() as servers:
        yield cache(lambda delay: servers.enter_context(delaying_server("--sleep", str(delay))))


@pytest.mark.parametrize(("delay", "rate"), [(0.001, None), (0.005, 50.0), (0.02, None), (0.02, 50.0)])
def test_a_known_delay_is_measured_in_full(
    sleeping: Callable[[float], Address], delay: float, rate: float | None
) -> None:
    run = generate(
        sleeping(delay), EXCHANGES, LoadPlan(connections=8, rate=rate, duration=0.2, warmup=0.1), target="delays"
    )
    assert run.errors == {}
    assert run.latency is not None
    assert delay <= run.latency.min <= run.latency.p50 < delay + LATE
    assert run.complete
    assert run.verified == run.requests
    assert run.duration == pytest.approx(0.2)
    if rate:
        assert run.requests == 10


def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one() -> None:
    """As long as a server stands still, a closed loop asks nothing: one slow answer among thousands."""
    found = []
    for rate in (400.0, None):
        with delaying_server("--stall", "0.3", "--every", "0.4") as address:
            plan = LoadPlan(connections=4, rate=rate, duration=0.7, warmup=0)
            found.append(generate(address, EXCHANGES, plan, target="delays").latency)
    is_open, closed = found
    assert is_open is not None
    assert closed is not None
    assert is_open.count == 280
    assert is_open.max > 0.28
    assert is_open.p99 > 0.25  # what was due in the stall waited in line
    assert is_open.p90 > 0.15
    assert closed.p90 < 0.15


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_every_request_that_was_due_is_accounted_for(
    sleeping: Callable[[float], Address], arrivals: Literal["constant", "poisson"]
) -> None:
    """One connection and 20 ms an answer are 50 requests per second; 500 are due."""
    plan = LoadPlan(connections=1, rate=500, arrivals=arrivals, duration=0.2, warmup=0, timeout=0.3)
    run = generate(sleeping(0.02), EXCHANGES, plan, target="delays")
    assert run.errors.keys() == {"unanswered"}
    assert run.requests + run.errors["unanswered"] == len(intended_starts(plan)) == pytest.approx(100, abs=50)
    assert 3 <= run.requests <= 30
    assert run.latency is not None
    assert run.latency.max > 0.3  # the last one answered had been due long before
    assert run.examples == {"unanswered": "no answer within 0.3 s after the end of the run"}
    assert run.requests_per_second < 60
    assert run.complete


def test_a_free_connection_sends_on_time(sleeping: Callable[[float], Address]) -> None:
    run = generate(
        sleeping(0.001), EXCHANGES, LoadPlan(connections=4, rate=200, duration=0.3, warmup=0), target="delays"
    )
    assert run.generator.lateness is not None
    assert run.generator.lateness < LATE
    assert (run.requests, run.arrivals) == (60, "constant")


def test_the_warm_up_is_not_counted(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=2, rate=100, duration=0.2, warmup=0.2)
    assert generate(sleeping(0.001), EXCHANGES, plan, target="delays").requests == 20


def test_processes_share_the_connections_and_the_schedule(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=3, rate=100, duration=0.3, warmup=0.1, processes=2)
    run = generate(sleeping(0.001), EXCHANGES, plan, target="delays", round=4)
    assert run.errors == {}
    assert (run.requests, run.verified, run.generator.processes, run.connections, run.round) == (30, 30, 2, 3, 4)
    assert run.complete


def test_processes_are_no_more_than_connections(sleeping: Callable[[float], Address]) -> None:
    plan = LoadPlan(connections=1, processes=8, duration=0.1, warmup=0)
    assert generate(sleeping(0.001), EXCHANGES, plan, target="delays").generator.processes == 1


def test_progress_is_told_while_it_runs(sleeping: Callable[[float], Address]) -> None:
    told: list[tuple[float, int, int]] = []
    plan = LoadPlan(connections=2, duration=0.8, warmup=0)
    run = generate(sleeping(0.005), EXCHANGES, plan, target="delays", progress=lambda *counts: told.append(counts))
    assert len(told) >= 2
    assert told == sorted(told)
    assert 0 < told[0][1] <= run.requests


def test_an_interrupt_while_processes_start_leaves_an_empty_run(
    sleeping: Callable[[float], Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> object:
        if next(number) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return start(*arguments)  # type: ignore[arg-type]

    number, start = iter(range(2)), generator._start
    monkeypatch.setattr(generator, "_start", interrupted)
    run = generate(
        sleeping(0.005), EXCHANGES, LoadPlan(connections=2, duration=60, warmup=1, processes=2), target="delays"
    )
    assert not run.complete
    assert (run.requests, run.errors, run.latency) == (0, {}, None)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_leaves_what_was_answered(sleeping: Callable[[float], Address], processes: int) -> None:
    plan = LoadPlan(connections=2, duration=60, warmup=0, processes=processes)
    interrupts = iter([True])

    def interrupt(elapsed: float, answers: int, errors: int) -> None:
        if answers > 10 and next(interrupts, False):
            os.kill(os.getpid(), signal.SIGINT)

    run = generate(sleeping(0.005), EXCHANGES, plan, target="delays", progress=interrupt)
    assert not run.complete
    assert run.errors == {}
    assert run.requests > 10
    assert run.duration < 20


def test_exchanges_are_sent_in_turn() -> None:
    seen: list[bytes] = []

    def attend() -> None:
        connection, _ = listener.accept()
        with connection:
            while request := connection.recv(65_536):
                seen.append(request)
                connection.sendall(ANSWER)

    exchanges = [Exchange(REQUEST.replace(b"/ ", b"/%d " % number), number, None) for number in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=attend)
        thread.start()
        plan = LoadPlan(connections=1, rate=60, duration=0.1, warmup=0)
        run = generate(Address(*listener.getsockname()), exchanges, plan, target="raw")
        thread.join()
    assert seen == [each.request for each in exchanges] * 2
    assert run.rows_per_second == pytest.approx(6 / 0.1, rel=0.9)


def test_nothing_to_send_is_an_error() -> None:
    with pytest.raises(BenchError, match="expected at least one request to send, got none"):
        generate(Address("127.0.0.1", 1), [], LoadPlan(), target="none")
