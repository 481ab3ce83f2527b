"""The bodies of HTTP messages: a request's read and decompressed within limits, an answer's compressed where that is wanted.

Codings are those of RFC 9110, section 8.4.1: gzip and deflate, which is zlib's format and not bare deflate.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any

from skerry.runtime.errors import InvalidInput, TooLarge, UnsupportedMedia

CODINGS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
"""Coding → ``wbits`` of zlib."""
INLINE = 2**11
"""Bytes that are decompressed on the event loop, at most; they become a thousand times as many at worst."""
INLINE_ANSWER = 2**15
"""Bytes that are compressed on the event loop, at most."""
WORTH = 2**11
"""Bytes from which on an answer is compressed; a smaller one fits a packet or two as it is."""
LEVEL = 1
"""Of compression: on JSON of numbers the higher ones take several times as long for a few percent."""

Headers = dict[bytes, bytes]


class ClientGone(Exception):
    """The client went away before its request was complete, or answered."""


async def read_body(headers: Headers, receive: Callable[[], Awaitable[Any]], limit: int) -> bytes:
    """The body, decompressed: never more than ``limit`` bytes of it, on the wire or after.

    Raises:
        TooLarge: it is longer, or would be.
        InvalidInput: it is not what its coding says.
        UnsupportedMedia: its coding is another.
        ClientGone: the client went away.
    """
    if b"content-encoding" in headers:
        wbits = _wbits(headers[b"content-encoding"])
        return await _decompressed(await _read(headers, receive, limit), wbits, limit)
    return await _read(headers, receive, limit)


async def _read(headers: Headers, receive: Callable[[], Awaitable[Any]], limit: int) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if int(declared) > limit:  # digits: the connection has seen to that
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= limit:
        return body
    pieces = bytearray()
    while message["type"] == "http.request":
        pieces += message.get("body", b"")
        if len(pieces) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(pieces)
        message = await receive()
    raise ClientGone


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"body: expected at most {limit} bytes, got more")


def _wbits(coding: bytes) -> int:
    wbits = CODINGS.get(coding.strip(b" \t").lower())
    if wbits is None:
        raise UnsupportedMedia(
            f"header content-encoding: expected gzip or deflate, once, got {coding.decode('latin-1')!r:.80}"
        )
    return wbits


async def _decompressed(body: bytes, wbits: int, limit: int) -> bytes:
    if len(body) <= INLINE:
        return decompress(body, wbits, limit)
    return await asyncio.get_running_loop().run_in_executor(None, decompress, body, wbits, limit)


def decompress(body: bytes, wbits: int, limit: int) -> bytes:
    """``body``, which is one whole stream of that format and nothing else.

    Raises:
        TooLarge: it would be of more than ``limit`` bytes; no more than that are ever made.
        InvalidInput: it is not whole, not of that format, or something follows it.
    """
    stream = zlib.decompressobj(wbits)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error:
        raise InvalidInput("body: expected what its content-encoding says, got something else") from None
    if len(content) > limit:
        del content  # the error knows this frame, and would keep it
        raise TooLarge(f"body: expected at most {limit} bytes when decompressed, got more")
    if not stream.eof:
        raise InvalidInput("body: expected a whole compressed stream, got a part of one")
    if stream.unused_data:
        raise InvalidInput("body: expected one compressed stream, got more bytes after its end")
    return content


async def encode_body(content: bytes, accepted: bytes) -> tuple[bytes, bytes]:
    """``content`` in a coding that the header Accept-Encoding asks for, and the coding; as it is, and b"", where none is worth it."""
    coding = choose_coding(accepted) if len(content) >= WORTH else b""
    if not coding:
        return content, b""
    compress = partial(_compress, content, CODINGS[coding])
    if len(content) <= INLINE_ANSWER:
        return compress(), coding
    return await asyncio.get_running_loop().run_in_executor(None, compress), coding


def _compress(content: bytes, wbits: int) -> bytes:
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, wbits)
    return stream.compress(content) + stream.flush()


@lru_cache(maxsize=64)
def choose_coding(accepted: bytes) -> bytes:
    """gzip or deflate, whichever the header Accept-Encoding likes better (RFC 9110, section 12.5.3); b"" for neither."""
    weights = dict(map(_weighted, accepted.lower().split(b",")))
    default = weights.get(b"*", 0.0)
    best = max((b"gzip", b"deflate"), key=lambda coding: weights.get(coding, default))
    weight = weights.get(best, default)
    return best if weight > 0 and weight >= weights.get(b"identity", 0.0) else b""


def _weighted(part: bytes) -> tuple[bytes, float]:
    coding, _, parameter = part.partition(b";")
    name, _, weight = parameter.partition(b"=")
    try:
        return coding.strip(), float(weight) if name.strip() == b"q" else 1.0
    except ValueError:
        return coding.strip(), 0.0
