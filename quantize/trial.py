"""``Trial``: a candidate that was judged: what it is, what it weighs, what it loses; and the ``Judge`` that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skerry.export.exporter import draft
from skerry.quantize.answering import Answering
from skerry.quantize.candidate import Candidate
from skerry.quantize.front import Point
from skerry.quantize.graphs.variants import LOSSLESS
from skerry.quantize.loss import Comparison, certain
from skerry.runtime.manifest import Loss, Manifest, Step
from skerry.runtime.model import Model
from skerry.runtime.session import Session

BEYOND = 10
"""A candidate that loses more than so many times the bound is not even converted."""


@dataclass(frozen=True)
class Trial:
    """``model`` answers rows as users have them; ``content`` is its graph, which ``manifest`` describes, and ``loss`` was
    measured on the rows to judge by. ``estimator`` is what to export; of a rewritten graph, what its graph was made of
    (None where that is an artifact), and ``rewrites`` are the steps done to the graph since."""

    family: str
    steps: tuple[Step, ...]
    parameters: int | None
    model: Any
    content: bytes
    manifest: Manifest
    loss: Loss
    estimator: Any
    rewrites: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        return recipe(self.steps)

    def sure(self, measured: Loss) -> Loss:
        """What it is known to lose: of the exact model with its constants stored otherwise every answer is the same, and so
        what was measured, nothing, is all there is."""
        is_lossless = self.steps == self.rewrites and all(step.detail == LOSSLESS for step in self.rewrites)
        return certain(measured) if is_lossless else measured

    def loaded(self) -> Model:
        """The graph as a model of its own."""
        return Model(self.manifest, Session(self.content))

    def point(self) -> Point:
        return Point(
            name=self.name,
            family=self.family,
            steps=self.steps,
            bytes=len(self.content),
            parameters=self.parameters,
            loss=self.loss,
        )


def recipe(steps: Sequence[Step]) -> str:
    """What was done in a few words: ``prune (trees 50, depth 8) + quantize (float32)``."""
    return " + ".join(map(str, steps)) or "as it is"


@dataclass(frozen=True)
class Judge:
    """Measures candidates on rows of its own: ``X``, against the teacher's answers in ``comparison``.

    ``sample`` are rows to convert with, in the form that users have them; ``methods`` are those a model must have.
    """

    X: Any
    comparison: Comparison
    answering: Answering
    sample: Any
    methods: tuple[str, ...]

    def loss(self, model: Any) -> Loss:
        return self.comparison.loss(self.answering.ask(model, self.X))

    def is_over(self, loss: Loss) -> bool:
        """It loses more than it may, and not by chance."""
        return loss.low > (self.comparison.bound or 0.0)

    def judge(self, candidate: Candidate, family: str) -> Trial | Loss:
        """The candidate with its graph, or only its loss where that is far too much.

        Raises:
            ExportError: it cannot be converted.
        """
        loss = self.loss(candidate.model)
        if self.is_over(loss) and loss.loss > BEYOND * (self.comparison.bound or 0.0):
            return loss
        made = draft(candidate.model, self.sample, methods=self.methods)
        return Trial(
            family=family,
            steps=candidate.steps,
            parameters=candidate.parameters,
            model=candidate.model,
            content=made.content,
            manifest=made.manifest,
            loss=loss,
            estimator=candidate.model,
        )

    def judge_graph(self, trial: Trial, content: bytes, step: Step) -> Trial:
        """A rewritten graph in the place of a trial's own; it answers for itself.

        Raises:
            SkerryError: it does not run, or refuses a row.
        """
        model = Model(trial.manifest, Session(content))
        made = replace(
            trial,
            family=f"{trial.family}, narrow",
            steps=(*trial.steps, step),
            model=model,
            content=content,
            loss=self.loss(model),
            rewrites=(*trial.rewrites, step),
        )
        return replace(made, loss=made.sure(made.loss))
