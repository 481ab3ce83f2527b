"""Rows are divided once and for all: no row in two parts, no equal rows in two parts, every class in each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.quantize.splits import FEWEST, same_rows, split
from skerry.runtime.errors import InvalidRows


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1000, 3))


@pytest.fixture
def y() -> np.ndarray:
    """A tenth of them is of the second class."""
    return (np.arange(1000) % 10 == 0).astype(int)


def test_every_row_is_in_exactly_one_part(rows: np.ndarray, y: np.ndarray) -> None:
    parts = split(rows, y, task="classification")
    together = np.concatenate([parts.learn, parts.judge, parts.prove])
    np.testing.assert_array_equal(np.sort(together), np.arange(1000))


def test_shares_are_half_and_two_quarters_of_every_class(rows: np.ndarray, y: np.ndarray) -> None:
    parts = split(rows, y, task="classification")
    counts = np.array([np.bincount(y[part]) for part in (parts.learn, parts.judge, parts.prove)])
    assert (np.abs(counts - np.array([[450, 50], [225, 25], [225, 25]])) <= 1).all()


def test_the_same_seed_divides_the_same_way_and_another_does_not(rows: np.ndarray, y: np.ndarray) -> None:
    one, again, other = (split(rows, y, task="classification", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.prove, again.prove)
    assert not np.array_equal(one.prove, other.prove)


def _forms() -> dict[str, Any]:
    numbers = np.random.default_rng(0).integers(0, 6, (800, 3))
    frame = pd.DataFrame(
        {
            "a": numbers[:, 0],
            "b": np.where(numbers[:, 1] > 4, np.nan, numbers[:, 1] / 2),
            "c": numbers[:, 2].astype(str),
        }
    )
    texts = [f"text {value}" for value in numbers[:, 0] * 36 + numbers[:, 1] * 6 + numbers[:, 2]]
    return {
        "array": numbers.astype(float),
        "frame": frame,
        "texts": texts,
        "text array": np.array(texts, object),
        "records": [{"a": int(a), "b": str(b), "c": int(c)} for a, b, c in numbers],
    }


@pytest.mark.parametrize("form", _forms())
def test_equal_rows_stay_together(form: str) -> None:
    X = _forms()[form]
    same = same_rows(X, len(X))
    assert len(np.unique(same)) < len(X)
    parts = split(X, np.arange(len(X)) % 2, task="classification")
    found = [set(same[part]) for part in (parts.learn, parts.judge, parts.prove)]
    assert sum(map(len, found)) == len(set.union(*found))


def test_rows_are_the_same_where_all_their_values_are() -> None:
    X = pd.DataFrame({"a": [1.0, 1.0, np.nan, np.nan, 1.0], "b": ["x", "y", "x", "x", "x"]})
    assert same_rows(X, 5).tolist() == [0, 1, 2, 2, 0]


def test_too_few_rows_are_refused(rows: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(InvalidRows, match=f"at least {FEWEST} different rows.*got 99$"):
        split(rows[:99], y[:99], task="classification")
    with pytest.raises(InvalidRows, match="got 99 among 990"):
        split(np.tile(rows[:99], (10, 1)), y[:990], task="classification")


def test_several_targets_are_divided_by_their_combination(rows: np.ndarray) -> None:
    y = np.column_stack([np.arange(1000) % 2, np.arange(1000) % 5 == 0])
    parts = split(rows, y, task="classification")
    for part in (parts.learn, parts.judge, parts.prove):
        assert abs(y[part][:, 1].mean() - 0.2) < 0.01
