"""Trees as ``ai.onnx.ml`` 5 TreeEnsemble, in the dtype of the rows: thresholds, leaves and sums are scikit-learn's own.

``TreeArrays`` is the form all families are brought into, and ``tree_ensemble`` writes it: one pass
of NumPy over all nodes of all trees, no Python loop over them. Three facts make the answers exact:

- float64 thresholds need no rounding. For rows of float32, the largest float32 that is not above the
  threshold splits them alike; so where scikit-learn casts the row to float32 (decision trees, forests)
  and the leaves are whole numbers, a float32 ensemble of half the size gives the same answer.
- On one thread, ONNX Runtime adds the trees' leaves in the order of the trees, starting from 0. So a
  baseline that scikit-learn starts from is the first tree, and every partial sum is the same. On
  several threads, each adds some of the trees, and the sums differ in their last bits.

Two more make big ensembles fast. They become several, each of which walks all rows over trees that fit
into a core's cache. And ONNX Runtime lays the side where the comparison is false beside its parent in
memory: where most training rows go left, the split compares the negated column, and its sides swap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skerry.export.graph import ML, Graph, Tensor, make_tensor

LEAF = -1
LESS_OR_EQUAL, MEMBER = 0, 6
"""Node modes of TreeEnsemble (ONNX operators, ai.onnx.ml 5): BRANCH_LEQ and BRANCH_MEMBER."""

CACHED_NODES = 100_000
"""Nodes in one operator of a big ensemble; ONNX Runtime keeps 24 bytes for each, 32 in float64."""
TURNED_NODES = 2_000
"""With as many nodes, busy sides beside their parents save more time than another copy of the columns takes."""


@dataclass(frozen=True)
class TreeArrays:
    """One tree, as arrays over its nodes; node 0 is the root.

    ``left`` and ``right`` are node numbers, ``LEAF`` at a leaf. A row goes left where
    ``x[feature] <= threshold``, or where it is NaN and ``missing_left``. ``value`` is what a leaf adds
    to ``target``. ``members[node]``, where given, are the values that go left instead, and ``rows``
    how many training rows came to each node.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    target: int | np.ndarray = 0
    members: dict[int, np.ndarray] | None = None
    rows: np.ndarray | None = None

    @property
    def is_leaf(self) -> np.ndarray:
        return self.left == LEAF

    @property
    def is_split(self) -> np.ndarray:
        """Which nodes compare a feature with a threshold."""
        split = ~self.is_leaf
        if self.members:
            split[list(self.members)] = False
        return split

    @property
    def splits(self) -> np.ndarray:
        """Those nodes."""
        return np.flatnonzero(self.is_split)


def constant_tree(value: float, target: int = 0) -> TreeArrays:
    """A tree that adds ``value`` for every row."""
    leaf = np.array([LEAF])
    return TreeArrays(np.zeros(1, int), np.zeros(1), leaf, leaf, np.zeros(1, bool), np.array([value]), target)


def tree_ensemble(graph: Graph, X: Tensor, trees: Sequence[TreeArrays], *, targets: int) -> Tensor:
    """The sums of the trees' leaves, one per target: (rows, targets), in the dtype of ``X``, float64 or float32."""
    nodes = sum(len(tree.left) for tree in trees)
    turned = nodes >= TURNED_NODES and any(tree.rows is not None for tree in trees)
    if turned:
        trees = [_busy_side_right(tree, X) for tree in trees]
        X = graph.concat([X, graph.op("Neg", X)])
    parts = [trees] if nodes < 2 * CACHED_NODES else list(_cache_sized(trees))
    how = f"{nodes} nodes in {X.dtype.name}, {len(parts)} operator{'s' * (len(parts) > 1)}"
    graph.note("trees", how + ", busy sides turned" * turned)
    sums = [_ensemble(graph, X, _join(part), targets) for part in parts]
    return sums[0] if len(sums) == 1 else graph.op("Sum", *sums)


@dataclass(frozen=True)
class _Joined:
    """Several trees as one set of arrays; ``roots`` are the nodes they start at."""

    trees: TreeArrays
    roots: np.ndarray


def _cache_sized(trees: Sequence[TreeArrays]) -> Iterator[Sequence[TreeArrays]]:
    """Neighbouring trees, as many as fit into a core's cache together."""
    part = np.cumsum([len(tree.left) for tree in trees]) // CACHED_NODES
    for bounds in np.split(np.arange(len(trees)), np.flatnonzero(np.diff(part)) + 1):
        yield trees[bounds[0] : bounds[-1] + 1]


def imputed(tree: TreeArrays, fills: np.ndarray) -> TreeArrays:
    """The same tree for rows where NaN stands for ``fills``, a number for each column or NaN."""
    fill = fills[tree.feature]
    return replace(tree, missing_left=np.where(np.isnan(fill), tree.missing_left, fill <= tree.threshold))


def _busy_side_right(tree: TreeArrays, X: Tensor) -> TreeArrays:
    """The same tree over the columns of ``X`` and, after them, their negatives; where more training rows went left,
    that is now the right side: ``x <= t`` is not ``-x <= -(the next number after t)``."""
    if tree.rows is None:
        return tree
    threshold = _not_above(tree.threshold, X.dtype)
    with np.errstate(over="ignore"):
        after = np.nextafter(threshold, X.dtype.type(np.inf))
    swapped = np.isfinite(threshold) & np.isfinite(after) & (tree.rows[tree.left] > tree.rows[tree.right])
    swapped[tree.is_leaf] = False
    swapped[list(tree.members or ())] = False
    return replace(
        tree,
        feature=np.where(swapped, tree.feature + (X.width or 0), tree.feature),
        threshold=np.where(swapped, -after, threshold).astype(np.float64),
        left=np.where(swapped, tree.right, tree.left),
        right=np.where(swapped, tree.left, tree.right),
        missing_left=tree.missing_left ^ swapped,
    )


def _join(trees: Sequence[TreeArrays]) -> _Joined:
    trees = [_with_a_split(tree) for tree in trees]
    sizes = np.array([len(tree.left) for tree in trees])
    starts = np.cumsum(sizes) - sizes
    offsets = np.repeat(starts, sizes)

    def side(name: str) -> np.ndarray:
        nodes = np.concatenate([getattr(tree, name) for tree in trees])
        return np.where(nodes == LEAF, LEAF, nodes + offsets)

    def of(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    joined = TreeArrays(
        feature=of("feature"),
        threshold=of("threshold"),
        left=side("left"),
        right=side("right"),
        missing_left=of("missing_left"),
        value=of("value"),
        target=np.concatenate([np.broadcast_to(tree.target, len(tree.left)) for tree in trees]),
        members={
            int(start) + node: values
            for start, tree in zip(starts, trees, strict=True)
            for node, values in (tree.members or {}).items()
        },
    )
    return _Joined(joined, starts)


def _ensemble(graph: Graph, X: Tensor, joined: _Joined, targets: int) -> Tensor:
    trees = joined.trees
    leaf = trees.is_leaf
    splits = np.flatnonzero(~leaf)
    # TreeEnsemble numbers splits and leaves apart, and trees may share leaves.
    leaves, shared = _distinct(trees.target[leaf], trees.value[leaf])  # type: ignore[index]
    number = np.empty(len(leaf), np.int64)
    number[splits] = np.arange(len(splits))
    number[leaf] = shared
    left, right = trees.left[splits], trees.right[splits]
    targets_of_leaves, weights = leaves
    missing = trees.missing_left[splits]
    modes, members = _modes(trees, splits)
    optional: dict[str, Any] = {}
    if missing.any():
        optional["nodes_missing_value_tracks_true"] = missing
    if members is not None:
        optional["membership_values"] = make_tensor(members.astype(X.dtype))
    return graph.op(
        "TreeEnsemble",
        X,
        domain=ML,
        width=targets,
        n_targets=targets,
        aggregate_function=1,  # SUM
        post_transform=0,  # NONE
        tree_roots=number[joined.roots],
        nodes_modes=make_tensor(modes),
        nodes_featureids=trees.feature[splits],
        nodes_splits=make_tensor(_not_above(trees.threshold[splits], X.dtype)),
        nodes_truenodeids=number[left],
        nodes_trueleafs=leaf[left],
        nodes_falsenodeids=number[right],
        nodes_falseleafs=leaf[right],
        leaf_targetids=targets_of_leaves,
        leaf_weights=make_tensor(weights.astype(X.dtype)),
        **optional,
    )


def _distinct(targets: np.ndarray, values: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The distinct pairs of target and value (told apart by their bits), and the number of each leaf's pair."""
    bits = values.astype(np.float64).view(np.int64)
    known, numbers = np.unique(bits, return_inverse=True)
    pairs, numbers = np.unique(targets.astype(np.int64) * len(known) + numbers, return_inverse=True)
    return (pairs // len(known), known[pairs % len(known)].view(np.float64)), numbers


def splits_above(trees: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """For each split that is noted, in the order of the trees and of their nodes: 1 + the place of the one above it,
    negative on that one's right side; 0 where there is none.

    A tree is its nodes' left and right children (negative at a leaf), and a mask of those noted.
    """
    parts, count = [], 0
    for left, right, noted in trees:
        inner = np.flatnonzero(left >= 0)
        above = np.zeros(len(left), int)
        above[left[inner]], above[right[inner]] = inner + 1, -(inner + 1)
        while (passed := (above != 0) & ~noted[np.abs(above) - 1]).any():
            above[passed] = above[np.abs(above[passed]) - 1]
        place = count + np.cumsum(noted)
        parts.append((np.sign(above) * place[np.abs(above) - 1])[noted])
        count += int(noted.sum())
    return np.concatenate([np.empty(0, int), *parts])


def before_rounding(thresholds: np.ndarray) -> np.ndarray:
    """For each threshold, the largest float64 that, rounded to float32 (to nearest, ties to even), is not above it.

    A float64 number is compared with it as its rounded self with the threshold; so is a float32 number.
    """
    below = _not_above(thresholds, np.dtype(np.float32))
    with np.errstate(over="ignore"):
        above = np.nextafter(below, np.float32(np.inf)).astype(np.float64)
    middle = (below.astype(np.float64) + np.where(np.isinf(above), 2.0**128, above)) / 2
    is_even = below.view(np.int32) % 2 == 0
    return np.where(is_even, middle, np.nextafter(middle, -np.inf))


def _not_above(thresholds: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The largest numbers of ``dtype`` that are not above the thresholds."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(dtype)
        return np.where(rounded > thresholds, np.nextafter(rounded, dtype.type(-np.inf)), rounded)


def _with_a_split(tree: TreeArrays) -> TreeArrays:
    """TreeEnsemble's roots are splits; a tree that is one leaf becomes a split whose sides are that leaf."""
    if len(tree.left) > 1:
        return tree
    value = np.array([0.0, tree.value[0]])
    one, zero = np.array([1, LEAF]), np.zeros(2)
    return TreeArrays(zero.astype(int), zero, one, one, zero.astype(bool), value, np.broadcast_to(tree.target, 1)[0])


def _modes(trees: TreeArrays, splits: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Each split's mode; and the members of the MEMBER splits, in order, each list closed by NaN."""
    modes = np.full(len(splits), LESS_OR_EQUAL, np.uint8)
    if not trees.members:
        return modes, None
    nodes = np.array(sorted(trees.members))
    modes[np.searchsorted(splits, nodes)] = MEMBER
    return modes, np.concatenate([np.append(trees.members[node], np.nan) for node in nodes.tolist()])
