import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from skerry.bench.histogram import merge, percentile_curve, summarize

RANDOM = np.random.default_rng(0)
SECONDS = RANDOM.lognormal(-6, 1.5, 20_000)


@pytest.mark.parametrize(("field", "quantile"), [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999)])
def test_percentiles_are_at_most_a_thousandth_above_those_of_the_latencies(field: str, quantile: float) -> None:
    exact = np.quantile(SECONDS, quantile, method="inverted_cdf")
    assert exact <= getattr(summarize(SECONDS), field) <= exact * 1.001 + 1e-9


def test_count_mean_and_extremes_are_exact() -> None:
    found = summarize(SECONDS)
    assert found is not None
    assert (found.count, found.mean, found.min, found.max) == (20_000, SECONDS.mean(), SECONDS.min(), SECONDS.max())


def test_the_histogram_is_the_one_that_recording_each_latency_gives() -> None:
    found = summarize(SECONDS[:500])
    assert found is not None
    recorded = HdrHistogram(1, 3600 * 10**9, 3)
    for seconds in SECONDS[:500]:
        recorded.record_value(round(seconds * 1e9))
    decoded = HdrHistogram.decode(found.histogram)
    assert list(decoded.counts) == list(recorded.counts)


def test_merged_parts_are_what_all_of_it_is_at_once() -> None:
    parts = [summarize(part) for part in np.split(SECONDS, [10, 9_000])]
    found, whole = merge(part for part in parts if part is not None), summarize(SECONDS)
    assert found is not None
    assert whole is not None
    assert found.mean == pytest.approx(whole.mean)
    names = ("count", "min", "p50", "p90", "p99", "p99_9", "max", "histogram")
    assert [getattr(found, name) for name in names] == [getattr(whole, name) for name in names]


def test_nothing_has_no_latency() -> None:
    assert summarize([]) is None
    assert merge([]) is None


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 0.02, 3600.0])
def test_one_latency_is_every_percentile_of_itself(seconds: float) -> None:
    found = summarize([seconds])
    assert found is not None
    assert [found.p50, found.p99_9] == [pytest.approx(seconds, rel=1e-3)] * 2
    assert found.p99_9 <= found.max


def test_a_latency_of_more_than_an_hour_is_an_hour_in_the_histogram_alone() -> None:
    found = summarize([7200.0])
    assert found is not None
    assert found.max == 7200
    assert found.p50 == pytest.approx(3600, rel=1e-3)


def test_the_curve_rises_from_the_least_to_the_most_and_is_dense_in_the_tail() -> None:
    found = summarize(SECONDS)
    assert found is not None
    quantiles, seconds = percentile_curve(found)
    assert (np.diff(quantiles) > 0).all()
    assert (np.diff(seconds) >= 0).all()
    assert (quantiles[0], quantiles[-1], seconds[-1]) == (0, 1, found.max)
    assert np.interp(0.99, quantiles, seconds) == pytest.approx(found.p99, rel=0.02)
    assert (quantiles > 0.99).sum() > 50
