"""``Heads``: heads of requests that were parsed and found good. One that comes again, byte for byte, needs no parser."""

from __future__ import annotations

from typing import NamedTuple

from skerry.runtime.http.call import Call

END = b"\r\n\r\n"
"""The end of a head."""
MOST, LONGEST = 256, 4096
"""Heads that are known, and bytes of the longest: clients whose heads differ each time are not to fill the memory."""


class Known(NamedTuple):
    """The call that a head makes, and how many bytes of body follow it."""

    call: Call
    size: int


class Heads:
    """One for all connections of a server, as what is a good head depends on its limits."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def find(self, data: bytes) -> tuple[Call, bytes] | None:
        """The call and the body of ``data``, if it is one whole request with a known head, and nothing else."""
        end = data.find(END) + len(END)
        known = self._known.get(data[:end])
        if known is None or known.size != len(data) - end:
            return None
        return known.call, data[end:]

    def learn(self, data: bytes, call: Call) -> None:
        """Remember the head of ``data``, if that is all of the request that makes ``call``; it must begin there."""
        end = data.find(END) + len(END)
        size = len(data) - end
        if end > LONGEST or call.headers.get(b"content-length") != b"%d" % size:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[data[:end]] = Known(call, size)
