"""``Candidate``: a smaller model that an arrow proposes, and the rows it was made with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.quantize.teacher import Array, Teacher
from skerry.runtime.manifest import Step


@dataclass(frozen=True)
class TrainingRows:
    """Rows that arrows may learn from.

    ``X`` as users have them (rows), ``y`` their truth (rows,) or (rows, targets), or None; ``prepared`` what the
    teacher's final estimator is given for them, ``scores`` what the teacher says of them (``Teacher.scores``).
    """

    X: Any
    y: Array | None
    prepared: Any
    scores: Array


@dataclass(frozen=True)
class Candidate:
    """A fitted model in the teacher's stead: it takes the same rows and has the same methods.

    ``steps`` say how it was made, ``parameters`` how many numbers it has learned (of trees: nodes).
    """

    model: Any
    steps: tuple[Step, ...]
    parameters: int


Arrow = Callable[[Teacher, TrainingRows, np.random.Generator], Iterator[Candidate]]
"""Proposes candidates one by one, mild ones first; none where it does not know the teacher's kind. The caller stops
asking when they lose too much or when time is up, so nothing is computed before it is asked for."""
