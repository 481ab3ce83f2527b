"""``ColumnContract``: which columns of a table feed which inputs, the same for every format; and answers as columns.

A model fitted on named columns takes them by name, in any order. A model of a matrix takes as many columns as it is wide,
in their order, whatever they are called; a model of texts, values or records takes one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

import msgspec
import numpy as np

from skerry.runtime.errors import InvalidInput, TooLarge
from skerry.runtime.feeds import Array, FeedBuilder, Feeds, as_array
from skerry.runtime.limits import Limits
from skerry.runtime.manifest import Manifest
from skerry.runtime.tensors import TensorSpec

ExtraColumns = Literal["refuse", "ignore"]
"""What is done with a column that the model does not take."""

FIELDS = {"predict": "prediction", "predict_proba": "probabilities"}
"""Method → its plain name in answers; other methods answer under their own names."""

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the column that it writes a frame's index as, in Arrow and Parquet."""

EXPECTED = {"f": "a number", "i": "an integer", "u": "an integer", "b": "true or false", "O": "a string"}
"""Kind of an input's NumPy dtype → what it takes, in words."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table: where it is, its name there, and the input that it feeds."""

    place: int
    name: str
    spec: TensorSpec

    def refuse(self, row: int, got: str) -> NoReturn:
        raise InvalidInput(f"input {self.name!r} row {row}: expected {EXPECTED[self.spec.numpy_dtype.kind]}, got {got}")

    def refuse_type(self, got: str) -> NoReturn:
        self.refuse(0, f"a column of {got}")


class ColumnContract:
    """What one model takes of a table; ``plain`` says that it is fed one matrix of float64 and nothing else."""

    def __init__(self, feeds: FeedBuilder, extra: ExtraColumns = "refuse", limits: Limits | None = None) -> None:
        self.extra = extra
        self.limits = limits or Limits()
        self._feeds = feeds
        self._named = feeds.layout == "columns"
        one = feeds.layout in ("columns", "matrix") and len(feeds.tensors) == len(feeds.groups) == 1
        self.plain = one and feeds.inputs[0].datatype == "FP64"

    def columns(self, names: Sequence[str]) -> list[Column]:
        """The columns to read, in the order of the model's inputs, out of a table that has ``names``.

        Raises:
            InvalidInput: one is missing, there twice, or not the model's; there are too few or too many.
        """
        if not self._named:
            return self._in_order([name for name in names if not _INDEX.fullmatch(name)], names)
        self._check_distinct(names)
        places = {name: place for place, name in enumerate(names)}
        self.check_names([name for name in names if name in self._feeds.names or not _INDEX.fullmatch(name)])
        return [Column(places[spec.name], spec.name, spec) for spec in self._feeds.inputs]

    def check_names(self, names: Sequence[str], where: str = "") -> None:
        """Every input once, and others only where they are ignored."""
        wanted = self._feeds.names
        known = {name: None for name in names if name in wanted}
        self._feeds.check_names(
            known if self.extra == "ignore" and len(known) == len(wanted) else dict.fromkeys(names), where
        )

    def check_size(self, rows: int, width: int = 1) -> None:
        """Raises ``TooLarge`` where a table has more rows, or values, than one request may have."""
        limits = self.limits
        if rows > limits.max_rows:
            raise TooLarge(f"expected at most {limits.max_rows} rows, got {rows}")
        if rows * width > limits.max_elements:
            raise TooLarge(f"expected at most {limits.max_elements} values, got {rows * width}")

    def feeds(self, columns: Sequence[Column], arrays: Sequence[Array]) -> Feeds:
        """Feeds from an array for each of ``columns``: numbers, or objects with None where a value is missing."""
        if self.plain and all(array.dtype == np.float64 for array in arrays):
            return self.matrix_feeds(np.stack(arrays, axis=1))
        if self._named:
            return self._feeds.from_columns({column.name: array for column, array in zip(columns, arrays, strict=True)})
        if columns[0].spec.datatype != "BYTES":
            arrays = [
                as_array(array, msgspec.structs.replace(column.spec, name=column.name, shape=(-1,)))
                for column, array in zip(columns, arrays, strict=True)
            ]
        return self._feeds.from_matrix(np.stack(arrays, axis=1) if self._feeds.layout == "matrix" else arrays[0])

    def matrix_feeds(self, matrix: Array) -> Feeds:
        """Feeds from a matrix of float64, its columns in the order of the inputs, where that is all the model is fed."""
        return self._feeds.from_matrix(matrix)

    def _in_order(self, names: Sequence[str], given: Sequence[str]) -> list[Column]:
        spec = self._feeds.inputs[0]
        width = (spec.shape[1:] or (1,))[0]
        if len(names) != width:
            shown = f": {', '.join(map(repr, names[:6]))}{', …' * (len(names) > 6)}" if names else ""
            raise InvalidInput(f"expected {width} column{'s' * (width != 1)}, got {len(names)}{shown:.200}")
        self._check_distinct(given)
        return [Column(given.index(name), name, spec) for name in names]

    def _check_distinct(self, names: Sequence[str]) -> None:
        if len(set(names)) != len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise InvalidInput(f"column {twice!r:.80}: expected once, got {list(names).count(twice)} times")


def answer_columns(manifest: Manifest, methods: Sequence[str], answers: Sequence[Array]) -> dict[str, Array]:
    """Answers as named columns: ``prediction``, ``probabilities_<class>``, ``transform_0``."""
    columns: dict[str, Array] = {}
    for method, answer in zip(methods, answers, strict=True):
        name = FIELDS.get(method, method)
        if answer.ndim == 1:
            columns[name] = answer
            continue
        classes = manifest.classes
        labels: Any = classes if classes is not None and len(classes) == answer.shape[1] else range(answer.shape[1])
        columns |= {f"{name}_{label}": answer[:, index] for index, label in enumerate(labels)}
    return columns
