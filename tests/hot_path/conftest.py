"""``measure``: times a step and a fixed piece of work in turns; at the end, the table of their ratios."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from skerry.bench.machine import read_machine
from skerry.bench.regression import Timing, noted, read_baseline, table, timing, write_baseline

ROUNDS = 200
"""Of each step, some 4 ms each, half of it the fixed work."""
NUMBERS = json.dumps(np.random.default_rng(0).normal(size=(200, 30)).tolist())

Batch = Callable[[Sequence[Any]], object]
Measure = Callable[[str, Batch, Sequence[Any]], None]
TIMINGS = pytest.StashKey[list[Timing]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    baseline = Path(__file__).with_name("baseline.json")
    parser.addoption("--baseline", type=Path, default=baseline, help="the ratios to compare with")
    parser.addoption("--note", action="store_true", help="add this process's ratios to the baseline")


def fixed_work() -> None:
    """JSON to numbers and back, with a loop of plain Python between: what the steps are made of, but not their code."""
    rows = json.loads(NUMBERS)
    json.dumps([sum(value * value for value in row) for row in rows])


@pytest.fixture
def measure(benchmark: Any, pytestconfig: pytest.Config) -> Measure:
    """Times ``batch(items)``, items taken again and again until that takes as long as the fixed work.

    pytest-benchmark measures one test after the other; the set-up that it calls before every round is what lets the fixed
    work take turns with the step. Rounds with a set-up have one iteration: the batch repeats, and tells it how often.
    """

    def measure(step: str, batch: Batch, items: Sequence[Any]) -> None:
        calls = _calls(batch, items)
        beside: list[float] = []

        def take_turns() -> None:
            benchmark.stats.iterations = calls  # the table shows one call
            beside.append(_seconds(fixed_work))

        repeated = list(islice(cycle(items), calls))
        benchmark.pedantic(batch, args=(repeated,), setup=take_turns, rounds=ROUNDS, warmup_rounds=3)
        found = timing(step, np.array(benchmark.stats.stats.data), np.array(beside[-ROUNDS:]))
        pytestconfig.stash.setdefault(TIMINGS, []).append(found)

    return measure


def _calls(batch: Batch, items: Sequence[Any]) -> int:
    """How many calls take as long as the fixed work."""
    work = min(_seconds(fixed_work) for _ in range(5))
    each = min(_seconds(batch, items) for _ in range(5)) / len(items)
    return max(1, round(work / each))


def _seconds(work: Callable[..., object], *args: Any) -> float:
    begun = perf_counter()
    work(*args)
    return perf_counter() - begun


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    timings = config.stash.get(TIMINGS, [])
    if not timings:
        return
    file, machine = config.getoption("--baseline"), read_machine()
    baseline = read_baseline(file)
    terminalreporter.section("hot path: ratios to a fixed piece of work beside it")
    terminalreporter.write_line(table(timings, baseline, machine))
    if config.getoption("--note"):
        write_baseline(noted(baseline, timings, machine), file)
