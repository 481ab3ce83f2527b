"""A sum of trees sends rows as scikit-learn's trees do, and refuses what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError

from skerry.quantize.pruning.families import read_trees
from skerry.quantize.tree_sum import TreeSum


def sum_of(estimator: Any, width: int) -> TreeSum:
    found = read_trees(estimator)
    assert found is not None
    return found.structure.tree_sum(width=width, allow_nan=found.allow_nan, allow_inf=found.allow_inf)


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 4)).round(1)


@pytest.fixture
def targets(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, 0] * rows[:, 1], np.abs(rows[:, 2])], axis=1)


def near_thresholds(trees: TreeSum) -> np.ndarray:
    """Rows at the thresholds, as far beside them as float64 and float32 go, and between these."""
    at = np.unique(trees.threshold_[trees.left_ >= 0]).astype(np.float64)
    beside = [np.nextafter(at, side) for side in (-np.inf, np.inf)]
    beside += [np.nextafter(np.float32(at), np.float32(side)) for side in (-np.inf, np.inf)]
    values = np.concatenate([at, *beside, (at + beside[-1]) / 2, (at + beside[-2]) / 2])
    return np.random.default_rng(0).choice(values, (500, 4))


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_rows_at_thresholds_go_where_scikit_learn_sends_them(kind: Any, rows: np.ndarray, targets: np.ndarray) -> None:
    forest = kind(7, random_state=0).fit(rows, targets)
    trees = sum_of(forest, 4)
    for given in (near_thresholds(trees), near_thresholds(trees).astype(np.float32)):
        np.testing.assert_allclose(trees.predict(given), forest.predict(given), rtol=1e-12, atol=1e-12)


def test_rows_with_gaps_go_where_training_sent_them(rows: np.ndarray, targets: np.ndarray) -> None:
    rows[::3, 0] = np.nan
    forest = RandomForestRegressor(7, random_state=0).fit(rows, targets)
    np.testing.assert_allclose(sum_of(forest, 4).predict(rows), forest.predict(rows), rtol=1e-12, atol=1e-12)


def test_many_rows_and_few_are_answered_alike(rows: np.ndarray, targets: np.ndarray) -> None:
    trees = sum_of(RandomForestRegressor(7, random_state=0).fit(rows, targets), 4)
    many = np.tile(rows, (150, 1))
    np.testing.assert_array_equal(trees.predict(many)[-300:], trees.predict(rows))
    np.testing.assert_array_equal(trees.predict(rows[:1]), trees.predict(rows)[:1])


def test_sparse_rows_are_those_they_stand_for(rows: np.ndarray, targets: np.ndarray) -> None:
    trees = sum_of(RandomForestRegressor(7, random_state=0).fit(rows, targets), 4)
    np.testing.assert_array_equal(trees.predict(sparse.csr_array(rows)), trees.predict(rows))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_the_teacher_refuses_is_refused(value: float, rows: np.ndarray, targets: np.ndarray) -> None:
    teacher = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(rows, targets[:, 0])
    rows[3, 2] = value
    for model in (teacher, sum_of(teacher, 4)):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"NaN|infinity"):
            model.predict(rows)


def test_rows_of_another_width_are_refused(rows: np.ndarray, targets: np.ndarray) -> None:
    trees = sum_of(RandomForestRegressor(3, random_state=0).fit(rows, targets), 4)
    with pytest.raises(ValueError, match="expecting 4 features"):
        trees.predict(rows[:, :3])


def test_fitting_gives_the_same_trees_leaves_for_other_targets(rows: np.ndarray, targets: np.ndarray) -> None:
    forest = RandomForestRegressor(20, max_depth=4, random_state=0).fit(rows, targets)
    trees = sum_of(forest, 4)
    before = trees.feature_.copy(), trees.score(rows, targets)
    assert trees.fit(rows, targets).score(rows, targets) > before[1]
    np.testing.assert_array_equal(trees.feature_, before[0])


def test_a_clone_has_no_trees_to_fit(rows: np.ndarray, targets: np.ndarray) -> None:
    trees = sum_of(RandomForestRegressor(3, random_state=0).fit(rows, targets), 4)
    with pytest.raises(NotFittedError, match=r"TreeSum\.of"):
        clone(trees).fit(rows, targets)
