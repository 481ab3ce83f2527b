"""Each part of the measurement once, from the data to what is kept, with a search of two seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.ensemble import RandomForestClassifier

from skerry.bench.measured.compression.bound import trial
from skerry.bench.measured.compression.cases import FORESTS, Case
from skerry.bench.measured.compression.effort import Effort
from skerry.bench.measured.compression.fronts import contest
from skerry.bench.measured.compression.page import page
from skerry.bench.measured.compression.records import FRONT, Measured, read, write
from skerry.bench.measured.compression.table import searched, timed

pytestmark = pytest.mark.slow

CASE = Case(FORESTS, "digits", RandomForestClassifier(20, random_state=0))
BRIEF = Effort(budget=2.0, trial=2.0, jobs=1)


def test_a_row_of_the_table_has_all_that_it_shows(tmp_path: Path) -> None:
    row = timed(searched(CASE, tmp_path, BRIEF))
    assert row.rows == (539, 718, 540)
    assert row.stock is not None
    assert row.stock.size > row.teacher.size
    assert set(row.teacher.latency) == {1, 1_000}
    assert (row.result is None) == bool(row.reason)
    write(Measured(table=(row,)), tmp_path / "c.json")
    assert "RandomForestClassifier, digits" in page(read(tmp_path / "c.json"), "c")


def test_a_front_stands_beside_all_baselines_on_the_same_rows() -> None:
    found = contest(CASE, BRIEF)
    assert {point.kind for point in found.points} == {FRONT, "first trees", "cost-complexity pruning", "retrained"}
    assert {duel.kind for duel in found.duels} <= {"first trees", "cost-complexity pruning", "retrained"}
    assert all(duel.front_size is None or duel.front_size <= duel.size for duel in found.duels)


def test_a_trial_is_judged_on_as_many_rows_as_proved_it() -> None:
    found = trial(Case(FORESTS, "LED", RandomForestClassifier(5, min_samples_leaf=20)), 0, BRIEF)
    assert found.written == bool(found.loss)
    if found.loss and found.true_loss:
        assert found.rows == 3_000
        assert found.true_loss.high - found.true_loss.low < found.loss.high - found.loss.low
