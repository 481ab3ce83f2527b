"""The search for the knee, on made-up servers: no sockets, no clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from skerry.bench.histogram import summarize
from skerry.bench.http.knee import (
    CONFIRMED,
    LADDER,
    LOWEST,
    PRECISION,
    Trial,
    failed_share,
    falls_behind,
    find_knee,
    is_held,
    next_rate,
    slack,
)
from skerry.bench.results import GeneratorUse, Knee, Run

MAXIMUM = 1000.0


def search(
    holds: Callable[[float], bool], maximum: float = MAXIMUM, most: int = 60
) -> tuple[float | None, list[Trial]]:
    """The knee that is found, and all tries."""
    trials: list[Trial] = []
    while (rate := next_rate(maximum, trials)) is not None:
        trials.append(Trial(rate, holds(rate)))
        assert len(trials) < most
    return find_knee("server", 0.005, trials).rate, trials


@pytest.mark.parametrize("knee", [12, 60, 101, 240, 333, 499, 690, 705, 850, 999, 1001, 1200, 1700, 1999])
def test_the_knee_is_found_to_within_the_precision(knee: float) -> None:
    found, trials = search(lambda rate: rate <= knee)
    assert found is not None
    assert found <= knee <= found * (1 + PRECISION)
    assert len(trials) <= 21
    assert [trial.rate for trial in trials if trial.rate == found] == [found] * CONFIRMED


@pytest.mark.parametrize("service", [0.0002, 0.001])
def test_a_queue_has_its_knee_where_the_formula_says(service: float) -> None:
    """M/M/1: the 99th percentile of the time in the system is ln(100) / (1 / service - rate)."""
    bound = 20 * service
    found, _ = search(lambda rate: rate * service < 1 and np.log(100) / (1 / service - rate) <= bound, 1 / service)
    expected = 1 / service - np.log(100) / bound
    assert found is not None
    assert found <= expected <= found * (1 + PRECISION)


def test_a_bound_that_no_rate_stays_under_has_no_knee() -> None:
    found, trials = search(lambda rate: False)
    assert found is None
    assert [trial.rate for trial in trials] == [
        pytest.approx(share * MAXIMUM) for share in (*LADDER[:2], LOWEST, LOWEST)
    ]


def test_a_bound_that_every_rate_stays_under_ends_the_search_at_the_top() -> None:
    found, trials = search(lambda rate: True)
    assert found == LADDER[-1] * MAXIMUM
    assert len(trials) == len(LADDER) + 1  # and the last once more


def test_one_disturbance_does_not_move_the_knee() -> None:
    """Whichever try is disturbed, the knee is found where it is without."""
    _, quiet = search(lambda rate: rate <= 720)
    for disturbed in range(len(quiet)):
        tries = iter(range(100))
        found, _ = search(lambda rate, tries=tries, disturbed=disturbed: rate <= 720 and next(tries) != disturbed)  # type: ignore[misc]
        assert found is not None
        assert found <= 720 <= found * (1 + PRECISION) ** 2


def test_noise_near_the_knee_leaves_it_near() -> None:
    for seed in range(50):
        random = np.random.default_rng(seed)
        found, trials = search(lambda rate, random=random: rate * random.lognormal(0, 0.05) <= 600)  # type: ignore[misc]
        assert found is not None
        assert 450 <= found <= 800
        assert len(trials) <= 30


def run(**changes: object) -> Run:
    """A thousand requests in ten seconds, all answered in 1 ms."""
    values: dict[str, object] = {
        "target": "server",
        "connections": 8,
        "rate": 100.0,
        "arrivals": "constant",
        "duration": 10.0,
        "round": 0,
        "requests": 1000,
        "requests_per_second": 100.0,
        "rows_per_second": None,
        "latency": summarize(np.full(1000, 0.001)),
        "errors": {},
        "verified": None,
        "generator": GeneratorUse(processes=1, cores=0.1),
    }
    return Run(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),
        ({"latency": summarize(np.full(1000, 0.006))}, False),
        ({"latency": summarize(np.concatenate([np.full(985, 0.001), np.full(15, 0.1)]))}, False),
        ({"latency": summarize(np.concatenate([np.full(995, 0.001), np.full(5, 0.1)]))}, True),
        ({"latency": None, "requests": 0}, False),
        ({"requests": 985}, True),
        ({"requests": 970}, False),
        ({"requests": 970, "arrivals": "poisson"}, True),
        ({"requests": 890, "arrivals": "poisson"}, False),
        ({"errors": {"timeout": 1}}, True),
        ({"errors": {"timeout": 1, "closed": 1}}, False),
        ({"complete": False}, False),
    ],
)
def test_a_rate_is_held_if_it_is_reached_in_time_and_without_errors(changes: dict[str, object], held: bool) -> None:
    assert is_held(run(**changes), 0.005) is held


@pytest.mark.parametrize(
    ("seconds", "after", "behind"),
    [
        (np.full(1000, 0.06), 0.06, False),
        (np.linspace(0, 2.0, 1000), 2.0, True),
        (np.linspace(0, 9.0, 1000), 9.0, True),
        (np.linspace(0, 0.1, 1000), 0.1, False),
        (np.append(np.full(999, 0.001), 2.0), 2.0, False),
        (np.full(900, 0.001), 0.001, True),
    ],
    ids=[
        "every answer takes as long",
        "a queue grows",
        "it grows fast",
        "by hardly anything",
        "one was late",
        "some are missing",
    ],
)
@pytest.mark.parametrize("duration", [1.0, 10.0])
def test_a_rate_is_not_reached_where_answers_are_missing_or_come_ever_later(
    seconds: np.ndarray, after: float, behind: bool, duration: float
) -> None:
    """The time until the last answer came is longer than the run, by as much as that answer took: no sign by itself."""
    seconds, after = seconds * duration / 10, after * duration / 10
    made = run(
        rate=1000 / duration,
        duration=duration,
        requests=len(seconds),
        requests_per_second=len(seconds) / (duration + after),
        latency=summarize(seconds),
    )
    assert falls_behind(made) is behind


def test_a_short_run_of_long_latencies_holds_its_rate() -> None:
    """A constant 60 ms at 100/s, for a second."""
    made = run(duration=1.0, requests=100, requests_per_second=100 / 1.06, latency=summarize(np.full(100, 0.06)))
    assert is_held(made, 0.1)


def test_a_rate_that_was_held_by_luck_is_not_the_knee() -> None:
    """Of the tries at 950/s only the first goes well; what is reported was held in most of its tries."""
    lucky = iter([True])
    found, trials = search(lambda rate: rate <= 700 or (900 < rate <= 1000 and next(lucky, False)))
    votes = [trial.held for trial in trials if trial.rate == found]
    assert found is not None
    assert found <= 700 <= found * (1 + PRECISION)
    assert sum(votes) > len(votes) / 2


def test_the_share_that_failed_is_of_all_requests() -> None:
    assert failed_share([run(), run(requests=999, errors={"timeout": 1})]) == 1 / 2000
    assert failed_share([run(requests=0)]) == 0.0


def test_the_slack_is_what_arrivals_alone_explain() -> None:
    assert slack(100_000, "constant") == 0.02
    assert slack(10, "constant") == 0.2
    assert slack(100, "poisson") == pytest.approx(0.3)
    assert slack(0, "constant") == 1


def test_the_knee_says_of_what() -> None:
    assert find_knee("server", 0.005, [Trial(5.0, True)]) == Knee(target="server", p99=0.005, rate=5.0)
