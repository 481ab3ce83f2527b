"""Data sets are always the same, and their parts share no row."""

from __future__ import annotations

import numpy as np
import pytest

from skerry.bench.measured.compression.cases import CASES, parts_of
from skerry.bench.measured.compression.data import DATA, MOST, load

MADE = ["Friedman 1", "Hastie 10.2", "waveform", "twonorm", "ringnorm", "LED"]


@pytest.mark.parametrize("name", MADE)
def test_synthetic_data_is_the_same_each_time(name: str) -> None:
    once, again = DATA[name](), DATA[name]()
    np.testing.assert_array_equal(once.X, again.X)
    np.testing.assert_array_equal(once.y, again.y)
    assert len(once.X) == len(once.y) == MOST


def test_a_digit_of_light_segments_can_be_read() -> None:
    """The best that can be done with segments that are wrong one time of ten is 0.74 (Breiman et al., 1984)."""
    data = load("LED")
    templates = np.array([data.X[data.y == digit, :7].mean(axis=0) for digit in range(10)])
    read = np.abs(data.X[:, None, :7] - templates.round()).sum(axis=2).argmin(axis=1)
    assert 0.70 < (read == data.y).mean() < 0.75
    assert np.abs(data.X[:, 7:].mean(axis=0) - 0.5).max() < 0.02


def test_two_normal_classes_are_told_as_well_as_is_known() -> None:
    """The best there is: 2.3 % wrong for twonorm (Breiman, 1996), along the line between the means."""
    data = load("twonorm")
    assert ((data.X.sum(axis=1) > 0) == data.y).mean() == pytest.approx(0.977, abs=0.003)


def test_parts_share_no_row_and_another_seed_divides_otherwise() -> None:
    parts, other = parts_of("Friedman 1", given=5_000), parts_of("Friedman 1", given=5_000, seed=1)
    assert [len(rows) for rows in (parts.trained, parts.given, parts.unseen)] == [8_000, 5_000, MOST - 13_000]
    rows = np.vstack([each.X for each in (parts.trained, parts.given, parts.unseen)])
    assert len(np.unique(rows, axis=0)) == MOST
    assert not np.array_equal(parts.given.X, other.given.X)


def test_every_case_has_data_and_a_name_of_its_own() -> None:
    assert {case.data for case in CASES} <= set(DATA)
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.data for case in CASES}) >= 10
