"""``Call``: the head of a request, as what answers it needs it."""

from __future__ import annotations

from collections.abc import Iterable

Headers = dict[bytes, bytes]

QUERY = b":query"
"""The query string, beside the headers: no header's name begins with a colon (RFC 9110, section 5.6.2)."""


class Call:
    """Requests whose heads are the same, byte for byte, may share one."""

    __slots__ = ("headers", "method", "path")

    def __init__(self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]], query: bytes) -> None:
        self.method = method
        self.path = path
        self.headers: Headers = dict(headers)
        if query:
            self.headers[QUERY] = query
