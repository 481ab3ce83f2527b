"""``release_memory``: what a model that is served no more took, back to the system; ``available_memory``: what there is to take."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path


def release_memory() -> None:
    """glibc keeps freed memory for later, a gap of it for every thread that allocated; ``malloc_trim`` gives it back
    (man 3 malloc_trim). Elsewhere nothing is done."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)


def available_memory() -> int:
    """Bytes that processes may still take: what the system has, and below it the container's limit; 0 where nobody says.

    Source: proc(5), "MemAvailable"; the kernel's cgroup-v2 "memory.max" and "memory.current", and their names in v1.
    """
    found = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    for most, used in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number, and no limit
            found.append(max(0, int((_CGROUP / most).read_text()) - int((_CGROUP / used).read_text())))
    return min(found, default=0)


_CGROUP = Path("/sys/fs/cgroup")
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
