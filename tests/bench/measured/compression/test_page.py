"""The page says of every goal whether it is met, and keeps what was measured before."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from skerry.bench.measured.compression.__main__ import in_order, keep
from skerry.bench.measured.compression.page import page
from skerry.bench.measured.compression.pictures import fronts_picture, table_picture
from skerry.bench.measured.compression.records import (
    FRONT,
    Amount,
    Duel,
    Estimate,
    Failure,
    FlightsDemo,
    FrontPoint,
    Fronts,
    Measured,
    Quality,
    Row,
    Side,
    Trial,
    read,
    write,
)
from skerry.bench.results import Interval


def side(size: int, nodes: int | None = None) -> Side:
    amount = None if nodes is None else Amount(kind="nodes", count=nodes, numbers=nodes)
    return Side(size=size, latency={1: 1e-5, 1_000: 1e-3}, memory=size, amount=amount)


def exactly(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value)


def quality(score: float, loss: float) -> Quality:
    around = [Estimate(value=value, low=value - 0.001, high=value + 0.001) for value in (score, loss)]
    return Quality(metric="roc_auc", score=around[0], loss=around[1])


ROW = Row(
    case="RandomForestClassifier, waveform",
    family="forests",
    source="synthetic",
    rows=(10, 20, 30),
    bound=0.005,
    teacher=side(10_000, 1_000),
    stock=side(40_000),
    teacher_quality=quality(0.9, 0.0),
    result=side(1_000, 50),
    quality=quality(0.899, 0.001),
    ratios={1: Interval(value=0.5, low=0.4, high=0.6), 1_000: None},
    steps="prune (trees 5)",
)
NOTHING = msgspec.structs.replace(
    ROW, case="LGBMRegressor, deliveries", family="boosting", result=None, quality=None, steps="", reason="too few rows"
)


def point(kind: str, size: int, score: float) -> FrontPoint:
    return FrontPoint(kind=kind, label="", nodes=size, size=size, chosen_by=score, quality=quality(score, 0.9 - score))


FRONTS = Fronts(
    case="RandomForestClassifier, waveform",
    source="synthetic",
    metric="roc_auc",
    teacher_nodes=1_000,
    teacher_size=10_000,
    teacher_score=0.9,
    points=[
        point(FRONT, 500, 0.88),
        point(FRONT, 1_000, 0.89),
        point("first trees", 700, 0.87),
        point("first trees", 90, 0.86),
    ],
    duels=[
        Duel(kind="first trees", size=700, front_size=500, gain=Estimate(value=0.01, low=0.005, high=0.015)),
        Duel(kind="first trees", size=90, front_size=None, gain=None),
    ],
    seconds=1.0,
)
TRIALS = tuple(
    Trial(case="waveform", seed=seed, written=True, loss=exactly(loss), true_loss=exactly(0.003), shrunk=4.0)
    for seed, loss in enumerate([0.0, 0.002, 0.011])
)
DEMO = FlightsDemo(
    command="skerry optimize flights.skops",
    seconds=100.0,
    cores=2,
    output="chosen",
    teacher_size=10_000,
    size=1_000,
    quality=quality(0.9, 0.0),
    asked=5,
    differing=0,
    latency=1e-3,
)
MEASURED = Measured(machine="one", table=(ROW, NOTHING), fronts=(FRONTS,), bound=TRIALS, flights=DEMO)


def verdicts(measured: Measured) -> dict[str, tuple[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in page(measured, "c").splitlines() if line.startswith("| ")]
    return {cells[0]: (cells[1], cells[2]) for cells in lines if cells[-1] in ("met", "**missed**")}


def test_every_goal_has_a_verdict() -> None:
    assert verdicts(MEASURED) == {
        "forests: times smaller than skl2onnx's file, at least 30": ("40.0 (median of 1)", "met"),
        "forests: times fewer nodes, at least 10": ("20.0 (median of 1)", "met"),
        "boosting: times smaller than the exact artifact, at least 3": ("1.0 (median of 1)", "**missed**"),
        "forests: loss on unseen rows, at most 0.2 points": ("+0.10 (median of 1)", "met"),
        "boosting: loss on unseen rows, at most 0.2 points": ("+0.00 (median of 1)", "met"),
        "nothing written is larger or slower": ("none is", "met"),
        "at most 5% of those written lose more than their bound on unseen rows": ("0 of 1", "met"),
        "the front is at least as good as first trees at each size": (
            "on 0 of 1 sets; not on RandomForestClassifier, waveform",
            "**missed**",
        ),
        "at most 5% of written artifacts lose more than 0.01 on a fresh split": ("1 of 3 (33.3%)", "**missed**"),
        "at most 5% of written artifacts lose more than 0.01 on all fresh rows": ("0 of 3 (0.0%)", "met"),
        "`skerry optimize` on the demo's flights within 300 s on 2 cores": ("100 s", "met"),
        "its result serves: answers that differ": ("0 of 5", "met"),
    }


def test_what_is_slower_beyond_chance_is_named() -> None:
    slower = msgspec.structs.replace(ROW, ratios={1: Interval(value=1.3, low=1.1, high=1.5)})
    found = verdicts(Measured(table=(slower,)))
    assert found["nothing written is larger or slower"] == (
        "RandomForestClassifier, waveform is slower with 1 row (1.30: 10.0 µs → 10.0 µs)",
        "**missed**",
    )


def test_where_nothing_was_written_the_reason_is_told() -> None:
    assert "| LGBMRegressor, deliveries (synthetic) | too few rows |" in page(MEASURED, "c")


def test_outcomes_of_duels_are_counted() -> None:
    assert "| RandomForestClassifier, waveform | AUC | 1, 0, **1** |" in page(MEASURED, "c")


@pytest.mark.parametrize("svg", [fronts_picture([FRONTS, FRONTS]), table_picture([ROW, NOTHING])])
def test_pictures_are_drawn_and_the_same_each_time(svg: str) -> None:
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    assert svg in (fronts_picture([FRONTS, FRONTS]), table_picture([ROW, NOTHING]))


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(MEASURED, tmp_path / "c.json")
    assert read(tmp_path / "c.json") == MEASURED
    assert read(tmp_path / "none.json") == Measured()


def test_a_case_measured_again_takes_the_place_of_what_was_known_and_of_its_failure(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    keep("table", Failure(part="table", case=ROW.case, error="crashed"), file)
    keep("bound", TRIALS[0], file)
    keep("bound", TRIALS[1], file)
    assert [failure.error for failure in read(file).failures] == ["crashed"]
    for bound in (0.1, 0.2):
        keep("table", msgspec.structs.replace(ROW, bound=bound), file)
    keep("flights", DEMO, file)
    found = read(file)
    assert [row.bound for row in found.table] == [0.2]
    assert (found.failures, found.bound, found.flights) == ((), TRIALS[:2], DEMO)


def test_cases_are_shown_in_the_order_of_the_list() -> None:
    boosted = msgspec.structs.replace(ROW, case="XGBClassifier, LED")
    assert in_order(Measured(table=(boosted, ROW))).table == (ROW, boosted)


def test_what_failed_is_shown() -> None:
    failed = Measured(failures=(Failure(part="table", case="a model", error="TypeError: no"),))
    assert page(failed, "c").rstrip().endswith("- table, a model: TypeError: no")
