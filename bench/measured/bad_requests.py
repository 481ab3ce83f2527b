"""``cases``: a hypothesis strategy of requests of which each is known to be good, or to be bad, or may be either.

layer        what is wrong, one thing at a time
HTTP         path, method, version, content type, compression
JSON         the text: cut off, changed, other JSON, too deep, keys twice, another encoding
tensors      name, shape, datatype, values, parameters and outputs of an inference request
binary       sizes, and the bytes behind the JSON
rows         fields and values of ``/predict``
formats      CSV, JSON Lines, .npy, Arrow and Parquet
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from skerry.bench.http.open_inference import HEADER_LENGTH
from skerry.bench.measured.border_models import DATATYPES, MATRIX, NUMBERS, OPTIONAL, PEOPLE, WIDTH, Row
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET

Verdict = Literal["good", "bad", "either"]
"""A good request must be answered, a bad one refused; what may be either must be answered rightly, or refused."""

Draw = Callable[[st.SearchStrategy[Any]], Any]
Rows = Sequence[Row]


class Case(NamedTuple):
    """A request, and what is known of it."""

    layer: str
    verdict: Verdict
    path: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"


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


# what is wrong, as values

NO_NUMBERS: tuple[str, ...] = (
    '"1.5"',
    "true",
    "[]",
    "{}",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e400",
    '"NaN"',
    "1.",
    ".5",
    "+1",
)
NO_NUMBERS += ("0x10", "1_0", "01", "--1", "1e", '""', "[1.0]", "undefined", "'1'", "1,5.", "\uff11", "1\u00a0")
NO_INTEGERS = (
    "1.0",
    "1.5",
    "1e2",
    "9223372036854775808",
    "-9223372036854775809",
    '"3"',
    "true",
    "null",
    "1e400",
    "-",
    "[]",
)
NO_TRUTHS = ("0", "1", '"true"', "True", "null", "2", "[]", "tru")
NO_TEXTS = ("1", "true", "{}", '["x"]', '"\\ud800"', '"a\x01b"', "'x'", '"\\x41"', '"open', "1.5")
WRONG = {"FP64": NO_NUMBERS, "INT64": NO_INTEGERS, "BOOL": NO_TRUTHS, "BYTES": NO_TEXTS}
"""Datatype → JSON, or what looks like it, that is no value of it."""

NO_SHAPES: tuple[Any, ...] = (
    [], [-1, 4], [2**31, 4], [2**63, 4], [2**64, 4], [7.0, 4], ["1", 4], [True, 4], [[1, 4]], None, "1,4", {}, 4, [0], [-1],
    [1, 1, 4], [4, 1, 1], [10**30], Literally("[1,4"), [1, 3], [1, 5], [99999, 4], [1_000_001, 4], [7], [7, 2], [1, 0], [0, 0],
)  # fmt: skip
NO_DATATYPES: tuple[Any, ...] = (
    "FP16",
    "BF16",
    "fp64",
    "FLOAT",
    "DOUBLE",
    "",
    "UINT8",
    "FP640",
    1,
    None,
    True,
    ["FP64"],
    "INT",
)
NO_NAMES: tuple[Any, ...] = ("", "Y", "x", "X ", 1, None, True, ["X"], "X" * 5000, "\x00", "АГЕ", "__proto__")
NO_TENSORS: tuple[Any, ...] = (None, {}, "X", 1, [], [None], [1], ["X"], [{}], [[]], {"X": []})
NO_PARAMETERS: tuple[Any, ...] = (
    {"binary_data_output": 1}, {"binary_data_output": "true"}, {"timeout": -1}, {"timeout": "5"}, {"timeout": 1.5},
    {"priority": -1}, {"priority": True}, {"sequence_id": 1}, {"sequence_start": True}, {"triton_x": 1}, {"headers": "a"},
    [], 1, "a", {"a": {}}, {"a": [1]}, {"a": None}, {"shared_memory_region": "r"}, {"timeout": 2**70},
)  # fmt: skip
NO_OUTPUTS: tuple[Any, ...] = (
    [{"name": "predict"}, {"name": "predict"}], [{"name": "Predict"}], [{}], [1], "predict", {"name": "predict"}, [None],
    [{"name": "predict_proba", "parameters": {"classification": 0}}], [{"name": ""}], [{"name": "predict", "shape": [1]}],
    [{"name": "predict_proba", "parameters": {"classification": 99}}], [{"name": 1}], [["predict"]],
    [{"name": "predict_proba", "parameters": {"classification": "2"}}], [{"name": "predict", "parameters": {"binary_data": 1}}],
    [{"name": "predict", "parameters": {"classification": 1}}], [{"name": "predict", "parameters": {"shared_memory_region": "r"}}],
)  # fmt: skip
NO_IDS: tuple[Any, ...] = (5, "a b", "x" * 129, "a\nb", ["a"], True, {}, "é")
NO_SIZES = ("-1", "x", "1e3", "0x10", "1.0", "99999999", "184467440737095516160", " ", "+5", "²")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["inputs", "X", "name", "data", "a"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


# good requests


def infer_path(model: str) -> str:
    return f"/v2/models/{model}/infer"


def predict_path(model: str) -> str:
    return f"/models/{model}/predict"


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
        return {field: {"columns": columns, "data": [_listed(row) for row in rows]}}
    return {field: [_listed(row) if field == "X" else row for row in rows]}


def _listed(row: Row) -> list[Any]:
    return list(row.values()) if isinstance(row, Mapping) else list(row)


def fields_of(model: str) -> tuple[str, ...]:
    return FIELDS if model == PEOPLE else ("X", "instances")


class Samples:
    """Draws models and rows of them."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        self._rows = {
            model: st.lists(st.sampled_from(list(known)), min_size=1, max_size=3) for model, known in rows.items()
        }
        self._complete = {
            model: [row for row in known if not isinstance(row, Mapping) or None not in row.values()]
            for model, known in rows.items()
        }

    def draw(self, draw: Draw, model: str | None = None) -> tuple[str, list[Row]]:
        model = model or draw(_MODELS)
        return model, deepcopy(draw(self._rows[model]))

    def complete(self, draw: Draw, model: str | None = None) -> tuple[str, list[Row]]:
        """Rows without a missing text, which binary tensors have no bytes for."""
        model = model or draw(_MODELS)
        return model, [deepcopy(draw(st.sampled_from(self._complete[model]))) for _ in range(draw(_FEW))]


_MODELS = st.sampled_from((NUMBERS, PEOPLE))
_FEW = st.integers(1, 3)
_BOOLEANS = st.booleans()


def _pick(draw: Draw, values: Sequence[Any]) -> Any:
    return values[draw(st.integers(0, len(values) - 1))]


# JSON


def good_tensors(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(_BOOLEANS))
    document |= _pick(
        draw, ({}, {"id": "a-1"}, {"outputs": [{"name": "predict_proba"}]}, {"parameters": {"content_type": "x"}})
    )
    content = json.dumps(document, indent=_pick(draw, (None, 1)), ensure_ascii=draw(_BOOLEANS)).encode()
    return Case("JSON", "good", infer_path(model), content)


def good_rows(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = rows_in(_pick(draw, fields_of(model)), model, rows)
    document |= _pick(draw, ({}, {"outputs": ["predict_proba"]}, {"outputs": ["predict", "predict_proba"]}))
    return Case("rows", "good", predict_path(model), write_json(document))


def _json_of(draw: Draw, samples: Samples) -> tuple[str, bytes]:
    """A path, and a good body for it."""
    model, rows = samples.draw(draw)
    if draw(_BOOLEANS):
        return infer_path(model), write_json(tensors(model, rows))
    return predict_path(model), write_json(rows_in(_pick(draw, fields_of(model)), model, rows))


def cut_off(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    return Case("JSON", "bad", path, body[: draw(st.integers(0, len(body) - 1))])


def changed(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    return Case("JSON", "either", path, _changed(draw, body))


def _changed(draw: Draw, body: bytes, most: int = 3) -> bytes:
    """With some bytes replaced, added or left out."""
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(body) - 1)))
        cut = draw(st.integers(0, 2))
        put = draw(_PUT)
        body = body[:place] + put + body[place + cut :]
    return body


_PUT = st.sampled_from(
    [b"", *(bytes([code]) for code in range(256)), b'"', b",", b"[", b"]", b"{", b"}", b":", b"-", b"e9", b"null"]
)


def other_json(draw: Draw, samples: Samples) -> Case:
    path, _ = _json_of(draw, samples)
    return Case("JSON", "bad", path, json.dumps(draw(ANYTHING)).encode())


def no_json(draw: Draw, samples: Samples) -> Case:
    path, _ = _json_of(draw, samples)
    return Case("JSON", "bad", path, draw(st.binary(max_size=60)))


def framed(draw: Draw, samples: Samples) -> Case:
    """With something before or after, or in another encoding."""
    path, body = _json_of(draw, samples)
    forms: tuple[Callable[[bytes], bytes], ...] = (
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.decode().encode("utf-16"),
        lambda text: text.decode().encode("utf-32-be"),
        lambda text: text + text,
        lambda text: text + b"}",
        lambda text: text + b"\x00",
        lambda text: b"[" + text + b"]",
        lambda text: b'"' + text + b'"',
        lambda text: b"// a comment\n" + text,
        lambda text: text[:-1] + b",}",
        lambda text: text + b"\x0b",
    )
    return Case("JSON", "bad", path, _pick(draw, forms)(body))


def too_deep(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    depth = draw(st.sampled_from((3, 40, 990, 5_000, 100_000)))
    opening, closing = _pick(draw, (("[", "]"), ('{"a":', "}")))
    deep = Literally(opening * depth + "1" + closing * (depth if draw(_BOOLEANS) else 0))
    document = tensors(model, rows) if draw(_BOOLEANS) else {}
    if not document:
        return Case("JSON", "bad", predict_path(model), write_json({"X": deep}))
    place = _pick(draw, document["inputs"])
    place[_pick(draw, ("data", "shape", "name", "parameters", "datatype"))] = deep
    return Case("JSON", "bad", infer_path(model), write_json(document))


def key_twice(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    places = [place for place in range(len(body)) if body[place : place + 1] == b"{"]
    place = _pick(draw, places) + 1
    key = body[place : body.index(b":", place)].strip()
    value = _pick(draw, (b"null", b"1", b"[]", b'"X"', b"true"))
    if draw(_BOOLEANS) and key.isascii():  # the same name, otherwise written
        key = b'"' + b"".join(b"\\u%04x" % code for code in key.strip(b'"')) + b'"'
    return Case("JSON", "bad", path, body[:place] + key + b":" + value + b"," + body[place:])


# tensors


def _tensor_case(draw: Draw, samples: Samples, change: Callable[[str, dict[str, Any], dict[str, Any]], None]) -> Case:
    """A request of which ``change`` spoils something; it is given the model, the document and one of its tensors."""
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(_BOOLEANS))
    change(model, document, _pick(draw, document["inputs"]))
    return Case("tensors", "bad", infer_path(model), write_json(document))


def wrong_value(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        data = tensor["data"]
        place = draw(st.integers(0, len(data) - 1))
        wrong = Literally(_pick(draw, _wrong(tensor["name"], tensor["datatype"])))
        if isinstance(data[place], list):
            data[place][draw(st.integers(0, len(data[place]) - 1))] = wrong
        else:
            data[place] = wrong

    return _tensor_case(draw, samples, change)


def _wrong(name: str, datatype: str) -> tuple[str, ...]:
    return WRONG[datatype] if name in OPTIONAL else ("null", *WRONG[datatype])


def wrong_shape(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        right = ([tensor["shape"][0], WIDTH],) if model == NUMBERS else ([tensor["shape"][0]], [tensor["shape"][0], 1])
        tensor["shape"] = _pick(draw, [shape for shape in NO_SHAPES if shape not in right])

    return _tensor_case(draw, samples, change)


def wrong_datatype(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        others = [datatype for datatype in DATATYPES.values() if datatype not in (tensor["datatype"], "INT64")]
        tensor["datatype"] = _pick(draw, [one for one in (*NO_DATATYPES, *others) if not _may_be(one, tensor)])

    return _tensor_case(draw, samples, change)


def _may_be(datatype: Any, tensor: Mapping[str, Any]) -> bool:
    """Small integers are integers of 64 bits; and JSON's integers numbers of any datatype."""
    return datatype == "UINT8" and tensor["datatype"] in ("INT64", "FP64")


def wrong_name(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        tensor["name"] = _pick(draw, NO_NAMES)

    return _tensor_case(draw, samples, change)


def wrong_tensors(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        inputs = document["inputs"]
        changes: tuple[Callable[[], object], ...] = (
            lambda: inputs.append(deepcopy(tensor)),
            lambda: inputs.append({**deepcopy(tensor), "name": "more"}),
            lambda: inputs.remove(tensor),
            lambda: document.update(inputs=_pick(draw, NO_TENSORS)),
            lambda: document.pop("inputs"),
        )
        _pick(draw, changes)()

    return _tensor_case(draw, samples, change)


def wrong_keys(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        changes: tuple[Callable[[], object], ...] = (
            lambda: tensor.pop(_pick(draw, ("name", "shape", "datatype", "data"))),
            lambda: tensor.update({_pick(draw, ("dtype", "Name", "content", "")): 1}),
            lambda: document.update({_pick(draw, ("input", "Inputs", "model", "X", "")): 1}),
            lambda: tensor.update(data=_pick(draw, (None, {}, "1", 1.5, True, [[]], [None]))),
        )
        _pick(draw, changes)()

    return _spoilt(draw, samples, change, [None])


def _spoilt(draw: Draw, samples: Samples, change: Any, unless: Sequence[Any]) -> Case:
    """Where one missing value was all that there was, ``[null]`` is no fault."""
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(_BOOLEANS))
    tensor = _pick(draw, document["inputs"])
    change(model, document, tensor)
    fine = tensor.get("data") == unless and tensor.get("name") in OPTIONAL and len(rows) == 1
    return Case("tensors", "either" if fine else "bad", infer_path(model), write_json(document))


def wrong_count(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        data = tensor["data"]
        inner = _pick(draw, [part for part in data if isinstance(part, list)] or [data])
        changed = _pick(draw, (inner, data))
        changed.append(deepcopy(changed[0])) if draw(_BOOLEANS) else changed.pop()

    return _tensor_case(draw, samples, change)


def wrong_rows_of_one(draw: Draw, samples: Samples) -> Case:
    """One column of another length than the others."""
    _, rows = samples.draw(draw, PEOPLE)
    document = tensors(PEOPLE, rows)
    tensor = _pick(draw, document["inputs"])
    tensor["data"] = tensor["data"] + tensor["data"][:1]
    tensor["shape"] = [len(rows) + 1]
    return Case("tensors", "bad", infer_path(PEOPLE), write_json(document))


def wrong_parts(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = tensors(model, rows)
    key, values = _pick(
        draw, (("parameters", NO_PARAMETERS), ("outputs", NO_OUTPUTS), ("id", NO_IDS), ("model_name", NO_NAMES))
    )
    value = _pick(draw, values)
    document[key] = value
    return Case("tensors", "either" if value is None else "bad", infer_path(model), write_json(document))


# binary tensors


def _binary(model: str, rows: Rows) -> tuple[dict[str, Any], list[bytes]]:
    document = tensors(model, rows)
    parts = [_to_bytes(tensor["datatype"], tensor.pop("data")) for tensor in document["inputs"]]
    for tensor, part in zip(document["inputs"], parts, strict=True):
        tensor["parameters"] = {"binary_data_size": len(part)}
    return document, parts


def _to_bytes(datatype: str, data: Sequence[Any]) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in data)
    return np.array(data, {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}[datatype]).tobytes()


def _binary_case(model: str, verdict: Verdict, document: Any, parts: Sequence[bytes], size: str | None = None) -> Case:
    header = write_json(document)
    return Case(
        "binary",
        verdict,
        infer_path(model),
        b"".join([header, *parts]),
        {HEADER_LENGTH: str(len(header)) if size is None else size, "Content-Type": "application/octet-stream"},
    )


def good_binary(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    document |= _pick(draw, ({}, {"parameters": {"binary_data_output": True}}))
    return _binary_case(model, "good", document, parts)


def good_raw(draw: Draw, samples: Samples) -> Case:
    _, rows = samples.draw(draw, NUMBERS)
    return Case("binary", "good", infer_path(NUMBERS), np.array(rows, "<f8").tobytes(), {HEADER_LENGTH: "0"})


def wrong_raw(draw: Draw, samples: Samples) -> Case:
    model = draw(_MODELS)
    body = draw(st.binary(max_size=70).filter(lambda content: len(content) % (8 * WIDTH) or not content))
    return Case("binary", "either" if not body else "bad", infer_path(model), body, {HEADER_LENGTH: "0"})


def wrong_header_length(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    right = len(write_json(document))
    near = [str(right + step) for step in (-right - 1, -5, -1, 1, 5, 10**6)]
    return _binary_case(model, "bad", document, parts, _pick(draw, (*NO_SIZES, *near)))


def wrong_binary_size(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    parameters = _pick(draw, document["inputs"])["parameters"]
    right = parameters["binary_data_size"]
    parameters["binary_data_size"] = _pick(
        draw, (right - 1, right + 1, right + 8, -1, 2**31, 2**64, "8", 8.5, None, True, [8])
    )
    return _binary_case(model, "bad", document, parts)


def wrong_end(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    body = b"".join(parts)
    body = (
        body + draw(st.binary(min_size=1, max_size=9))
        if draw(_BOOLEANS)
        else body[: draw(st.integers(0, len(body) - 1))]
    )
    return _binary_case(model, "bad", document, [body])


def both_kinds_of_data(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    place = draw(st.integers(0, len(parts) - 1))
    document["inputs"][place]["data"] = tensors(model, rows)["inputs"][place]["data"]
    return _binary_case(model, "bad", document, parts)


NOT_FINITE = (float("nan"), float("inf"), float("-inf"))


def wrong_floats(draw: Draw, samples: Samples) -> Case:
    """NaN and infinity, where the model takes neither."""
    _, rows = samples.complete(draw, NUMBERS)
    rows[0][draw(st.integers(0, WIDTH - 1))] = _pick(draw, NOT_FINITE)
    return _binary_case(NUMBERS, "bad", *_binary(NUMBERS, rows))


def wrong_truths(draw: Draw, samples: Samples) -> Case:
    _, rows = samples.complete(draw, PEOPLE)
    document, parts = _binary(PEOPLE, rows)
    place = list(DATATYPES).index("member")
    parts[place] = bytes([draw(st.integers(2, 255))]) + parts[place][1:]
    return _binary_case(PEOPLE, "bad", document, parts)


def wrong_texts(draw: Draw, samples: Samples) -> Case:
    """Lengths that run over the end, or stop before it, and bytes that are no UTF-8."""
    _, rows = samples.complete(draw, PEOPLE)
    rows = [{**row, "city": "Oslo"} for row in rows]
    document, parts = _binary(PEOPLE, rows)
    place = list(DATATYPES).index("city")
    wrong = (
        struct.pack("<I", 2**32 - 1) + b"Oslo",
        struct.pack("<I", 3) + b"Oslo",
        struct.pack("<I", 5) + b"Oslo",
        b"\x04\0\0\0\xff\xfe\xfd\xfc",
    )
    parts[place] = _pick(draw, wrong) + parts[place][8:]
    return _binary_case(PEOPLE, "bad" if len(parts[place]) == 8 * len(rows) else "either", document, parts)


def changed_binary(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    case = _binary_case(model, "either", *_binary(model, rows))
    return case._replace(body=_changed(draw, case.body))


# rows


def wrong_cell(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    field = _pick(draw, fields_of(model))
    document = rows_in(field, model, rows)
    row = _pick(draw, document[field]["data"] if field == "dataframe_split" else document[field])
    if isinstance(row, dict):
        name = _pick(draw, list(row))
        row[name] = Literally(_pick(draw, _wrong(name, DATATYPES[name])))
    else:
        place = draw(st.integers(0, len(row) - 1))
        name = list(DATATYPES)[place] if model == PEOPLE else MATRIX
        row[place] = Literally(_pick(draw, _wrong(name, DATATYPES.get(name, "FP64"))))
    return Case("rows", "bad", predict_path(model), write_json(document))


def wrong_fields(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    field = _pick(draw, fields_of(model))
    document = rows_in(field, model, rows)
    other = next(one for one in fields_of(model) if one != field)
    spoilt: tuple[dict[str, Any], ...] = (
        {},
        {"Y": document[field]},
        {field.upper() + "_": document[field]},
        {**document, "extra": 1},
        {**document, other: rows_in(other, model, rows)[other]},
        {**document, "outputs": ["predictions"]},
        {**document, "outputs": "predict"},
        {**document, "outputs": [1]},
        {**document, "outputs": {"predict": True}},
        {field: None},
        {field: {}},
        {field: "rows"},
        {field: [None]},
        {field: [1.5]},
        {field: ["a"]},
        {field: [[]]},
        {field: [{}]},
        {field: [[[1.0] * WIDTH]]},
    )
    return Case("rows", "bad", predict_path(model), write_json(_pick(draw, spoilt)))


def wrong_row(draw: Draw, samples: Samples) -> Case:
    """Longer or shorter than the others, or with other names."""
    model, rows = samples.draw(draw)
    field = _pick(draw, fields_of(model))
    document = rows_in(field, model, rows)
    row = _pick(draw, document[field]["data"] if field == "dataframe_split" else document[field])
    if isinstance(row, dict):
        name = _pick(draw, list(row))
        value = row.pop(name)
        row |= _pick(
            draw, ({}, {name + "_": value}, {name: value, "more": 1}, {name: value, "": 1}, {name.upper(): value})
        )
    elif draw(_BOOLEANS):
        row.append(deepcopy(row[0]))
    else:
        row.pop()
    return Case("rows", "bad", predict_path(model), write_json(document))


def other_numbers(draw: Draw, samples: Samples) -> Case:
    """Any floats at all that JSON has, such as the largest: answered as scikit-learn does, or refused."""
    rows = [[draw(st.floats(allow_nan=False, allow_infinity=False)) for _ in range(WIDTH)]]
    if draw(_BOOLEANS):
        return Case("rows", "either", predict_path(NUMBERS), write_json({"X": rows, "outputs": ["predict_proba"]}))
    return Case("tensors", "either", infer_path(NUMBERS), write_json(tensors(NUMBERS, rows)))


def other_people(draw: Draw, samples: Samples) -> Case:
    """Any values of the columns' types."""
    _, rows = samples.draw(draw, PEOPLE)
    row = {**rows[0], "city": draw(st.text(max_size=6)), "children": draw(st.integers(-(2**70), 2**70))}
    field = _pick(draw, fields_of(PEOPLE))
    document = rows_in(field, PEOPLE, [row])
    return Case("rows", "either", predict_path(PEOPLE), json.dumps(document | {"outputs": ["predict_proba"]}).encode())


# formats


def _table(model: str, rows: Rows) -> pa.Table:
    if model == NUMBERS:
        return pa.table({f"column {place}": [row[place] for row in rows] for place in range(WIDTH)})
    types = {"FP64": pa.float64(), "INT64": pa.int64(), "BOOL": pa.bool_(), "BYTES": pa.string()}
    return pa.table({name: pa.array([row[name] for row in rows], types[kind]) for name, kind in DATATYPES.items()})


def _arrow(model: str, rows: Rows) -> bytes:
    sink, table = io.BytesIO(), _table(model, rows)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(model: str, rows: Rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_table(model, rows), sink)
    return sink.getvalue()


def _npy(model: str, rows: Rows) -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.array(rows, float), allow_pickle=False)
    return sink.getvalue()


def _csv(model: str, rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DATATYPES if model == PEOPLE else [f"column {place}" for place in range(WIDTH)])
    writer.writerows(_listed(row) for row in rows)
    return text.getvalue().encode()


def _ndjson(model: str, rows: Rows) -> bytes:
    return b"".join(write_json(row) + b"\n" for row in rows)


FORMATS: dict[str, Callable[[str, Rows], bytes]] = {
    CSV: _csv,
    NDJSON: _ndjson,
    NPY: _npy,
    ARROW: _arrow,
    PARQUET: _parquet,
}


def _formatted(draw: Draw, samples: Samples, kinds: Sequence[str] = tuple(FORMATS)) -> tuple[str, str, bytes]:
    """A model, a media type, and rows in it."""
    kind = _pick(draw, kinds)
    model, rows = samples.complete(draw, NUMBERS if kind == NPY else None)
    return model, kind, FORMATS[kind](model, rows)


def _format_case(verdict: Verdict, model: str, kind: str, body: bytes) -> Case:
    return Case("formats", verdict, predict_path(model), body, {"Content-Type": kind})


def good_format(draw: Draw, samples: Samples) -> Case:
    return _format_case("good", *_formatted(draw, samples))


def cut_format(draw: Draw, samples: Samples) -> Case:
    """Nothing but text can end early and still be whole."""
    model, kind, body = _formatted(draw, samples)
    text = kind in (CSV, NDJSON, ARROW)  # Arrow's readers take the end of a stream for its end
    return _format_case("either" if text else "bad", model, kind, body[: draw(st.integers(0, len(body) - 1))])


def changed_format(draw: Draw, samples: Samples) -> Case:
    model, kind, body = _formatted(draw, samples)
    return _format_case("either", model, kind, _changed(draw, body))


def other_format(draw: Draw, samples: Samples) -> Case:
    """One format under the name of another."""
    model, kind, body = _formatted(draw, samples)
    other = _pick(draw, [one for one in (JSON, *FORMATS) if one != kind])
    return _format_case("bad", model, other, body)


def unknown_format(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    kinds = (
        "application/xml",
        "text/html",
        "image/png",
        "application/json; charset=utf-16",
        "text/csv; header=absent",
        "a",
        "multipart/form-data",
    )
    return _format_case("bad", model, _pick(draw, kinds), write_json(rows_in("X", model, rows)))


def wrong_table(draw: Draw, samples: Samples) -> Case:
    """Columns that the model does not have, or not enough of them, or of another kind."""
    kind = _pick(draw, (ARROW, PARQUET))
    _, rows = samples.complete(draw, PEOPLE)
    table = _table(PEOPLE, rows)
    name = _pick(draw, list(DATATYPES))
    place = table.column_names.index(name)
    count = len(rows)
    other = pa.array(["1"] * count) if DATATYPES[name] != "BYTES" else pa.array([1] * count)
    changes = (
        table.drop_columns([name]),
        table.append_column("more", pa.array([1] * count)),
        table.append_column(name, table.column(name)),
        table.set_column(place, name, other),
        table.set_column(place, name, pa.array([[1.0]] * count)),
        table.set_column(place, name, pa.array([b"\xff"] * count)),
        table.set_column(place, name, pa.array([{"a": 1}] * count)),
    )
    sink = io.BytesIO()
    changed = _pick(draw, changes)
    if kind == PARQUET:
        pq.write_table(changed, sink)
    else:
        with pa.ipc.new_stream(sink, changed.schema) as writer:
            writer.write_table(changed)
    return _format_case("bad", PEOPLE, kind, sink.getvalue())


def wrong_csv(draw: Draw, samples: Samples) -> Case:
    _, rows = samples.complete(draw, PEOPLE)
    row = [*_listed(rows[0])]
    place = draw(st.integers(0, 3))
    row[place] = _pick(draw, ("x", "1,2", "1_0", "0x10", "１", "1e", "--1", "tru", "1.5.2", " "))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=_pick(draw, ("\n", "\r\n")))
    writer.writerow(DATATYPES)
    writer.writerow(row)
    return _format_case("bad", PEOPLE, CSV, text.getvalue().encode())


def wrong_npy(draw: Draw, samples: Samples) -> Case:
    arrays: tuple[Any, ...] = (
        np.ones((2, WIDTH), complex), np.ones((2, WIDTH + 1)), np.ones((2, WIDTH - 1)), np.ones((2, 2, 2)), np.ones(()),
        np.array([[object()] * WIDTH]), np.array([["1.5"] * WIDTH]), np.ones((1, WIDTH), "M8[s]"), np.full((2, WIDTH), np.nan),
        np.ones((1, WIDTH), bool), np.ones(1, [("a", float)] ), np.full((1, WIDTH), np.inf), np.ones((1, WIDTH), "S4"),
    )  # fmt: skip
    sink = io.BytesIO()
    array = _pick(draw, arrays)
    np.save(sink, np.array([[None] * WIDTH]) if array.dtype == object else array, allow_pickle=True)
    return _format_case("bad", NUMBERS, NPY, sink.getvalue())


# HTTP


def wrong_place(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    body = write_json(tensors(model, rows))
    paths = (
        "/", "/v2/models//infer", "/v2/models/nobody/infer", f"/v2/models/{model}/versions/99/infer", "/predict",
        f"/v2/models/{model}/versions/x/infer", f"/v2/models/{model}/infer/", f"/v2/models/{model}/infer/x", "/v2/models/%00/infer",
        f"/v2/models/{model}/versions/-1/infer", f"/models/{model}", "/models/%2e%2e/predict", f"/v2/models/{model}/versions/1e0/infer",
        f"/v2/models/{model}%00/infer", f"/v2/models/{'x' * 5000}/infer", f"/v2/models/{model}/versions/{'9' * 400}/infer",
        "/v2/repository/models/numbers/load", "/v2/repository/models/numbers/unload", "/models/numbers/rollback",
    )  # fmt: skip
    return Case("HTTP", "bad", _pick(draw, paths), body)


def wrong_call(draw: Draw, samples: Samples) -> Case:
    """What the repository is asked, and changes of it, which are off."""
    model = draw(_MODELS)
    document = draw(ANYTHING)
    body = draw(st.binary(min_size=1, max_size=20)) if draw(_BOOLEANS) else json.dumps(document).encode()
    path, method = _pick(
        draw,
        (
            ("/v2/repository/index", "POST"),
            (f"/v2/repository/models/{model}/load", "POST"),
            (f"/v2/repository/models/{model}/unload", "POST"),
            (f"/models/{model}/aliases/stable", "PUT"),
            (f"/models/{model}/aliases/stable", "DELETE"),
            (f"/models/{model}/rollback", "POST"),
        ),
    )
    return Case("HTTP", "either" if document == {} else "bad", path, body, method=method)


def wrong_method(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    return Case("HTTP", "bad", path, body, method=_pick(draw, ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")))


def wrong_query(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    query = _pick(
        draw,
        (
            "outputs=",
            "outputs=Predict",
            "output=predict",
            "outputs=predict,,",
            "a=1",
            "outputs=%ff",
            "=",
            "outputs=predict&x",
        ),
    )
    body = write_json(rows_in("X", model, rows))
    return Case("HTTP", "bad" if query != "=" else "either", f"{predict_path(model)}?{query}", body)


def wrong_accept(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    accept = _pick(draw, ("image/png", "application/json;q=0", "text/html, image/*", "a"))
    return Case("HTTP", "bad", predict_path(model), write_json(rows_in("X", model, rows)), {"Accept": accept})


_gzip = partial(gzip.compress, mtime=0)
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "deflate": zlib.compress}


def good_compressed(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    coding, compress = _pick(draw, tuple(_COMPRESS.items()))
    return Case("HTTP", "good", path, compress(body), {"Content-Encoding": coding})


_BOMB = _gzip(b" " * 2**25)
"""A few thousand bytes that would be 32 MiB."""


def wrong_compressed(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    coding = _pick(draw, ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x", ""))
    right = _COMPRESS.get(coding, _gzip)(body)
    forms = (body, right[: draw(st.integers(0, len(right) - 1))], right + b"more", _gzip(right), b"", _BOMB)
    return Case("HTTP", "bad", path, _pick(draw, forms), {"Content-Encoding": coding})


def no_timeout(draw: Draw, samples: Samples) -> Case:
    path, body = _json_of(draw, samples)
    return Case(
        "HTTP", "bad", path, body, {"X-Request-Timeout": _pick(draw, ("x", "-1", "nan", "inf", "1e9999", "", "0x1"))}
    )


RECIPES: tuple[Callable[[Draw, Samples], Case], ...] = (
    changed, cut_off, other_json, no_json, framed, too_deep, key_twice,
    wrong_value, wrong_shape, wrong_datatype, wrong_name, wrong_tensors, wrong_keys, wrong_count, wrong_rows_of_one, wrong_parts,
    wrong_raw, wrong_header_length, wrong_binary_size, wrong_end, both_kinds_of_data, wrong_floats, wrong_truths, wrong_texts,
    changed_binary, wrong_cell, wrong_fields, wrong_row, other_numbers, other_people,
    cut_format, changed_format, other_format, unknown_format, wrong_table, wrong_csv, wrong_npy,
    wrong_place, wrong_call, wrong_method, wrong_query, wrong_accept, wrong_compressed, no_timeout,
    good_tensors, good_rows, good_binary, good_raw, good_format, good_compressed,
)  # fmt: skip
"""Each draws one request."""


def cases(rows: Mapping[str, Rows]) -> st.SearchStrategy[Case]:
    """Requests to the models that have these ``rows``, of every recipe alike."""
    samples = Samples(rows)

    @st.composite
    def case(draw: Any) -> Case:
        return RECIPES[draw(st.integers(0, len(RECIPES) - 1))](draw, samples)

    return case()
