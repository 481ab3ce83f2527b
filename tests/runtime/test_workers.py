from __future__ import annotations

import msgspec
import pytest

from skerry.runtime import Model
from skerry.runtime.artifact import MODEL
from skerry.runtime.manifest import Cost
from skerry.runtime.models.memory import available_memory
from skerry.runtime.workers import WORKER_BYTES, Footprint, Workers, choose_workers, threads_of, too_many

GIB = 2**30
CHEAP = Footprint(2**20, 20e-6)
DEAR = Footprint(2**20, 0.05)
LARGE = Footprint(1500 * 2**20, 20e-6)


@pytest.mark.parametrize(
    ("cores", "memory", "models", "count", "threads"),
    [
        (1, 16 * GIB, [CHEAP], 1, 1),
        (8, 16 * GIB, [CHEAP], 8, 1),
        (8, 16 * GIB, [], 8, 1),
        (8, 16 * GIB, [CHEAP, DEAR], 2, 4),
        (2, 16 * GIB, [DEAR], 1, 2),
        (1, 16 * GIB, [DEAR], 1, 1),
        (8, 8 * GIB, [LARGE], 4, 2),
        (8, GIB, [LARGE], 1, 8),
        (8, 0, [LARGE], 8, 1),
    ],
    ids=["one core", "cheap", "none", "dear", "dear on two", "dear on one", "large", "too large", "unknown memory"],
)
def test_workers_go_by_cores_cost_and_memory(
    cores: int, memory: int, models: list[Footprint], count: int, threads: int
) -> None:
    chosen = choose_workers(cores, memory, models)
    assert (chosen.count, chosen.threads) == (count, threads)


def test_the_reason_is_a_line() -> None:
    assert choose_workers(8, 16 * GIB, [CHEAP]) == Workers(8, 1, "8 cores; 101 MiB of memory each")
    assert choose_workers(8, 16 * GIB, [DEAR]).reason == (
        "8 cores; the dearest model takes 50 ms a row, which several threads share; 101 MiB of memory each"
    )
    assert choose_workers(8, 8 * GIB, [LARGE]).reason == "8 cores; 8.0 GiB of memory have room for 4, at 1.6 GiB each"


def test_a_footprint_is_of_the_manifest(iris_model: Model) -> None:
    manifest = msgspec.structs.replace(
        iris_model.manifest, cost=(Cost(rows=1, seconds=1e-5), Cost(rows=100, seconds=2e-5))
    )
    assert Footprint.of(manifest) == Footprint(3 * manifest.files[MODEL].unpacked, 1e-5)


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (3, 2), (8, 1), (16, 1)])
def test_threads_are_shared_out(workers: int, threads: int) -> None:
    assert threads_of(8, workers) == threads


def test_more_than_fit_into_memory_are_told() -> None:
    assert too_many(8, 4 * GIB, [Footprint(500 * 2**20)]) == (
        "8 workers of 600 MiB each take 4.7 GiB; 4.0 GiB of memory are available"
    )
    assert too_many(8, 8 * GIB, [Footprint(500 * 2**20)]) == ""
    assert too_many(8, 0, [LARGE]) == ""


def test_there_is_memory_for_the_worker_that_tests_this() -> None:
    assert available_memory() == 0 or available_memory() > WORKER_BYTES / 10
