"""``server_timing``, ``total_timing``: the header that tells a client where the time went.

Milliseconds, to the microsecond (https://www.w3.org/TR/server-timing/).
"""

from __future__ import annotations

from time import perf_counter

from skerry.runtime.observability.ledger import Record


def server_timing(record: Record) -> bytes:
    """Each step of an answer; a queue that was not waited in is left out."""
    if record.queue:
        return b"parse;dur=%.3f, queue;dur=%.3f, infer;dur=%.3f, encode;dur=%.3f" % (
            record.parse * 1e3,
            record.queue * 1e3,
            record.infer * 1e3,
            record.encode * 1e3,
        )
    return b"parse;dur=%.3f, infer;dur=%.3f, encode;dur=%.3f" % (
        record.parse * 1e3,
        record.infer * 1e3,
        record.encode * 1e3,
    )


def total_timing(record: Record) -> bytes:
    """The time up to now, for answers that no model gave."""
    return b"total;dur=%.3f" % ((perf_counter() - record.began) * 1e3)
