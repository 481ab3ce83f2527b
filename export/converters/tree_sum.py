"""TreeSum: a sum over trees of any kind; in float32 where its sums are exact in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import (
    LEAF,
    TreeArrays,
    before_rounding,
    constant_tree,
    imputed,
    splits_above,
    tree_ensemble,
)
from skerry.export.graph import FLOAT64, INT64, Features, Graph, Outputs, Tensor

FLOAT32 = np.dtype(np.float32)
COUNTED = 2**24
"""Float32 holds every whole number up to this one."""
SMALLEST, LARGEST = 2.0**-126, 2.0**127
"""Between them float32 holds every power of two in full."""
NARROW = (np.dtype(np.int8), np.dtype(np.int16))
"""What a table of whole numbers may be stored as."""


def tree_sum(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, targets = scope.graph, estimator.values_.shape[1]
    features, fills = graph.with_gaps(features)
    if not estimator.allow_nan_ and np.isnan(fills).all():
        scope.finite(features)
    X = _rows(estimator, features, scope)
    own = _has_own_targets(estimator)
    values, baseline = _with_baseline(estimator) if own else (estimator.values_, estimator.baseline_)
    units = _units(values * (estimator.left_ == LEAF)[:, None], estimator.roots_)
    sums = graph.cast((_sums if own else _table_sums)(estimator, values, X, fills, units, graph), FLOAT64)
    if baseline.any():
        sums = graph.op("Add", sums, baseline)
    sums = replace(sums, is_finite=True)
    return {"predict": graph.flatten(sums) if targets == 1 else sums}


def _with_baseline(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    """The nodes' values and the baseline; that is in the leaves of each target's first tree where float32 holds all sums then."""
    values, leaves = estimator.values_.copy(), estimator.left_ == LEAF
    spans, given = _spans(estimator), set[int]()
    for start, end in spans:
        target = _target(estimator, start, end)
        if target not in given:
            given.add(target)
            values[start:end, target] += estimator.baseline_[target]
    is_whole = given == set(range(values.shape[1]))
    if is_whole and _units(values * leaves[:, None], estimator.roots_) is not None:
        return values, np.zeros_like(estimator.baseline_)
    return estimator.values_, estimator.baseline_


def _target(estimator: Any, start: int, end: int) -> int:
    """The target to which the tree of these nodes adds; of a tree that adds nothing the first."""
    return int(np.abs(estimator.values_[start:end][estimator.left_[start:end] == LEAF]).max(axis=0).argmax())


def _rows(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """The rows as floats; those beyond float32 are refused if they are."""
    splits = estimator.left_ != LEAF
    spans = _spans(estimator)
    above = splits_above((estimator.left_[a:b] - a, estimator.right_[a:b] - a, splits[a:b]) for a, b in spans)
    scope.compares(features, estimator.feature_[splits], estimator.threshold_[splits], np.float32, above)
    floats = scope.graph.floats(features)
    if features.is_sparse:
        scope.refuse_not_finite(floats)
    if not estimator.allow_inf_:
        scope.refuse_beyond_float32(estimator, features, floats)
    return floats


def _sums(
    estimator: Any, values: np.ndarray, X: Tensor, fills: np.ndarray, units: np.ndarray | None, graph: Graph
) -> Tensor:
    """Each tree adds to one target."""
    dtype = FLOAT64 if units is None else FLOAT32
    targets = values.shape[1]
    trees = []
    for start, end in _spans(estimator):
        target = _target(estimator, start, end)
        trees.append(_tree(estimator, start, end, values[start:end, target], target, dtype, fills))
    return tree_ensemble(graph, graph.cast(X, dtype), trees or [constant_tree(0.0)], targets=targets)


def _table_sums(
    estimator: Any, values: np.ndarray, X: Tensor, fills: np.ndarray, units: np.ndarray | None, graph: Graph
) -> Tensor:
    """Each tree gives the number of its leaf, a table what the leaf adds to every target."""
    leaves = estimator.left_ == LEAF
    numbers = np.zeros(len(leaves))
    table, numbers[leaves] = np.unique(values[leaves], axis=0, return_inverse=True)
    trees = [
        _tree(estimator, start, end, numbers[start:end], place, FLOAT32, fills)
        for place, (start, end) in enumerate(_spans(estimator))
    ]
    places = graph.cast(tree_ensemble(graph, graph.cast(X, FLOAT32), trees, targets=len(trees)), INT64)
    stored = _stored(table, units, graph)
    found = graph.op("Gather", stored, places, axis=0, width=table.shape[1])  # (rows, trees, targets)
    return graph.op("ReduceSum", found, np.array([1]), keepdims=0)


def _stored(table: np.ndarray, units: np.ndarray | None, graph: Graph) -> Tensor:
    """The table, of whole numbers of ``units`` where there are some; those are stored as narrow as they can be."""
    if units is None:
        return Tensor(graph.constant(table), FLOAT64, table.shape[1])
    whole = table / units
    dtype = next((dtype for dtype in NARROW if np.abs(whole).max(initial=0) <= np.iinfo(dtype).max), FLOAT32)
    stored = Tensor(graph.constant(whole.astype(dtype)), dtype, table.shape[1])
    wide = graph.cast(stored, FLOAT32)  # ONNX Runtime does this and what follows once, when it loads the model
    return graph.op("Mul", wide, units.astype(FLOAT32))


def _tree(
    estimator: Any, start: int, end: int, value: np.ndarray, target: int, dtype: np.dtype, fills: np.ndarray
) -> TreeArrays:
    """A tree for rows of ``dtype``: the thresholds of float64 ones know that rows are rounded."""
    threshold, part = estimator.threshold_[start:end].astype(np.float64), slice(start, end)
    leaf = estimator.left_[part] == LEAF
    tree = TreeArrays(
        feature=np.where(leaf, 0, estimator.feature_[part]).astype(np.int64),
        threshold=before_rounding(threshold) if dtype == FLOAT64 else threshold,
        left=np.where(leaf, LEAF, estimator.left_[part] - start),
        right=np.where(leaf, LEAF, estimator.right_[part] - start),
        missing_left=estimator.missing_left_[part] & ~leaf,
        value=value,
        target=target,
    )
    return imputed(tree, fills)


def _spans(estimator: Any) -> list[tuple[int, int]]:
    """First node of each tree, and the one after its last: trees lie one after the other, their roots first."""
    ends = np.append(estimator.roots_[1:], len(estimator.left_)).tolist() if len(estimator.roots_) else []
    return list(zip(estimator.roots_.tolist(), ends, strict=True))


def _has_own_targets(estimator: Any) -> bool:
    """Whether no tree adds to more than one target."""
    values = np.where((estimator.left_ == LEAF)[:, None], estimator.values_, 0)
    if values.shape[1] == 1 or not len(estimator.roots_):
        return True
    return bool((np.logical_or.reduceat(values != 0, estimator.roots_).sum(axis=1) <= 1).all())


def _units(values: np.ndarray, roots: np.ndarray) -> np.ndarray | None:
    """Of each target the power of two whose whole multiples all leaves are, if float32 holds every sum that the trees can
    give: (targets,); None where not. ``values`` (nodes, targets) are 0 but in leaves."""
    if not len(roots):
        return np.ones(values.shape[1])
    units = np.array([_unit(column) for column in values.T])
    reach = np.maximum.reduceat(np.abs(values), roots).sum(axis=0)
    exact = (reach <= COUNTED * units) & (units > SMALLEST) & (reach < LARGEST)
    return units if exact.all() else None


def _unit(values: np.ndarray) -> float:
    """The greatest power of two that divides all of them; 1 where all are 0."""
    values = values[values != 0]
    if not len(values):
        return 1.0
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(float))[1] - 1
    return float(np.ldexp(1.0, int((exponent - 53 + trailing).min())))
