"""``check_keys``: no key twice in one object of a JSON text, at nearly no cost.

Parsers keep the last of two equal keys, so that two readers of one request may see two requests (RFC 8259,
section 4). A valid text has one colon for each key, and others only in strings: where the colons are as many as the
keys that came out of the parser, none was there twice.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from skerry.runtime.errors import InvalidInput

_KEY_ENDS = (b'":', b" :", b"\n:", b"\t:", b"\r:")
"""The colon after a key follows its quote or white space; hardly one in a string does, as in "12:30"."""


def check_keys(body: bytes, keys: int) -> None:
    """``body`` is JSON that a parser took; ``keys`` are all that it found in it, at every level.

    Raises:
        InvalidInput: an object has a key twice; it names the key.
    """
    if body.count(b":") == keys or sum(map(body.count, _KEY_ENDS)) == keys:
        return
    try:
        json.loads(body.decode(), object_pairs_hook=_distinct, parse_int=len, parse_float=len)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInput(f"expected JSON: {reason}") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        key, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise InvalidInput(f"field {key!r:.80}: expected once in its object, got {count} times")
    return found
