"""``Workers``: how many processes answer, and with how many threads each; from cores, memory, and what the models cost."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from skerry.runtime.artifact import MODEL
from skerry.runtime.manifest import Manifest

WORKER_BYTES = 100 * 2**20
"""Resident memory of a worker without models, as the benchmarks measure it, rounded up."""
MODEL_FACTOR = 3
"""What a model takes when it is loaded, by the size of its file: its bytes, onnxruntime's own copy, and what runs need."""
SHARE = 0.8
"""Of the memory that is available, what workers may take together; the rest is for requests."""
DEAR_SECONDS = 0.005
"""A model that takes so long for one row is worth several threads: else a request waits while cores have nothing to do."""
DEAR_THREADS = 4
"""Threads that such a model still gains from; more share a run's few rows ever worse."""


class Footprint(msgspec.Struct, frozen=True):
    """What a model takes when it is loaded: bytes of memory, and seconds for one row, as measured at its export."""

    size: int
    seconds: float = 0.0

    @classmethod
    def of(cls, manifest: Manifest) -> Footprint:
        seconds = min((cost.seconds / cost.rows for cost in manifest.cost if cost.rows == 1), default=0.0)
        return cls(MODEL_FACTOR * manifest.files[MODEL].unpacked, seconds)


class Workers(msgspec.Struct, frozen=True):
    """``count`` processes of ``threads`` threads each for a run; ``reason`` is a line for a person."""

    count: int
    threads: int
    reason: str = ""


def choose_workers(cores: int, memory: int, models: Sequence[Footprint]) -> Workers:
    """One worker for each core, as each answers on one; fewer where a row of the dearest model is worth several threads,
    or where the models would not fit into ``memory`` bytes so often. 0 bytes of memory are unknown."""
    dearest = max((model.seconds for model in models), default=0.0)
    each = worker_bytes(models)
    is_dear = dearest >= DEAR_SECONDS and cores > 1
    wanted = max(1, cores // min(DEAR_THREADS, cores)) if is_dear else cores
    room = max(1, int(memory * SHARE / each)) if memory else wanted
    count = min(wanted, room)
    reasons = [f"{cores} core{'s' * (cores != 1)}"]
    if is_dear:
        reasons.append(f"the dearest model takes {dearest * 1e3:.0f} ms a row, which several threads share")
    if count < wanted:
        reasons.append(f"{_size(memory)} of memory have room for {room}, at {_size(each)} each")
    else:
        reasons.append(f"{_size(each)} of memory each")
    return Workers(count, threads_of(cores, count), "; ".join(reasons))


def threads_of(cores: int, workers: int) -> int:
    """The threads of one of so many workers."""
    return max(1, cores // workers)


def worker_bytes(models: Sequence[Footprint]) -> int:
    """What a worker takes with these models."""
    return WORKER_BYTES + sum(model.size for model in models)


def too_many(count: int, memory: int, models: Sequence[Footprint]) -> str:
    """What to say where so many workers may not fit into ``memory``; nothing where they do."""
    needed = count * worker_bytes(models)
    if not memory or needed <= memory:
        return ""
    return f"{count} workers of {_size(worker_bytes(models))} each take {_size(needed)}; {_size(memory)} of memory are available"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
