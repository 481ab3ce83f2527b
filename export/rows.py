"""Made rows: built to break the model at hand, from what the estimator has learned and how its columns are spread.

No row of anybody's data is among them. Numbers are drawn between two percentiles of a column, or are
the exact values at which a learned threshold is crossed; strings are the categories and terms that
the estimator itself carries, or invented here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skerry.export.graph import Graph, Thresholds
from skerry.export.made_records import draw_records, draw_texts, special_records
from skerry.export.signature import UNKNOWN, Signature, stack, take
from skerry.runtime.feeds import Array

BASE_ROWS = 128
PROBED_COLUMNS = 24
CROSSINGS = 1500
"""At most so many ordinary rows, columns given special values, and thresholds searched for in the rows."""

FEW_ROWS = 20
"""Of fewer rows than this, no percentile is taken."""

FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    1e-30,
    16777217.0,
    1e6,
    -1e6,
    1e15,
    3.4e38,
    -3.4e38,
    1e39,
    1e300,
    np.inf,
    -np.inf,
    np.nan,
)
INTEGERS = (0, 1, -1, 100, 2**24 + 1, -(2**31), 2**31 - 1, 2**53 + 1, -(2**63), 2**63 - 1, 2**64 - 1)
STRINGS = (
    "",
    " ",
    "unseen",
    "0",
    "nan",
    "None",
    "é",
    "İstanbul",
    "日本語 テキスト",
    "नमस्ते दुनिया",
    "😀",
    "a b",
    "A",
    "x" * 300,
)


@dataclass(frozen=True)
class MadeRows:
    """Rows in the form the estimator was fitted on; ``kinds`` says of each why it was made."""

    rows: Any
    kinds: Array

    def __len__(self) -> int:
        return len(self.kinds)

    def take(self, index: Array) -> MadeRows:
        return MadeRows(take(self.rows, index), self.kinds[index])


class RowMaker:
    """Makes rows for one estimator. ``graph`` carries the thresholds and categories its converters noted."""

    def __init__(self, signature: Signature, graph: Graph, X: Any, *, seed: int = 0) -> None:
        self._signature = signature
        self._graph = graph
        self._random = np.random.default_rng(seed)
        self._ranges = [
            _range(signature.column(X, index), signature.datatypes[index]) for index in range(signature.width)
        ]

    def ordinary(self, count: int = BASE_ROWS) -> MadeRows:
        """Rows such as the estimator might see: every column drawn by itself."""
        columns = {index: self._draw(index, count) for index in range(self._signature.width)}
        return MadeRows(self._signature.rows(columns), np.full(count, "ordinary", object))

    def special(self, base: MadeRows, unmarked: Array | None = None) -> MadeRows:
        """``base`` rows with one column replaced by a value that tends to be treated wrongly.

        ``unmarked`` is a mask of columns in which None and NaN are both missing, though the rows show neither.
        """
        width = self._signature.width
        chosen = (
            range(width)
            if width <= PROBED_COLUMNS
            else sorted(self._random.choice(width, PROBED_COLUMNS, replace=False))
        )
        cases = [(column, value) for column in chosen for value in self._specials(column)]
        for column in np.flatnonzero([] if unmarked is None else unmarked):
            cases += [(int(column), None), (int(column), np.nan)]
        cases.sort(
            key=lambda case: repr(case[1])
        )  # rows that are refused for one reason stand together, and are found sooner
        if not cases:
            return base.take(np.arange(0))
        picks = self._random.integers(len(base), size=len(cases))
        rows = self._replace(base, picks, [column for column, _ in cases], [value for _, value in cases])
        names = self._signature.names
        return MadeRows(rows, np.array([f"{names[column]} = {_short(value)}" for column, value in cases], object))

    def crossing(self, base: MadeRows) -> MadeRows:
        """Rows exactly at learned thresholds: the last value on one side, the first on the other, and their neighbours."""
        parts = [part for thresholds in self._graph.thresholds if (part := self._cross(thresholds, base)) is not None]
        return _join(parts) if parts else base.take(np.arange(0))

    def _draw(self, index: int, count: int) -> Array:
        datatype, known = self._signature.datatypes[index], self._graph.categories.get(index, [])
        if self._signature.layout == "records":
            return draw_records(self._graph.extractors, known, count, self._random)
        if self._is_text(index):
            return draw_texts(known or list(STRINGS), count, self._random)
        if datatype == "BYTES":
            learned = [value for value in known if isinstance(value, str)] or ["a", "b", "c"]
            return np.array(learned, object)[self._random.integers(len(learned), size=count)]
        values = np.array([value for value in known if value == value])
        if len(values) and datatype != "BOOL":  # numbers used as categories
            return values[self._random.integers(len(values), size=count)]
        if datatype == "BOOL":
            return self._random.integers(2, size=count).astype(bool)
        low, high = self._ranges[index]
        drawn = self._random.uniform(low, high, size=count)
        return np.rint(drawn).astype(np.int64) if datatype.startswith(("INT", "UINT")) else drawn

    def _is_text(self, index: int) -> bool:
        """Whether a column's values are split into terms."""
        spec = self._signature.inputs[index if self._signature.layout == "columns" else 0]
        return any(extractor.input == spec.name for extractor in self._graph.extractors)

    def _specials(self, index: int) -> list[Any]:
        datatype, known = self._signature.datatypes[index], self._graph.categories.get(index, [])
        if datatype == "BOOL":
            return [True, False]
        if self._signature.layout == "records":
            return special_records(self._graph.extractors, known)
        if datatype == "BYTES":
            learned = [value for value in known if isinstance(value, str)][:3]
            variants = [variant for value in learned for variant in (value, value + " ", value.swapcase(), value[:-1])]
            marker = self._signature.missing[index]
            missing = [] if marker is UNKNOWN else [marker]
            return [*variants, *STRINGS, *missing]
        if datatype.startswith(("INT", "UINT")):
            limits = np.iinfo(self._dtype(index))
            return [value for value in INTEGERS if limits.min <= value <= limits.max] + known[:20]
        floats = [*FLOATS, *self._ranges[index], *known[:20]]
        return [value for value in floats if value == value] if self._signature.missing[index] is UNKNOWN else floats

    def _dtype(self, index: int) -> Any:
        dtype = self._signature.dtypes[index if self._signature.layout == "columns" else 0]
        categories = getattr(dtype, "categories", None)
        return dtype if categories is None else categories.dtype

    def _replace(self, base: MadeRows, picks: Array, columns: list[int], values: list[Any]) -> Any:
        """The picked base rows; in row ``i`` column ``columns[i]`` is ``values[i]``."""
        found = {}
        for index in range(self._signature.width):
            kept = self._signature.column(base.rows, index)[picks]
            hits = [row for row, column in enumerate(columns) if column == index]
            found[index] = _put(kept, hits, [values[row] for row in hits])
        return self._signature.rows(found)

    def _cross(self, thresholds: Thresholds, base: MadeRows) -> MadeRows | None:
        numeric = np.array([datatype not in ("BYTES", "BOOL") for datatype in self._signature.datatypes] + [False])
        usable = np.flatnonzero(numeric[thresholds.origins])  # origin -1 picks the last: not usable
        if not len(usable):
            return None
        _, first = np.unique(
            np.stack([thresholds.features[usable], thresholds.values[usable]]), axis=1, return_index=True
        )
        usable = usable[np.sort(first)]
        if len(usable) > CROSSINGS:
            usable = np.sort(self._random.choice(usable, CROSSINGS, replace=False))
        search = _Search(
            thresholds, usable, self._signature, base.rows, self._random.integers(len(base), size=len(usable))
        )
        return _join(list(search.rows(self._ranges)))


class _Search:
    """Bisection, for many thresholds at once, on the ordered values of each column's own dtype.

    The oracle is scikit-learn: ``thresholds.rows`` computes the features that rows have where the
    estimator compares them. Between two values of one column that fall on different sides of a
    threshold there are two neighbouring values that do, and 64 halvings find them.
    """

    def __init__(self, thresholds: Thresholds, usable: Array, signature: Signature, base: Any, picks: Array) -> None:
        self._thresholds = thresholds
        self._signature = signature
        self._features = thresholds.features[usable]
        self._values = thresholds.values[usable]
        self._origins = thresholds.origins[usable]
        self._base = {index: signature.column(base, index)[picks] for index in range(signature.width)}

    def rows(self, ranges: list[tuple[float, float]]) -> Iterator[MadeRows]:
        """Per side of each crossing that exists: the value next to it, and the one after."""
        low, high = self._ends(ranges)
        below, above = self._side(low), self._side(high)
        for _ in range(64):
            middle = (low & high) + ((low ^ high) >> 1)  # an average that cannot overflow
            stays = self._side(middle) == below
            low, high = np.where(stays, middle, low), np.where(stays, high, middle)
        found = np.flatnonzero(below != above)
        for offset in (-1, 0, 1, 2):
            yield MadeRows(take(self._with(low + offset), found), np.full(len(found), "at a threshold", object))

    def _ends(self, ranges: list[tuple[float, float]]) -> tuple[Array, Array]:
        widened = [(low - 10 * (high - low) - 1, high + 10 * (high - low) + 1) for low, high in ranges]
        ends = np.array(widened)[self._origins]
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
        for index in np.unique(self._origins):
            hits = self._origins == index
            columns[index] = columns[index].copy()
            columns[index][hits] = _from_keys(keys[hits], columns[index].dtype)
        return self._signature.rows(columns)

    def _encode(self, values: Array) -> Array:
        keys = np.empty(len(values), np.int64)
        for index in np.unique(self._origins):
            hits = self._origins == index
            keys[hits] = _to_keys(values[hits], self._base[index].dtype)
        return keys


def _to_keys(values: Array, dtype: np.dtype) -> Array:
    """Integers in the order of the values: neighbouring floats get neighbouring integers."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(values, max(limits.min, -(2.0**62)), min(limits.max, 2.0**62)).astype(np.int64)
    bits = values.astype(dtype).view(np.int64 if dtype.itemsize == 8 else np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & _magnitude(dtype)), bits)


def _from_keys(keys: Array, dtype: np.dtype) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(keys, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1)).astype(dtype)
    integer = np.int64 if dtype.itemsize == 8 else np.int32
    return np.copysign(np.abs(keys).astype(integer).view(dtype), np.where(keys < 0, -1, 1)).astype(dtype)


def _magnitude(dtype: np.dtype) -> int:
    return int(2 ** (8 * dtype.itemsize - 1) - 1)


def _range(values: Array, datatype: str) -> tuple[float, float]:
    """Where most of a numeric column lies: two percentiles, rounded to three digits; nobody's own value.

    Percentiles of a few rows are those rows, so of them only the sign and the power of ten are told.
    """
    if datatype in ("BYTES", "BOOL"):
        return 0.0, 1.0
    finite = np.asarray(values[np.isfinite(values)], float)
    if not len(finite):
        return 0.0, 1.0
    if len(finite) < FEW_ROWS:
        reach = 10.0 ** np.ceil(np.log10(max(np.abs(finite).max(), 1e-300)))
        return (-reach if (finite < 0).any() else 0.0), (reach if (finite > 0).any() else 0.0)
    low, high = np.percentile(finite, [5, 95])
    return _round(low), _round(high)


def _round(value: float) -> float:
    return float(f"{value:.2e}")


def _put(values: Array, rows: list[int], replacements: list[Any]) -> Array:
    if not rows:
        return values
    changed = values.copy()
    with np.errstate(all="ignore"):
        for row, value in zip(rows, replacements, strict=True):
            changed[row] = value
    return changed


def _join(parts: list[MadeRows]) -> MadeRows:
    return MadeRows(stack([part.rows for part in parts]), np.concatenate([part.kinds for part in parts]))


def join(*parts: MadeRows) -> MadeRows:
    """Made rows, one below the other."""
    return _join([part for part in parts if len(part)])


def _short(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 24 else repr(value)[:21] + "..."
