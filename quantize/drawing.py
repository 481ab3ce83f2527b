"""``draw``: asks the arrows for candidates, each for as long as the others, the promising ones for longer, and stops those
that lose too much."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic

import numpy as np

from skerry.quantize.candidate import Arrow, Candidate, TrainingRows
from skerry.quantize.teacher import Teacher
from skerry.quantize.trial import Judge, Trial
from skerry.runtime.errors import SkerryError
from skerry.runtime.manifest import Loss

PATIENCE = 5
"""Candidates in a row that surely lose too much, or cannot be converted, before an arrow is asked no more. The time of each
counts as often as there were."""
PROMISING = 3
"""The time of what may well keep the bound counts so much less: then smaller ones may too."""


@dataclass
class Turns:
    """What was drawn so far: how many, whether it was cut off, and what went wrong on the way.

    ``most`` candidates are drawn; ``is_over`` says that the time for this part of the search is up. ``head_start`` is how
    many seconds arrows have before those that come ``later`` are asked.
    """

    most: int
    is_over: Callable[[], bool]
    say: Callable[[str], None]
    head_start: float = 0.0
    later: Container[str] = ()
    drawn: int = 0
    is_cut_off: bool = False
    seen: set[bytes] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def is_new(self, content: bytes) -> bool:
        """Whether no candidate had this very graph before."""
        known = len(self.seen)
        self.seen.add(sha256(content).digest())
        return len(self.seen) > known

    def go_on(self) -> bool:
        """Whether another candidate may be drawn; time that is up now is remembered."""
        if self.drawn >= self.most:
            return False
        is_over = self.is_over()
        self.is_cut_off |= is_over
        return not is_over


@dataclass
class _Course:
    """An arrow on one teacher, which is asked again and again; ``spent`` are the seconds that are counted against it."""

    family: str
    candidates: Iterator[Candidate]
    spent: float
    misses: int = 0

    @property
    def is_open(self) -> bool:
        return self.misses < PATIENCE

    def ask(self, judge: Judge, turns: Turns) -> Trial | None:
        """Its next candidate; None where that is of no use, or where there is none, which closes the course."""
        began = monotonic()
        trial = self._asked(judge, turns)
        taken = monotonic() - began
        self.spent += taken / PROMISING if trial and is_promising(trial.loss) else taken * max(1, self.misses)
        return trial

    def _asked(self, judge: Judge, turns: Turns) -> Trial | None:
        try:
            candidate = next(self.candidates, None)
        except Exception as error:  # whatever some rows or models do to an arrow, the others go on
            turns.notes.append(f"{self.family}: stopped, {_told(error)}")
            candidate = None
        if candidate is None:
            self.misses = PATIENCE
            return None
        turns.drawn += 1
        return self._judged(candidate, judge, turns)

    def _judged(self, candidate: Candidate, judge: Judge, turns: Turns) -> Trial | None:
        try:
            trial = judge.judge(candidate, self.family)
        except Exception as error:  # it cannot be converted, or not answer some row: nobody can have it then
            turns.notes.append(f"{self.family}: {_told(error)}")
            self.misses += 1
            return None
        is_new = isinstance(trial, Trial) and turns.is_new(trial.content)
        loss = trial.loss if isinstance(trial, Trial) else trial
        self.misses = 0 if is_new and not judge.is_over(loss) else self.misses + 1
        return trial if isinstance(trial, Trial) and is_new else None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, SkerryError) else f"{type(error).__name__}: {error}"


def draw(
    arrows: Mapping[str, Arrow],
    teacher: Teacher,
    rows: TrainingRows,
    judge: Judge,
    turns: Turns,
    *,
    seed: tuple[int, ...],
) -> list[Trial]:
    """Judged candidates of all arrows on this teacher, until none has more or the turns are over; in the order of the arrows.

    Each arrow has chance of its own, so that what it proposes does not depend on the others, nor on when it is asked.
    """
    courses = [
        _Course(
            family,
            arrow(teacher, rows, np.random.default_rng([*seed, place])),
            turns.head_start if family in turns.later else 0.0,
        )
        for place, (family, arrow) in enumerate(arrows.items())
    ]
    drawn: dict[str, list[Trial]] = {family: [] for family in arrows}
    while (open_ := [course for course in courses if course.is_open]) and turns.go_on():
        course = min(open_, key=lambda course: course.spent)
        trial = course.ask(judge, turns)
        if trial is not None:
            drawn[course.family].append(trial)
            turns.say(
                f"candidate {turns.drawn}: {len(trial.content):,} bytes, loss {trial.loss.loss:+.4f}, {trial.name}"
            )
    return [trial for trials in drawn.values() for trial in trials]


def is_promising(loss: Loss) -> bool:
    """Whether it may well be proved: on average, or with the confidence of a limit, it is well within the bound."""
    return loss.bound is not None and (loss.high <= loss.bound or loss.loss <= loss.bound / 2)
