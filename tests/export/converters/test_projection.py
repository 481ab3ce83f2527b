"""Transformers that are one product: each in the dtype and order that NumPy gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

MODELS = [
    FactorAnalysis(2),
    FactorAnalysis(max_iter=20, tol=1.0),
    FastICA(random_state=0, tol=0.1),
    FastICA(2, random_state=0, tol=0.1, whiten="arbitrary-variance"),
    GaussianRandomProjection(3, random_state=0),
    IncrementalPCA(2, batch_size=30, whiten=True),
    MiniBatchSparsePCA(2, max_iter=5, random_state=0),
    PCA(3, whiten=True),
    PCA(2),
    SparsePCA(3, max_iter=5, tol=1.0, ridge_alpha=0.1, random_state=0),
    SparsePCA(9, max_iter=5, tol=1.0, random_state=0),
    SparseRandomProjection(3, random_state=0),
    SparseRandomProjection(3, random_state=0, dense_output=True),
    TruncatedSVD(2, random_state=0),
]
REGRESSIONS = [CCA(1), PLSCanonical(2), PLSRegression(2), PLSRegression(1, scale=False), PLSSVD(2)]


@pytest.fixture
def X() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(90, 3)) @ random.normal(size=(3, 6)) + 0.1 * random.normal(size=(90, 6)) + 2


def ugly(X: np.ndarray) -> np.ndarray:
    rows = np.repeat(X[:1], 9, axis=0)
    rows[:, 2] = [0.0, -0.0, 1e15, -1e15, 1e300, np.nan, np.inf, -np.inf, 5e-324]
    return rows


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_transform(model: Any, X: np.ndarray, check_same: Same) -> None:
    fitted = clone(model).fit(X)
    check_same(fitted, X, ugly(X))
    check_same(fitted, X.astype(np.float32), tolerance=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_models_fitted_on_float32(model: Any, X: np.ndarray, check_same: Same) -> None:
    rows = X.astype(np.float32)
    fitted = clone(model).fit(rows)
    check_same(fitted, rows, tolerance=1e-5)
    check_same(fitted, X[:20], tolerance=1e-5)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("model", REGRESSIONS, ids=repr)
def test_partial_least_squares(model: Any, targets: int, X: np.ndarray, check_same: Same) -> None:
    y = X[:, 0] if targets == 1 else np.column_stack([X[:, 0], X[:, 1] + X[:, 2] ** 2])
    most = X.shape[1] if isinstance(model, PLSRegression) else targets
    fitted = clone(model).set_params(n_components=min(model.n_components, most)).fit(X, y)
    check_same(fitted, X, ugly(X))
    check_same(fitted, X.astype(np.float32), tolerance=1e-6)


def test_whole_numbers(X: np.ndarray, check_same: Same) -> None:
    rows = np.rint(X * 5).astype(np.int64)
    for model in (TruncatedSVD(2, random_state=0), FactorAnalysis(2), PCA(2), SparsePCA(2, max_iter=3, tol=1.0)):
        check_same(model.fit(rows), rows)


def test_the_hidden_units_of_a_boltzmann_machine(X: np.ndarray, check_same: Same) -> None:
    rows = (X > 2).astype(float)
    machine = BernoulliRBM(3, n_iter=3, random_state=0).fit(rows)
    check_same(machine, rows, ugly(X), methods=["transform"])
    check_same(make_pipeline(machine, LogisticRegression()).fit(rows, X[:, 0] > 2), rows)
    with pytest.raises(UnsupportedEstimator, match="score_samples"):
        check_same(machine, rows)


@pytest.mark.parametrize("model", [FastICA(2, random_state=0, tol=0.1), FactorAnalysis(2), PCA(2)], ids=repr)
def test_between_a_scaler_and_a_classifier(model: Any, X: np.ndarray, check_same: Same) -> None:
    check_same(make_pipeline(StandardScaler(), clone(model), LogisticRegression()).fit(X, X[:, 0] > 2), X, ugly(X))


def test_directions_without_variance(X: np.ndarray, check_same: Same) -> None:
    """The likelihood hangs on the inverse of a covariance that has none; what is projected does not."""
    rows = np.column_stack([X, np.zeros(len(X))])
    check_same(make_pipeline(PCA(), LogisticRegression()).fit(rows, X[:, 0] > 2), rows)
    check_same(PCA().fit(rows), rows, methods=["transform"])
    with pytest.raises(UnsupportedEstimator, match="no exact conversion of score_samples"):
        check_same(PCA().fit(rows), rows)
