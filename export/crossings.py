"""``Crossings``: the neighbouring values of a column between which learned thresholds lie, and rows that reach a split.

Bisection, for many thresholds at once, on the ordered values of each column's own dtype. The oracle is
scikit-learn: ``thresholds.rows`` computes the features that rows have where the estimator compares them.
Between two values of one column that fall on different sides of a threshold there are two neighbouring
values that do, and 64 halvings find them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from skerry.export.graph import Thresholds
from skerry.export.signature import Signature, take
from skerry.runtime.feeds import Array


class Crossings:
    """Of the thresholds ``chosen``: ``low`` is the key of the last value on one side, ``high`` of the first on the other,
    ``found`` whether there are such. A key is an integer; neighbouring values have neighbouring keys.

    ``base`` are rows in the form the estimator was fitted on, as many as thresholds chosen, whose other columns are kept.
    """

    def __init__(
        self, thresholds: Thresholds, chosen: Array, signature: Signature, base: Any, ranges: list[tuple[float, float]]
    ) -> None:
        self._thresholds = thresholds
        self._signature = signature
        self._features = thresholds.features[chosen]
        self._values = thresholds.values[chosen]
        self.columns = thresholds.origins[chosen]
        self._base = {index: signature.column(base, index) for index in range(signature.width)}
        self.low, self.high, self.found = self._searched(ranges)

    def neighbours(self) -> Iterator[Any]:
        """Rows on both sides of each crossing: the value next to it, and the one after."""
        for offset in (-1, 0, 1, 2):
            yield take(self._with(self.low + offset), np.flatnonzero(self.found))

    def _searched(self, ranges: list[tuple[float, float]]) -> tuple[Array, Array, Array]:
        low, high = self._ends(ranges)
        below, above = self._side(low), self._side(high)
        while ((middle := _between(low, high)) != low).any():
            stays = self._side(middle) == below
            low, high = np.where(stays, middle, low), np.where(stays, high, middle)
        return low, high, below != above

    def _ends(self, ranges: list[tuple[float, float]]) -> tuple[Array, Array]:
        widened = [(low - 10 * (high - low) - 1, high + 10 * (high - low) + 1) for low, high in ranges]
        ends = np.array(widened)[self.columns]
        return self._encode(ends[:, 0]), self._encode(ends[:, 1])

    def _side(self, keys: Array) -> Array:
        given = self._thresholds.rows(self._with(keys))
        features = given.toarray() if sparse.issparse(given) else np.asarray(given)
        features = features.reshape(len(keys), -1)  # a vector is one column
        compared = features[np.arange(len(keys)), self._features].astype(self._thresholds.dtype)
        return np.asarray(compared.astype(float) <= self._values)

    def _with(self, keys: Array) -> Any:
        """The base rows with the searched column at ``keys``."""
        columns = dict(self._base)
        for index in np.unique(self.columns):
            hits = self.columns == index
            columns[index] = columns[index].copy()
            columns[index][hits] = from_keys(keys[hits], columns[index].dtype)
        return self._signature.rows(columns)

    def _encode(self, values: Array) -> Array:
        keys = np.empty(len(values), np.int64)
        for index in np.unique(self.columns):
            hits = self.columns == index
            keys[hits] = to_keys(values[hits], self._base[index].dtype)
        return keys


def _between(low: Array, high: Array) -> Array:
    """The average, rounded down; it cannot overflow, as a sum or a difference could."""
    return np.asarray((low & high) + ((low ^ high) >> 1))


def ancestors(above: Array, chosen: Array) -> list[Array]:
    """For each of the splits ``chosen``, the splits above it: from the nearest on, 1 + its place, negative where the path
    goes right; 0 where there is none any more. ``above`` has that of each split."""
    found, node = [], chosen
    while (step := above[node]).any():
        found.append(step)
        node = np.where(step == 0, node, np.abs(step) - 1)
    return found


def reach(keys: Array, paths: list[Array], places: Array, crossings: Crossings) -> Array:
    """``keys`` (rows, columns) changed such that row ``i`` comes to the split whose ancestors are ``paths[:][i]``.

    ``places[split]`` is where the split's threshold stands among the crossings, or -1 where it has none.
    """
    keys = keys.copy()
    for step in reversed(paths):
        place = places[np.abs(step) - 1]
        held = np.flatnonzero((step != 0) & (place >= 0))
        held = held[crossings.found[place[held]]]
        column, left = crossings.columns[place[held]], step[held] > 0
        least, most = crossings.high[place[held]], crossings.low[place[held]]
        now = keys[held, column]
        keys[held, column] = np.where(left, np.minimum(now, most), np.maximum(now, least))
    return keys


def to_keys(values: Array, dtype: np.dtype) -> Array:
    """Integers in the order of the values: neighbouring floats get neighbouring integers."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(values, max(limits.min, -(2.0**62)), min(limits.max, 2.0**62)).astype(np.int64)
    bits = values.astype(dtype).view(np.int64 if dtype.itemsize == 8 else np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & _magnitude(dtype)), bits)


def from_keys(keys: Array, dtype: np.dtype) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(keys, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1)).astype(dtype)
    integer = np.int64 if dtype.itemsize == 8 else np.int32
    return np.copysign(np.abs(keys).astype(integer).view(dtype), np.where(keys < 0, -1, 1)).astype(dtype)


def _magnitude(dtype: np.dtype) -> int:
    return int(2 ** (8 * dtype.itemsize - 1) - 1)
