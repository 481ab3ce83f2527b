"""Bodies that say rows, in the two forms that JSON has here; and JSON that need not be any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skerry.bench.measured.bad_requests.case import infer_path, predict_path
from skerry.bench.measured.bad_requests.draws import BOOLEANS, Draw, pick
from skerry.bench.measured.bad_requests.samples import Rows, Samples
from skerry.bench.measured.border_models import DATATYPES, MATRIX, NUMBERS, PEOPLE, WIDTH, Row


class Literally(str):
    """Text that goes into JSON as it is, whether or not it is JSON."""


def write_json(document: Any) -> bytes:
    """JSON with what is ``Literally`` there."""
    texts: list[str] = []

    def mark(value: Any) -> Any:
        if isinstance(value, Literally):
            texts.append(value)
            return f"\x00{len(texts) - 1}\x00"
        if isinstance(value, dict):
            return {key: mark(one) for key, one in value.items()}
        return [mark(one) for one in value] if isinstance(value, list | tuple) else value

    text = json.dumps(mark(document), ensure_ascii=False)
    for place, literal in enumerate(texts):
        text = text.replace(f'"\\u0000{place}\\u0000"', literal)
    return text.encode("utf-8", "surrogatepass")


def tensors(model: str, rows: Rows, *, nested: bool = False) -> dict[str, Any]:
    """An inference request for ``rows``."""
    count = len(rows)
    if model == NUMBERS:
        data = [list(row) for row in rows] if nested else [value for row in rows for value in row]
        return {"inputs": [{"name": MATRIX, "shape": [count, WIDTH], "datatype": "FP64", "data": data}]}
    shape = [count, 1] if nested else [count]
    return {
        "inputs": [
            {"name": name, "shape": shape, "datatype": datatype, "data": _column(rows, name, nested)}
            for name, datatype in DATATYPES.items()
        ]
    }


def _column(rows: Rows, name: str, nested: bool) -> list[Any]:
    return [[row[name]] if nested else row[name] for row in rows]


FIELDS = ("X", "instances", "records", "dataframe_records", "dataframe_split")


def rows_in(field: str, model: str, rows: Rows) -> dict[str, Any]:
    """A body for ``/predict``."""
    if field == "dataframe_split":
        columns = list(DATATYPES) if model == PEOPLE else [f"column {place}" for place in range(WIDTH)]
        return {field: {"columns": columns, "data": [listed(row) for row in rows]}}
    return {field: [listed(row) if field == "X" else row for row in rows]}


def listed(row: Row) -> list[Any]:
    return list(row.values()) if isinstance(row, Mapping) else list(row)


def fields_of(model: str) -> tuple[str, ...]:
    return FIELDS if model == PEOPLE else ("X", "instances")


def json_of(draw: Draw, samples: Samples) -> tuple[str, bytes]:
    """A path, and a good body for it."""
    model, rows = samples.draw(draw)
    if draw(BOOLEANS):
        return infer_path(model), write_json(tensors(model, rows))
    return predict_path(model), write_json(rows_in(pick(draw, fields_of(model)), model, rows))
