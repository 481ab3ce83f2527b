"""``tree_ensemble`` gives, for any row, what walking its trees one node at a time gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skerry.export.converters import trees as trees_module
from skerry.export.converters.trees import LEAF, TreeArrays, before_rounding, constant_tree, tree_ensemble
from skerry.export.graph import FLOAT64, Graph
from skerry.runtime.session import Session, SessionConfig


def walked(tree: TreeArrays, row: np.ndarray) -> tuple[int, float]:
    """The target and value of the leaf that a row reaches: the definition in ``TreeArrays``."""
    node = 0
    while tree.left[node] != LEAF:
        value = row[tree.feature[node]]
        if np.isnan(value):
            goes_left = tree.missing_left[node]
        elif tree.members and node in tree.members:
            goes_left = value in tree.members[node]
        else:
            goes_left = value <= tree.threshold[node]
        node = tree.left[node] if goes_left else tree.right[node]
    return int(np.broadcast_to(tree.target, len(tree.left))[node]), float(tree.value[node])


def expected(trees: list[TreeArrays], X: np.ndarray, targets: int) -> np.ndarray:
    sums = np.zeros((len(X), targets))
    for tree in trees:
        for row, sum_ in zip(X, sums, strict=True):
            target, value = walked(tree, row)
            sum_[target] += value
    return sums


def answered(trees: list[TreeArrays], X: np.ndarray, targets: int, threads: int = 1) -> np.ndarray:
    graph = Graph()
    tensor = tree_ensemble(graph, graph.input("X", FLOAT64, X.shape[1]), trees, targets=targets)
    session = Session(graph.model({"sums": tensor}), SessionConfig(intra_op_num_threads=threads))
    return session.run({"X": X}, ["sums"])[0]


def grown(random: np.random.Generator, leaves: int, width: int, targets: int, *, members: bool = False) -> TreeArrays:
    """A random tree: leaves are split until there are as many as asked for."""
    left, right = [LEAF], [LEAF]
    while left.count(LEAF) < leaves:
        node = int(random.choice(np.flatnonzero(np.array(left) == LEAF)))
        left[node], right[node] = len(left), len(left) + 1
        left += [LEAF, LEAF]
        right += [LEAF, LEAF]
    count = len(left)
    splits = np.flatnonzero(np.array(left) != LEAF)
    return TreeArrays(
        feature=random.integers(width, size=count),
        threshold=random.normal(size=count),
        left=np.array(left),
        right=np.array(right),
        missing_left=random.integers(2, size=count).astype(bool),
        value=random.normal(size=count),
        target=random.integers(targets, size=count),
        members={int(node): np.unique(random.integers(0, 9, 4)) for node in splits[::2]} if members else None,
    )


@pytest.mark.parametrize("members", [False, True])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("leaves", [2, 9, 60])
def test_random_trees(leaves: int, targets: int, members: bool, beside: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(leaves)
    trees = [grown(random, leaves, 4, targets, members=members) for _ in range(5)]
    X = np.append(random.normal(size=(50, 4)), random.integers(-1, 9, (50, 4)), axis=0)
    thresholds = beside(np.concatenate([tree.threshold for tree in trees]))
    X = np.append(X, np.repeat(thresholds[:, None], 4, axis=1), axis=0)
    np.testing.assert_array_equal(answered(trees, X, targets), expected(trees, X, targets))
    np.testing.assert_allclose(answered(trees, X, targets, threads=2), expected(trees, X, targets), rtol=0, atol=1e-14)


@pytest.mark.parametrize("members", [False, True])
def test_missing_and_infinite_values(members: bool) -> None:
    random = np.random.default_rng(0)
    trees = [grown(random, 12, 3, 1, members=members) for _ in range(6)]
    if members:  # as scikit-learn has it, where a missing value is a category that is no member
        trees = [
            replace(
                tree, missing_left=tree.missing_left & ~np.isin(np.arange(len(tree.left)), list(tree.members or ()))
            )
            for tree in trees
        ]
    X = random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 3.0], size=(60, 3))
    np.testing.assert_array_equal(answered(trees, X, 1), expected(trees, X, 1))


def test_trees_are_added_in_their_order() -> None:
    trees = [constant_tree(value) for value in (1e16, 1.0, -1e16, 0.1, 0.2, 0.3)]
    np.testing.assert_array_equal(answered(trees, np.zeros((2, 1)), 1), expected(trees, np.zeros((2, 1)), 1))


def test_a_single_leaf_answers_for_every_row() -> None:
    X = np.array([[0.0], [np.nan], [np.inf], [-np.inf]])
    trees = [constant_tree(2.5, 1), constant_tree(-1.0, 0)]
    np.testing.assert_array_equal(answered(trees, X, 3), [[-1.0, 2.5, 0.0]] * 4)


def test_a_single_leaf_stands_between_other_trees() -> None:
    random = np.random.default_rng(2)
    trees = [grown(random, 5, 2, 2), constant_tree(0.5, 1), grown(random, 1, 2, 2), grown(random, 7, 2, 2)]
    X = random.normal(size=(40, 2))
    np.testing.assert_array_equal(answered(trees, X, 2), expected(trees, X, 2))


def test_splits_are_the_nodes_that_compare_with_a_threshold() -> None:
    tree = grown(np.random.default_rng(1), 8, 2, 1, members=True)
    inner = set(np.flatnonzero(~tree.is_leaf))
    assert set(tree.splits) == inner - set(tree.members or ())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_big_ensembles_are_split_and_turned_without_a_change(
    dtype: type, beside: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees_module, "CACHED_NODES", 100)
    random = np.random.default_rng(0)
    trees = [replace(grown(random, 40, 4, 3), value=random.integers(9, size=79)) for _ in range(8)]
    trees = [replace(tree, rows=random.integers(1, 100, size=len(tree.left))) for tree in trees]
    trees[1].threshold[:9] = [np.inf, -np.inf, 0.0, -0.0, 3.5e38, -3.5e38, 1e-46, 5e-324, np.finfo(np.float32).max]
    thresholds = beside(np.concatenate([tree.threshold for tree in trees]))
    X = np.repeat(np.append(thresholds, [np.nan, np.inf, -np.inf, 0.0, -0.0])[:, None], 4, axis=1)
    with np.errstate(over="ignore"):
        X = np.append(X, X.astype(np.float32), axis=0).astype(dtype)
    graph = Graph()
    tensor = tree_ensemble(graph, graph.input("X", np.dtype(dtype), 4), trees, targets=3)
    assert sum(node.op_type == "TreeEnsemble" for node in graph.nodes) > 4
    np.testing.assert_array_equal(
        Session(graph.model({"sums": tensor})).run({"X": X}, ["sums"])[0], expected(trees, X.astype(float), 3)
    )


def test_thresholds_before_rounding_split_as_rounded_rows_do(beside: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(0)
    thresholds = np.append(random.normal(size=200), [0.0, -0.0, 1e-46, -1e-46, 1e38, 1.5, -1.5, 3.4028234e38])
    singles = np.concatenate([thresholds, before_rounding(thresholds)]).astype(np.float32)
    with np.errstate(over="ignore"):
        neighbours = [np.nextafter(singles, np.float32(end)) for end in (np.inf, -np.inf)]
    singles = np.concatenate([singles, *neighbours])
    values = beside(np.concatenate([thresholds, before_rounding(thresholds), singles.astype(float)]))
    values = values[np.abs(values) <= np.finfo(np.float32).max]
    expected = values.astype(np.float32)[:, None] <= thresholds
    np.testing.assert_array_equal(values[:, None] <= before_rounding(thresholds), expected)
