"""Binary tensors: sizes, and the bytes behind the JSON."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from skerry.bench.http.open_inference import HEADER_LENGTH
from skerry.bench.measured.bad_requests.bodies import tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, Verdict, infer_path
from skerry.bench.measured.bad_requests.draws import BOOLEANS, MODELS, Draw, changed_bytes, pick
from skerry.bench.measured.bad_requests.samples import Rows, Samples
from skerry.bench.measured.border_models import DATATYPES, NUMBERS, PEOPLE, WIDTH

NO_SIZES = ("-1", "x", "1e3", "0x10", "1.0", "99999999", "184467440737095516160", " ", "+5", "²")
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))


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
    document |= pick(draw, ({}, {"parameters": {"binary_data_output": True}}))
    return _binary_case(model, "good", document, parts)


def good_raw(draw: Draw, samples: Samples) -> Case:
    _, rows = samples.draw(draw, NUMBERS)
    return Case("binary", "good", infer_path(NUMBERS), np.array(rows, "<f8").tobytes(), {HEADER_LENGTH: "0"})


def wrong_raw(draw: Draw, samples: Samples) -> Case:
    model = draw(MODELS)
    body = draw(st.binary(max_size=70).filter(lambda content: len(content) % (8 * WIDTH) or not content))
    return Case("binary", "either" if not body else "bad", infer_path(model), body, {HEADER_LENGTH: "0"})


def wrong_header_length(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    right = len(write_json(document))
    near = [str(right + step) for step in (-right - 1, -5, -1, 1, 5, 10**6)]
    return _binary_case(model, "bad", document, parts, pick(draw, (*NO_SIZES, *near)))


def wrong_binary_size(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    parameters = pick(draw, document["inputs"])["parameters"]
    right = parameters["binary_data_size"]
    parameters["binary_data_size"] = pick(
        draw, (right - 1, right + 1, right + 8, -1, 2**31, 2**64, "8", 8.5, None, True, [8])
    )
    return _binary_case(model, "bad", document, parts)


def wrong_end(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    body = b"".join(parts)
    body = (
        body + draw(st.binary(min_size=1, max_size=9))
        if draw(BOOLEANS)
        else body[: draw(st.integers(0, len(body) - 1))]
    )
    return _binary_case(model, "bad", document, [body])


def both_kinds_of_data(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    document, parts = _binary(model, rows)
    place = draw(st.integers(0, len(parts) - 1))
    document["inputs"][place]["data"] = tensors(model, rows)["inputs"][place]["data"]
    return _binary_case(model, "bad", document, parts)


def wrong_floats(draw: Draw, samples: Samples) -> Case:
    """NaN and infinity, where the model takes neither."""
    _, rows = samples.complete(draw, NUMBERS)
    rows[0][draw(st.integers(0, WIDTH - 1))] = pick(draw, NOT_FINITE)
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
    parts[place] = pick(draw, wrong) + parts[place][8:]
    return _binary_case(PEOPLE, "bad" if len(parts[place]) == 8 * len(rows) else "either", document, parts)


def changed_binary(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.complete(draw)
    case = _binary_case(model, "either", *_binary(model, rows))
    return case._replace(body=changed_bytes(draw, case.body))
