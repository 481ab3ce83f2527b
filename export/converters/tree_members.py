"""Trees that are members: one TreeEnsemble tells for each of them the leaf that a row falls into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from skerry.export.converters.forest import rounded_rows, tree_arrays
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import tree_ensemble
from skerry.export.graph import FLOAT64, Features, Graph, Tensor

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)


@dataclass(frozen=True)
class Split:
    """What a tree compares: the model's own features, where it was fitted on some of them."""

    feature: np.ndarray
    threshold: np.ndarray
    children_left: np.ndarray
    children_right: np.ndarray


def are_trees(members: Sequence[Any]) -> bool:
    return all(type(member) in _TREES and member.n_outputs_ == 1 for member in members)


def splits_of(members: Sequence[Any], subsets: Sequence[np.ndarray] | None = None) -> list[Split]:
    """The splits of each tree, among all features; ``subsets[i]`` are those that tree ``i`` was fitted on."""
    trees = [member.tree_ for member in members]
    if subsets is None:
        subsets = [np.arange(tree.n_features) for tree in trees]
    return [
        Split(
            np.where(tree.feature < 0, tree.feature, np.asarray(subset)[np.maximum(tree.feature, 0)]),
            tree.threshold,
            tree.children_left,
            tree.children_right,
        )
        for tree, subset in zip(trees, subsets, strict=True)
    ]


def leaf_values(
    estimator: Any,
    members: Sequence[Any],
    values: Sequence[np.ndarray],
    features: Features,
    scope: Scope,
    subsets: Sequence[np.ndarray] | None = None,
    *,
    summed: bool = False,
) -> Tensor:
    """``values[i][leaf]`` of each tree: FLOAT64 (rows, members), or their sum, (rows, 1). ``values`` are over the nodes
    of each tree."""
    splits = splits_of(members, subsets)
    read = None if subsets is None else np.unique(np.concatenate(subsets))
    X = rounded_rows(estimator, splits, features, scope, read=read)
    return side_by_side(scope.graph, X, members, values, splits, summed=summed)


def side_by_side(
    graph: Graph,
    X: Tensor,
    members: Sequence[Any],
    values: Sequence[np.ndarray],
    splits: Sequence[Split],
    *,
    summed: bool = False,
) -> Tensor:
    """The same, of rows that are rounded already."""
    trees = [
        replace(
            tree_arrays(member.tree_, value.astype(FLOAT64), 0 if summed else index),
            feature=np.maximum(split.feature, 0),
        )
        for index, (member, value, split) in enumerate(zip(members, values, splits, strict=True))
    ]
    return tree_ensemble(graph, X, trees, targets=1 if summed else len(trees))
