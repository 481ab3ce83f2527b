"""What a row becomes before the model runs: keys and values, filled up to the longest row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from skerry.runtime.errors import InvalidInput
from skerry.runtime.hashing import Hasher
from skerry.runtime.manifest import Extractor, RecordExtractor, TextExtractor
from skerry.runtime.records import RecordReader
from skerry.runtime.tensors import MISSING
from skerry.runtime.text import TextAnalyzer

Array = np.ndarray
NO_NAME = MISSING
"""Fills a row of names up; it is in no text, and so in no vocabulary."""


class Extraction:
    """Runs one extractor: rows → ``{keys: array, values: array}``, both (rows, longest).

    Keys are names, or INT64 columns; a row has each once, and is filled up with ``NO_NAME``, or the
    number of columns, whose value is 0.
    """

    def __init__(self, settings: TextExtractor | RecordExtractor) -> None:
        self.settings: Extractor = settings
        self._read: Callable[[Any], Mapping[str, float]] = (
            TextAnalyzer(settings) if isinstance(settings, TextExtractor) else RecordReader(settings)
        )
        self._hash = Hasher(settings.hashing) if settings.hashing else None
        self._fill = settings.hashing.n_features if settings.hashing else NO_NAME

    @property
    def tensors(self) -> set[str]:
        return {self.settings.keys, self.settings.values}

    def __call__(self, rows: Sequence[Any] | Array) -> dict[str, Array]:
        found = [self._found(row, index) for index, row in enumerate(rows)]
        shape = len(found), max(1, max(map(len, found), default=1))
        keys = np.full(shape, self._fill, np.int64 if self._hash else object)
        values = np.zeros(shape)
        for index, row in enumerate(found):
            keys[index, : len(row)] = list(row)
            values[index, : len(row)] = list(row.values())
        return {self.settings.keys: keys, self.settings.values: values}

    def _found(self, row: Any, index: int) -> Mapping[Any, float]:
        try:
            found = self._read(row)
        except ValueError as error:
            raise InvalidInput(f"input {self.settings.input!r} row {index}: {error}") from None
        return self._hash(found) if self._hash else found
