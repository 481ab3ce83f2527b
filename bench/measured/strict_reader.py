"""``rows_sent``: the rows that a request really has, as a reader says that takes nothing for what it is not.

It shares no code with the server: Python's own ``json`` and ``csv``, NumPy's and Arrow's readers. A server that answers a
request which has no rows, or gives other answers than scikit-learn gives for them, is wrong.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skerry.bench.http.open_inference import HEADER_LENGTH
from skerry.bench.measured.bad_requests.case import Case
from skerry.bench.measured.border_models import DATATYPES, MATRIX, NUMBERS, OPTIONAL, PEOPLE, WIDTH, Row
from skerry.runtime.protocol.csv import MISSING_WORDS
from skerry.runtime.protocol.media import ARROW, CSV, NDJSON, NPY, PARQUET


class NoRows(Exception):
    """The request should have been refused, and why."""


_DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4",
    "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_INFLATE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


def rows_sent(case: Case) -> list[Row]:
    """Raises ``NoRows``, or whatever a reader raises that finds something else than it reads."""
    model = next(name for name in (NUMBERS, PEOPLE) if f"/{name}/" in case.path)
    body = case.body
    if coding := case.headers.get("Content-Encoding"):
        body = _INFLATE[coding](body)
    rows = (
        _inferred(model, body, case.headers) if case.path.endswith("/infer") else _formatted(model, body, case.headers)
    )
    if not rows:
        raise NoRows("no rows")
    return [_checked(model, row) for row in rows]


def _checked(model: str, row: Any) -> Row:
    """A row of which every value is what its column takes."""
    if model == NUMBERS:
        if len(row) != WIDTH:
            raise NoRows(f"{len(row)} values")
        return [_checked_value(MATRIX, "FP64", value) for value in row]
    if list(row) != list(DATATYPES) and set(row) != set(DATATYPES):
        raise NoRows(f"columns {list(row)}")
    return {name: _checked_value(name, datatype, row[name]) for name, datatype in DATATYPES.items()}


def _checked_value(name: str, datatype: str, value: Any) -> Any:
    if name in OPTIONAL and (value is None or value != value):
        return None
    if datatype == "FP64" and type(value) in (int, float) and isfinite(float(value)):
        return float(value)
    if datatype == "INT64" and type(value) is int and -(2**63) <= value < 2**63:
        return value
    if (datatype, type(value)) in (("BOOL", bool), ("BYTES", str)):
        return value
    raise NoRows(f"{name}: {value!r:.60}")


# JSON


def strict_json(text: bytes) -> Any:
    """RFC 8259, in UTF-8, with no name twice in an object."""
    return json.loads(text.decode(), object_pairs_hook=_distinct, parse_constant=_refuse)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoRows("a name is there twice")
    return found


def _refuse(literal: str) -> Any:
    raise NoRows(literal)


def _inferred(model: str, body: bytes, headers: Mapping[str, str]) -> list[Any]:
    size = headers.get(HEADER_LENGTH)
    if size == "0":
        return np.frombuffer(body, "<f8").reshape(-1, WIDTH).tolist()
    header, rest = (body, None) if size is None else (body[: int(size)], body[int(size) :])
    document = strict_json(header)
    _check_keys(document, {"inputs"}, {"id", "outputs", "parameters", "model_name"})
    if document.get("model_name") not in (None, model):
        raise NoRows("another model's name")
    arrays, names = {}, []
    for tensor in document["inputs"]:
        _check_keys(tensor, {"name", "shape", "datatype"}, {"data", "parameters"})
        arrays[tensor["name"]], rest = _values(tensor, rest)
        names.append(tensor["name"])
    if rest or len(set(names)) != len(names):
        raise NoRows("bytes that are left, or a tensor twice")
    return _put_together(model, arrays)


def _put_together(model: str, arrays: dict[str, list[Any]]) -> list[Any]:
    if model == NUMBERS:
        values = arrays.pop(MATRIX)
        if arrays:
            raise NoRows("more tensors")
        return [values[start : start + WIDTH] for start in range(0, len(values), WIDTH)]
    return [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]


def _check_keys(found: Any, needed: set[str], allowed: set[str]) -> None:
    if type(found) is not dict or not needed <= set(found) <= needed | allowed:
        raise NoRows(f"keys {found!r:.60}")


def _values(tensor: dict[str, Any], rest: bytes | None) -> tuple[list[Any], bytes | None]:
    datatype, shape = tensor["datatype"], tensor["shape"]
    wanted = "FP64" if tensor["name"] == MATRIX else DATATYPES[tensor["name"]]
    if any(type(size) is not int for size in shape) or shape[1:] not in ([WIDTH],) * (tensor["name"] == MATRIX) + (
        [],
        [1],
    ) * (tensor["name"] != MATRIX):
        raise NoRows(f"shape {shape}")
    size = (tensor.get("parameters") or {}).get("binary_data_size")
    if (size is None) == ("data" not in tensor):
        raise NoRows("data twice, or not at all")
    if size is not None:
        if rest is None or type(size) is not int or not 0 <= size <= len(rest):
            raise NoRows("binary data that is not there")
        return _widened(_from_bytes(datatype, rest[:size], prod(shape)), datatype, wanted), rest[size:]
    if (datatype not in _DTYPES and datatype != "BYTES") or datatype == "FP16":
        raise NoRows(f"datatype {datatype}")
    data = _flat(tensor["data"], shape)
    integers = datatype.startswith(("INT", "UINT"))
    if integers and any(type(value) is not int and value is not None for value in data):
        raise NoRows("integers expected")
    if integers:
        limits = np.iinfo(np.dtype(_DTYPES[datatype]))
        if any(value is not None and not limits.min <= value <= limits.max for value in data):
            raise NoRows("out of range")
    if datatype == "FP32":
        data = [value if value is None else float(np.float32(value)) for value in data]
    return _widened(data, datatype, wanted), rest


def _widened(data: list[Any], datatype: str, wanted: str) -> list[Any]:
    if datatype == wanted:
        return data
    numbers = datatype not in ("BOOL", "BYTES") and wanted in ("FP64", "INT64")
    if not numbers or (wanted == "INT64" and not np.can_cast(np.dtype(_DTYPES[datatype]), np.int64, "safe")):
        raise NoRows(f"{datatype} for {wanted}")
    if wanted == "FP64" and any(isinstance(value, int) and abs(value) > 2**53 for value in data):
        raise NoRows("an integer that no float is")
    return data


def _flat(data: Any, shape: Sequence[int]) -> list[Any]:
    if type(data) is not list:
        raise NoRows("no list")
    if any(type(part) is list for part in data):
        if len(shape) != 2 or any(type(part) is not list or len(part) != shape[1] for part in data):
            raise NoRows("lists of other lengths")
        data = [value for part in data for value in part]
    if len(data) != prod(shape):
        raise NoRows(f"{len(data)} values")
    return list(data)


def _from_bytes(datatype: str, content: bytes, count: int) -> list[Any]:
    if datatype == "BYTES":
        texts = []
        while content:
            (length,) = struct.unpack_from("<I", content)
            if length + 4 > len(content):
                raise NoRows("a text that runs over the end")
            texts.append(content[4 : 4 + length].decode())
            content = content[4 + length :]
        if len(texts) != count:
            raise NoRows(f"{len(texts)} texts")
        return texts
    if datatype == "BOOL" and set(content) - {0, 1}:
        raise NoRows("bytes that are no truths")
    values = np.frombuffer(content, _DTYPES[datatype])
    if len(values) != count:
        raise NoRows(f"{len(values)} values")
    return values.tolist()


# rows


def _formatted(model: str, body: bytes, headers: Mapping[str, str]) -> list[Any]:
    return _FORMATS.get(headers.get("Content-Type", ""), _of_json)(model, body)


def _of_json(model: str, body: bytes) -> list[Any]:
    document = strict_json(body)
    fields = [name for name in document if name != "outputs"]
    if len(fields) != 1 or fields[0] not in _FIELDS[model]:
        raise NoRows(f"fields {fields}")
    found = document[fields[0]]
    if fields[0] == "dataframe_split":
        _check_keys(found, {"columns", "data"}, {"index"})
        columns = found["columns"]
        if len(set(columns)) != len(columns):
            raise NoRows("a column twice")
        return [_named(model, row, columns) for row in found["data"]]
    return [row if isinstance(row, dict) else _named(model, row, list(DATATYPES)) for row in found]


_FIELDS = {
    NUMBERS: ("X", "instances", "dataframe_split"),
    PEOPLE: ("X", "instances", "records", "dataframe_records", "dataframe_split"),
}


def _named(model: str, row: Any, columns: Sequence[str]) -> Any:
    if type(row) is not list:
        raise NoRows(f"row {row!r:.60}")
    return row if model == NUMBERS else dict(zip(columns, row, strict=True))


def _of_lines(model: str, body: bytes) -> list[Any]:
    rows = [strict_json(line) for line in body.split(b"\n") if line.strip()]
    return [row if isinstance(row, dict) else _named(model, row, list(DATATYPES)) for row in rows]


def _of_csv(model: str, body: bytes) -> list[Any]:
    lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if line]
    header = lines[0]
    if len(set(header)) != len(header):
        raise NoRows("a column twice")
    if model == NUMBERS:
        return [[_cell("FP64", text) for text in line] for line in lines[1:]]
    return [
        {name: _cell(DATATYPES[name], text, name) for name, text in zip(header, line, strict=True)}
        for line in lines[1:]
    ]


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def _cell(datatype: str, text: str, name: str = "") -> Any:
    if name in OPTIONAL and text in MISSING_WORDS:
        return None
    if datatype == "BYTES":
        return text
    if datatype == "BOOL":
        return _TRUTHS[text]
    if not _NUMBER.fullmatch(text):
        raise NoRows(f"cell {text!r:.60}")
    return int(text) if datatype == "INT64" else float(text)


def _of_npy(model: str, body: bytes) -> list[Any]:
    array = np.load(io.BytesIO(body), allow_pickle=False)
    if array.dtype.kind not in "fiu" or array.ndim != 2:
        raise NoRows(f"an array {array.dtype}{array.shape}")
    return array.tolist()


def _of_table(model: str, table: pa.Table) -> list[Any]:
    table.validate(full=True)
    if len(set(table.column_names)) != len(table.column_names):
        raise NoRows("a column twice")
    if model == NUMBERS:
        return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    return table.to_pylist()


_FORMATS: dict[str, Callable[[str, bytes], list[Any]]] = {
    CSV: _of_csv,
    NDJSON: _of_lines,
    NPY: _of_npy,
    ARROW: lambda model, body: _of_table(model, pa.ipc.open_stream(body).read_all()),
    PARQUET: lambda model, body: _of_table(model, pq.read_table(io.BytesIO(body))),
}
