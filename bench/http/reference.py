"""``Reference``: an artifact, run in process: rows that its model takes, and the right answers to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from skerry.bench.columns import columns_of
from skerry.bench.http.open_inference import Row, TensorMetadata
from skerry.bench.http.rows import is_finite
from skerry.runtime.artifact import GOLDEN, Artifact
from skerry.runtime.errors import BenchError, InferenceError
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.golden import decode_golden
from skerry.runtime.manifest import Form, Layout, Manifest, RecordExtractor, TextExtractor, form_of
from skerry.runtime.model import load
from skerry.runtime.protocol.predict import PredictCodec
from skerry.runtime.protocol.values import to_json
from skerry.runtime.tensors import MISSING


class Reference:
    """The model behind a URL, so that its answers can be verified."""

    def __init__(self, path: Path) -> None:
        """Raises ``ArtifactError`` if there is no artifact that may be served."""
        self.artifact = Artifact.open(path)
        self._model = load(self.artifact)
        self._codec = PredictCodec(self._model)
        self.manifest = self.artifact.manifest
        self.name = f"{self.manifest.name}/{self.manifest.version}"
        self.inputs = [TensorMetadata(spec.name, spec.datatype, list(spec.shape)) for spec in self.manifest.inputs]

    def golden_rows(self) -> list[Row]:
        """The artifact's made rows, each once; texts and records are put together anew from their parts."""
        rows = to_rows(decode_golden(self.artifact.read()[GOLDEN]).feeds, self.manifest)
        return list({repr(row): row for row in rows}.values())

    def taken(self, rows: Sequence[Row], *, where: str) -> list[Row]:
        """Those of ``rows`` that the model takes and whose answers JSON can carry.

        Raises:
            BenchError: there is none; why not the first.
        """
        refusals: list[str] = []
        shaped = [_SHAPES[self.manifest.layout](row, self._model.feeds.names) for row in rows]
        found = self._taken([row for row in shaped if is_finite(row)], refusals)
        if not found:
            why = refusals[0] if refusals else "each has an infinite number"
            raise BenchError(f"{where}: expected rows that {self.name} takes and JSON can carry, got none: {why}")
        return found

    def _taken(self, rows: list[Row], refusals: list[str]) -> list[Row]:
        """Halved until what is refused is one row."""
        if not rows:
            return []
        try:
            self.answers(rows)
        except InferenceError as error:
            if len(rows) == 1:
                refusals.append(error.text)
                return []
            half = len(rows) // 2
            return self._taken(rows[:half], refusals) + self._taken(rows[half:], refusals)
        return rows

    def answers(self, rows: Sequence[Row], *, flat: bool = False) -> dict[str, list[Any]]:
        """Each method's answer as JSON has it, or as one ``flat`` list. Raises ``InferenceError``."""
        request = self._codec.decode(msgspec.json.encode(self.body(rows)))
        methods = self.manifest.methods
        found = self._model.answer(request.feeds, methods)
        return {
            method: to_json(array, request.feeds, method, flat=flat)
            for method, array in zip(methods, found, strict=True)
        }

    def body(self, rows: Sequence[Row]) -> dict[str, Any]:
        """A request to ``/predict``."""
        named = self.manifest.layout == "columns" and all(isinstance(row, dict) for row in rows)
        return {"records" if named else "X": rows}


def _named(row: Row, names: Sequence[str]) -> Row:
    """A file may have more columns than the model takes."""
    return {name: row[name] for name in names if name in row} if isinstance(row, dict) else row


def _listed(row: Row, names: Sequence[str]) -> Row:
    return list(row.values()) if isinstance(row, dict) else row


def _single(row: Row, names: Sequence[str]) -> Row:
    listed = _listed(row, names)
    return listed[0] if isinstance(listed, list) and len(listed) == 1 else listed


def _record(row: Row, names: Sequence[str]) -> Row:
    """In a table a record is a text of JSON in its only column."""
    text = _single(row, names)
    return msgspec.json.decode(text) if isinstance(text, str) and text[:1] in ("{", "[") else row


_SHAPES: dict[Layout, Callable[[Row, Sequence[str]], Row]] = {
    "columns": _named,
    "matrix": _listed,
    "vector": _single,
    "records": _record,
}
"""Layout → a row of a file as the model takes it."""


def to_rows(feeds: Feeds, manifest: Manifest) -> list[Row]:
    """Feeds as the rows that they were made of: objects for named columns, else lists, values, texts or records.

    Texts are the terms, as often as each occurs; of hashed ones, which cannot be read back, others are made.
    """
    if manifest.layout == "columns":
        columns = {name: _plain(column) for name, column in columns_of(feeds, manifest).items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not manifest.extractors:
        return _plain(feeds[manifest.inputs[0].name])
    extractor = manifest.extractors[0]
    put_together = _put_together(extractor, form_of(manifest.extractors))
    rows = [put_together(parts) for parts in _parts(extractor, feeds)]
    return [[row] for row in rows] if manifest.layout == "matrix" else rows


def _plain(array: Array) -> list[Any]:
    """An array as lists, with None for what is missing."""
    if array.dtype.kind not in "fO":
        return array.tolist()
    plain = array.astype(object)
    plain[array == MISSING if array.dtype == object else np.isnan(array)] = None
    return plain.tolist()


Parts = list[tuple[str, float]]
"""Names and values of a row."""


def _parts(extractor: TextExtractor | RecordExtractor, feeds: Feeds) -> list[Parts]:
    hashing = extractor.hashing
    fill: Any = hashing.n_features if hashing else MISSING
    rows = zip(feeds[extractor.keys].tolist(), feeds[extractor.values].tolist(), strict=True)
    return [
        [(f"name{key}" if hashing else key, value) for key, value in zip(keys, values, strict=True) if key != fill]
        for keys, values in rows
    ]


def _put_together(extractor: TextExtractor | RecordExtractor, form: Form) -> Callable[[Parts], Row]:
    return _text if isinstance(extractor, TextExtractor) else _RECORDS[form]


def _text(parts: Parts) -> str:
    return " ".join(name for name, count in parts for _ in range(max(1, int(abs(count)))))


_RECORDS: dict[Form, Callable[[Parts], Row]] = {
    "dict": dict,
    "pair": lambda parts: [[name, value] for name, value in parts],
    "string": lambda parts: [name for name, _ in parts],
}
