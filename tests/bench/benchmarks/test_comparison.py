"""Runs become figures: medians, paired ratios, and nothing for those who did not answer."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from skerry.bench.benchmarks.comparison import (
    Comparison,
    Load,
    ratio_to,
    read_comparison,
    summarize,
    write_comparison,
)
from skerry.bench.results import HttpMeasurement
from skerry.runtime.errors import BenchError

Measured = Callable[..., HttpMeasurement]
LOAD = Load(rows=1, connections=32)


def test_figures_are_medians_over_the_rounds(measured: Measured, rates: dict[str, float]) -> None:
    figures = summarize(measured(rates), LOAD)
    assert [each.route for each in figures.figures] == list(rates)
    last = figures.figures[-1]
    assert last.p50 is not None
    assert last.p99 is not None
    assert last.requests_per_second.value == pytest.approx(1_030)
    assert (last.p50.value, last.p99.value) == pytest.approx((32 / 1_030, 64 / 1_030))
    assert last.requests == last.verified == sum(2_000 + 20 * round for round in range(7))
    assert (last.cores, last.resident_memory, last.errors) == (1.0, 10**8 + 6, {})


def test_ratios_are_of_the_same_rounds_and_to_both_baselines(measured: Measured, rates: dict[str, float]) -> None:
    figures = summarize(measured(rates), LOAD)
    found = {(each.contender, each.baseline): each.interval.value for each in figures.ratios if each.interval}
    assert found == pytest.approx(
        {
            ("Skerry /predict", "constant answer"): 0.5,
            ("MLServer", "constant answer"): 0.025,
            ("constant answer", "Skerry /predict"): 2.0,
            ("MLServer", "Skerry /predict"): 0.05,
        }
    )
    assert {each.quantity for each in figures.ratios} == {"requests per second, 1 row at 32 connections"}
    assert ratio_to(figures, "MLServer", "Skerry /predict") == pytest.approx(0.05)
    assert ratio_to(figures, "MLServer", "MLServer") == 1
    assert ratio_to(figures, "MLServer", "BentoML") is None


def test_a_route_that_never_answered_has_no_figures_and_no_ratio(measured: Measured, rates: dict[str, float]) -> None:
    figures = summarize(measured(rates | {"Skerry /predict": 0.0}), LOAD)
    assert [each.route for each in figures.figures] == ["constant answer", "MLServer"]
    assert {each.baseline for each in figures.ratios} == {"constant answer"}


def test_a_server_that_died_in_some_rounds_is_not_flattered(measured: Measured, rates: dict[str, float]) -> None:
    """The rounds without an answer count in the median of the requests; what cannot be said is not said."""
    well, dead = measured(rates).runs, measured(rates | {"MLServer": 0.0}).runs
    runs = [two if one.round < 2 else one for one, two in zip(well, dead, strict=True)]
    figures = summarize(msgspec.structs.replace(measured(rates), runs=runs), LOAD)
    died = figures.figures[-1]
    assert died.requests_per_second.value == pytest.approx(1_030)
    assert died.requests_per_second.low == 0
    assert (died.p50, died.p99) == (None, None)
    assert [each.verdict for each in figures.ratios if each.contender == "MLServer"] == [
        f"MLServer against {baseline}, requests per second, 1 row at 32 connections: no ratio, for there is no value in 2 "
        "of 7 rounds"
        for baseline in ("constant answer", "Skerry /predict")
    ]


def test_errors_are_counted_by_kind(measured: Measured, rates: dict[str, float]) -> None:
    figures = summarize(measured(rates, rounds=2, errors={"status 500": 3}), LOAD)
    assert figures.figures[0].errors == {"status 500": 6}


def test_what_is_written_is_read_again(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(comparison, tmp_path / "benchmarks.json")
    assert read_comparison(tmp_path / "benchmarks.json") == comparison


def test_what_is_not_a_comparison_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.json"
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        read_comparison(file)
    file.write_text('{"created": 1}')
    with pytest.raises(BenchError, match="expected a comparison, got something else"):
        read_comparison(file)
