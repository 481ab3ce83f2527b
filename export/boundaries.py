"""Rows where the label changes: on the way from one made row to another with another label, just before and just after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.signature import Signature, take
from skerry.runtime.feeds import Array

PAIRS = 24
PARTS = 8
"""A way is cut into so many parts at a time, all of which are asked about at once."""

Predict = Callable[[Any], Array]


def boundary_rows(signature: Signature, rows: Any, predict: Predict, *, nearness: float) -> Any | None:
    """Rows on both sides of where ``predict`` changes, about ``nearness`` times their pair's distance from there: farther
    than scores may differ, for closer a label would hang on that.

    Only numbers move on the way; None where there are none, no two labels, or what is predicted are numbers.
    """
    moving = [index for index, datatype in enumerate(signature.datatypes) if datatype.startswith("FP")]
    if not moving:
        return None
    labels = predict(rows)
    first, second = _pairs(labels)
    if labels.dtype.kind == "f" or not len(first):
        return None
    way = _Way(signature, take(rows, first), take(rows, second), moving)
    low, high = np.zeros(len(first)), np.ones(len(first))
    start, end = predict(way.at(low)), predict(way.at(high))
    changing = np.flatnonzero(_differ(start, end))  # what does not move may have made the difference
    if not len(changing):
        return None
    way, start, low, high = way.take(changing), start[changing], low[changing], high[changing]
    while (high - low).max() > nearness:
        low, high = _narrowed(way, start, low, high, predict)
    return way.at(np.concatenate([low - nearness, high + nearness]), np.tile(np.arange(len(low)), 2))


class _Way:
    """Between pairs of rows."""

    def __init__(self, signature: Signature, first: Any, second: Any, moving: list[int]) -> None:
        self._signature = signature
        self._moving = moving
        self._first = {index: signature.column(first, index) for index in range(signature.width)}
        self._second = {index: signature.column(second, index) for index in moving}

    def take(self, index: Array) -> _Way:
        part = object.__new__(_Way)
        part._signature, part._moving = self._signature, self._moving
        part._first = {column: values[index] for column, values in self._first.items()}
        part._second = {column: values[index] for column, values in self._second.items()}
        return part

    def at(self, share: Array, pairs: Array | None = None) -> Any:
        """Rows so far on the way of their pairs (default: of each, in order)."""
        pairs = np.arange(len(share)) if pairs is None else pairs
        columns = {index: values[pairs] for index, values in self._first.items()}
        for index in self._moving:
            start, end = columns[index].astype(float), self._second[index][pairs].astype(float)
            columns[index] = (start + share * (end - start)).astype(columns[index].dtype)
        return self._signature.rows(columns)


def _narrowed(way: _Way, start: Array, low: Array, high: Array, predict: Predict) -> tuple[Array, Array]:
    """The first of the parts of each way in which the label changes."""
    shares = low[:, None] + (high - low)[:, None] * np.arange(1, PARTS) / PARTS
    pairs = np.repeat(np.arange(len(low)), PARTS - 1)
    changed = _differ(predict(way.at(shares.ravel(), pairs)), start[pairs]).reshape(shares.shape)
    ends = np.column_stack([low, shares, high])
    part = np.where(changed.any(axis=1), changed.argmax(axis=1), PARTS - 1)
    rows = np.arange(len(low))
    return ends[rows, part], ends[rows, part + 1]


def _pairs(labels: Array) -> tuple[Array, Array]:
    """Rows and others with another label: each one with the next that has."""
    first = np.arange(len(labels) - 1)
    second = first + 1
    other = np.flatnonzero(_differ(labels[first], labels[second]))[:PAIRS] if len(labels) > 1 else first
    return first[other], second[other]


def _differ(one: Array, other: Array) -> Array:
    return np.any(np.reshape(one != other, (len(one), -1)), axis=1)
