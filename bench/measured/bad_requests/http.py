"""What is around a body: path, method, version, content type, compression."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import partial

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.bodies import json_of, rows_in, tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, predict_path
from skerry.bench.measured.bad_requests.draws import ANYTHING, BOOLEANS, MODELS, Draw, pick
from skerry.bench.measured.bad_requests.samples import Samples


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
    return Case("HTTP", "bad", pick(draw, paths), body)


def wrong_call(draw: Draw, samples: Samples) -> Case:
    """What the repository is asked, and changes of it, which are off."""
    model = draw(MODELS)
    document = draw(ANYTHING)
    body = draw(st.binary(min_size=1, max_size=20)) if draw(BOOLEANS) else json.dumps(document).encode()
    path, method = pick(
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
    path, body = json_of(draw, samples)
    return Case("HTTP", "bad", path, body, method=pick(draw, ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")))


def wrong_query(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    query = pick(
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
    accept = pick(draw, ("image/png", "application/json;q=0", "text/html, image/*", "a"))
    return Case("HTTP", "bad", predict_path(model), write_json(rows_in("X", model, rows)), {"Accept": accept})


_gzip = partial(gzip.compress, mtime=0)
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "deflate": zlib.compress}


def good_compressed(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    coding, compress = pick(draw, tuple(_COMPRESS.items()))
    return Case("HTTP", "good", path, compress(body), {"Content-Encoding": coding})


_BOMB = _gzip(b" " * 2**25)
"""A few thousand bytes that would be 32 MiB."""


def wrong_compressed(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    coding = pick(draw, ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x", ""))
    right = _COMPRESS.get(coding, _gzip)(body)
    forms = (body, right[: draw(st.integers(0, len(right) - 1))], right + b"more", _gzip(right), b"", _BOMB)
    return Case("HTTP", "bad", path, pick(draw, forms), {"Content-Encoding": coding})


def no_timeout(draw: Draw, samples: Samples) -> Case:
    path, body = json_of(draw, samples)
    return Case(
        "HTTP", "bad", path, body, {"X-Request-Timeout": pick(draw, ("x", "-1", "nan", "inf", "1e9999", "", "0x1"))}
    )
