"""Until when a request may still be run: what it says itself, what its header says, and what the server does without."""

from __future__ import annotations

import re

from skerry.runtime.errors import InvalidInput

TIMEOUT_HEADER = b"x-request-timeout"
LONGEST = 3600.0
"""Seconds that a client may ask for."""

_SECONDS = re.compile(rb"[0-9]{1,4}(\.[0-9]{1,6})?")


def read_timeout(text: bytes) -> float:
    """The seconds in the header ``X-Request-Timeout``: above 0, at most ``LONGEST``, in plain decimals.

    Raises:
        InvalidInput: it is anything else.
    """
    seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
    if not 0 < seconds <= LONGEST:
        raise InvalidInput(
            f"header x-request-timeout: expected seconds above 0 and at most {LONGEST:.0f}, such as 0.5, got {text.decode('latin-1')!r:.40}"
        )
    return seconds


def deadline_of(arrival: float, default: float, own: float | None, header: bytes | None) -> float:
    """The shorter of what a request says itself and what its header says, after its ``arrival``; else the ``default``."""
    if own is None and header is None:
        return arrival + default
    asked = None if header is None else read_timeout(header)
    return arrival + min(wish for wish in (own, asked) if wish is not None)
