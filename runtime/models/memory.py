"""Memory given back to the system, of models that are served no more and of large requests; and what there is to take."""

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


LARGE = 4 * 2**20
"""Bytes from which on a block is the system's again as soon as it is free."""


def return_large_blocks() -> None:
    """glibc takes blocks that were freed once, up to 32 MiB, for such as come again, and keeps up to twice that for every
    thread that allocated; ``malloc_trim`` does not reach it. Thresholds that are named stay (man 3 mallopt)."""
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, LARGE)
        set_option(_M_TRIM_THRESHOLD, 2 * LARGE)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""malloc.h"""


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
