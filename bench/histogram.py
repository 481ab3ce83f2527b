"""Latencies as an HdrHistogram: nanoseconds up to an hour, with 3 significant digits.

``count``, ``mean``, ``min`` and ``max`` of a ``Latency`` are exact; its percentiles are those of the histogram, at most
0.1% above the latency in question, so that they are the same after merging.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import ArrayLike

from skerry.bench.results import Latency

_SECOND = 1_000_000_000
_LONGEST = 3600 * _SECOND
_DIGITS = 3
_TICKS = 20
"""Points of a percentile curve for each halving of the distance to 100%."""

_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9}


def summarize(seconds: ArrayLike) -> Latency | None:
    """The distribution of ``seconds``, any number of them in any order; None if there are none."""
    values = np.asarray(seconds, np.float64)
    if not values.size:
        return None
    histogram = HdrHistogram(1, _LONGEST, _DIGITS)
    for value, count in zip(*np.unique(_quantize(values), return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))
    return _latency(histogram, mean=values.mean(), low=values.min(), high=values.max())


def merge(parts: Iterable[Latency]) -> Latency | None:
    """The distribution of everything that is in ``parts``; None if there are none."""
    known = list(parts)
    if not known:
        return None
    histogram = HdrHistogram(1, _LONGEST, _DIGITS)
    for part in known:
        histogram.decode_and_add(part.histogram)
    return _latency(
        histogram,
        mean=np.average([part.mean for part in known], weights=[part.count for part in known]),
        low=min(part.min for part in known),
        high=max(part.max for part in known),
    )


def percentile_curve(latency: Latency) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles from 0 to 1, closer together towards 1, and the latency in seconds at each; both float64, ascending."""
    histogram = HdrHistogram.decode(latency.histogram)
    points = [
        (step.percentile_level_iterated_to / 100, step.value_iterated_to / _SECOND)
        for step in histogram.get_percentile_iterator(_TICKS)
    ]
    quantiles, seconds = np.array(points).T
    return quantiles, np.clip(seconds, latency.min, latency.max)


def _quantize(seconds: np.ndarray) -> np.ndarray:
    """Nanoseconds cut to 11 significant bits, the buckets of a histogram of 3 digits: few different values remain."""
    nanoseconds = np.clip(np.rint(seconds * _SECOND), 0, _LONGEST).astype(np.int64)
    bits = np.frexp(nanoseconds.astype(np.float64))[1]
    spare = np.maximum(bits - 11, 0)
    return (nanoseconds >> spare) << spare


def _latency(histogram: HdrHistogram, *, mean: float, low: float, high: float) -> Latency:
    found = histogram.get_percentile_to_value_dict(list(_PERCENTILES.values()))
    # a percentile is the upper edge of its bucket, which may lie above the longest latency there was
    percentiles = {name: min(found[level] / _SECOND, float(high)) for name, level in _PERCENTILES.items()}
    return Latency(
        count=histogram.get_total_count(),
        mean=float(mean),
        min=float(low),
        max=float(high),
        histogram=histogram.encode().decode("ascii"),
        **percentiles,
    )
