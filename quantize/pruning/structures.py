"""``Structure``: the trees of a fitted ensemble, whatever made it, as one table of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skerry.export.converters.trees import LEAF, TreeArrays
from skerry.quantize.teacher import Array
from skerry.quantize.tree_sum import TreeSum


@dataclass(frozen=True)
class Structure:
    """Trees one after the other, each with its root first. A row is rounded to float32 and goes left where
    ``x[feature] <= threshold``.

    ``values`` (nodes, targets) is what a node adds where it is a leaf. ``target`` says to which target a tree adds alone,
    or -1 where to all.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    values: Array
    roots: Array
    target: Array
    baseline: Array

    @property
    def is_leaf(self) -> Array:
        return self.left == LEAF

    @property
    def tree(self) -> Array:
        """The number of the tree that each node belongs to."""
        return np.searchsorted(self.roots, np.arange(len(self.left)), side="right") - 1

    @property
    def parent(self) -> Array:
        """The node above each; at a root itself."""
        parent = np.arange(len(self.left))
        inner = np.flatnonzero(~self.is_leaf)
        parent[self.left[inner]] = parent[self.right[inner]] = inner
        return parent

    @classmethod
    def of(cls, trees: Sequence[TreeArrays], baseline: Array, *, shared: bool) -> Structure:
        """Of one tree after the other; ``shared``: each adds to all targets, its values being (nodes, targets)."""
        sizes = [len(tree.left) for tree in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        offsets = np.repeat(roots, sizes)
        left, right = (np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right"))
        return cls(
            feature=np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float32),
            left=np.where(left == LEAF, LEAF, left + offsets).astype(np.int32),
            right=np.where(left == LEAF, LEAF, right + offsets).astype(np.int32),
            missing_left=np.concatenate([tree.missing_left for tree in trees]).astype(bool),
            values=np.concatenate([_values(tree, len(baseline), shared) for tree in trees]),
            roots=roots,
            target=np.array([-1 if shared else int(tree.target) for tree in trees]),
            baseline=np.asarray(baseline, float),
        )

    def collapsed(self, nodes: Array) -> tuple[Structure, Array, Array]:
        """The same trees with ``nodes`` (a mask) as leaves; which of the nodes are kept (their numbers); and for each node
        the new number of what stands for it: itself, or the leaf above it."""
        parent, gone = self.parent, np.zeros(len(self.left), bool)
        stands = np.arange(len(self.left))
        for level in self._levels()[1:]:
            up = parent[level]
            gone[level] = gone[up] | nodes[up]
            stands[level] = np.where(gone[level], stands[up], level)
        kept = np.flatnonzero(~gone)
        number = np.cumsum(~gone) - 1
        return self._of(kept, number, self.is_leaf[kept] | nodes[kept]), kept, number[stands]

    def only(self, trees: Array) -> tuple[Structure, Array, Array]:
        """Some of the trees (their numbers, rising), as ``collapsed`` gives them."""
        stays = np.isin(self.tree, trees)
        kept, number = np.flatnonzero(stays), np.cumsum(stays) - 1
        part = self._of(kept, number, self.is_leaf[kept])
        return replace(part, roots=number[self.roots[trees]], target=self.target[trees]), kept, number

    def _levels(self) -> list[Array]:
        """The nodes of each depth, the roots first."""
        levels = [self.roots]
        while len(inner := levels[-1][~self.is_leaf[levels[-1]]]):
            levels.append(np.concatenate([self.left[inner], self.right[inner]]))
        return levels

    def _of(self, kept: Array, number: Array, leaf: Array) -> Structure:
        return Structure(
            feature=np.where(leaf, 0, self.feature[kept]),
            threshold=np.where(leaf, np.float32(0), self.threshold[kept]),
            left=np.where(leaf, LEAF, number[self.left[kept]]).astype(np.int32),
            right=np.where(leaf, LEAF, number[self.right[kept]]).astype(np.int32),
            missing_left=self.missing_left[kept] & ~leaf,
            values=self.values[kept],
            roots=number[self.roots],
            target=self.target,
            baseline=self.baseline,
        )

    def depths(self) -> Array:
        """How far below its root each node is."""
        depths = np.zeros(len(self.left), int)
        for depth, level in enumerate(self._levels()):
            depths[level] = depth
        return depths

    def with_means(self, leaves: Array) -> Structure:
        """With the mean of the leaves below as the value of each split, each leaf weighted by its rows: ``leaves``
        (rows, trees) are the nodes that rows fall into."""
        counts = np.bincount(leaves.ravel(), minlength=len(self.left)).astype(float) + 1e-6
        values = self.values * counts[:, None]
        for level in self._levels()[::-1]:
            inner = level[~self.is_leaf[level]]
            below = self.left[inner], self.right[inner]
            counts[inner] = counts[below[0]] + counts[below[1]]
            values[inner] = values[below[0]] + values[below[1]]
        return replace(self, values=values / counts[:, None])

    def tree_sum(self, *, width: int, allow_nan: bool, allow_inf: bool, names: Array | None = None) -> TreeSum:
        """The fitted estimator of these trees, for rows of ``width`` columns."""
        return TreeSum.of(
            feature=self.feature,
            threshold=self.threshold,
            left=self.left,
            right=self.right,
            missing_left=self.missing_left,
            values=np.where(self.is_leaf[:, None], self.values, 0.0),
            roots=self.roots,
            baseline=self.baseline,
            width=width,
            allow_nan=allow_nan,
            allow_inf=allow_inf,
            names=names,
        )


def _values(tree: TreeArrays, targets: int, shared: bool) -> Array:
    if shared:
        return tree.value.reshape(-1, targets)
    values = np.zeros((len(tree.left), targets))
    values[:, int(tree.target)] = tree.value
    return values
