from collections import Counter
from typing import Any

import numpy as np
import pytest

from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.tally import Tally, merged
from skerry.bench.results import Run

PLAN = LoadPlan(connections=8, rate=100, arrivals="poisson", duration=2)


def tally(latencies: list[float], **changes: Any) -> Tally:
    known = {
        "lateness": np.array([]),
        "rows": 10,
        "verified": len(latencies),
        "duration": 2.0,
        "answered_after": 1.9,
        "cores": 0.5,
        "complete": True,
        **changes,
    }
    return Tally(latencies=np.array(latencies), **known)


def run(*tallies: Tally) -> Run:
    return merged(tallies, PLAN, target="t", round=3)


def test_processes_are_added_up() -> None:
    found = run(
        tally([0.001] * 3, errors=Counter(timeout=1), examples={"timeout": "first"}, timings=Counter({b"a;dur=1": 2})),
        tally(
            [0.003],
            errors=Counter({"timeout": 1, "status 500": 4}),
            examples={"timeout": "second", "status 500": "oh"},
            lateness=np.linspace(0, 1, 101),
            timings=Counter({b"a;dur=1": 1}),
            cores=0.9,
        ),
    )
    assert (found.target, found.round, found.connections, found.rate, found.arrivals) == ("t", 3, 8, 100, "poisson")
    assert (found.requests, found.requests_per_second, found.rows_per_second) == (4, 2, 10)
    assert (found.verified, found.complete, found.duration) == (4, True, 2)
    assert found.errors == {"status 500": 4, "timeout": 2}
    assert found.examples == {"timeout": "first", "status 500": "oh"}
    assert (found.generator.processes, found.generator.cores) == (2, 0.9)
    assert found.generator.lateness == pytest.approx(0.99)
    assert found.server_timing["a"].count == 3
    assert found.latency is not None
    assert found.latency.mean == pytest.approx(0.0015)


def test_waiting_for_the_last_answer_lowers_the_rate() -> None:
    assert run(tally([0.1] * 20, answered_after=4.0)).requests_per_second == 5


def test_nothing_answered_is_a_run_without_latency() -> None:
    found = run(tally([], rows=0, duration=0.0, answered_after=0.0, complete=False))
    assert (found.requests_per_second, found.rows_per_second) == (0, None)
    assert (found.latency, found.complete, found.generator.lateness) == (None, False, None)


def test_rows_and_checks_that_are_not_known_to_all_are_known_to_none() -> None:
    found = run(tally([0.1]), tally([0.1], rows=None, verified=None))
    assert (found.rows_per_second, found.verified) == (None, None)
