"""Known faults of converters are found by the gate, and by the golden rows; what has none is not refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skerry.bench.measured.fault_cases import make_case
from skerry.bench.measured.faults import FAULTS, Fault, main, outcome, table
from skerry.bench.measured.injections import giving

QUICK = (
    "the threshold of one split a last bit off",
    "the direction of NaN of one split flipped",
    "a score of 0 taken for the second class",
    "a tuned threshold off by a millionth",
    "a row of zeros divided by its norm",
    "only the first 50 rows are right",
    "one row loses its axis",
    "a missing category taken for one of the others",
    "words of ASCII letters only",
    "probabilities by a float32 sigmoid",
)
"""Each is found by another part of the gate."""

GOLDEN = ("probabilities by a float32 sigmoid", "x < t instead of x <= t", "of equal probabilities the last")
"""A session whose Sigmoid, comparison or ArgMax has changed."""


@pytest.fixture(autouse=True)
def _measure_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.runtime.batching.cost.SECONDS", 0.0)


def fault(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name.startswith(name))


@pytest.mark.parametrize("name", QUICK)
def test_the_gate_finds(name: str) -> None:
    found = outcome(fault(name))
    assert found.real
    assert found.gate


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_rows_find_a_changed_runtime(name: str) -> None:
    assert outcome(fault(name)).golden


def test_what_changes_nothing_is_no_fault() -> None:
    harmless = Fault("nothing", "linear", giving("LinearRegression", "predict", lambda _, answer: answer))
    found = outcome(harmless)
    assert (found.real, found.gate, found.golden) == (False, "", False)
    assert "no fault" in table([found])


def test_each_fault_has_a_name_and_a_case_of_its_kind() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 34
    for case in {fault.case for fault in FAULTS}:
        made = make_case(case)
        assert len(made.more) > len(made.rows)


def test_the_report_says_what_was_found_and_fails_where_too_little_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["faults", "--only", "the sign of the decision", "--markdown", str(tmp_path / "faults.md")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().out
    assert not ended.value.code, said
    assert "| the sign of the decision flipped | support vectors | caught | caught |" in said
    assert "The gate caught 1 of 1 faults" in said
    assert said.startswith((tmp_path / "faults.md").read_text())
