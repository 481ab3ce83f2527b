"""``Slot``: a worker's place in the run directory, where it publishes what it counted, and reads what the others did.

    <run directory>/worker-0.lock      held by the worker as long as it lives
    <run directory>/worker-0.msgpack   what it published last

A worker that takes the place of one that died goes on from what that one had published: counters never go back, and
there are never more files than there were workers at a time.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import time
from typing import IO

import msgspec

from skerry.runtime.observability.tally import Array, Totals
from skerry.runtime.resources import Resources

STALE = 5.0
"""Seconds after which what a worker published says nothing of now: those that live publish every second."""


class Published(msgspec.Struct):
    """What a worker tells the others: what it counted, and how it is ``at`` a time, in seconds since the epoch.

    ``queued`` is (model, version) → requests that wait.
    """

    totals: Totals
    in_flight: int = 0
    queued: dict[tuple[str, int], int] = {}
    resources: Resources = Resources()
    at: float = 0.0

    @property
    def is_stale(self) -> bool:
        return abs(time() - self.at) > STALE


_encoder = msgspec.msgpack.Encoder(enc_hook=lambda array: array.tolist())


def _array(kind: type, values: object) -> Array:
    import numpy as np

    return np.array(values)


_decoder = msgspec.msgpack.Decoder(Published, dec_hook=_array)


class Slot:
    """The first free place in ``directory``. ``inherited`` is what was published there before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.number, self._lock = _claim(directory)
        self._file = directory / f"worker-{self.number}.msgpack"
        self.inherited = _read(self._file)

    def publish(self, published: Published) -> None:
        """What others read from now on, whole or not at all."""
        written = self._file.with_suffix(".new")
        # A full disk is no reason to refuse requests: the counts are in memory, and the next time they may fit.
        with suppress(OSError):
            written.write_bytes(_encoder.encode(published))
            os.replace(written, self._file)

    def others(self) -> dict[int, Published]:
        """Number → what the other places hold, whether their workers live or not."""
        found = {}
        for file in sorted(self._directory.glob("worker-*.msgpack")):
            published = _read(file) if file != self._file else None
            if published is not None:
                found[int(file.stem.removeprefix("worker-"))] = published
        return found

    def close(self) -> None:
        """Leave the place to the next."""
        self._lock.close()


def _claim(directory: Path) -> tuple[int, IO[bytes]]:
    for number in count():
        file = (directory / f"worker-{number}.lock").open("ab")
        try:
            _lock(file)
        except OSError:
            file.close()
        else:
            return number, file
    raise AssertionError


def _lock(file: IO[bytes]) -> None:
    """The system gives a lock back when its owner ends, however that happens. Raises OSError: another has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(file: Path) -> Published | None:
    try:
        return _decoder.decode(file.read_bytes())
    except FileNotFoundError:
        return None
