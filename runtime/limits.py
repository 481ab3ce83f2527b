"""``Limits`` and ``ConnectionLimits``: how large a request may be, and how slow a client."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may have at most; more is ``TooLarge``, known from what it declares, before anything is allocated.

    ``max_body`` is in bytes of the body as sent and as decompressed; decoded JSON takes up to twenty times its text in
    memory. ``max_elements`` are the values of one tensor. How deep JSON may be nested is no setting: each part of it is
    decoded as a type, and anything deeper is refused.
    """

    max_body: int = 16 * 2**20
    max_rows: int = 100_000
    max_elements: int = 4 * 2**20


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection accepts before there is a request, and how long it waits. Sizes are bytes, times seconds.

    A head must be complete ``head_seconds`` after its first byte. A body has ``body_seconds``, and one more for each
    ``min_rate`` bytes that came; so has a client, with ``write_seconds``, to read its answer. A connection without a
    request is closed after ``idle_seconds``: longer than the 60 that load balancers keep theirs. ``linger_seconds`` are
    for what may still be on its way when an answer was the last, or the server stops.
    """

    max_target: int = 8 * 2**10
    max_head: int = 16 * 2**10
    max_headers: int = 64
    max_pipelined: int = 16
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    write_seconds: float = 30.0
    idle_seconds: float = 75.0
    linger_seconds: float = 1.0
    min_rate: float = 64 * 2**10
