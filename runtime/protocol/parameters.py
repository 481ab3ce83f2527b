"""Parameters of a request: what each means, of what type it is, and which are refused.

Names and meanings: Triton's extensions of the protocol, docs/protocol/extension_*.md. Other names are for other servers,
such as MLServer's ``content_type``, and passed over, as the protocol has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from skerry.runtime.errors import InvalidInput

Parameters = dict[str, str | bool | int | float]

_RESERVED = {
    "sequence_id": "sequences are",
    "sequence_start": "sequences are",
    "sequence_end": "sequences are",
    "shared_memory_region": "shared memory is",
    "shared_memory_byte_size": "shared memory is",
    "shared_memory_offset": "shared memory is",
    "headers": "forwarded headers are",
}
"""What changes an answer where it is supported, and so is refused here."""
_RESERVED_PREFIX = "triton_"


class Schedule(msgspec.Struct, frozen=True):
    """When a request wants to be answered: ``timeout`` in seconds, None for the server's; ``priority`` from 1 on, lower
    first, 0 for the server's."""

    timeout: float | None = None
    priority: int = 0


def read_flag(given: Mapping[str, Any], name: str, where: str, default: bool) -> bool:
    value = given.get(name, default)
    if type(value) is not bool:
        _refuse(name, where, "true or false", value)
    return value


def read_count(given: Mapping[str, Any], name: str, where: str, low: int, high: int = 2**63 - 1) -> int | None:
    """An integer from ``low`` to ``high``; None where there is none of that name."""
    value = given.get(name)
    if value is not None and not (type(value) is int and low <= value <= high):
        _refuse(name, where, f"an integer from {low}" + (f" to {high}" if high < 2**63 - 1 else " on"), value)
    return value


def read_schedule(given: Mapping[str, Any]) -> Schedule:
    """``timeout`` comes in microseconds; 0 is the server's default, as it is of ``priority``."""
    microseconds = read_count(given, "timeout", "request", 0)
    return Schedule(microseconds / 1e6 if microseconds else None, read_count(given, "priority", "request", 0) or 0)


def check_reserved(given: Mapping[str, Any], where: str) -> None:
    for name in given:
        if name in _RESERVED or name.startswith(_RESERVED_PREFIX):
            what = _RESERVED.get(name, "Triton's own parameters are")
            raise InvalidInput(f"{where}: parameter {name!r:.80}: {what} not supported")


def _refuse(name: str, where: str, expected: str, got: object) -> NoReturn:
    raise InvalidInput(f"{where}: parameter {name!r}: expected {expected}, got {got!r:.40}")
