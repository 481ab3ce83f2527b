"""``Recorded``: a search's own arrows, which remember what they proposed, so that it can be judged on other rows too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from skerry.quantize.arrows import ARROWS
from skerry.quantize.candidate import Arrow, Candidate, TrainingRows
from skerry.quantize.front import Point
from skerry.quantize.teacher import Teacher
from skerry.runtime.manifest import Step


class Recorded:
    """``arrows`` are given to ``optimize``; after it, ``candidates`` are all that it drew."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.arrows: Mapping[str, Arrow] = {family: self._recording(arrow) for family, arrow in ARROWS.items()}

    def _recording(self, arrow: Arrow) -> Arrow:
        def recording(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
            for candidate in arrow(teacher, rows, rng):
                self.candidates.append(candidate)
                yield candidate

        return recording

    def pairs(self, points: Sequence[Point]) -> list[tuple[Candidate, Point]]:
        """The candidates that became points, which are those that could be converted, in the order in which they did."""
        waiting = iter(self.candidates)
        found = []
        for point in points:
            candidate = next((each for each in waiting if _ends_with(point.steps, each.steps)), None)
            if candidate is None:  # from here on points are rewritten graphs
                break
            found.append((candidate, point))
        return found

    def model_of(self, point: Point) -> Any:
        """The estimator behind a point, whose graph may have been rewritten since; None where it is the teacher's."""
        made = [step for step in point.steps if any(step in each.steps for each in self.candidates)]
        return next((each.model for each in reversed(self.candidates) if _ends_with(made, each.steps)), None)


def _ends_with(steps: Sequence[Step], last: Sequence[Step]) -> bool:
    return bool(last) and tuple(steps[-len(last) :]) == tuple(last)
