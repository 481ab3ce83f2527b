"""The noise is made here, so what is true is known; scipy and plain counting are the oracles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import inf, log, nan

import numpy as np
import pytest
from scipy.stats import wilcoxon

from skerry.bench.intervals import (
    CONFIDENCE,
    Numbers,
    compare,
    detectable,
    median_interval,
    ratio_interval,
    signed_rank_distribution,
    walsh_averages,
)
from skerry.bench.results import Interval, Ratio

Noise = Callable[[np.random.Generator, int], Numbers]
NOISES: dict[str, Noise] = {
    "normal": lambda random, size: random.normal(0, 0.05, size),
    "lognormal": lambda random, size: random.lognormal(-2, 0.7, size),
    "heavy-tailed": lambda random, size: 0.03 * random.standard_t(2, size),
}
TRIALS = 1_000
MISSED = CONFIDENCE - 3 * (CONFIDENCE * (1 - CONFIDENCE) / TRIALS) ** 0.5
"""Three standard errors below the promise; the seeds are fixed, so it does not happen by chance."""


def holds(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low <= truth <= interval.high


def paired(noise: Noise, random: np.random.Generator, rounds: int, ratio: float) -> tuple[Numbers, Numbers]:
    """Two servers in the same rounds: some rounds are slow for both, and each has noise of its own."""
    common = random.lognormal(0, 0.5, rounds)
    return ratio * common * np.exp(noise(random, rounds)), common * np.exp(noise(random, rounds))


def test_the_median_of_ten_values_lies_between_the_second_and_the_ninth() -> None:
    expected = Interval(value=5.5, low=2.0, high=9.0, confidence=0.95)
    assert median_interval([10, 3, 8, 1, 6, 2, 7, 4, 9, 5]) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Interval(value=3.0, low=3.0, high=3.0, confidence=0.0)),
        ([3.0, 1.0], Interval(value=2.0, low=1.0, high=3.0, confidence=0.5)),
        ([3.0, 1.0, 2.0, 4.0, 5.0], Interval(value=3.0, low=1.0, high=5.0, confidence=0.9375)),
        ([3.0, 1.0, 2.0, 4.0, 5.0, 6.0], Interval(value=3.5, low=1.0, high=6.0, confidence=0.95)),
    ],
)
def test_few_values_give_what_confidence_they_can(values: list[float], expected: Interval) -> None:
    assert median_interval(values) == expected


@pytest.mark.parametrize("values", [[], [1.0, nan], [inf]])
def test_there_is_no_median_of_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected finite values, one or more, got"):
        median_interval(values)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("count", [6, 9, 15, 40, 400])
def test_the_interval_holds_the_median_as_often_as_it_says(noise: str, count: int) -> None:
    random = np.random.default_rng(count)
    truth = {"normal": 0.0, "lognormal": np.exp(-2), "heavy-tailed": 0.0}[noise]
    held = [holds(median_interval(NOISES[noise](random, count)), truth) for _ in range(TRIALS)]
    assert np.mean(held) >= MISSED


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("rounds", [6, 10, 25, 120])
def test_the_interval_holds_the_ratio_as_often_as_it_says(noise: str, rounds: int) -> None:
    random = np.random.default_rng(rounds)
    pairs = (paired(NOISES[noise], random, rounds, 1.84) for _ in range(TRIALS if rounds < 100 else 300))
    held = [holds(ratio_interval(np.log(values / others)), 1.84) for values, others in pairs]
    assert np.mean(held) >= MISSED


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("rounds", [6, 10, 20])
def test_a_server_does_not_differ_from_itself(noise: str, rounds: int) -> None:
    random = np.random.default_rng(rounds)
    pairs = (paired(NOISES[noise], random, rounds, 1.0) for _ in range(TRIALS))
    ratios = [compare("requests per second", "A", "A", *pair, higher_is_better=True) for pair in map(_lists, pairs)]
    assert np.mean(["no difference shown" in ratio.verdict for ratio in ratios]) >= MISSED


def _lists(pair: tuple[Numbers, Numbers]) -> tuple[list[float], list[float]]:
    return pair[0].tolist(), pair[1].tolist()


@pytest.mark.parametrize("noise", NOISES)
def test_a_difference_said_to_be_seen_likely_is_seen(noise: str) -> None:
    random = np.random.default_rng(0)
    seen = []
    for _ in range(300):
        first, second = (np.log(np.divide(*paired(NOISES[noise], random, 12, 1.0))) for _ in range(2))
        interval = ratio_interval(first)
        assert interval is not None
        shown = ratio_interval(second + log(1 + detectable(interval)))
        seen.append(not holds(shown, 1.0))
    assert np.mean(seen) >= 0.8


@pytest.mark.parametrize("rounds", [1, 2, 5, 10])
def test_signed_ranks_are_distributed_as_counting_them_says(rounds: int) -> None:
    sums = [sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in product((0, 1), repeat=rounds)]
    np.testing.assert_array_equal(signed_rank_distribution(rounds), np.bincount(sums) / 2**rounds)


def test_walsh_averages_are_the_means_of_all_pairs() -> None:
    assert walsh_averages([4, 1, 2]).tolist() == [1.0, 1.5, 2.0, 2.5, 3.0, 4.0]


@pytest.mark.parametrize("rounds", [6, 7, 12, 30])
def test_the_interval_is_what_wilcoxons_test_does_not_refuse(rounds: int) -> None:
    random = np.random.default_rng(rounds)
    for _ in range(20):
        logs = random.normal(0.05, 0.1, rounds)
        interval = ratio_interval(logs)
        assert interval is not None
        for end, outwards in ((interval.low, -1e-9), (interval.high, 1e-9)):
            assert wilcoxon(logs - log(end) - outwards, method="exact").pvalue <= 0.05
            assert wilcoxon(logs - log(end) + outwards, method="exact").pvalue > 0.05


def test_the_ratio_the_other_way_is_its_inverse() -> None:
    logs = np.random.default_rng(0).normal(0.1, 0.1, 9)
    there, back = ratio_interval(logs), ratio_interval(-logs)
    assert there is not None
    assert back is not None
    np.testing.assert_allclose([back.value, back.low, back.high], [1 / there.value, 1 / there.high, 1 / there.low])


def test_exact_and_normal_intervals_meet() -> None:
    logs = np.random.default_rng(0).normal(0, 0.1, 101)
    exact, normal = ratio_interval(logs[:100]), ratio_interval(logs)
    assert exact is not None
    assert normal is not None
    np.testing.assert_allclose([exact.low, exact.high], [normal.low, normal.high], rtol=0.003)


SPREAD = [0.97, 0.98, 0.99, 1.0, 1.0, 1.01, 1.02, 1.03]


def verdict(ratio: float, spread: float = 1.0, *, higher_is_better: bool = True) -> str:
    quantity = "requests per second" if higher_is_better else "latency, 100 rows, 1 thread"
    values = [ratio * factor**spread for factor in SPREAD]
    return compare(quantity, "A", "B", values, [1.0] * len(values), higher_is_better=higher_is_better).verdict


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (verdict(1.84), "A answers 1.84 times as many requests per second as B (1.80 to 1.88)"),
        (verdict(0.5), "A answers 0.50 times as many requests per second as B (0.49 to 0.51)"),
        (verdict(123), "A answers 123 times as many requests per second as B (121 to 125)"),
        (
            verdict(0.52, higher_is_better=False),
            "A takes 0.52 of B's latency, 100 rows, 1 thread (0.51 to 0.53)",
        ),
        (
            verdict(1.84, higher_is_better=False),
            "A takes 1.84 times B's latency, 100 rows, 1 thread (1.80 to 1.88)",
        ),
        (
            verdict(1.01),
            "no difference shown between A and B in requests per second (0.99 to 1.03); one of 5 % would likely have been seen",
        ),
        (
            verdict(1.0, 0.1),
            "no difference shown between A and B in requests per second (0.998 to 1.002); one of 0.5 % would likely have been seen",
        ),
        (
            verdict(1.004, 0.1),
            "A answers 1.004 times as many requests per second as B (1.002 to 1.006): shown, but under 1 %",
        ),
        (
            verdict(0.996, 0.1, higher_is_better=False),
            "A takes 0.996 of B's latency, 100 rows, 1 thread (0.994 to 0.998): shown, but under 1 %",
        ),
    ],
)
def test_the_verdict_is_a_sentence(sentence: str, expected: str) -> None:
    assert sentence == expected


def test_where_it_was_compared_comes_after_what() -> None:
    quantity = "requests per second, 1 row at 32 connections"
    ratio = compare(quantity, "A", "B", [2.0] * 6, [1.0] * 6, higher_is_better=True)
    expected = "A answers 2.00 times as many requests per second as B, 1 row at 32 connections (2.00 to 2.00)"
    assert ratio.verdict == expected


def test_a_ratio_says_what_was_compared() -> None:
    twice = [2.0 * factor for factor in SPREAD]
    ratio = compare("rows per second", "ours", "theirs", twice, SPREAD, higher_is_better=True)
    assert ratio == Ratio(
        quantity="rows per second",
        contender="ours",
        baseline="theirs",
        rounds=8,
        interval=Interval(value=2.0, low=2.0, high=2.0, confidence=0.95),
        verdict="ours answers 2.00 times as many rows per second as theirs (2.00 to 2.00)",
    )


def test_five_rounds_are_too_few_to_say() -> None:
    ratio = compare("requests per second", "A", "B", [2.0] * 5, [1.0] * 5, higher_is_better=True)
    assert (ratio.interval, ratio.rounds) == (None, 5)
    assert ratio.verdict == "A against B, requests per second: too few rounds to say (5; it takes 6)"


@pytest.mark.parametrize("lost", [0.0, nan, inf])
def test_a_round_without_a_value_is_not_left_out_silently(lost: float) -> None:
    ratio = compare("requests per second", "A", "B", [2.0] * 9 + [lost], [1.0] * 10, higher_is_better=True)
    assert ratio.interval is None
    assert ratio.verdict == "A against B, requests per second: no ratio, for there is no value in 1 of 10 rounds"


def test_rounds_are_paired() -> None:
    with pytest.raises(ValueError, match="longer"):
        compare("requests per second", "A", "B", [1.0] * 6, [1.0] * 7, higher_is_better=True)
