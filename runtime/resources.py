"""``Resources``: what this process uses, as far as the platform tells."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from time import time

import msgspec

_STARTED = time()
_PROC = Path("/proc/self")


class Resources(msgspec.Struct, frozen=True):
    """Seconds of CPU, bytes of memory, open files; 0 is unknown. ``started`` is seconds since the epoch."""

    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    virtual_bytes: int = 0
    open_files: int = 0
    max_files: int = 0
    started: float = 0.0

    @classmethod
    def now(cls) -> Resources:
        """Of this process (Linux, proc_pid_statm(5); elsewhere only time and CPU)."""
        times = os.times()
        used = {"cpu_seconds": times.user + times.system, "started": _STARTED}
        with suppress(OSError, ValueError):
            pages = [int(field) * os.sysconf("SC_PAGE_SIZE") for field in (_PROC / "statm").read_text().split()[:2]]
            used |= {"virtual_bytes": pages[0], "resident_bytes": pages[1]}
            used["open_files"] = len(os.listdir(_PROC / "fd")) - 1  # less the one that lists them
        return cls(**used, max_files=_max_files())  # type: ignore[arg-type]


def _max_files() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
