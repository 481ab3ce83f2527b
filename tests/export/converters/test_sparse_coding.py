"""The code of a row in a dictionary: by thresholding, and by matching pursuit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import DictionaryLearning, MiniBatchDictionaryLearning, SparseCoder
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 6))


@pytest.fixture
def atoms() -> np.ndarray:
    atoms = np.random.default_rng(1).normal(size=(9, 6))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def ugly(X: np.ndarray) -> np.ndarray:
    rows = np.repeat(X[:1], 9, axis=0)
    rows[:, 2] = [0.0, -0.0, 1e8, -1e15, 1e100, np.nan, np.inf, -np.inf, 5e-324]
    rows[0] = 0
    return rows


@pytest.mark.parametrize("split_sign", [False, True])
@pytest.mark.parametrize("atoms_taken", [None, 1, 2, 3, 5])
def test_matching_pursuit(
    atoms_taken: int | None, split_sign: bool, X: np.ndarray, atoms: np.ndarray, check_same: Same
) -> None:
    settings: Any = {"transform_n_nonzero_coefs": atoms_taken, "split_sign": split_sign}
    model = SparseCoder(atoms, transform_algorithm="omp", **settings).fit(X)
    check_same(model, X, ugly(X))
    check_same(model, X.astype(np.float32), tolerance=1e-5)


@pytest.mark.filterwarnings("ignore:.*Orthogonal matching pursuit.*:RuntimeWarning")
def test_pursuit_stops_where_nothing_is_left(atoms: np.ndarray, check_same: Same) -> None:
    """Rows that are one or two atoms, and rows of zeros: the other steps find nothing."""
    rows = np.concatenate([atoms, 2 * atoms[:3] - atoms[1:4], np.zeros((2, 6))])
    check_same(SparseCoder(atoms, transform_algorithm="omp", transform_n_nonzero_coefs=3).fit(rows), rows)


@pytest.mark.filterwarnings("ignore:.*Orthogonal matching pursuit.*:RuntimeWarning")
def test_atoms_that_are_there_twice(X: np.ndarray, atoms: np.ndarray, tmp_path: Path) -> None:
    """Which of the two is taken hangs on the last bit; all else is compared."""
    twice = np.concatenate([atoms, atoms[:4]])
    model = SparseCoder(twice, transform_algorithm="omp", transform_n_nonzero_coefs=2).fit(X)
    parity = export(model, X, name="twice", to=tmp_path).manifest.parity
    assert 0 < parity.tied < parity.rows / 2


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("split_sign", [False, True])
def test_thresholding(positive: bool, split_sign: bool, X: np.ndarray, atoms: np.ndarray, check_same: Same) -> None:
    settings: Any = {"transform_alpha": 0.3, "positive_code": positive, "split_sign": split_sign}
    model = SparseCoder(atoms, transform_algorithm="threshold", **settings).fit(X)
    check_same(model, X, ugly(X))
    check_same(model, X.astype(np.float32), tolerance=1e-6)


@pytest.mark.parametrize("algorithm", ["omp", "threshold"])
@pytest.mark.parametrize("kind", [DictionaryLearning, MiniBatchDictionaryLearning])
def test_learned_dictionaries(kind: Any, algorithm: str, X: np.ndarray, check_same: Same) -> None:
    model = kind(4, max_iter=3, transform_algorithm=algorithm, random_state=0).fit(X)
    check_same(model, X, ugly(X))
    rows = X.astype(np.float32)
    check_same(model.fit(rows), rows, tolerance=1e-6)
    check_same(make_pipeline(model, LogisticRegression()).fit(X, X[:, 0] > 0), X)


@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd", "lars"])
def test_algorithms_that_converge_are_refused(
    algorithm: str, X: np.ndarray, atoms: np.ndarray, check_same: Same
) -> None:
    with pytest.raises(UnsupportedEstimator, match=algorithm):
        check_same(SparseCoder(atoms, transform_algorithm=algorithm).fit(X), X)


def test_a_pursuit_of_many_atoms_is_refused(X: np.ndarray, check_same: Same) -> None:
    atoms = np.random.default_rng(0).normal(size=(20, 6))
    model = SparseCoder(atoms, transform_algorithm="omp", transform_n_nonzero_coefs=13).fit(X)
    with pytest.raises(UnsupportedEstimator, match="13 atoms"):
        check_same(model, X)
