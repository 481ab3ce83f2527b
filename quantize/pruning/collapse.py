"""``shrink``: ever smaller trees. Refit the leaves, take away the splits that are worth least, refit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from skerry.quantize.pruning.leaves import Design, Fitted, Goal, curvature, refit
from skerry.quantize.pruning.structures import Structure
from skerry.quantize.teacher import Array

TINY = 1e-12
"""So that nothing is divided by nothing."""
ROUGHLY = {"steps": 1, "solves": 8}
"""Effort of a refit that only tells which splits go next."""
PACE = ((100_000, 0.3), (20_000, 0.15), (0, 0.05))
"""From so many nodes on, which share of the splits goes at once. The slower, the better what is left."""


@dataclass(frozen=True)
class Pruned:
    """Trees, the node each row falls into (rows, trees), and values for their leaves (nodes + 1, columns), the last row
    being the baseline. The structure's own values are what the leaves are drawn towards."""

    structure: Structure
    leaves: Array
    values: Array

    @classmethod
    def start(cls, structure: Structure, leaves: Array) -> Pruned:
        """With the values and the baseline that the trees have."""
        structure = structure.with_means(leaves)
        return cls(structure, leaves, _with_baseline(structure))

    def from_baseline(self, baseline: Array) -> Pruned:
        return replace(self, values=np.concatenate([self.values[:-1], baseline[None]]))

    @property
    def nodes(self) -> int:
        return len(self.structure.left)

    def sums(self, rows: slice = slice(None)) -> Array:
        """The sums of the rows: (rows, columns)."""
        return np.asarray(self.values[self.leaves[rows]].sum(axis=1) + self.values[-1])

    def refitted(self, goal: Goal, l2: float, **effort: int) -> Pruned:
        """With the values that suit the ``goal`` best, and are drawn towards the structure's."""
        design = Design(self.structure, self.leaves)
        fitted = refit(goal, design, self.values, _with_baseline(self.structure), l2=l2, **effort)
        return replace(self, values=fitted.values)

    def collapsed(self, nodes: Array, values: Array) -> Pruned:
        """With ``nodes`` (numbers) as leaves of these ``values``; trees that are a single leaf join the baseline."""
        mask, known = np.zeros(self.nodes, bool), self.values[:-1].copy()
        mask[nodes], known[nodes] = True, values
        structure, kept, number = self.structure.collapsed(mask)
        moved = Pruned(structure, number[self.leaves], np.concatenate([known[kept], self.values[-1:]]))
        return moved._without_stumps()

    def only(self, trees: Array) -> Pruned:
        """Some of the trees, by their numbers, rising."""
        structure, kept, number = self.structure.only(trees)
        values = np.concatenate([self.values[:-1][kept], self.values[-1:]])
        return Pruned(structure, number[self.leaves[:, trees]], values)

    def cut(self, depth: int) -> Pruned:
        """With the nodes at ``depth`` as leaves, of the values they are drawn towards."""
        nodes = np.flatnonzero((self.structure.depths() == depth) & ~self.structure.is_leaf)
        return self.collapsed(nodes, self.structure.values[nodes])

    def _without_stumps(self) -> Pruned:
        stumps = self.structure.is_leaf[self.structure.roots]
        if not stumps.any():
            return self
        baseline = self.values[-1] + self.values[self.structure.roots[stumps]].sum(axis=0)
        rest = self.only(np.flatnonzero(~stumps))
        return replace(rest, values=np.concatenate([rest.values[:-1], baseline[None]]))


def _with_baseline(structure: Structure) -> Array:
    return np.concatenate([structure.values, structure.baseline[None]])


def shrink(pruned: Pruned, goal: Goal, *, l2: float, end: int = 0) -> Iterator[Pruned]:
    """Ever smaller trees, each made of the last by taking away a few splits, down to ``end`` nodes or none."""
    while True:
        design = Design(pruned.structure, pruned.leaves)
        fitted = refit(goal, design, pruned.values, _with_baseline(pruned.structure), l2=l2, **ROUGHLY)
        pruned = replace(pruned, values=fitted.values)
        yield pruned
        splits = (pruned.nodes - len(pruned.structure.roots)) // 2
        if not splits or pruned.nodes <= end:
            return
        share = next(share for nodes, share in PACE if pruned.nodes >= nodes)
        fewest = (pruned.nodes - end + 1) // 2
        pruned = _smaller(pruned, design, fitted, goal, l2, max(1, min(int(share * splits), fewest)))


def _smaller(pruned: Pruned, design: Design, fitted: Fitted, goal: Goal, l2: float, count: int) -> Pruned:
    """Without ``count`` splits, of those whose sides are both leaves the ones that the objective needs least."""
    structure = pruned.structure
    pairs = np.flatnonzero(~structure.is_leaf)
    left, right = structure.left[pairs], structure.right[pairs]
    both = structure.is_leaf[left] & structure.is_leaf[right]
    pairs, left, right = pairs[both], left[both], right[both]
    weight = design.only_own(design.sums(curvature(goal, fitted.sums)))[:-1]
    pull = design.only_own(design.sums(goal.answers(fitted.sums) - goal.targets))[:-1] - weight * pruned.values[:-1]
    prior = structure.values
    cost = sum(_worth(pull[side], weight[side], prior[side], l2) for side in (left, right))
    cost -= _worth(pull[left] + pull[right], weight[left] + weight[right], prior[pairs], l2)
    gone = np.argsort(cost, kind="stable")[:count]
    # The mean of both sides, not what is best for it alone: many splits that tell the same go at once.
    sides = weight[left[gone]] + TINY, weight[right[gone]] + TINY
    mean = (sides[0] * pruned.values[left[gone]] + sides[1] * pruned.values[right[gone]]) / (sides[0] + sides[1])
    return pruned.collapsed(pairs[gone], mean)


def _worth(pull: Array, weight: Array, prior: Array, l2: float) -> Array:
    """How much the best value of a leaf lessens the objective, as its second order tells: of ``pull`` times the value, and
    half of ``weight`` times its square, and the distance from ``prior``."""
    return np.asarray(((pull - l2 * prior) ** 2 / (weight + l2 + TINY) - l2 * prior**2).sum(axis=1) / 2)
