"""Bodies are read and decompressed within limits, and compressed where the client asks for it and it is worth it."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from skerry.runtime import Model
from skerry.runtime.app import create_app
from skerry.runtime.errors import InferenceError, InvalidInput, TooLarge, UnsupportedMedia
from skerry.runtime.http.body import (
    CODINGS,
    INLINE,
    WORTH,
    ClientGone,
    choose_coding,
    decompress,
    encode_body,
    read_body,
)
from skerry.runtime.models.repository import ModelRepository

LIMIT = 50_000
NOISE = random.Random(5).randbytes(3 * INLINE)
COMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b" GZip ": gzip.compress,
}


def read(*pieces: bytes, ends: str = "http.request", limit: int = LIMIT, **headers: bytes) -> bytes:
    """What ``read_body`` makes of the pieces that came, by the headers."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": ends, "body": b"", "more_body": False})

    async def receive() -> Any:
        return messages.pop(0)

    return asyncio.run(
        read_body({name.replace("_", "-").encode(): value for name, value in headers.items()}, receive, limit)
    )


@pytest.mark.parametrize("pieces", [(), (b"",), (b"abc",), (b"a", b"b", b"c"), (b"a" * LIMIT,)])
def test_a_body_is_read_whole(pieces: tuple[bytes, ...]) -> None:
    assert read(*pieces) == b"".join(pieces)


@pytest.mark.parametrize("pieces", [(b"a" * (LIMIT + 1),), (b"a" * LIMIT, b"b"), (b"ab" * 100,) * 1_000])
def test_a_body_beyond_the_limit_is_refused(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(TooLarge, match=f"^body: expected at most {LIMIT} bytes, got more$"):
        read(*pieces)


def test_a_body_that_declares_too_much_is_refused_before_it_is_read() -> None:
    async def receive() -> Any:
        raise AssertionError

    with pytest.raises(TooLarge):
        asyncio.run(read_body({b"content-length": b"%d" % (LIMIT + 1)}, receive, LIMIT))


@pytest.mark.parametrize("pieces", [(), (b"abc",)])
def test_a_client_that_goes_away_has_no_body(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(ClientGone):
        read(*pieces, ends="http.disconnect")


@pytest.mark.parametrize("content", [b"", b"abc", NOISE, b" " * LIMIT])
@pytest.mark.parametrize("coding", COMPRESS)
def test_a_compressed_body_is_what_was_compressed(coding: bytes, content: bytes) -> None:
    assert read(COMPRESS[coding](content), content_encoding=coding) == content


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
@pytest.mark.parametrize("size", [LIMIT + 1, 64 * 2**20])
def test_no_more_is_decompressed_than_the_limit(coding: bytes, size: int) -> None:
    bomb = COMPRESS[coding](bytes(size))
    tracemalloc.start()
    with pytest.raises(TooLarge, match=f"^body: expected at most {LIMIT} bytes when decompressed, got more$"):
        decompress(bomb, CODINGS[coding], LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    "coding",
    [b"br", b"zstd", b"identity", b"gzip, gzip", b"gzip,deflate", b"gzip;q=1", b"", b" ", b"\xff", b"gzip\x0b"],
)
def test_another_coding_is_refused(coding: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match=r"^header content-encoding: expected gzip or deflate, once, got '"):
        read(gzip.compress(b"abc"), content_encoding=coding)


WHOLE = gzip.compress(NOISE)
BROKEN = {
    "empty": b"",
    "not compressed": b'{"X": []}',
    "truncated": WHOLE[:-1],
    "half": WHOLE[: len(WHOLE) // 2],
    "header only": WHOLE[:10],
    "wrong checksum": WHOLE[:-8] + bytes(4) + WHOLE[-4:],
    "wrong length": WHOLE[:-4] + bytes(4),
    "garbage after": WHOLE + b"x",
    "zeros after": WHOLE + bytes(8),
    "two members": WHOLE * 2,
    "many members": gzip.compress(b"") * 2_000,
    "zlib": zlib.compress(NOISE),
    "bare deflate": zlib.compress(NOISE)[2:-4],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_compressed_stream_or_more_than_one_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match=r"^body: expected "):
        read(BROKEN[kind], content_encoding=b"gzip")


@pytest.mark.parametrize("seed", range(50))
def test_damage_is_never_another_body(seed: int) -> None:
    """A flipped bit is noticed, or does not matter: a few of the header say nothing about the content."""
    chance = random.Random(seed)
    content = bytearray(gzip.compress(b'{"X": [[1, 2, 3]]}' * 20, mtime=0))
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    try:
        found = read(bytes(content), content_encoding=b"gzip")
    except InferenceError as error:
        assert error.status_hint in (400, 413)  # noqa: PT017
    else:
        assert found == b'{"X": [[1, 2, 3]]}' * 20


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"GZIP", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate, br, zstd", b"gzip"),
        (b"deflate, gzip", b"gzip"),
        (b"gzip;q=0.5, deflate", b"deflate"),
        (b"gzip; q=0.5 , deflate;q=0.4", b"gzip"),
        (b"*", b"gzip"),
        (b"*;q=0", b""),
        (b"gzip;q=0, *", b"deflate"),
        (b"br", b""),
        (b"identity", b""),
        (b"gzip;q=0.5, identity", b""),
        (b"gzip, identity", b"gzip"),
        (b"gzip;q=", b""),
        (b"gzip;q=x", b""),
        (b"gzip;q=0", b""),
        (b"gzip;q=nan", b""),
        (b",,;;==", b""),
        (b"\xff", b""),
    ],
)
def test_the_coding_of_an_answer_is_the_one_the_client_likes_best(accepted: bytes, coding: bytes) -> None:
    assert choose_coding(accepted) == coding


@pytest.mark.parametrize("size", [0, WORTH - 1, WORTH, 200_000])
@pytest.mark.parametrize("accepted", [b"gzip", b"deflate"])
def test_an_answer_is_compressed_where_that_is_worth_it(accepted: bytes, size: int) -> None:
    content, coding = asyncio.run(encode_body(b"1.5," * (size // 4) + b"." * (size % 4), accepted))
    assert coding == (accepted if size >= WORTH else b"")
    if coding:
        assert len(content) < size / 2
        content = decompress(content, CODINGS[coding], size)
    assert content == b"1.5," * (size // 4) + b"." * (size % 4)


@pytest.fixture(scope="module")
def client(iris_model: Model) -> Iterator[TestClient]:
    with TestClient(create_app(ModelRepository([iris_model]))) as client:
        yield client


@pytest.mark.parametrize("rows", [1, 20, 5_000])
def test_a_request_and_its_answer_may_be_compressed(client: TestClient, iris_rows: np.ndarray, rows: int) -> None:
    """Small and large ones, which go to a thread."""
    body = json.dumps({"X": np.resize(iris_rows, (rows, 4)).tolist(), "outputs": ["predict_proba"]}).encode()
    plain = client.post("/predict", content=body, headers={"accept-encoding": "identity"})
    for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        headers = {"content-encoding": coding, "accept-encoding": coding}
        reply = client.post("/predict", content=compress(body), headers=headers)
        assert (reply.status_code, reply.content) == (200, plain.content)
        worth = len(plain.content) >= WORTH
        assert reply.headers.get("content-encoding") == (coding if worth else None)
        assert int(reply.headers["content-length"]) == reply.num_bytes_downloaded
        assert (reply.num_bytes_downloaded < len(plain.content)) == worth
