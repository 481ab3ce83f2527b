"""Which columns sums are recovered from, and what each then counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from skerry.quantize.pruning.recovery import WIDEST, ranked, refitted


@pytest.fixture
def columns() -> np.ndarray:
    """200 rows of 6 columns; the last is twice the first, and the fourth is always 3."""
    columns = np.random.default_rng(0).normal(size=(200, 6)) * [1, 5, 0.1, 0, 1, 1]
    columns[:, 3], columns[:, 5] = 3, 2 * columns[:, 0]
    return columns


WEIGHTS = np.array([[1.0, 0], [0.1, -2], [0, 0], [4, 4], [0, 0.5], [3, 0]])


def test_the_columns_that_explain_most_come_first(columns: np.ndarray) -> None:
    order = ranked(columns, columns @ WEIGHTS, WEIGHTS, 6)
    assert order[:2].tolist() == [1, 5] or order[:2].tolist() == [1, 0]


def test_constant_and_repeated_columns_are_not_worth_keeping(columns: np.ndarray) -> None:
    order = ranked(columns, columns @ WEIGHTS, WEIGHTS, 6).tolist()
    assert 3 not in order
    assert len({0, 5} & set(order)) == 1


def test_what_is_kept_takes_over_from_what_is_dropped(columns: np.ndarray) -> None:
    sums = columns @ WEIGHTS + [1, 2]
    weights, intercept = refitted(columns[:, :3], sums[:, :1], WEIGHTS[:3, :1], np.random.default_rng(0))
    np.testing.assert_allclose(columns[:, :3] @ weights + intercept, sums[:, :1], atol=1e-6)
    np.testing.assert_allclose(weights[:, 0], [7, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(intercept, [13], atol=1e-6)


def test_without_centring_there_is_no_intercept(columns: np.ndarray) -> None:
    weights, intercept = refitted(columns, columns @ WEIGHTS, np.zeros((6, 2)), np.random.default_rng(0), centred=False)
    np.testing.assert_allclose(columns @ weights, columns @ WEIGHTS, atol=1e-4)
    assert intercept.tolist() == [0, 0]


def test_rows_that_count_nothing_are_not_recovered(columns: np.ndarray) -> None:
    sums = columns @ WEIGHTS
    sums[::2] += 100
    importance = np.tile([0.0, 1.0], 100)
    weights, intercept = refitted(columns, sums, np.zeros((6, 2)), np.random.default_rng(0), importance=importance)
    np.testing.assert_allclose(columns[1::2] @ weights + intercept, sums[1::2], atol=1e-3)


def test_sparse_columns_are_as_good_as_dense_ones(columns: np.ndarray) -> None:
    sums, start = columns @ WEIGHTS, np.zeros((6, 2))
    kept = sparse.csr_matrix(columns)
    assert ranked(kept[:, :5], sums, WEIGHTS[:5], 4).tolist() == ranked(columns[:, :5], sums, WEIGHTS[:5], 4).tolist()
    dense, offset = refitted(columns, sums, start, np.random.default_rng(0))
    weights, intercept = refitted(kept, sums, start, np.random.default_rng(0))
    np.testing.assert_allclose(weights, dense, atol=1e-5)
    np.testing.assert_allclose(intercept, offset, atol=1e-5)


def test_very_many_columns_are_judged_each_for_itself() -> None:
    columns = sparse.random(300, WIDEST + 1, 0.02, random_state=0, format="csr")
    weights = np.zeros((WIDEST + 1, 1))
    weights[[7, 70, 700]] = [[1], [-3], [2]]
    sums = columns @ weights
    assert set(ranked(columns, sums, weights, 3).tolist()) == {7, 70, 700}
    found, intercept = refitted(columns, sums, weights, np.random.default_rng(0))
    np.testing.assert_allclose(columns @ found + intercept, sums, atol=1e-6)
