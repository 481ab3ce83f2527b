"""``Effort``: how much is put into a measurement; ``each_in_turn``: work in a few processes, as it gets done."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True)
class Effort:
    """``budget`` seconds of a search, of one of the bound's trials and of the demo (None: the default), ``given`` rows for a
    search at most, ``seeds`` of the bound, and ``jobs`` processes at once where nothing is timed."""

    budget: float = 60.0
    given: int = 24_000
    seeds: int = 20
    trial: float = 15.0
    demo: float | None = None
    jobs: int = 2


QUICK = Effort(budget=10.0, given=3_000, seeds=1, trial=5.0, demo=30.0)
"""To see whether all of it works."""


def each_in_turn(
    work: Callable[..., Found], tasks: Mapping[str, tuple[Any, ...]], jobs: int, say: Callable[[str], None]
) -> Iterator[tuple[str, Found | Exception]]:
    """What ``work`` makes of each task, by its name and in their order, or what went wrong; a line for each."""
    with _one_thread(), ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {name: pool.submit(work, *task) for name, task in tasks.items()}
        for number, (name, future) in enumerate(waiting.items(), 1):
            error = future.exception()
            say(f"{number} of {len(tasks)}: {name}" + (f" FAILED: {error!r:.300}" if error else ""))
            if isinstance(error, Exception):
                yield name, error
            else:
                yield name, future.result()


@contextmanager
def _one_thread() -> Iterator[None]:
    """For processes that begin here: they share the cores, and libraries would take all of them each."""
    known = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(known, "1"))
    try:
        yield
    finally:
        for name, value in known.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
