"""``PruningTask``: the trees to prune, what their sums shall be, and what is made of the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from skerry.quantize.pruning.collapse import Pruned
from skerry.quantize.pruning.families import Ensemble, read_trees
from skerry.quantize.pruning.leaves import Goal, Link
from skerry.quantize.pruning.rounding import on_grid
from skerry.quantize.pruning.structures import Structure
from skerry.quantize.scored import ScoredClassifier
from skerry.quantize.teacher import Array, Teacher
from skerry.quantize.tree_sum import TreeSum

Refit = Literal["labels", "teacher", "both"] | None
"""What leaves are fitted to: the truth, the teacher's scores, or the mean of both; None: not at all."""

L2 = 10.0
"""How strongly leaves are drawn to where they came from: as by so many rows."""
PAIRS = 3_000_000
"""Of a row and a tree, that pruning looks at: of more rows it takes some."""


@dataclass(frozen=True)
class PruningTask:
    """``start`` has all trees, and the leaf of each row in each; ``goal`` is None where leaves keep their values.

    The numbers of a regressor are in units of ``scale`` (columns,), so that ``l2`` means the same everywhere. ``ensemble`` is
    what the teacher's trees were read as.
    """

    teacher: Teacher
    ensemble: Ensemble
    start: Pruned
    goal: Goal | None
    scale: Array
    width: int

    @classmethod
    def of(
        cls, teacher: Teacher, prepared: Any, truth: Array | None, scores: Array | None, rng: np.random.Generator
    ) -> PruningTask | None:
        """None where the teacher's kind is not known. The goal is the mean of ``truth`` and ``scores``, or what there is of
        them; ``prepared`` is what the teacher's final estimator gets for these rows."""
        ensemble = read_trees(teacher.final)
        if ensemble is None:
            return None
        structure = ensemble.structure
        taken = rng.permutation(prepared.shape[0])[: max(1, PAIRS // max(1, len(structure.roots)))]
        goal = _goal(teacher, truth, scores, structure.values.shape[1])
        scale = np.ones(structure.values.shape[1])
        if goal is not None and goal.link is None:
            scale = goal.targets.std(axis=0)
            scale[scale == 0] = 1.0
            goal = Goal(goal.targets / scale, None)
        structure = replace(structure, values=structure.values / scale, baseline=structure.baseline / scale)
        goal = None if goal is None else goal.part(taken)
        width = prepared.shape[1]
        trees = _tree_sum(structure, teacher, ensemble, width)
        start = Pruned.start(structure, trees.apply(_rows(prepared, taken)))
        if goal is not None and not ensemble.additive:
            start = start.from_baseline(goal.start())
        return cls(teacher, ensemble, start, goal, scale, width)

    @property
    def l2(self) -> float:
        """Of several classes less: the curvature of each one's loss is that much smaller."""
        return L2 if self.goal is None or self.goal.link is None else L2 * min(1.0, 2 / len(self.scale))

    def model(self, pruned: Pruned, *, bits: int, l2: float) -> Any:
        """The fitted estimator in the teacher's stead, with leaf values of so many bits."""
        values = on_grid(pruned, self.goal, bits=bits, l2=l2, scale=self.scale)
        structure = replace(pruned.structure, values=values[:-1], baseline=values[-1])
        trees = _tree_sum(structure, self.teacher, self.ensemble, self.width)
        if self.teacher.task == "classification":
            return self.teacher.with_final(ScoredClassifier.of(trees, self.teacher.classes, _link(self.teacher)))
        return self.teacher.with_final(trees)


def _tree_sum(structure: Structure, teacher: Teacher, ensemble: Ensemble, width: int) -> TreeSum:
    """The trees as an estimator that takes what the teacher takes."""
    names = getattr(teacher.final, "feature_names_in_", None)
    return structure.tree_sum(width=width, allow_nan=ensemble.allow_nan, allow_inf=ensemble.allow_inf, names=names)


def _goal(teacher: Teacher, truth: Array | None, scores: Array | None, columns: int) -> Goal | None:
    """Without a link the scores of a classifier are numbers of their own, and labels are none."""
    known = [] if scores is None else [scores]
    if truth is not None and (teacher.task == "regression" or _link(teacher) or scores is None):
        known.append(_labels(teacher, truth))
    if not known:
        return None
    targets = np.mean(known, axis=0)
    return Goal(targets[:, 1:] if targets.shape[1] == columns + 1 else targets, _link(teacher))


def _labels(teacher: Teacher, truth: Array) -> Array:
    if teacher.task == "classification":
        return (truth[:, None] == np.asarray(teacher.classes)).astype(float)
    return truth.reshape(len(truth), -1).astype(float)


def _link(teacher: Teacher) -> Link:
    return "softmax" if hasattr(teacher.model, "predict_proba") else None


def _rows(prepared: Any, rows: Array) -> Any:
    return prepared.iloc[rows] if hasattr(prepared, "iloc") else prepared[rows]
