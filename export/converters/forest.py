"""Decision trees, extra trees and forests of them: float32 rows against float64 thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.scope import Scope, column_names
from skerry.export.converters.trees import LEAF, TreeArrays, tree_ensemble
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Outputs, Tensor


def forest_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    trees = _trees(estimator)
    _refuse_multi_output(estimator, scope)
    X = rounded_rows(estimator, trees, features, scope)
    sums = graph.flatten(tree_ensemble(graph, X, [tree_arrays(tree, tree.value[:, 0, 0]) for tree in trees], targets=1))
    return {"predict": _mean(sums, estimator, scope)}


def forest_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    _refuse_multi_output(estimator, scope)
    trees = _trees(estimator)
    X = rounded_rows(estimator, trees, features, scope)
    sums = (
        _pure_sums(X, trees, estimator, scope)
        if all(_is_pure(tree) for tree in trees)
        else _table_sums(X, trees, scope)
    )
    probabilities = _mean(sums, estimator, scope)
    return {
        "predict": label_of(graph, highest(graph, probabilities), estimator.classes_),
        "predict_proba": probabilities,
    }


def _pure_sums(X: Tensor, trees: list[Any], estimator: Any, scope: Scope) -> Tensor:
    """Every leaf is of one class: it adds 1 to that class."""
    arrays = [tree_arrays(tree, np.ones(tree.node_count), tree.value[:, 0, :].argmax(axis=1)) for tree in trees]
    return tree_ensemble(scope.graph, X, arrays, targets=int(estimator.n_classes_))


def _table_sums(X: Tensor, trees: list[Any], scope: Scope) -> Tensor:
    """Each tree gives the number of its leaf; a table gives the leaves' class fractions; they are summed.

    CumSum adds tree after tree, as scikit-learn does: ReduceSum adds in another order, and a
    probability that ties exactly would be decided by its rounding.
    """
    graph = scope.graph
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    table, numbers = np.unique(np.concatenate([tree.value[:, 0, :] for tree in trees]), axis=0, return_inverse=True)
    arrays = [
        tree_arrays(tree, numbers[start : start + tree.node_count].astype(float), target)
        for target, (tree, start) in enumerate(zip(trees, starts, strict=False))
    ]
    leaves = graph.cast(tree_ensemble(graph, X, arrays, targets=len(trees)), INT64)
    fractions = graph.op("Gather", table, leaves, dtype=FLOAT64, axis=0)  # (rows, trees, classes)
    if len(trees) > 1:
        fractions = graph.op("CumSum", fractions, np.array(1))
    return graph.op("Gather", fractions, np.array(len(trees) - 1), axis=1, width=table.shape[1])


def _mean(sums: Tensor, estimator: Any, scope: Scope) -> Tensor:
    if not hasattr(estimator, "estimators_"):
        return sums
    return scope.graph.op("Div", sums, np.array(float(len(estimator.estimators_))))


def _trees(estimator: Any) -> list[Any]:
    return [tree.tree_ for tree in estimator.estimators_] if hasattr(estimator, "estimators_") else [estimator.tree_]


def rounded_rows(estimator: Any, trees: list[Any], features: Features, scope: Scope) -> Tensor:
    """The rows rounded to float32, as scikit-learn compares them, in the float64 of the thresholds."""
    graph = scope.graph
    rounded = graph.cast(graph.floats(features), np.float32)
    graph.guard(
        graph.op("IsInf", rounded, dtype=BOOL),
        column_names(estimator, features.width),
        "expected a number in the range of float32",
    )
    indices = np.concatenate([tree.feature[tree.feature >= 0] for tree in trees])
    scope.compares(features, indices, np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees]), np.float32)
    return graph.cast(rounded, FLOAT64)


def tree_arrays(tree: Any, value: np.ndarray, target: int | np.ndarray = 0) -> TreeArrays:
    return TreeArrays(
        feature=np.maximum(tree.feature, 0),
        threshold=tree.threshold,
        left=np.where(tree.children_left < 0, LEAF, tree.children_left),
        right=np.where(tree.children_left < 0, LEAF, tree.children_right),
        missing_left=tree.missing_go_to_left.astype(bool),
        value=value,
        target=target,
    )


def _is_pure(tree: Any) -> bool:
    leaves = tree.value[tree.children_left < 0, 0, :]
    return bool(((leaves == 0) | (leaves == 1)).all())


def _refuse_multi_output(estimator: Any, scope: Scope) -> None:
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise scope.refuse(estimator, "more than one output is not converted")
