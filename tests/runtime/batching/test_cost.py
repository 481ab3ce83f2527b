from __future__ import annotations

import pytest

from skerry.runtime import Model
from skerry.runtime.batching.cost import STEPS, Curve, measure_cost, measure_curve, rotate
from skerry.runtime.manifest import Cost


def curve(**seconds: float) -> Curve:
    return Curve(tuple(Cost(rows=int(rows[1:]), seconds=value) for rows, value in seconds.items()))


LINE = curve(r1=1.0, r11=2.0, r111=22.0)


@pytest.mark.parametrize(("rows", "seconds"), [(1, 1.0), (6, 1.5), (11, 2.0), (61, 12.0), (111, 22.0), (222, 44.0)])
def test_times_between_the_points_are_on_lines_and_beyond_in_proportion(rows: int, seconds: float) -> None:
    assert LINE.seconds(rows) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "rows"), [(0.9, 0), (1.0, 1), (1.5, 6), (2.0, 11), (12.0, 61), (22.0, 111), (44.0, 222)]
)
def test_so_many_rows_take_no_longer(seconds: float, rows: int) -> None:
    assert LINE.rows_within(seconds) == rows


def test_one_point_is_a_line_through_nothing() -> None:
    assert (curve(r1=2.0).seconds(10), curve(r1=2.0).rows_within(7.0), curve(r1=2.0).rows_within(1.0)) == (20.0, 3, 0)


def test_times_that_fall_are_as_good_as_level() -> None:
    """From 51 rows on, trees are walked in several threads."""
    falling = curve(r1=1.0, r50=20.0, r51=10.0)
    assert falling.seconds(50) == 20.0
    assert (falling.seconds(51), falling.rows_within(20.0)) == (10.0, 102)


def test_a_model_is_measured_as_far_as_the_time_lasts(iris_model: Model) -> None:
    assert iris_model.sample is not None
    asked: list[int] = []

    def run(feeds: dict[str, object]) -> None:
        asked.append(len(feeds["X"]))  # type: ignore[arg-type]

    every = measure_curve(run, iris_model.sample, budget=1.0)  # type: ignore[arg-type]
    assert tuple(point.rows for point in every.points) == STEPS == tuple(dict.fromkeys(asked))
    assert [point.rows for point in measure_curve(run, iris_model.sample, budget=0.0).points] == [1]  # type: ignore[arg-type]


def test_rows_begin_again_when_they_are_over(iris_model: Model) -> None:
    assert iris_model.sample is not None
    rows = iris_model.sample["X"]
    count = len(rows)
    assert rotate(iris_model.sample, 3, count - 1)["X"].tolist() == [*rows[-1:].tolist(), *rows[:2].tolist()]


def test_an_artifact_says_what_it_cost_where_it_was_written(iris_model: Model) -> None:
    assert iris_model.sample is not None
    assert [cost.rows for cost in measure_cost(iris_model, iris_model.sample)] == [1, 10, 100, 1000]
