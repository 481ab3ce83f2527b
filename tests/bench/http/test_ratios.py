"""Targets are compared with the first, round by round; who fails is not flattered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skerry.bench.http.ratios import compare_targets
from skerry.bench.results import Run


def test_rounds_are_paired(made_run: Callable[..., Run]) -> None:
    """What one of the two lacks, and what ended early, is left out."""
    run = made_run
    runs = [run("a", round, 100 + round, 0.010) for round in range(8)] + [
        run("b", round, 200 + 2 * round, 0.005) for round in range(7)
    ]
    runs[0] = run("a", 0, 1.0, 9.0, complete=False)
    ratios = compare_targets(["a", "b"], runs)
    assert [(ratio.quantity, ratio.rounds) for ratio in ratios] == [
        ("requests per second", 6), ("p50 latency", 6), ("p99 latency", 6)
    ]  # fmt: skip
    assert [ratio.interval.value for ratio in ratios if ratio.interval] == pytest.approx([2.0, 0.5, 0.5], rel=1e-3)
    assert compare_targets(["a"], runs) == []
    assert compare_targets(["a", "c"], runs) == []


def test_a_round_without_an_answer_leaves_no_ratio(made_run: Callable[..., Run]) -> None:
    """The rounds that went well would flatter."""
    died = [made_run("b", round, 0.0, requests=0, latency=None, errors={"timeout": 9}) for round in range(2)]
    well = [made_run("b", round) for round in range(2, 7)]
    ratios = compare_targets(["a", "b"], [made_run("a", round) for round in range(7)] + died + well)
    assert [(ratio.quantity, ratio.rounds, ratio.interval, ratio.verdict) for ratio in ratios] == [
        (quantity, 7, None, f"b against a, {quantity}: no ratio, for there is no value in 2 of 7 rounds")
        for quantity in ("requests per second", "p50 latency", "p99 latency")
    ]


def test_latencies_of_those_who_fail_are_not_compared(made_run: Callable[..., Run]) -> None:
    """A server that refuses what would take long has short latencies: one request of 500 is enough."""
    failing = [made_run("b", round, requests=998, errors={"status 503": 2}) for round in range(7)]
    rates, p50, p99 = compare_targets(["a", "b"], [made_run("a", round) for round in range(7)] + failing)
    assert rates.interval is not None
    assert p50.interval is p99.interval is None
    assert p99.verdict == (
        "b against a, p99 latency: no ratio, for 0.20 % of b's requests failed, which are in no percentile"
    )
    hardly = [made_run("b", round, requests=9999, errors={"status 503": 2}) for round in range(7)]
    assert all(ratio.interval for ratio in compare_targets(["a", "b"], [made_run("a", n) for n in range(7)] + hardly))


def test_in_open_loop_latencies_alone_are_compared(made_run: Callable[..., Run]) -> None:
    runs = [made_run(name, round, rate=100.0, arrivals="constant") for name in "ab" for round in range(7)]
    assert [ratio.quantity for ratio in compare_targets(["a", "b"], runs)] == ["p50 latency", "p99 latency"]
