"""``Crossings``: the neighbouring values of a column between which learned thresholds lie, and rows that reach a split.

Bisection, for many thresholds at once, on the ordered values of each column's own dtype. The oracle is
scikit-learn: ``thresholds.rows`` computes the features that rows have where the estimator compares them.
Between two values of one column that fall on different sides of a threshold there are two neighbouring
values that do, and 64 halvings find them. Where scikit-learn refuses what it has not seen, neighbours are
values that the base rows have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from skerry.export.graph import Thresholds
from skerry.export.oracle import REFUSALS
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
        self.scales: dict[int, Scale] = {
            int(index): Scale(self._base[index].dtype, ranges[index]) for index in np.unique(self.columns)
        }
        self.low, self.high, self.found = self._searched()

    def neighbours(self) -> Iterator[Any]:
        """Rows on both sides of each crossing: the value next to it, and the one after."""
        for offset in (-1, 0, 1, 2):
            yield take(self._with(self.low + offset), np.flatnonzero(self.found))

    def _searched(self) -> tuple[Array, Array, Array]:
        try:
            return self._bisected()
        except REFUSALS:  # of a value that was not seen in training
            self.scales = {index: self._accepted(index, scale) for index, scale in self.scales.items()}
            return self._bisected()

    def _bisected(self) -> tuple[Array, Array, Array]:
        low, high = np.array([self.scales[int(index)].ends for index in self.columns], np.int64).T
        below, above = self._side(low), self._side(high)
        while ((middle := _between(low, high)) != low).any():
            stays = self._side(middle) == below
            low, high = np.where(stays, middle, low), np.where(stays, high, middle)
        return low, high, below != above

    def _accepted(self, index: int, scale: Scale) -> Scale:
        """The scale of a column, or that of the values it has in the base rows if others are refused."""
        known = self._base[index]
        for end in (*scale.ends, sum(scale.ends) // 2):
            try:
                self._thresholds.rows(
                    self._signature.rows(self._base | {index: scale.values(np.full(len(known), end))})
                )
            except REFUSALS:
                return ListedScale(known)
        return scale

    def _side(self, keys: Array) -> Array:
        given = self._thresholds.rows(self._with(keys))
        features = given.toarray() if sparse.issparse(given) else np.asarray(given)
        features = features.reshape(len(keys), -1)  # a vector is one column
        with np.errstate(over="ignore"):  # infinite then, as it is to the estimator
            compared = features[np.arange(len(keys)), self._features].astype(self._thresholds.dtype)
        return np.asarray(compared.astype(float) <= self._values)

    def _with(self, keys: Array) -> Any:
        """The base rows with the searched column at ``keys``."""
        columns = dict(self._base)
        for index, scale in self.scales.items():
            hits = self.columns == index
            columns[index] = columns[index].copy()
            columns[index][hits] = scale.values(keys[hits])
        return self._signature.rows(columns)


class Scale:
    """Values of a dtype in their order: a key is an integer, and neighbouring values have neighbouring keys. ``ends`` are
    the keys far below and above a range."""

    def __init__(self, dtype: np.dtype, bounds: tuple[float, float]) -> None:
        self._dtype = dtype
        low, high = bounds
        far = np.array([low - 10 * (high - low) - 1, high + 10 * (high - low) + 1])
        least, most = self.keys(far).tolist()
        self.ends: tuple[int, int] = least, most

    def keys(self, values: Array) -> Array:
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            return np.clip(values, max(limits.min, -(2.0**62)), min(limits.max, 2.0**62)).astype(np.int64)
        bits = values.astype(self._dtype).view(self._integer).astype(np.int64)
        return np.where(bits < 0, -(bits & np.iinfo(self._integer).max), bits)

    def values(self, keys: Array) -> Array:
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            return np.clip(keys, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1)).astype(self._dtype)
        magnitudes = np.abs(keys).astype(self._integer).view(self._dtype)
        return np.copysign(magnitudes, np.where(keys < 0, -1, 1)).astype(self._dtype)

    @property
    def _integer(self) -> type[np.signedinteger[Any]]:
        return np.int64 if self._dtype.itemsize == 8 else np.int32


class ListedScale(Scale):
    """The values that are ``known``, in their order; a key is a place among them."""

    def __init__(self, known: Array) -> None:
        self._known = np.unique(known if (known != known).all() else known[known == known])
        self.ends = 0, len(self._known) - 1

    def keys(self, values: Array) -> Array:
        return np.minimum(np.searchsorted(self._known, values), self.ends[1])

    def values(self, keys: Array) -> Array:
        return np.asarray(self._known[np.clip(keys, *self.ends)])


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
