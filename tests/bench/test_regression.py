from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from skerry.bench.regression import (
    Baseline,
    Timing,
    change,
    noted,
    read_baseline,
    table,
    timing,
    write_baseline,
)
from skerry.bench.results import Interval, Machine

HERE = Machine(
    processor="Some Processor",
    cores=2,
    quota=None,
    memory=2**34,
    system="Linux 6.1",
    versions={"python": "3.11.7"},
    load_average=None,
)
RUNS = [0.0100, 0.0101, 0.0099, 0.0102, 0.0100]


def exactly(ratio: float, width: float = 0.01) -> Interval:
    return Interval(value=ratio, low=ratio, high=ratio * (1 + width), confidence=0.99)


def busy_machine(random: np.random.Generator, seconds: float, rounds: int = 250) -> np.ndarray:
    """Times of the same work, half of which are disturbed, some for long."""
    disturbed = random.random(rounds) < 0.5
    return seconds * (1 + 0.003 * random.random(rounds) + disturbed * random.exponential(0.5, rounds))


def test_a_timing_is_of_undisturbed_rounds() -> None:
    random = np.random.default_rng(0)
    found = timing("decode", busy_machine(random, 3e-5), busy_machine(random, 2e-3))
    assert found.step == "decode"
    assert found.seconds == pytest.approx(3e-5, rel=0.01)
    assert found.ratio.low <= 0.015 * 1.001
    assert found.ratio.high >= 0.015 * 0.999
    assert found.ratio.high / found.ratio.low < 1.02


def test_what_slows_step_and_fixed_work_alike_is_no_change() -> None:
    random = np.random.default_rng(0)
    step, beside = busy_machine(random, 3e-5), busy_machine(random, 2e-3)
    drift = np.linspace(1, 1.5, 250)
    assert timing("decode", step * drift, beside * drift).ratio.value == pytest.approx(0.015, rel=0.02)


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (0.0100, "as before"),
        (0.0109, "as before"),
        (0.0092, "as before"),
        (0.0118, "slower by 18 %"),
        (0.0130, "slower by 30 %"),
        (0.0070, "faster by 30 %"),
    ],
)
def test_a_change_is_named_when_it_is_beyond_chance(ratio: float, word: str) -> None:
    assert change(exactly(ratio), RUNS).word == word


def test_the_bound_is_the_spread_of_processes_and_of_this_one() -> None:
    found = change(exactly(0.0118, width=0.1), [0.0100, 0.0110, 0.0090])
    assert found.before == 0.01
    assert found.share == pytest.approx(0.18)
    assert found.bound == pytest.approx(0.1 + 0.1)
    assert found.word == "as before"


def test_where_chance_is_wide_nothing_is_said() -> None:
    assert change(exactly(0.0110, width=0.4), RUNS).word == "too noisy to say"
    assert change(exactly(0.0200, width=0.4), RUNS).word == "slower by 100 %"


def test_one_process_of_the_baseline_may_have_gone_wrong() -> None:
    assert change(exactly(0.0118), [*RUNS[:4], 0.02]).bound == pytest.approx(0.1)


def test_the_same_code_is_hardly_ever_called_slower() -> None:
    """Processes that differ by 2 % (standard deviation) and intervals of 1 %: 1,000 baselines, each asked once."""
    random = np.random.default_rng(0)
    ratios = np.exp(random.normal(np.log(0.01), 0.02, (1_000, 6)))
    words = [change(exactly(now), before).word for now, *before in ratios.tolist()]
    assert words.count("as before") >= 998


def test_a_baseline_is_noted_process_by_process(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    timings = [Timing("decode", 1e-5, exactly(0.0123456)), Timing("encode", 1e-5, exactly(0.5))]
    first = noted(read_baseline(file), timings, HERE)
    write_baseline(first, file)
    second = noted(read_baseline(file), timings[:1], HERE)
    assert first == Baseline(processor="Some Processor", python="3.11", ratios={"decode": [0.01235], "encode": [0.5]})
    assert second.ratios == {"decode": [0.01235, 0.01235], "encode": [0.5]}
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]


def test_the_table_has_a_line_for_each_step() -> None:
    baseline = Baseline(processor="Some Processor", python="3.11", ratios={"decode": RUNS})
    timings = [Timing("decode", 1.5e-5, exactly(0.013)), Timing("batch", 2e-6, exactly(0.001))]
    assert table(timings, baseline, HERE).splitlines() == [
        "step                           one call     ratio  baseline   change  chance",
        "decode                          15.0 µs     0.013      0.01    +30 %    10 %   slower by 30 %",
        "batch                            2.0 µs     0.001                              not in the baseline",
    ]


def test_a_baseline_of_another_processor_says_so_and_only_names_large_changes() -> None:
    baseline = Baseline(processor="Other Processor", python="3.11", ratios={"decode": RUNS})
    lines = table([Timing("decode", 1.5e-5, exactly(0.012))], baseline, HERE).splitlines()
    assert lines[1].endswith("+20 %    25 %   as before")
    assert lines[2] == "the baseline is of Other Processor, Python 3.11, where ratios are others"


def test_the_committed_baseline_is_one() -> None:
    file = Path(__file__).parents[1] / "hot_path/baseline.json"
    baseline = read_baseline(file)
    assert baseline is not None
    assert {len(ratios) for ratios in baseline.ratios.values()} == {5}
    assert msgspec.json.decode(file.read_bytes(), type=Baseline) == baseline
