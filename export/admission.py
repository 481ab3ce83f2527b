"""Which columns may be missing or infinite: asked of scikit-learn itself, one made row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from skerry.export.graph import BOOL, Features, Graph
from skerry.export.oracle import accepts, call
from skerry.export.signature import UNKNOWN, Signature, take
from skerry.runtime.feeds import Array
from skerry.runtime.tensors import TensorSpec


@dataclass(frozen=True)
class Admission:
    """Per column: does scikit-learn answer a row in which it is missing, or infinite?"""

    missing: Array
    infinite: Array


def probe(estimator: Any, signature: Signature, row: Any, methods: tuple[str, ...]) -> Admission:
    """Ask with ``row``, one made row that is accepted as it is; of all methods the first, for they check alike."""
    floats = np.array([datatype.startswith("FP") for datatype in signature.datatypes])
    marked = np.array([marker is not UNKNOWN for marker in signature.missing])
    objects = floats | np.array(
        [datatype == "BYTES" and signature.layout != "records" for datatype in signature.datatypes]
    )
    ask = _Question(estimator, signature, row, methods[:1])
    missing = ask.admitted(objects & marked, list(signature.missing))
    missing[objects & ~marked] = [
        ask.takes_for_one(int(column), None, np.nan) for column in np.flatnonzero(objects & ~marked)
    ]
    able = floats & signature.unbounded
    either = [ask.admitted(able, [infinity] * signature.width) for infinity in (np.inf, -np.inf)]  # log takes one
    return Admission(missing, np.logical_or(*either))


@dataclass(frozen=True)
class _Question:
    estimator: Any
    signature: Signature
    row: Any
    methods: tuple[str, ...]

    def admitted(self, columns: Array, values: list[Any]) -> Array:
        """All columns at once where that is accepted; else each by itself."""
        index = np.flatnonzero(columns)
        admitted = np.zeros(len(columns), bool)
        if len(index) and self._accepts(self._rows([index], values)):
            admitted[index] = True
        elif len(index):
            rows = self._rows([np.array([column]) for column in index], values)
            admitted[index] = [self._accepts(take(rows, slice(place, place + 1))) for place in range(len(index))]
        return admitted

    def takes_for_one(self, column: int, *markers: Any) -> bool:
        """Whether every marker of a missing value is answered, and all of them alike."""
        rows = [self._rows([np.array([column])], [marker] * self.signature.width) for marker in markers]
        if not all(self._accepts(given) for given in rows):
            return False
        first, *others = [[call(self.estimator, method, given) for method in self.methods] for given in rows]
        return all(_same(one, other) for answers in others for one, other in zip(first, answers, strict=True))

    def _accepts(self, rows: Any) -> bool:
        try:
            return accepts(self.estimator, rows, self.methods)
        except AttributeError:  # a vectorizer's, of None
            return False

    def _rows(self, changes: Sequence[Array], values: list[Any]) -> Any:
        """The row once for each of ``changes``, which are the columns that get their other value in it."""
        columns = {column: np.repeat(self._column(column), len(changes)) for column in range(self.signature.width)}
        for place, changed in enumerate(changes):
            for column in changed:
                columns[column][place] = values[column]
        return self.signature.rows(columns)

    def _column(self, column: int) -> Array:
        """The row's value; of objects that can be missing in two ways, as one that can be either."""
        values = self.signature.column(self.row, column)
        return values.astype(object) if self.signature.missing[column] is UNKNOWN else values


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")


def admit(signature: Signature, admission: Admission, features: Features, graph: Graph) -> tuple[TensorSpec, ...]:
    """The inputs with what they admit. Where the columns of one array differ, the graph guards the strict ones."""
    doubles = [datatype == "FP64" for datatype in signature.datatypes]
    single = np.isin(np.arange(signature.width), list(graph.single)) & doubles
    if signature.layout == "columns":
        return tuple(
            msgspec.structs.replace(spec, missing=bool(missing), infinite=bool(infinite), single=bool(single))
            for spec, missing, infinite, single in zip(
                signature.inputs, admission.missing, admission.infinite, single, strict=True
            )
        )
    for mask, kind in ((admission.missing, "IsNaN"), (admission.infinite, "IsInf")):
        if mask.any() and not mask.all() and signature.inputs[0].is_float:
            strict = np.flatnonzero(~mask)
            wrong = graph.op(kind, graph.matrix(features.select(strict)), dtype=BOOL)
            graph.guard(wrong, [f"X column {column}" for column in strict], "expected a finite number")
    if single.any() and not single.all():
        strict = np.flatnonzero(single)
        rounded = graph.cast(graph.matrix(features.select(strict)), np.float32)
        names = [f"X column {column}" for column in strict]
        graph.guard(graph.op("IsInf", rounded, dtype=BOOL), names, "expected a number in the range of float32")
    spec = msgspec.structs.replace(
        signature.inputs[0],
        missing=bool(admission.missing.any()),
        infinite=bool(admission.infinite.any()),
        single=bool(single.all()),
    )
    return (spec,)
