import pytest

from skerry.bench.results import Interval
from skerry.bench.units import BYTES, SECONDS, Unit, amount, chosen, number, percent, seconds, size, unit_for


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12_345, "12,300"),
        (152.4, "152"),
        (9.996, "10.0"),
        (1.2, "1.20"),
        (0.00123456, "0.00123"),
        (float("inf"), "–"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.5e-8, "95.0 ns"), (0.000152, "152 µs"), (0.0009999, "1.00 ms"), (1.5, "1.50 s"), (0.0, "0 ns"), (None, "–")],
)
def test_times_take_the_unit_that_fits(value: float | None, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(value=152e-6, low=149e-6, high=155e-6), "152 µs ±3"),
        (Interval(value=152e-6, low=151e-6, high=171e-6), "152 µs (151…171)"),
        (Interval(value=8.12, low=8.117, high=8.123), "8.12 s ±0.01"),  # never narrower than it is
        (Interval(value=2.0, low=2.0, high=2.0), "2.00 s"),
        (Interval(value=2.0, low=1.9999, high=2.0004), "2.00 s ±0.01"),
    ],
)
def test_intervals_are_short(interval: Interval, text: str) -> None:
    assert seconds(interval) == text


def test_what_stands_together_has_one_unit() -> None:
    assert unit_for([None, 0.0, 2e-3, 3e-3, 1.4], SECONDS) == Unit("ms", 1e-3)
    assert unit_for([], SECONDS) == Unit("ns", 1e-9)
    assert unit_for([81_400_000], BYTES) == Unit("MB", 1e6)
    assert amount(1.4, Unit("ms", 1e-3)) == "1,400"


def test_what_somebody_chose_is_written_as_chosen() -> None:
    assert [chosen(0.02, SECONDS), chosen(10, SECONDS), chosen(1.5)] == ["20 ms", "10 s", "1.5"]


def test_what_is_not_zero_never_reads_so() -> None:
    assert [percent(share) for share in (0, 1e-6, 0.0012, 0.5, 1)] == ["0 %", "< 0.01 %", "0.12 %", "50 %", "100 %"]
    assert size(80_200_000) == "80.2 MB"
