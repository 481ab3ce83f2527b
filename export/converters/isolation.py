"""IsolationForest: how soon a row stands alone in trees split at random; and RandomTreesEmbedding: where it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble._iforest import _average_path_length

from skerry.export.converters import tree_members
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import splits_above
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, OneHot, Outputs, Tensor


def isolation_forest(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """scikit-learn rounds to float32 and refuses nothing: NaN and numbers beyond float32 go their way in the trees."""
    graph = scope.graph
    depths = _depths(estimator, features, scope)
    scores = graph.op("Neg", graph.op("Pow", np.array(2.0), _exponents(estimator, depths, scope), dtype=FLOAT64))
    return {
        "score_samples": scores,
        "decision_function": graph.op("Sub", scores, np.array(float(estimator.offset_))),
        "predict": _inliers(estimator, depths, scope),
    }


def random_trees_embedding(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """A one-hot of each tree's leaves."""
    graph, trees = scope.graph, estimator.estimators_
    leaves = estimator.one_hot_encoder_.categories_
    places = [_places(tree.tree_, known, estimator, scope) for tree, known in zip(trees, leaves, strict=True)]
    codes = graph.cast(tree_members.leaf_values(estimator, trees, places, features, scope), INT64)
    dtype = np.dtype(estimator.one_hot_encoder_.dtype)
    hot = [Features.of(OneHot(graph.columns(codes, [index]), dtype, len(known))) for index, known in enumerate(leaves)]
    return {"transform": Features.join(hot)}


def _depths(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """The sum over the trees, in their order, of how deep a row falls, and would fall among those in its leaf: (rows,)."""
    graph = scope.graph
    subsets = estimator.estimators_features_ if estimator._max_features != features.width else None
    splits = tree_members.splits_of(estimator.estimators_, subsets)
    X = graph.cast(graph.cast(graph.floats(features), np.float32), FLOAT64)
    inner = [split.feature >= 0 for split in splits]
    scope.compares(
        features,
        np.concatenate([split.feature[mask] for split, mask in zip(splits, inner, strict=True)]),
        np.concatenate([split.threshold[mask] for split, mask in zip(splits, inner, strict=True)]),
        np.float32,
        splits_above(
            (split.children_left, split.children_right, mask) for split, mask in zip(splits, inner, strict=True)
        ),
    )
    pairs = zip(estimator._decision_path_lengths, estimator._average_path_length_per_tree, strict=True)
    lengths = [path + average - 1.0 for path, average in pairs]
    columns = tree_members.side_by_side(graph, X, estimator.estimators_, lengths, splits)
    sums = graph.op("CumSum", columns, np.array(1))
    return graph.flatten(graph.columns(sums, [len(lengths) - 1]))


def _exponents(estimator: Any, depths: Tensor, scope: Scope) -> Tensor:
    """Minus the depth, by that of a row in a tree of as many rows; of one row there is none, and it counts as 1."""
    graph, most = scope.graph, _deepest(estimator)
    if most == 0:
        return graph.op("Sub", graph.op("Mul", depths, np.array(0.0)), np.array(1.0))
    return graph.op("Neg", graph.op("Div", depths, np.array(most)))


def _deepest(estimator: Any) -> float:
    return float(len(estimator.estimators_) * _average_path_length([estimator._max_samples])[0])


def _inliers(estimator: Any, depths: Tensor, scope: Scope) -> Tensor:
    """1 and -1. The score rises with the depth, so rows are told apart by the depth: it is exact, and a power is not."""
    graph = scope.graph
    least = _least_depth(estimator)
    inlier = graph.op("GreaterOrEqual", depths, np.array(least), dtype=BOOL)
    return graph.op("Where", inlier, np.array(1), np.array(-1), dtype=INT64)


def _least_depth(estimator: Any) -> float:
    """The smallest depth that scikit-learn calls an inlier, found by halving; -inf where every row is one."""
    most = _deepest(estimator)

    def is_inlier(depth: float) -> bool:
        score = -(2 ** -np.array([depth / most if most else 1.0]))
        return not (score - estimator.offset_ < 0)[0]

    low, high = 0.0, float(len(estimator.estimators_) * 10_000)
    if is_inlier(low):
        return -np.inf
    if not is_inlier(high):
        return np.inf
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (low, middle) if is_inlier(middle) else (middle, high)
    return high


def _places(tree: Any, known: np.ndarray, estimator: Any, scope: Scope) -> np.ndarray:
    """The place of each leaf among those that were reached in training, over the nodes of a tree."""
    if not np.isin(np.flatnonzero(tree.children_left < 0), known).all():
        raise scope.refuse(estimator, "leaves that no row reached in training")
    return np.searchsorted(known, np.arange(tree.node_count))
