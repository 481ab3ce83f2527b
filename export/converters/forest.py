"""Decision trees, extra trees and forests of them: rows rounded to float32 against float64 thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import (
    LEAF,
    TURNED_NODES,
    TreeArrays,
    before_rounding,
    imputed,
    splits_above,
    tree_ensemble,
)
from skerry.export.graph import FLOAT64, INT64, Features, Outputs, Tensor

COUNTED = 2**24
"""Float32 holds every whole number up to this one."""


def forest_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    means = _means(estimator, features, scope)
    return {"predict": scope.graph.flatten(means) if estimator.n_outputs_ == 1 else means}


def forest_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    means = _means(estimator, features, scope)
    if estimator.n_outputs_ == 1:
        return {"predict": label_of(graph, highest(graph, means), estimator.classes_), "predict_proba": means}
    return _of_each_target(estimator, means, scope)


def _of_each_target(estimator: Any, means: Tensor, scope: Scope) -> Outputs:
    """Labels side by side, in the dtype NumPy gives them; probabilities of each target by themselves."""
    graph, outputs, labels = scope.graph, {}, []
    width = (means.width or 0) // estimator.n_outputs_
    dtype = np.result_type(*(classes.dtype for classes in estimator.classes_))
    for target, classes in enumerate(estimator.classes_):
        probabilities = graph.columns(means, target * width + np.arange(len(classes)))
        labels.append(graph.column(label_of(graph, highest(graph, probabilities), classes.astype(dtype))))
        outputs[f"predict_proba_{target}"] = probabilities
    return {"predict": graph.concat(labels), **outputs}


def _means(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """The mean over the trees of the values of a row's leaves: float64 (rows, targets × values of a target)."""
    trees = _trees(estimator)
    features, fills = scope.graph.with_gaps(features)
    values = [tree.value.reshape(tree.node_count, -1) for tree in trees]
    if values[0].shape[1] == 1:
        X = rounded_rows(estimator, trees, features, scope)
        arrays = [tree_arrays(tree, value[:, 0], fills=fills) for tree, value in zip(trees, values, strict=True)]
        sums = tree_ensemble(scope.graph, X, arrays, targets=1)
    else:
        X = rounded_rows(estimator, trees, features, scope, dtype=_counting_dtype(trees))
        counted = estimator.n_outputs_ == 1 and is_classifier(estimator) and all(map(_is_pure, trees, values))
        sums = (_counts if counted else _table_sums)(X, trees, values, fills, scope)
    if not hasattr(estimator, "estimators_"):
        return sums
    return scope.graph.op("Div", sums, np.array(float(len(trees))))


def _counts(X: Tensor, trees: list[Any], values: list[np.ndarray], fills: np.ndarray, scope: Scope) -> Tensor:
    """Every leaf is of one class: it adds 1 to that class."""
    arrays = [
        tree_arrays(tree, np.ones(len(value)), value.argmax(axis=1), fills=fills)
        for tree, value in zip(trees, values, strict=True)
    ]
    return scope.graph.cast(tree_ensemble(scope.graph, X, arrays, targets=values[0].shape[1]), FLOAT64)


def _table_sums(X: Tensor, trees: list[Any], values: list[np.ndarray], fills: np.ndarray, scope: Scope) -> Tensor:
    """Each tree gives the number of its leaf; a table gives the leaves' values; they are summed.

    CumSum adds tree after tree, as scikit-learn does: ReduceSum adds in another order, and a
    probability that ties exactly would be decided by its rounding.
    """
    graph = scope.graph
    table, numbers = np.unique(np.concatenate(values), axis=0, return_inverse=True)
    parts = np.split(numbers, np.cumsum([len(value) for value in values])[:-1])
    arrays = [
        tree_arrays(tree, part, target, fills=fills)
        for target, (tree, part) in enumerate(zip(trees, parts, strict=True))
    ]
    leaves = graph.cast(tree_ensemble(graph, X, arrays, targets=len(trees)), INT64)
    if len(trees) == 1:
        return graph.op("Gather", table, graph.flatten(leaves), dtype=FLOAT64, axis=0, width=table.shape[1])
    found = graph.op("Gather", table, leaves, dtype=FLOAT64, axis=0)  # (rows, trees, values)
    sums = graph.op("CumSum", found, np.array(1))
    return graph.op("Gather", sums, np.array(len(trees) - 1), axis=1, width=table.shape[1])


def _counting_dtype(trees: list[Any]) -> Any:
    """Leaves that are counted, or numbers of leaves, fit into float32: many nodes take less memory in it; for few,
    float64 rows need not be cast."""
    return np.float32 if TURNED_NODES <= sum(tree.node_count for tree in trees) <= COUNTED else FLOAT64


def _trees(estimator: Any) -> list[Any]:
    return [tree.tree_ for tree in estimator.estimators_] if hasattr(estimator, "estimators_") else [estimator.tree_]


def rounded_rows(
    estimator: Any,
    trees: list[Any],
    features: Features,
    scope: Scope,
    *,
    dtype: Any = FLOAT64,
    read: np.ndarray | None = None,
) -> Tensor:
    """The rows for ``tree_arrays``, in the ``dtype`` that leaves are summed in; those beyond float32 are refused, of
    trees that ``read`` only some columns in these.

    scikit-learn rounds rows to float32. In float64 they stay as they are: the thresholds of ``tree_arrays`` know.
    """
    graph = scope.graph
    _note_thresholds(trees, features, scope)
    floats = graph.floats(features)
    if features.is_sparse:  # scikit-learn's trees take NaN in dense rows alone
        scope.refuse_not_finite(floats)
    scope.refuse_beyond_float32(estimator, features, floats, read)
    return graph.cast(floats, dtype)


def _note_thresholds(trees: list[Any], features: Features, scope: Scope) -> None:
    indices = np.concatenate([tree.feature[tree.feature >= 0] for tree in trees])
    values = np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees])
    above = splits_above((tree.children_left, tree.children_right, tree.feature >= 0) for tree in trees)
    scope.compares(features, indices, values, np.float32, above)


def tree_arrays(
    tree: Any, value: np.ndarray, target: int | np.ndarray = 0, *, fills: np.ndarray | None = None
) -> TreeArrays:
    """A fitted tree with ``value`` in its leaves; ``fills`` as ``Graph.with_gaps`` gives them."""
    arrays = TreeArrays(
        feature=np.maximum(tree.feature, 0),
        threshold=before_rounding(tree.threshold),
        left=np.where(tree.children_left < 0, LEAF, tree.children_left),
        right=np.where(tree.children_left < 0, LEAF, tree.children_right),
        missing_left=tree.missing_go_to_left.astype(bool),
        value=value,
        target=target,
        rows=tree.n_node_samples,
    )
    return arrays if fills is None else imputed(arrays, fills)


def _is_pure(tree: Any, values: np.ndarray) -> bool:
    leaves = values[tree.children_left < 0]
    return bool(((leaves == 0) | (leaves == 1)).all())
