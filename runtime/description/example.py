"""``Example``: a request that works as it stands, and its answer, made of the rows that a model was checked with."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from skerry.runtime.errors import SkerryError
from skerry.runtime.extraction import NO_NAME
from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.manifest import RecordExtractor, form_of
from skerry.runtime.model import Model
from skerry.runtime.models.served import ServedModel
from skerry.runtime.protocol.media import CSV, JSON, NDJSON
from skerry.runtime.protocol.request import Request
from skerry.runtime.tensors import MISSING, TensorSpec

TRIED = 64
"""Rows that are tried for an example."""


class Example(NamedTuple):
    """A request's body, of a media type, and the answer to it in the same."""

    media_type: str
    body: str
    answer: str


class Examples(NamedTuple):
    """Of one model: bodies for ``/predict``, and for ``infer``; none where no row of the model's makes one."""

    predict: tuple[Example, ...] = ()
    infer: tuple[Example, ...] = ()


def examples_of(served: ServedModel) -> Examples:
    """Examples that the model answers, of the first of its rows for which it does.

    Each is sent through the codecs, and run, before it is shown to anybody.
    """
    for row in islice(_rows(served.model), TRIED):
        found = _examples(served, row)
        if found.predict:
            return found
    return Examples()


def _examples(served: ServedModel, row: Any) -> Examples:
    predict = [_predicted(served, media_type, body) for media_type, body in _predict_bodies(served, row)]
    infer = _inferred(served, _infer_body(served.model, row))
    return Examples(tuple(one for one in predict if one), (infer,) if infer else ())


def _predict_bodies(served: ServedModel, row: Any) -> Iterator[tuple[str, str]]:
    manifest = served.model.manifest
    names = [spec.name for spec in manifest.inputs]
    yield JSON, _json({"X": [row]})
    if len(manifest.methods) > 1:
        yield JSON, _json({"X": [row], "outputs": list(manifest.methods)})
    if manifest.layout == "columns":
        yield JSON, _json({"records": [dict(zip(names, row, strict=True))]})
        yield NDJSON, _json(dict(zip(names, row, strict=True))) + "\n"
        yield CSV, _table(names, row)
    elif manifest.layout == "matrix":
        yield NDJSON, _json(row) + "\n"
        yield CSV, _table([f"x{place}" for place in range(len(row))], row)


def _infer_body(model: Model, row: Any) -> str:
    manifest = model.manifest
    values = row if manifest.layout == "columns" else [_json(row) if manifest.layout == "records" else row]
    inputs = [_tensor(spec, value) for spec, value in zip(manifest.inputs, values, strict=True)]
    return _json({"inputs": inputs, "outputs": [{"name": manifest.methods[0]}]})


def _tensor(spec: TensorSpec, value: Any) -> dict[str, Any]:
    data = value if isinstance(value, list) else [value]
    return {"name": spec.name, "shape": [1, *spec.shape[1:]], "datatype": spec.datatype, "data": data}


def _predicted(served: ServedModel, media_type: str, body: str) -> Example | None:
    try:
        request = served.predict.decode(body.encode(), media_type)
        reply = served.predict.encode(request, _answers(served, request), media_type)
    except SkerryError:
        return None
    return Example(media_type, body, reply.content.decode())


def _inferred(served: ServedModel, body: str) -> Example | None:
    try:
        request = served.inference.decode(body.encode())
        reply = served.inference.encode(request, _answers(served, request))
    except SkerryError:
        return None
    return Example(JSON, body, reply.content.decode())


def _answers(served: ServedModel, request: Request) -> list[Array]:
    return served.model.answer(request.feeds, request.methods)


def _rows(model: Model) -> Iterator[Any]:
    """The model's own rows, as a client would write them: those that lack nothing first, each first in round numbers."""
    found = list(islice(_own_rows(model), TRIED))
    for row in sorted(found, key=lambda row: (_faults(row), -len(row) if isinstance(row, dict) else 0)):
        rounded = _rounded(row)
        yield rounded
        if rounded != row:
            yield row


def _own_rows(model: Model) -> Iterator[Any]:
    manifest, sample = model.manifest, model.sample
    if sample is None:
        return
    read = {"columns": _columns_row, "records": _record, "vector": _value, "matrix": _value}[manifest.layout]
    for index in range(rows_of(sample)):
        yield read(model, sample, index)


def _columns_row(model: Model, sample: Feeds, index: int) -> list[Any]:
    values = {
        name: _plain(sample[datatype][index, place])
        for datatype, names in model.feeds.groups.items()
        for place, name in enumerate(names)
    }
    return [values[name] for name in model.feeds.names]


def _value(model: Model, sample: Feeds, index: int) -> Any:
    """A value or a list of them, of a model that was fitted on an array; a text of the words that were made of one."""
    name = model.feeds.names[0]
    if name in sample:
        found = sample[name][index]
        return [_plain(value) for value in found] if isinstance(found, np.ndarray) else _plain(found)
    return " ".join(key for key, _ in _keys(model, sample, index)) or "an example"


def _record(model: Model, sample: Feeds, index: int) -> Any:
    """A record of the names that were made of one."""
    pairs = _keys(model, sample, index)
    record = dict(pairs or [("a", 1)])
    forms: dict[str, Any] = {"dict": record, "pair": [[*pair] for pair in record.items()], "string": [*record]}
    return forms[form_of(model.manifest.extractors)]


def _keys(model: Model, sample: Feeds, index: int) -> list[tuple[str, Any]]:
    """Names and values that were found in a row; none where they are hashed. ``city=Oslo`` was a text of a record."""
    extractor = model.manifest.extractors[0]
    keys, values = sample[extractor.keys][index], sample[extractor.values][index]
    if keys.dtype != object:
        return []
    separator = extractor.separator if isinstance(extractor, RecordExtractor) else ""
    found: list[tuple[str, Any]] = []
    for key, value in zip(keys, values, strict=True):
        name, split, text = key.partition(separator) if separator else (key, "", "")
        if key != NO_NAME:
            found.append((name, text if split else _plain(value)))
    return found


def _plain(value: Any) -> Any:
    """A value as Python has it; None where it is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value == MISSING or value != value else value


def _rounded(row: Any) -> Any:
    """Floats to four digits, and -0.0 as 0.0."""
    if isinstance(row, dict):
        return {name: _rounded(value) for name, value in row.items()}
    if isinstance(row, list):
        return [_rounded(value) for value in row]
    return float(f"{row:.4g}") + 0.0 if isinstance(row, float) and math.isfinite(row) else row


def _faults(row: Any) -> int:
    """What a person would not write as an example: missing values, texts that are empty or strange, and numbers that are
    tiny or huge."""
    if isinstance(row, dict):
        return _faults([*row, *row.values()])
    if isinstance(row, list):
        return sum(map(_faults, row))
    if isinstance(row, str):
        return not (row.isascii() and row.isprintable() and row)
    return row is None or (row != 0 and not 1e-6 < abs(row) < 1e12)


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)


def _table(names: list[str], row: list[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([names, row])
    return file.getvalue()
