"""``Request`` and ``Reply``: what every wire format is decoded to, and encoded from."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.runtime.feeds import Feeds

JSON = b"application/json"


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Rows, ready for the model, the methods to answer with, and what the answer must look like.

    ``id`` is echoed. ``timeout`` is in seconds from the arrival, None where the client named none; a lower ``priority``
    above 0 is served first, 0 is the default of the server. ``form`` is what the codec that decoded the request needs to
    encode its answer.
    """

    feeds: Feeds
    methods: tuple[str, ...]
    rows: int
    id: str = ""
    timeout: float | None = None
    priority: int = 0
    form: Any = None


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An encoded answer: its bytes, their media type, and headers beside those that every answer has."""

    content: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
