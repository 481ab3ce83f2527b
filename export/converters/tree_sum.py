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
    sums, baseline = (_sums if _has_own_targets(estimator) else _table_sums)(estimator, X, fills, graph)
    sums = graph.cast(sums, FLOAT64)
    if baseline.any():
        sums = graph.op("Add", sums, baseline)
    sums = replace(sums, is_finite=True)
    return {"predict": graph.flatten(sums) if targets == 1 else sums}


def _with_baseline(estimator: Any, targets: list[int] | None = None) -> np.ndarray | None:
    """The nodes' values, with the baseline in the leaves of the first tree of each target, or of all ``targets`` at once;
    None where there is no such tree, or float32 does not hold all sums then."""
    values, given = estimator.values_.copy(), set[int]()
    for start, end in _spans(estimator):
        new = set(targets or [_target(estimator, start, end)]) - given
        given |= new
        values[start:end, list(new)] += estimator.baseline_[list(new)]
    is_whole = len(given) == values.shape[1]
    return values if is_whole and _units(values, estimator) is not None else None


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


Sums = tuple[Tensor, np.ndarray]
"""The sums of the trees, and the baseline that is to be added to them."""


def _sums(estimator: Any, X: Tensor, fills: np.ndarray, graph: Graph) -> Sums:
    """Each tree adds to one target."""
    lifted = _with_baseline(estimator)
    values, baseline = (estimator.values_, estimator.baseline_) if lifted is None else (lifted, np.zeros(1))
    dtype = FLOAT64 if _units(values, estimator) is None else FLOAT32
    targets = values.shape[1]
    trees = []
    for start, end in _spans(estimator):
        target = _target(estimator, start, end)
        trees.append(_tree(estimator, start, end, values[start:end, target], target, dtype, fills))
    sums = tree_ensemble(graph, graph.cast(X, dtype), trees or [constant_tree(0.0)], targets=targets)
    return sums, baseline


def _table_sums(estimator: Any, X: Tensor, fills: np.ndarray, graph: Graph) -> Sums:
    """Each tree gives the number of its leaf, a table what the leaf adds to every target."""
    leaves, spans, baseline = estimator.left_ == LEAF, _spans(estimator), estimator.baseline_
    numbers = np.zeros(len(leaves))
    table, numbers[leaves] = np.unique(estimator.values_[leaves], axis=0, return_inverse=True)
    stored = _stored(table, _units(estimator.values_, estimator), graph)
    if stored.dtype == FLOAT32 and _with_baseline(estimator, list(range(table.shape[1]))) is not None:
        # The first tree has rows of its own, that have the baseline in them.
        first = slice(*spans[0])
        rows, own = np.unique(numbers[first][leaves[first]].astype(int), return_inverse=True)
        numbers[first][leaves[first]] = len(table) + own
        lifted = graph.op("Add", graph.op("Gather", stored, rows, axis=0), baseline.astype(FLOAT32))
        stored = graph.op("Concat", stored, lifted, axis=0)
        baseline = np.zeros(1)
    trees = [
        _tree(estimator, start, end, numbers[start:end], place, FLOAT32, fills)
        for place, (start, end) in enumerate(spans)
    ]
    places = graph.cast(tree_ensemble(graph, graph.cast(X, FLOAT32), trees, targets=len(trees)), INT64)
    found = graph.op("Gather", stored, places, axis=0, width=table.shape[1])  # (rows, trees, targets)
    return graph.op("ReduceSum", found, np.array([1]), keepdims=0), baseline


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


def _units(values: np.ndarray, estimator: Any) -> np.ndarray | None:
    """Of each target the power of two whose whole multiples all leaves are, if float32 holds every sum that the trees can
    give: (targets,); None where not. ``values`` are (nodes, targets)."""
    if not len(estimator.roots_):
        return np.ones(values.shape[1])
    values = values * (estimator.left_ == LEAF)[:, None]
    units = np.array([_unit(column) for column in values.T])
    reach = np.maximum.reduceat(np.abs(values), estimator.roots_).sum(axis=0)
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
