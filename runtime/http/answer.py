"""``Answer``: a status, headers and a whole body; and how the head of an answer is written."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from skerry.runtime.protocol.request import JSON

Header = tuple[bytes, bytes]

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Answer(NamedTuple):
    """``headers`` are those that many answers share, ``own`` those of this one; none of them frames the body."""

    status: int
    content: bytes
    headers: tuple[Header, ...]
    own: list[Header]

    def head(self, common: bytes, *, closes: bool) -> bytes:
        """The whole head; ``common`` are lines that every answer has."""
        shared = _shared(self.status, self.headers)
        own = lines(self.own) if self.own else b""
        close = CLOSE if closes else b""
        return b"%b%bcontent-length: %d\r\n%b%b\r\n" % (shared, common, len(self.content), own, close)


CLOSE = b"connection: close\r\n"


def lines(headers: Iterable[Header]) -> bytes:
    """A line for each header.

    Raises:
        ValueError: there is a line break in one of them.
    """
    found = [b"%b: %b\r\n" % header for header in headers]
    joined = b"".join(found)
    if joined.count(b"\n") != len(found) or joined.count(b"\r") != len(found):
        raise ValueError("a header of an answer has a line break in it")
    return joined


@lru_cache(maxsize=256)
def _shared(status: int, headers: tuple[Header, ...]) -> bytes:
    return STATUS_LINES[status] + lines(headers)


def refusal(status: int, text: str) -> bytes:
    """A whole answer that ends its connection."""
    content = msgspec.json.encode({"error": text})
    return Answer(status, content, ((b"content-type", JSON),), []).head(b"", closes=True) + content
