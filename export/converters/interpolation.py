"""Where numbers stand among learned ones, and the lines between those: ``np.searchsorted`` and ``np.interp``, by column.

The place is found by a TreeEnsemble, one balanced tree a column: exact in float64, and a few comparisons a number
however many places there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skerry.export.converters.trees import LEAF, TreeArrays, constant_tree, tree_ensemble
from skerry.export.graph import FLOAT64, INT64, Graph, Tensor


def searched(graph: Graph, X: Tensor, edges: Sequence[np.ndarray], side: str = "right") -> Tensor:
    """INT64 (rows, columns): ``np.searchsorted(edges[column], X[:, column], side)``; anything for NaN."""
    trees = [_search_tree(np.asarray(values, float), column, side) for column, values in enumerate(edges)]
    places = tree_ensemble(graph, graph.cast(X, FLOAT64), trees, targets=len(trees))
    return graph.cast(places, INT64)


def _search_tree(edges: np.ndarray, column: int, side: str) -> TreeArrays:
    """A balanced tree whose leaves are places among ``edges``. Level by level: a node has the leaves ``first`` to
    ``last``, and is one itself where they are the same."""
    distinct, counts = np.unique(edges, return_counts=True)
    if not len(distinct):
        return constant_tree(0.0, column)
    places = np.cumsum([0, *counts])
    # A node goes left where x <= threshold: that is x < edge if the threshold is the number below it.
    thresholds = np.nextafter(distinct, -np.inf) if side == "right" else distinct
    first, last = np.array([0]), np.array([len(distinct)])
    levels, size = [], 1
    while len(first):
        split = first < last
        middle = (first + last) // 2
        left = np.where(split, size + 2 * (np.cumsum(split) - 1), LEAF)
        threshold = np.where(split, thresholds[np.minimum(middle, len(distinct) - 1)], 0.0)
        levels.append((threshold, left, np.where(split, left + 1, LEAF), np.where(split, 0.0, places[first])))
        first, last = (
            np.stack([first[split], middle[split] + 1], axis=1).ravel(),
            np.stack([middle[split], last[split]], axis=1).ravel(),
        )
        size += len(first)
    threshold, left, right, value = (np.concatenate(part) for part in zip(*levels, strict=True))
    return TreeArrays(np.full(size, column), threshold, left, right, np.zeros(size, bool), value, column)


@dataclass(frozen=True)
class Lines:
    """For each place among a column's points, the line ``start + slope * (x - origin)`` that holds there.

    Before the first point and from the last on it is flat, as ``np.interp`` has it.
    """

    origins: np.ndarray
    starts: np.ndarray
    slopes: np.ndarray

    @classmethod
    def through(cls, xs: np.ndarray, ys: np.ndarray) -> Lines:
        with np.errstate(all="ignore"):
            slopes = np.diff(ys) / np.diff(xs)  # between equal points nothing is
        return cls(np.append(xs[0], xs), np.append(ys[0], ys), np.concatenate([[0.0], slopes, [0.0]]))


def looked_up(graph: Graph, tables: Sequence[np.ndarray], places: Tensor) -> Tensor:
    """(rows, columns): ``tables[column][places[:, column]]``; the tables may have more dimensions, and so has this then."""
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
    table = np.concatenate(tables)
    index = graph.op("Add", places, starts) if len(tables) > 1 else places
    return graph.op("Gather", table, index, axis=0, dtype=table.dtype)


def interpolated(graph: Graph, X: Tensor, xs: Sequence[np.ndarray], ys: Sequence[np.ndarray]) -> Tensor:
    """``np.interp(X[:, column], xs[column], ys[column])`` in float64, in its order of operations."""
    X = graph.cast(X, FLOAT64)
    lines = [Lines.through(np.asarray(x, float), np.asarray(y, float)) for x, y in zip(xs, ys, strict=True)]
    places = searched(graph, X, xs)
    beyond = graph.op("Sub", X, looked_up(graph, [line.origins for line in lines], places))
    risen = graph.op("Mul", looked_up(graph, [line.slopes for line in lines], places), beyond)
    return graph.op("Add", risen, looked_up(graph, [line.starts for line in lines], places))
