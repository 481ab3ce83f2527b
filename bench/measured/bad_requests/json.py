"""The text of a body: cut off, changed, other JSON, too deep, keys twice, another encoding."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.bodies import Literally, json_of, tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, infer_path, predict_path
from skerry.bench.measured.bad_requests.draws import ANYTHING, BOOLEANS, Draw, changed_bytes, pick
from skerry.bench.measured.bad_requests.samples import Samples


def cut_off(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    return Case("JSON", "bad", path, body[: draw(st.integers(0, len(body) - 1))])


def changed(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    return Case("JSON", "either", path, changed_bytes(draw, body))


def other_json(draw: Draw, samples: Samples) -> Case:
    path, _ = json_of(draw, samples)
    return Case("JSON", "bad", path, json.dumps(draw(ANYTHING)).encode())


def no_json(draw: Draw, samples: Samples) -> Case:
    path, _ = json_of(draw, samples)
    return Case("JSON", "bad", path, draw(st.binary(max_size=60)))


def framed(draw: Draw, samples: Samples) -> Case:
    """With something before or after, or in another encoding."""
    path, body = json_of(draw, samples)
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
    return Case("JSON", "bad", path, pick(draw, forms)(body))


def too_deep(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    depth = draw(st.sampled_from((3, 40, 990, 5_000, 100_000)))
    opening, closing = pick(draw, (("[", "]"), ('{"a":', "}")))
    deep = Literally(opening * depth + "1" + closing * (depth if draw(BOOLEANS) else 0))
    document = tensors(model, rows) if draw(BOOLEANS) else {}
    if not document:
        return Case("JSON", "bad", predict_path(model), write_json({"X": deep}))
    place = pick(draw, document["inputs"])
    place[pick(draw, ("data", "shape", "name", "parameters", "datatype"))] = deep
    return Case("JSON", "bad", infer_path(model), write_json(document))


def key_twice(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    places = [place for place in range(len(body)) if body[place : place + 1] == b"{"]
    place = pick(draw, places) + 1
    key = body[place : body.index(b":", place)].strip()
    value = pick(draw, (b"null", b"1", b"[]", b'"X"', b"true"))
    if draw(BOOLEANS) and key.isascii():  # the same name, otherwise written
        key = b'"' + b"".join(b"\\u%04x" % code for code in key.strip(b'"')) + b'"'
    return Case("JSON", "bad", path, body[:place] + key + b":" + value + b"," + body[place:])
