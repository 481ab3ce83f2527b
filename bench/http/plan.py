"""``LoadPlan``: how much load, how it arrives, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Literal

import msgspec

from skerry.runtime.errors import BenchError


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one run; times are seconds.

    Without ``rate`` the loop is closed: each of ``connections`` sends its next request when the answer to the last one
    came. With ``rate`` (requests per second) it is open: requests are due at ``arrivals``, evenly or as a Poisson
    process of ``seed``, whether or not the server keeps up. ``warmup`` is the same load before, which is not counted.
    ``timeout`` bounds the wait for one answer, and for all that is open at the end. ``processes`` share connections
    and rate.

    Raises:
        BenchError: a setting that no run can have.
    """

    connections: int = 32
    rate: float | None = None
    arrivals: Literal["constant", "poisson"] = "constant"
    duration: float = 10.0
    warmup: float = 1.0
    timeout: float = 10.0
    processes: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (is_possible, expected) in _POSSIBLE.items():
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and is_possible(value)):
                raise BenchError(f"{name}: expected {expected}, got {value}")


_POSSIBLE: dict[str, tuple[Callable[[float], bool], str]] = {
    "connections": (lambda value: value >= 1, "at least 1"),
    "rate": (lambda value: value > 0, "requests per second above 0"),
    "duration": (lambda value: value > 0, "seconds above 0"),
    "warmup": (lambda value: value >= 0, "seconds from 0"),
    "timeout": (lambda value: value > 0, "seconds above 0"),
    "processes": (lambda value: value >= 1, "at least 1"),
    "seed": (lambda value: value >= 0, "a number from 0"),
}
