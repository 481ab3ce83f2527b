"""A search's arrows are recorded as they propose, and found again by what became of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from skerry.bench.measured.compression import recorded
from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.front import Point
from skerry.quantize.teacher import Teacher
from skerry.runtime.manifest import Step


def step(name: str) -> Step:
    return Step(arrow="prune", detail={"name": name})


def point(*names: str) -> Point:
    return Point(name=" + ".join(names), family="trees", steps=tuple(map(step, names)), bytes=1)


def arrow(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    for name in ("mild", "broken", "strong"):
        yield Candidate(model=f"{name} model", steps=(step(name),), parameters=1)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> recorded.Recorded:
    monkeypatch.setattr(recorded, "ARROWS", {"trees": arrow})
    found = recorded.Recorded()
    list(found.arrows["trees"](None, None, None))  # type: ignore[arg-type]
    return found


def test_a_candidate_that_became_no_point_is_left_out(found: recorded.Recorded) -> None:
    points = [point("mild"), point("mild", "strong"), point("mild", "narrow")]
    assert [(candidate.model, at.name) for candidate, at in found.pairs(points)] == [
        ("mild model", "mild"),
        ("strong model", "mild + strong"),
    ]


def test_the_estimator_behind_a_rewritten_graph_is_found(found: recorded.Recorded) -> None:
    assert found.model_of(point("mild", "strong", "narrow")) == "strong model"
    assert found.model_of(point("narrow")) is None
