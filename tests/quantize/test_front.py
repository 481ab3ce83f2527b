"""A front tells what there was, which is best at what, and draws it: the same picture for the same front."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import msgspec
import pytest

from skerry.quantize.front import Front, Point, Rows, pareto
from skerry.quantize.picture import draw_front, write_picture
from skerry.quantize.proof import order, passes, prove, why_none
from skerry.runtime.errors import FileError
from skerry.runtime.manifest import Loss

BOUND = 0.01
TEACHER = Point(name="Forest", family="teacher", steps=(), bytes=1000, latency_1=20e-6, latency_1000=2e-3)


def loss(value: float, *, width: float = 0.002) -> Loss:
    return Loss(
        metric="accuracy",
        rows=500,
        teacher=0.9,
        result=0.9 - value,
        loss=value,
        low=value - width,
        high=value + width,
        fresh=value + 1.4 * width,
        confidence=0.95,
        bound=BOUND,
    )


def point(name: str, size: int, lost: float, **more: Any) -> Point:
    known: dict[str, Any] = {"latency_1": size * 1e-8 + 1e-6, "latency_1000": size * 1e-6, "family": "trees"}
    return Point(name=name, steps=(), bytes=size, loss=loss(lost), **known | more)


POINTS = (
    point("a", 500, 0.001),
    point("b", 250, 0.003),
    point("c", 100, 0.006),
    point("d", 60, 0.02),
    point("worse than b", 300, 0.004),
    point("larger", 1200, -0.001),
)


def front(points: tuple[Point, ...] = POINTS, chosen: int | None = 1) -> Front:
    proved = tuple(
        msgspec.structs.replace(each, proof=loss(0.002)) if place == chosen else each
        for place, each in enumerate(points)
    )
    return Front(
        metric="accuracy",
        max_loss=BOUND,
        objective="size",
        seed=0,
        rows=Rows(learn=1000, judge=500, prove=500),
        teacher=TEACHER,
        points=pareto(proved),
        chosen=chosen,
        directory=None,
        reason="" if chosen is not None else "nothing is written: a reason",
        drawn=9,
        is_cut_off=False,
        seconds=1.0,
    )


def test_the_front_is_what_nothing_is_better_than() -> None:
    assert [each.name for each in pareto(POINTS) if each.is_on_front] == ["a", "b", "c", "d", "larger"]


def test_a_gain_is_no_better_than_no_loss() -> None:
    """It may be chance, so it does not keep a larger model on the front beside a smaller one that loses nothing."""
    made = pareto((point("gains", 500, -0.004), point("loses nothing", 400, 0.0)))
    assert [each.is_on_front for each in made] == [False, True]


def test_latencies_that_are_as_good_as_the_same_do_not_decide() -> None:
    made = pareto((point("a", 100, 0.001, latency_1=10e-6), point("b", 200, 0.001, latency_1=9.8e-6)))
    assert [each.is_on_front for each in made] == [True, False]
    made = pareto((point("a", 100, 0.001, latency_1=10e-6), point("b", 200, 0.001, latency_1=5e-6)))
    assert [each.is_on_front for each in made] == [True, True]


def test_the_order_of_the_proof_is_from_mild_to_daring_the_safest_of_each_step() -> None:
    assert [POINTS[place].name for place in order(POINTS, TEACHER, "size")] == ["a", "b", "c"]


def test_a_small_one_that_was_lucky_does_not_keep_milder_ones_from_being_tried() -> None:
    points = (point("mild", 500, 0.001), point("lucky", 100, 0.0))
    assert order(points, TEACHER, "size") == [0, 1]


def test_what_may_fail_and_is_no_safer_than_a_smaller_one_is_passed_over() -> None:
    points = (point("sure", 900, -0.02), point("may fail", 500, 0.006), point("small", 100, 0.004))
    assert [points[place].name for place in order(points, TEACHER, "size")] == ["sure", "small"]


def test_where_none_is_likely_to_pass_the_safest_is_tried() -> None:
    points = (point("a", 500, 0.0095), point("b", 400, 0.009), point("over", 300, 0.011))
    assert order(points, TEACHER, "size") == [1]


@pytest.mark.parametrize(("objective", "field"), [("latency", "latency_1"), ("rows-per-second", "latency_1000")])
def test_what_is_called_faster_is_clearly_faster(objective: Any, field: str) -> None:
    seconds = getattr(TEACHER, field)
    fast, hardly = (
        point("fast", 900, 0.001, **{field: seconds / 2}),
        point("hardly", 900, 0.001, **{field: 0.95 * seconds}),
    )
    assert order((fast, hardly), TEACHER, objective) == [0]
    assert order((point("unmeasured", 900, 0.001, **{field: None}),), TEACHER, objective) == []


def test_the_proof_stops_at_the_first_that_fails() -> None:
    asked = []

    def measure(place: int) -> Loss:
        asked.append(place)
        return loss([0.001, 0.02, 0.001][place])

    tried = prove([0, 1, 2], measure)
    assert asked == [0, 1]
    assert [passes(each) for each in tried.values()] == [True, False]


def test_it_is_the_loss_on_fresh_rows_that_has_to_stay_within_the_bound() -> None:
    assert passes(loss(0.0071))
    assert not passes(loss(0.0073))
    assert loss(0.0073).high < BOUND


def test_the_reason_has_the_numbers() -> None:
    text = why_none(POINTS, {0: loss(0.008)}, TEACHER, "size", BOUND)
    assert "the safest, a, loses +0.00800 on 500 unseen rows, where up to 0.01080 may be seen" in text
    assert "about 3,924 rows would be needed instead of 2,000" in text
    assert "over the bound as it is" in why_none(POINTS, {0: loss(0.02)}, TEACHER, "size", BOUND)
    assert "the best has 1,200 bytes" in why_none(POINTS[-1:], {}, TEACHER, "size", BOUND)
    assert "all 1 models lose more than 0.01" in why_none(POINTS[3:4], {}, TEACHER, "size", BOUND)


def test_the_table_shows_the_front_and_marks_the_chosen_one() -> None:
    lines = front().table().splitlines()
    assert lines[0].split() == [
        "model",
        "bytes",
        "smaller",
        "parameters",
        "1",
        "row",
        "1,000",
        "rows",
        "metric",
        "loss",
        "at",
        "most",
    ]
    assert [line.split()[0] for line in lines[1:7]] == ["Forest", "larger", "a", "*", "c", "d"]
    assert lines[4].split() == ["*", "b", "250", "4.0x", "3.5", "µs", "250", "µs", "0.8970", "+0.0030", "+0.0050"]
    assert lines[-1].startswith("chosen: b. On 500 rows that neither training nor search has seen, accuracy is 0.89800")


def test_a_long_front_is_thinned_but_keeps_its_ends_and_the_chosen_one() -> None:
    many = tuple(point(f"p{place}", 900 - place, place * 1e-4) for place in range(100))
    table = front(many, chosen=41).table(limit=10)
    shown = [line.split()[0 if not line.startswith("*") else 1] for line in table.splitlines()[2:-2]]
    assert {"p0", "p41", "p99"} <= set(shown)
    assert len(shown) <= 11


def test_json_has_everything() -> None:
    assert msgspec.json.decode(front().to_json(), type=Front) == front()


@pytest.mark.parametrize("chosen", [1, None])
def test_the_picture_is_svg_and_the_same_every_time(chosen: int | None) -> None:
    one, again = draw_front(front(chosen=chosen)), draw_front(front(chosen=chosen))
    assert one == again
    assert ElementTree.fromstring(one).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_picture_of_nothing_is_the_teacher_alone() -> None:
    assert draw_front(front((), chosen=None)).startswith(b"<?xml")


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(matplotlib.rcParams)
    draw_front(front())
    assert dict(matplotlib.rcParams) == before


def test_the_ending_of_a_file_says_what_is_drawn(tmp_path: Path) -> None:
    write_picture(front(), tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG\r\n")
    write_picture(front(), tmp_path / "front.svg")
    assert (tmp_path / "front.svg").read_bytes() == draw_front(front())
    with pytest.raises(FileError, match=r"expected a picture in \.svg or \.png, got '\.gif'"):
        write_picture(front(), tmp_path / "front.gif")
