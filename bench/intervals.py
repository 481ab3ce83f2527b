"""``median_interval`` and ``compare``: medians and paired ratios, with intervals that assume no form of the noise.

Sources: W. J. Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2 (intervals of quantiles);
M. Hollander, D. A. Wolfe and E. Chicken, Nonparametric Statistical Methods, 3rd ed. 2014, sections 3.1 to 3.3
(distribution of the signed ranks, Hodges-Lehmann estimate, Tukey's interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, comb, floor, log10, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skerry.bench.results import Interval, Ratio

CONFIDENCE = 0.95
FEWEST_ROUNDS = 6
"""With fewer, even the widest interval of signed ranks is below ``CONFIDENCE``: 5 rounds give 1 - 2 / 2**5 = 0.9375."""
MOST_EXACT = 100
"""Rounds up to which the distribution of the signed ranks is exact; beyond, the normal one is right to the 3rd digit."""
SMALL = 0.01
"""A difference below this can be shown, but matters to nobody."""

Numbers = NDArray[np.float64]


def median_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """The median of independent values, and the two of them between which the true median lies with ``confidence``.

    Of too few values (5 or fewer for 0.95) they are the smallest and the largest, and ``confidence`` is what that
    gives: 0 for one value. Raises ``ValueError`` if there is none, or one that is not finite.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=None)
    if not ordered.size or not np.isfinite(ordered).all():
        raise ValueError(f"expected finite values, one or more, got {ordered.tolist()}")
    depth = _depth_of_median(ordered.size, (1 - confidence) / 2)
    given = confidence if depth else 1 - 2.0 ** (1 - ordered.size)
    return _interval(float(np.median(ordered)), ordered, max(depth, 1), given)


def compare(
    quantity: str,
    contender: str,
    baseline: str,
    values: Sequence[float],
    baseline_values: Sequence[float],
    *,
    higher_is_better: bool,
) -> Ratio:
    """How many times the ``baseline``'s value the ``contender``'s is; the two hold one value for each round.

    What slows a whole round cancels out. The ratios' logarithms must be spread symmetrically, as they are when noise
    meets both alike: so let them take turns in going first. ``quantity`` is a plural where higher is better
    ("requests per second, 32 connections"), and something to take where it is not ("latency, 100 rows").

    No interval is given for fewer than ``FEWEST_ROUNDS`` rounds, or when a value is missing (not finite, or not above
    0): a ratio over the rounds that went well would flatter. One comparison of twenty shows a difference where there
    is none. Raises ``ValueError`` if the two are not equally long.
    """
    about = {"quantity": quantity, "contender": contender, "baseline": baseline}
    pairs = np.array(list(zip(values, baseline_values, strict=True)), np.float64).reshape(-1, 2)
    missing = int((~(np.isfinite(pairs) & (pairs > 0))).any(axis=1).sum())
    interval = None if missing else ratio_interval(np.log(pairs[:, 0] / pairs[:, 1]))
    if interval is None:
        verdict = f"{contender} against {baseline}, {quantity}: {_too_few(len(pairs), missing)}"
    else:
        verdict = _verdict(interval, **about, higher_is_better=higher_is_better)
    return Ratio(**about, rounds=len(pairs), interval=interval, verdict=verdict)


def ratio_interval(logs: ArrayLike, confidence: float = CONFIDENCE) -> Interval | None:
    """The ratio of which ``logs`` are the logarithms, one a round: the Hodges-Lehmann estimate, which is the median of
    the means of all pairs, and the interval of those ratios that Wilcoxon's signed-rank test does not refuse. None if
    there are too few rounds for ``confidence``."""
    averages = walsh_averages(logs)
    depth = _depth_of_ranks(np.size(logs), (1 - confidence) / 2)
    return _interval(float(np.exp(np.median(averages))), np.exp(averages), depth, confidence) if depth else None


def walsh_averages(values: ArrayLike) -> Numbers:
    """The means of all pairs, each value with itself too, in rising order; shape (n (n + 1) / 2,)."""
    array = np.asarray(values, np.float64)
    first, second = np.triu_indices(array.size)
    return np.sort((array[first] + array[second]) / 2)


def signed_rank_distribution(rounds: int) -> Numbers:
    """The probability of each sum of those of the ranks 1 to ``rounds`` that got a plus by the toss of a coin; shape
    (rounds (rounds + 1) / 2 + 1,)."""
    chances = np.ones(1)
    for rank in range(1, rounds + 1):
        gap = np.zeros(rank)
        chances = (np.concatenate([chances, gap]) + np.concatenate([gap, chances])) / 2
    return chances


def _interval(value: float, ordered: Numbers, depth: int, confidence: float) -> Interval:
    """The interval from the ``depth``-th smallest to the ``depth``-th largest."""
    return Interval(value=value, low=float(ordered[depth - 1]), high=float(ordered[-depth]), confidence=confidence)


def _depth_of_median(count: int, tail: float) -> int:
    """How many of the smallest values the interval leaves out, and one: that fewer than so many of ``count`` lie below the
    median has a chance of at most ``tail``."""
    if count > MOST_EXACT:
        return _normal_depth(count / 2, sqrt(count) / 2, tail)
    ways = np.array([comb(count, below) for below in range(count + 1)], np.float64)
    return _exact_depth(ways / 2.0**count, tail)


def _depth_of_ranks(rounds: int, tail: float) -> int:
    """The same for Walsh averages: as many lie below 0 as the ranks of the negative values add up to."""
    if rounds > MOST_EXACT:
        return _normal_depth(rounds * (rounds + 1) / 4, sqrt(rounds * (rounds + 1) * (2 * rounds + 1) / 24), tail)
    return _exact_depth(signed_rank_distribution(rounds), tail)


def _exact_depth(chances: Numbers, tail: float) -> int:
    return int(np.searchsorted(np.cumsum(chances), tail, side="right"))


def _normal_depth(mean: float, deviation: float, tail: float) -> int:
    return floor(mean + NormalDist().inv_cdf(tail) * deviation)


def _too_few(rounds: int, missing: int) -> str:
    if missing:
        return f"no ratio, for there is no value in {missing} of {rounds} rounds"
    return f"too few rounds to say ({rounds}; it takes {FEWEST_ROUNDS})"


def _verdict(interval: Interval, *, quantity: str, contender: str, baseline: str, higher_is_better: bool) -> str:
    ratio, span = _numbers(interval)
    if interval.low <= 1 <= interval.high:
        seen = f"one of {_percent(detectable(interval))} would likely have been seen"
        return f"no difference shown between {contender} and {baseline} in {quantity} ({span}); {seen}"
    what, comma, where = quantity.partition(", ")
    sentence = (
        f"{contender} answers {ratio} times as many {what} as {baseline}{comma}{where} ({span})"
        if higher_is_better
        else f"{contender} takes {ratio} {'times' if interval.value > 1 else 'of'} {baseline}'s {quantity} ({span})"
    )
    return f"{sentence}: shown, but under {_percent(SMALL)}" if _is_small(interval) else sentence


def detectable(interval: Interval) -> float:
    """The difference, as a share, that rounds as noisy as these show about nine times in ten: as much as the interval is
    wide. Half of it would be shown every other time."""
    return interval.high / interval.low - 1


def _is_small(interval: Interval) -> bool:
    """Whether even the far end of the interval is nearer to 1 than anybody cares about."""
    return interval.low > 1 / (1 + SMALL) and interval.high < 1 + SMALL


def _numbers(interval: Interval) -> tuple[str, str]:
    """The ratio, and "low to high", with as many decimals as tell their ends from 1 and the ratio's first two digits."""
    decimals = 2 - floor(log10(interval.value)) - (interval.value < 1)
    nearest = min((abs(end - 1) for end in (interval.low, interval.high) if end != 1), default=1)
    decimals = max(0, decimals, min(6, ceil(-log10(nearest))))
    ratio, low, high = (f"{number:.{decimals}f}" for number in (interval.value, interval.low, interval.high))
    return ratio, f"{low} to {high}"


def _percent(share: float) -> str:
    """Rounded up to what is worth saying: "0.4 %", "3 %", "45 %"."""
    step = 0.1 if share < SMALL else 1
    return f"{step * max(1, ceil(round(100 * share / step, 6))):g} %"
