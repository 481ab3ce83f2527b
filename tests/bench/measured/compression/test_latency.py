"""Calls are timed in turns, each with rows of its own; memory is measured in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from skerry.bench.measured.compression import latency
from skerry.bench.measured.compression.memory import memory_of
from skerry.bench.stock import StockConversion


def test_models_take_turns_and_every_call_has_as_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "TURN", 0.0)  # a turn is one call
    seen: list[tuple[str, slice]] = []
    calls: dict[str, latency.Call] = {
        "first": lambda part: seen.append(("first", part)),
        "second": lambda part: seen.append(("second", part)),
    }
    found = latency.latencies(calls, 10, 1_000)
    assert {name: len(seconds) for name, seconds in found.items()} == {"first": 13, "second": 13}
    assert len(seen) == 2 * 14
    assert {part.stop - part.start for _, part in seen} == {10}
    assert max(part.stop for _, part in seen) <= 1_000
    of_both = [[part for name, part in seen if name == one] for one in ("first", "second")]
    assert of_both[0] == of_both[1]  # what is compared has the same rows
    assert len({part.start for part in of_both[0]}) > 10


def test_a_larger_model_holds_more_memory() -> None:
    random = np.random.default_rng(0)
    X, y = random.standard_normal((2_000, 5)), random.standard_normal(2_000)
    sizes = []
    for trees in (1, 40):
        forest = RandomForestRegressor(trees, random_state=0).fit(X, y)
        sizes.append(memory_of(StockConversion.of(forest, X[:10]).content))
    assert sizes[1] > sizes[0] + 500_000
