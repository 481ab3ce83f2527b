"""``refit``: the values of the leaves of fixed trees, all at once, so that their sums come near to given scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.special import expit, log_expit, log_softmax, softmax

from skerry.quantize.pruning.structures import Structure
from skerry.quantize.teacher import Array

Link = Literal["softmax"] | None
"""How sums become what they are compared with: "softmax" (of one column: expit) probabilities; None, themselves."""
LEAST_GAIN = 1e-4
"""A Newton step that lessens the objective by less than this share is the last."""
LOOSE = 1e-9
"""What draws the baseline: next to nothing."""
DAMPED = 1e-2
"""A system is solved until its residual is this share of what it was."""


@dataclass(frozen=True)
class Goal:
    """What the sums shall be: ``targets`` (rows, columns), of the link "softmax" shares of the classes (of two: of the
    second alone), else numbers."""

    targets: Array
    link: Link

    def loss(self, sums: Array) -> float:
        """The sum over the rows of cross-entropy, or of half the squared distance."""
        if self.link is None:
            return float(((sums - self.targets) ** 2).sum() / 2)
        if sums.shape[1] == 1:
            return -float((self.targets * log_expit(sums) + (1 - self.targets) * log_expit(-sums)).sum())
        return -float((self.targets * log_softmax(sums, axis=1)).sum())

    def answers(self, sums: Array) -> Array:
        if self.link is None:
            return sums
        return expit(sums) if sums.shape[1] == 1 else softmax(sums, axis=1)

    def start(self) -> Array:
        """The sums that suit all rows together best: (columns,)."""
        means = self.targets.mean(axis=0)
        if self.link is None:
            return means
        means = np.clip(means, 1e-6, 1 - 1e-6)
        logs = np.log(means)
        return logs - np.log(1 - means) if len(means) == 1 else logs - logs.mean()

    def part(self, rows: Array | slice) -> Goal:
        return Goal(self.targets[rows], self.link)


class Design:
    """Which rows are in which leaf, as sparse matrices: sums of the leaves' values are products with it."""

    def __init__(self, structure: Structure, leaves: Array) -> None:
        """``leaves`` (rows, trees) are node numbers."""
        self.nodes, self.columns = len(structure.left), structure.values.shape[1]
        shared = bool((structure.target < 0).all())
        parts = (
            [np.arange(leaves.shape[1])]
            if shared
            else [np.flatnonzero(structure.target == column) for column in range(self.columns)]
        )
        self._forward = [self._matrix(leaves[:, part]) for part in parts]
        self._own = None if shared else np.eye(self.columns)[structure.target[structure.tree]]
        self._backward = [matrix.T.tocsr() for matrix in self._forward]

    def _matrix(self, leaves: Array) -> sparse.csr_array:
        """(rows, nodes + 1): the last column is the baseline's."""
        rows, trees = leaves.shape
        places = np.empty((rows, trees + 1), np.int32)
        places[:, :trees], places[:, trees] = leaves, self.nodes
        starts = np.arange(0, rows * (trees + 1) + 1, trees + 1)
        return sparse.csr_array((np.ones(places.size), places.ravel(), starts), (rows, self.nodes + 1))

    def scores(self, values: Array) -> Array:
        """The rows' sums of ``values`` (nodes + 1, columns): (rows, columns)."""
        if len(self._forward) == 1:
            return self._forward[0] @ values
        return np.column_stack([matrix @ values[:, column] for column, matrix in enumerate(self._forward)])

    def only_own(self, values: Array) -> Array:
        """``values`` (nodes + 1, columns) with 0 for the targets that a node's tree does not add to."""
        return values if self._own is None else np.concatenate([values[:-1] * self._own, values[-1:]])

    def sums(self, rows: Array) -> Array:
        """Of numbers for each row (rows, columns), the sums over each leaf's rows: (nodes + 1, columns)."""
        if len(self._backward) == 1:
            return self._backward[0] @ rows
        return np.column_stack([matrix @ rows[:, column] for column, matrix in enumerate(self._backward)])


@dataclass(frozen=True)
class Fitted:
    """Values (nodes + 1, columns), the last of them the baseline; and the rows' sums."""

    values: Array
    sums: Array


def refit(
    goal: Goal, design: Design, values: Array, prior: Array, *, l2: float, steps: int = 5, solves: int = 10
) -> Fitted:
    """Newton's method from ``values``, each step solved by conjugate gradients with the diagonal as preconditioner, in at
    most ``solves`` products. Leaves are drawn towards ``prior``, by half of ``l2`` times their squared distance from it;
    both are (nodes + 1, columns), the last row being the baseline, which nothing draws."""
    penalty = np.full((design.nodes + 1, 1), l2)
    penalty[-1] = LOOSE

    def objective(values: Array, sums: Array) -> float:
        return goal.loss(sums) + float((penalty * (values - prior) ** 2).sum() / 2)

    sums = design.scores(values)
    now = objective(values, sums)
    for _ in range(steps):
        gradient = design.sums(goal.answers(sums) - goal.targets) + penalty * (values - prior)
        step = _solved(goal, design, sums, design.only_own(gradient), penalty, solves)
        moved, before = design.scores(step), now
        for size in 0.5 ** np.arange(10):
            now = objective(values + size * step, sums + size * moved)
            if now <= before:
                values, sums = values + size * step, sums + size * moved
                break
        if not now < before - LEAST_GAIN * abs(before):
            break
    return Fitted(values, sums)


def curvature(goal: Goal, sums: Array) -> Array:
    """The second derivative of the loss by each sum: (rows, columns)."""
    if goal.link is None:
        return np.ones_like(sums)
    answers = goal.answers(sums)
    return answers * (1 - answers)


def _product(goal: Goal, answers: Array, moved: Array) -> Array:
    """The Hessian of the loss by the sums, times a direction."""
    if goal.link is None:
        return moved
    if moved.shape[1] == 1:
        return answers * (1 - answers) * moved
    return answers * (moved - (answers * moved).sum(axis=1, keepdims=True))


def _solved(goal: Goal, design: Design, sums: Array, gradient: Array, penalty: Array, solves: int) -> Array:
    answers = goal.answers(sums)
    diagonal = design.sums(curvature(goal, sums)) + penalty
    diagonal[diagonal == 0] = 1.0
    step, residual = np.zeros_like(gradient), -gradient
    scaled = residual / diagonal
    direction, size = scaled, float((residual * scaled).sum())
    enough = DAMPED**2 * size
    for _ in range(solves):
        if size <= max(enough, 1e-300):
            break
        curved = design.only_own(design.sums(_product(goal, answers, design.scores(direction)))) + penalty * direction
        along = size / float((direction * curved).sum())
        step, residual = step + along * direction, residual - along * curved
        scaled = residual / diagonal
        last, size = size, float((residual * scaled).sum())
        direction = scaled + size / last * direction
    return step
