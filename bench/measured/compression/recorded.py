"""``Recorded``: a search's own arrows, which remember what they proposed, so that it can be judged on other rows too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from skerry.quantize.arrows import ARROWS
from skerry.quantize.candidate import Arrow, Candidate, TrainingRows
from skerry.quantize.front import Point
from skerry.quantize.teacher import Teacher
from skerry.quantize.trial import recipe
from skerry.runtime.manifest import Step


class Recorded:
    """``arrows`` are given to ``optimize``; after it, ``models`` are all that it drew, by what a point made of them is called."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}
        self.arrows: Mapping[str, Arrow] = {family: self._recording(arrow) for family, arrow in ARROWS.items()}
        self._steps: dict[int, tuple[Step, ...]] = {}

    def _recording(self, arrow: Arrow) -> Arrow:
        def recording(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
            before = self._steps.get(id(teacher.model), ())  # of a model that was drawn before: what was done to it
            for candidate in arrow(teacher, rows, rng):
                steps = (*before, *candidate.steps)
                self._steps[id(candidate.model)] = steps
                self.models.setdefault(recipe(steps), candidate.model)
                yield candidate

        return recording

    def pairs(self, points: Sequence[Point]) -> list[tuple[Any, Point]]:
        """The models that became points, which are those that could be converted, and these points."""
        return [(self.models[point.name], point) for point in points if point.name in self.models]

    def model_of(self, point: Point) -> Any:
        """The estimator behind a point, whose graph may have been rewritten since; None where it is the teacher's."""
        return self.models.get(recipe([step for step in point.steps if step.arrow != "quantize"]))
