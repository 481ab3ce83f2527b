"""``memory_of``: the memory that a session holds of a model, measured in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from skerry.runtime.session import Session, SessionConfig


def memory_of(content: bytes) -> int:
    """Bytes by which a process grows that loads this model.onnx once more: what ONNX Runtime needs in any case is there
    by then, and does not count."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(content)
        file.flush()
        command = [sys.executable, "-m", "skerry.bench.measured.compression.memory", file.name]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(found.stdout)


def grown_by(file: Path) -> int:
    """What is freed again while loading does not count, where the allocator gives it back (glibc)."""
    sessions, resident = [], []
    for _ in range(2):
        sessions.append(Session(file.read_bytes(), SessionConfig(intra_op_num_threads=1)))
        resident.append(_resident())
    return max(0, resident[1] - resident[0])


def _resident() -> int:
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    print(grown_by(Path(sys.argv[1])))
