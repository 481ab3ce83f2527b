"""A search's arrows are recorded as they propose, and found again by what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from skerry.bench.measured.compression import recorded
from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.front import Point
from skerry.quantize.teacher import Teacher
from skerry.quantize.trial import recipe
from skerry.runtime.manifest import Step


def step(name: str, arrow: str = "prune") -> Step:
    return Step(arrow=arrow, detail={"name": name})


def point(*steps: Step) -> Point:
    return Point(name=recipe(steps), family="trees", steps=steps, bytes=1)


def arrow(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    for name in ("mild", "broken", "strong"):
        yield Candidate(model=f"{name} of {teacher.model}", steps=(step(name),), parameters=1)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> recorded.Recorded:
    """What was drawn of a forest, and of two of the models that came of it."""
    monkeypatch.setattr(recorded, "ARROWS", {"trees": arrow})
    found = recorded.Recorded()

    def draw(model: Any) -> None:
        list(found.arrows["trees"](SimpleNamespace(model=model), None, None))  # type: ignore[arg-type]

    draw("the forest")
    for name in ("mild", "strong"):
        draw(found.models[recipe([step(name)])])
    return found


def test_models_are_found_by_all_that_was_done_to_them_in_whatever_order_points_come(found: recorded.Recorded) -> None:
    points = [
        point(step("strong"), step("mild")),
        point(step("strong")),
        point(step("mild"), step("mild")),
        point(step("mild"), step("narrow", "quantize")),
    ]
    assert found.pairs(points) == [
        ("mild of strong of the forest", points[0]),
        ("strong of the forest", points[1]),
        ("mild of mild of the forest", points[2]),
    ]


def test_the_estimator_behind_a_rewritten_graph_is_found(found: recorded.Recorded) -> None:
    narrow = step("narrow", "quantize")
    assert found.model_of(point(step("mild"), step("strong"), narrow)) == "strong of mild of the forest"
    assert found.model_of(point(narrow)) is None
