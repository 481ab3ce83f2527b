"""Made rows: built to break the model at hand, from what the estimator has learned and how its columns are spread.

Numbers are drawn between two percentiles of a column, or are the exact values at which a learned threshold
is crossed or a label changes; strings are the categories and terms that the estimator itself carries, or
invented here. No row of anybody's data is among them, but for those that the estimator has ``kept``: they
are compared, and stored nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.boundaries import Predict, boundary_rows
from skerry.export.crossings import Crossings, ancestors, reach
from skerry.export.graph import Graph, Points, Thresholds
from skerry.export.made_records import draw_records, draw_texts, special_records
from skerry.export.oracle import REFUSALS
from skerry.export.signature import UNKNOWN, Signature, stack, take
from skerry.runtime.feeds import Array

BASE_ROWS = 128
PROBED_COLUMNS = 24
CROSSINGS = 1500
"""At most so many ordinary rows, columns given special values, and thresholds searched for in the rows."""

CELLS, FEWEST_CROSSINGS = 300_000, 100
"""So many numbers are searched at a time, but at least so many thresholds."""

KEPT, KEPT_ROWS = "kept by the estimator", 8
"""The kind of rows that are like some the estimator was fitted on, and how many are made."""

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
WHOLE = (0.0, -0.0, 1.0, -1.0, np.nan, "", "unseen")
"""Values that all columns have at once."""
GAPPY_ROWS = 16
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

    def whole(self, base: MadeRows) -> MadeRows:
        """``base`` rows with one value in all columns that can hold it."""
        parts = []
        for value in WHOLE:
            hits = [index for index in range(self._signature.width) if self._holds(index, value)]
            if hits:
                parts.append(self._replace_all(base, hits, np.ones((1, len(hits)), bool), value))
        return join(*parts) if parts else base.take(np.arange(0))

    def gaps(self, base: MadeRows, missing: Array) -> MadeRows:
        """``base`` rows with several values missing, of those columns that may be ``missing`` (a mask)."""
        able = [int(index) for index in np.flatnonzero(missing) if self._signature.missing[index] is not UNKNOWN]
        if len(able) < 2:
            return base.take(np.arange(0))
        mask = self._random.random((GAPPY_ROWS, len(able))) < 0.4
        mask[0] = True
        return self._replace_all(base, able, mask, None)

    def crossing(self, base: MadeRows, missing: Array | None = None) -> MadeRows:
        """Rows exactly at learned thresholds: the last value on one side, the first on the other. Of trees they are rows
        that come to the very split; there the value is also missing, in those columns that may be (a mask)."""
        able = np.zeros(self._signature.width, bool) if missing is None else missing
        parts = [part for thresholds in self._graph.thresholds for part in self._cross(thresholds, base, able)]
        return _join(parts) if parts else base.take(np.arange(0))

    def kept(self, base: MadeRows) -> MadeRows:
        """Rows that come to the estimator as some that it has kept: these are somebody's, and must not be stored."""
        parts = [part for points in self._graph.points if (part := self._at_points(points, base)) is not None]
        return _join(parts) if parts else base.take(np.arange(0))

    def boundaries(self, base: MadeRows, predict: Predict, *, nearness: float) -> MadeRows:
        """Rows where the label changes; none of scores, which are no labels."""
        try:
            rows = boundary_rows(self._signature, base.rows, predict, nearness=nearness)
        except REFUSALS:  # of a row on the way
            rows = None
        if rows is None:
            return base.take(np.arange(0))
        return MadeRows(rows, np.full(len(rows), "where the label changes", object))

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

    def _holds(self, index: int, value: Any) -> bool:
        datatype = self._signature.datatypes[index]
        if isinstance(value, str):
            return datatype == "BYTES" and self._signature.layout != "records" and not self._is_text(index)
        if datatype.startswith(("INT", "UINT")):
            return bool(np.isfinite(value)) and 0 <= value < 128
        return datatype.startswith("FP") and (value == value or self._signature.missing[index] is not UNKNOWN)

    def _replace_all(self, base: MadeRows, columns: list[int], mask: Array, value: Any) -> MadeRows:
        """Made of the first base rows, one for each row of ``mask``, in which the columns masked are ``value`` (None: missing)."""
        found = {
            index: self._signature.column(base.rows, index)[np.arange(len(mask)) % len(base)]
            for index in range(self._signature.width)
        }
        for place, index in enumerate(columns):
            hits = np.flatnonzero(mask[:, place]).tolist()
            marker = self._signature.missing[index] if value is None else value
            found[index] = _put(found[index], hits, [marker] * len(hits))
        kind = "several missing" if value is None else f"every column = {_short(value)}"
        return MadeRows(self._signature.rows(found), np.full(len(mask), kind, object))

    def _cross(self, thresholds: Thresholds, base: MadeRows, missing: Array) -> list[MadeRows]:
        usable = self._numeric[thresholds.origins]
        chosen = self._some(np.flatnonzero(usable), thresholds)
        if not len(chosen):
            return []
        paths = [] if thresholds.above is None else ancestors(thresholds.above, chosen)
        needed = np.unique(np.concatenate([chosen, *(np.abs(step[step != 0]) - 1 for step in paths)]))
        needed = needed[usable[needed]]
        pairs = np.stack([thresholds.features[needed], thresholds.values[needed]])
        _, first, inverse = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
        picks = self._random.integers(len(base), size=len(first))
        crossings = Crossings(thresholds, needed[first], self._signature, take(base.rows, picks), self._ranges)
        if thresholds.above is None:
            return [MadeRows(rows, np.full(len(rows), "at a threshold", object)) for rows in crossings.neighbours()]
        places = np.full(len(usable), -1)
        places[needed] = inverse.ravel()
        return self._at_splits(base, crossings, places[chosen], paths, places, missing)

    def _at_points(self, points: Points, base: MadeRows) -> MadeRows | None:
        width = len(points.origins)
        if not self._numeric[points.origins].all():
            return None
        values = points.values[np.linspace(0, len(points.values) - 1, KEPT_ROWS).astype(int)].astype(float)
        features, origins = np.tile(np.arange(width), KEPT_ROWS), np.tile(points.origins, KEPT_ROWS)
        thresholds = Thresholds(points.rows, np.dtype(float), features, values.ravel(), origins)
        rows = take(base.rows, np.zeros(KEPT_ROWS * width, int))
        crossings = Crossings(thresholds, np.arange(KEPT_ROWS * width), self._signature, rows, self._ranges)
        columns = {index: self._signature.column(rows, index)[:KEPT_ROWS] for index in range(self._signature.width)}
        for place, index in enumerate(points.origins):
            columns[index] = crossings.scales[int(index)].values(crossings.low.reshape(-1, width)[:, place])
        return self._picked(columns, np.flatnonzero(crossings.found.reshape(-1, width).all(axis=1)), KEPT)

    @property
    def _numeric(self) -> Array:
        """Which columns are numbers; origin -1 picks the last one, which is none."""
        return np.array([datatype not in ("BYTES", "BOOL") for datatype in self._signature.datatypes] + [False])

    def _some(self, usable: Array, thresholds: Thresholds) -> Array:
        """At most ``CROSSINGS`` of the thresholds, fewer of wide rows; those that stand alone once each."""
        if thresholds.above is None:
            pairs = np.stack([thresholds.features[usable], thresholds.values[usable]])
            usable = usable[np.sort(np.unique(pairs, axis=1, return_index=True)[1])]
        limit = int(np.clip(CELLS // self._signature.width, FEWEST_CROSSINGS, CROSSINGS))
        if len(usable) <= limit:
            return usable
        return np.sort(self._random.choice(usable, limit, replace=False))

    def _at_splits(
        self, base: MadeRows, crossings: Crossings, own: Array, paths: list[Array], places: Array, missing: Array
    ) -> list[MadeRows]:
        """Rows that come to a split and have its own column at, just above, or missing."""
        picks = self._random.integers(len(base), size=len(own))
        columns = {index: self._signature.column(base.rows, index)[picks] for index in range(self._signature.width)}
        keys = np.zeros((len(own), self._signature.width), np.int64)
        for index, scale in crossings.scales.items():
            keys[:, index] = scale.keys(columns[index])
        keys = reach(keys, paths, places, crossings)
        rows, column = np.arange(len(own)), crossings.columns[own]
        parts = []
        for side in (crossings.low, crossings.high):
            keys[rows, column] = side[own]
            columns |= {index: scale.values(keys[:, index]) for index, scale in crossings.scales.items()}
            parts.append(self._picked(columns, np.flatnonzero(crossings.found[own]), "at a split"))
        for index in np.flatnonzero(missing).tolist():
            if columns[index].dtype.kind == "f":
                columns[index] = np.where(column == index, np.nan, columns[index])
        parts.append(self._picked(columns, np.flatnonzero(missing[column]), "missing at a split"))
        return parts

    def _picked(self, columns: dict[int, Array], rows: Array, kind: str) -> MadeRows:
        made = self._signature.rows({index: values[rows] for index, values in columns.items()})
        return MadeRows(made, np.full(len(rows), kind, object))


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
