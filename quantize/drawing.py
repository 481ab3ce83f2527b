"""``draw``: asks the arrows for candidates in turn, the promising ones more often, and stops those that lose too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from skerry.quantize.candidate import Arrow, Candidate, TrainingRows
from skerry.quantize.teacher import Teacher
from skerry.quantize.trial import Judge, Trial
from skerry.runtime.errors import SkerryError
from skerry.runtime.manifest import Loss

PATIENCE = 5
"""Candidates in a row that surely lose too much, or cannot be converted, before an arrow is asked no more. After each it
is passed over in as many rounds as there were."""
EXTRA = 2
"""How often an arrow may go on in one turn, as long as what it proposes may well keep the bound: then smaller ones may too."""


@dataclass
class Turns:
    """What was drawn so far: how many, whether it was cut off, and what went wrong on the way.

    ``most`` candidates are drawn; ``is_over`` says that the time for this part of the search is up, which is all that
    depends on the clock.
    """

    most: int
    is_over: Callable[[], bool]
    say: Callable[[str], None]
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
    """An arrow on one teacher, which is asked again and again."""

    family: str
    candidates: Iterator[Candidate]
    misses: int = 0
    waits: int = 0

    @property
    def is_open(self) -> bool:
        return self.misses < PATIENCE

    def is_due(self) -> bool:
        """Whether it is asked in this round."""
        self.waits -= 1
        return self.waits < 0

    def ask(self, judge: Judge, turns: Turns) -> Trial | None:
        """Its next candidate; None where that is of no use, or where there is none, which closes the course."""
        try:
            candidate = next(self.candidates, None)
        except (SkerryError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:  # some rows suit no student
            turns.notes.append(f"{self.family}: stopped, {error}")
            candidate = None
        if candidate is None:
            self.misses = PATIENCE
            return None
        turns.drawn += 1
        return self._judged(candidate, judge, turns)

    def _judged(self, candidate: Candidate, judge: Judge, turns: Turns) -> Trial | None:
        try:
            trial = judge.judge(candidate, self.family)
        except SkerryError as error:
            turns.notes.append(f"{self.family}: {error}")
            self.misses += 1
            return None
        is_new = isinstance(trial, Trial) and turns.is_new(trial.content)
        loss = trial.loss if isinstance(trial, Trial) else trial
        self.misses = 0 if is_new and not judge.is_over(loss) else self.misses + 1
        self.waits = self.misses
        return trial if isinstance(trial, Trial) and is_new else None


def draw(
    arrows: Mapping[str, Arrow],
    teacher: Teacher,
    rows: TrainingRows,
    judge: Judge,
    turns: Turns,
    *,
    seed: tuple[int, ...],
) -> Iterator[Trial]:
    """Judged candidates of all arrows on this teacher, until none has more or the turns are over.

    Each arrow has chance of its own, so that what it proposes does not depend on the others.
    """
    courses = [
        _Course(family, arrow(teacher, rows, np.random.default_rng([*seed, place])))
        for place, (family, arrow) in enumerate(arrows.items())
    ]
    while courses:
        for course in [course for course in courses if course.is_due()]:
            for _ in range(1 + EXTRA):
                if not turns.go_on():
                    return
                trial = course.ask(judge, turns)
                if trial is None:
                    break
                yield trial
                turns.say(
                    f"candidate {turns.drawn}: {len(trial.content):,} bytes, loss {trial.loss.loss:+.4f}, {trial.name}"
                )
                if not is_promising(trial.loss):
                    break
        courses = [course for course in courses if course.is_open]


def is_promising(loss: Loss) -> bool:
    """Whether it may well be proved: on average, or with the confidence of a limit, it is well within the bound."""
    return loss.bound is not None and (loss.high <= loss.bound or loss.loss <= loss.bound / 2)
