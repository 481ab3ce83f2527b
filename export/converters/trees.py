"""Trees as one ``ai.onnx.ml`` 5 TreeEnsemble in float64: thresholds, leaves and sums are scikit-learn's own.

``TreeArrays`` is the form all families are brought into, and ``tree_ensemble`` writes it: one pass
of NumPy over all nodes, no Python loop over them. Two facts make the answers exact:

- float64 thresholds need no rounding. Where scikit-learn first casts the row to float32 (decision
  trees, forests, gradient boosting), the graph casts to float32 and back, then compares.
- On one thread, ONNX Runtime adds the trees' leaves in the order of the trees, starting from 0. So a
  baseline that scikit-learn starts from is the first tree, and every partial sum is the same. On
  several threads, each adds some of the trees, and the sums differ in their last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.graph import FLOAT64, ML, Graph, Tensor, make_tensor

LEAF = -1
LESS_OR_EQUAL, MEMBER = 0, 6
"""Node modes of TreeEnsemble (ONNX operators, ai.onnx.ml 5): BRANCH_LEQ and BRANCH_MEMBER."""


@dataclass(frozen=True)
class TreeArrays:
    """One tree, as arrays over its nodes; node 0 is the root.

    ``left`` and ``right`` are node numbers, ``LEAF`` at a leaf. A row goes left where
    ``x[feature] <= threshold``, or where it is NaN and ``missing_left``. ``value`` is what a leaf adds
    to ``target``. ``members[node]``, where given, are the values that go left instead.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    target: int | np.ndarray = 0
    members: dict[int, np.ndarray] | None = None

    @property
    def is_leaf(self) -> np.ndarray:
        return self.left == LEAF

    @property
    def splits(self) -> np.ndarray:
        """Nodes that compare a feature with a threshold."""
        split = ~self.is_leaf
        if self.members:
            split[list(self.members)] = False
        return np.flatnonzero(split)


def constant_tree(value: float, target: int = 0) -> TreeArrays:
    """A tree that adds ``value`` for every row."""
    leaf = np.array([LEAF])
    return TreeArrays(np.zeros(1, int), np.zeros(1), leaf, leaf, np.zeros(1, bool), np.array([value]), target)


def tree_ensemble(graph: Graph, X: Tensor, trees: Sequence[TreeArrays], *, targets: int) -> Tensor:
    """The sums of the trees' leaves, one per target: float64 (rows, targets)."""
    trees = [_with_a_split(tree) for tree in trees]
    inner = [~tree.is_leaf for tree in trees]
    # TreeEnsemble numbers splits and leaves apart; `number` is each node's place among its kind.
    split_starts = np.cumsum([0, *(int(mask.sum()) for mask in inner)])
    leaf_starts = np.cumsum([0, *(int((~mask).sum()) for mask in inner)])
    numbers = [
        np.where(mask, np.cumsum(mask) - 1 + split, np.cumsum(~mask) - 1 + leaf)
        for mask, split, leaf in zip(inner, split_starts, leaf_starts, strict=False)
    ]

    def of_splits(pick: Any) -> np.ndarray:
        return np.concatenate([np.asarray(pick(tree))[mask] for tree, mask in zip(trees, inner, strict=True)])

    def child(side: str, kind: str) -> np.ndarray:
        parts = []
        for tree, mask, number in zip(trees, inner, numbers, strict=True):
            nodes = getattr(tree, side)[mask]
            parts.append(number[nodes] if kind == "number" else tree.is_leaf[nodes])
        return np.concatenate(parts).astype(np.int64)

    leaves = [~mask for mask in inner]
    weights = np.concatenate([tree.value[mask] for tree, mask in zip(trees, leaves, strict=True)])
    target_ids = np.concatenate(
        [np.broadcast_to(tree.target, len(mask))[mask] for tree, mask in zip(trees, leaves, strict=True)]
    )
    modes, members = _modes(trees, inner, split_starts)
    missing = of_splits(lambda tree: tree.missing_left)
    optional: dict[str, Any] = {}
    if missing.any():
        optional["nodes_missing_value_tracks_true"] = missing.astype(np.int64).tolist()
    if members is not None:
        optional["membership_values"] = make_tensor(members)
    return graph.op(
        "TreeEnsemble",
        X,
        domain=ML,
        width=targets,
        dtype=FLOAT64,
        n_targets=targets,
        aggregate_function=1,  # SUM
        post_transform=0,  # NONE
        tree_roots=split_starts[:-1].tolist(),
        nodes_modes=make_tensor(modes),
        nodes_featureids=of_splits(lambda tree: tree.feature).astype(np.int64).tolist(),
        nodes_splits=make_tensor(of_splits(lambda tree: tree.threshold).astype(FLOAT64)),
        nodes_truenodeids=child("left", "number").tolist(),
        nodes_trueleafs=child("left", "is_leaf").tolist(),
        nodes_falsenodeids=child("right", "number").tolist(),
        nodes_falseleafs=child("right", "is_leaf").tolist(),
        leaf_targetids=target_ids.astype(np.int64).tolist(),
        leaf_weights=make_tensor(weights.astype(FLOAT64)),
        **optional,
    )


def _with_a_split(tree: TreeArrays) -> TreeArrays:
    """TreeEnsemble's roots are splits; a tree that is one leaf becomes a split whose sides are that leaf."""
    if len(tree.left) > 1:
        return tree
    value = np.array([0.0, tree.value[0]])
    one, zero = np.array([1, LEAF]), np.zeros(2)
    return TreeArrays(zero.astype(int), zero, one, one, zero.astype(bool), value, np.broadcast_to(tree.target, 1)[0])


def _modes(
    trees: Sequence[TreeArrays], inner: Sequence[np.ndarray], starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Each split's mode; and the members of the MEMBER splits, in order, each list closed by NaN."""
    modes = np.full(starts[-1], LESS_OR_EQUAL, np.uint8)
    sets: list[np.ndarray] = []
    for tree, mask, start in zip(trees, inner, starts, strict=False):
        place = np.cumsum(mask) - 1 + start
        for node in sorted(tree.members or ()):
            modes[place[node]] = MEMBER
            sets.append(np.append((tree.members or {})[node].astype(FLOAT64), np.nan))
    return modes, (np.concatenate(sets) if sets else None)
