"""Models of pairwise kernels, and features that stand for a kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer

from skerry.export import export
from skerry.runtime.errors import UnsupportedEstimator

KERNELS = ("linear", "poly", "polynomial", "rbf", "sigmoid", "laplacian", "cosine", "chi2", "additive_chi2")
POSITIVE = ("chi2", "additive_chi2")


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(5).gamma(2.0, size=(60, 4))


def _far(X: np.ndarray) -> np.ndarray:
    """Training rows, zeros, and rows that are far out, overflow, or are refused."""
    rows = np.vstack([X[:6], X[:3], np.zeros((1, X.shape[1]))])
    for place, value in enumerate((-0.0, 1e3, -1.0, 1e300, np.inf, np.nan)):
        rows[place, place % X.shape[1]] = value
    with np.errstate(over="ignore"):
        return rows.astype(X.dtype)


@pytest.mark.parametrize("kernel", KERNELS[:-1])
def test_a_ridge_has_any_kernel(check_same: Callable[..., Any], rows: np.ndarray, kernel: str) -> None:
    y = np.column_stack([np.sin(rows).sum(axis=1), rows[:, 0]])
    gamma = 1.0 if kernel == "chi2" else 0.1
    check_same(KernelRidge(kernel=kernel, gamma=gamma).fit(rows, y), rows, _far(rows), tolerance=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_known_on_some_rows(check_same: Callable[..., Any], rows: np.ndarray, kernel: str) -> None:
    check_same(Nystroem(kernel=kernel, n_components=4, random_state=0).fit(rows), rows, _far(rows), tolerance=1e-10)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_kernels_are_centred_and_projected(check_same: Callable[..., Any], rows: np.ndarray, kernel: str) -> None:
    check_same(KernelPCA(3, kernel=kernel).fit(rows), rows, _far(rows))


def test_a_polynomial_may_have_a_broken_degree(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    check_same(KernelRidge(kernel="poly", degree=2.5, coef0=0.5).fit(rows, rows[:, 0]), rows, tolerance=1e-9)


def test_float32_stays_float32(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    X = rows.astype(np.float32)
    check_same(KernelPCA(3, kernel="rbf").fit(X), X, tolerance=1e-5)
    check_same(Nystroem(n_components=3, random_state=0).fit(X), X, tolerance=1e-5)
    check_same(KernelRidge(kernel="rbf").fit(X, rows[:, 0]), X, tolerance=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [7, 60, 150, 300])
def test_a_given_kernel_is_centred(check_same: Callable[..., Any], dtype: Any, count: int) -> None:
    K = np.random.default_rng(8).normal(size=(count, count)).astype(dtype)
    check_same(KernelCenterer().fit(K), K[:20])


def test_a_given_kernel_is_used(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    K = np.asarray(rbf_kernel(rows))
    check_same(KernelRidge(kernel="precomputed").fit(K, rows[:, 0]), K[:20])
    check_same(KernelPCA(3, kernel="precomputed").fit(K), K[:20])
    check_same(Nystroem(kernel="precomputed", n_components=60, random_state=0).fit(K), K[:20])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_waves_stand_for_a_kernel(check_same: Callable[..., Any], rows: np.ndarray, dtype: Any) -> None:
    X, tolerance = rows.astype(dtype), 1e-12 if dtype == np.float64 else 1e-5
    refused = _far(X)[-6:] - 1
    check_same(RBFSampler(n_components=20, random_state=0).fit(X), X, X * 3, tolerance=tolerance)
    check_same(SkewedChi2Sampler(skewedness=0.5, random_state=0).fit(X), X, refused, tolerance=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("steps", "interval"), [(1, None), (2, None), (3, None), (4, 0.3)])
def test_chi2_is_added_up(
    check_same: Callable[..., Any], rows: np.ndarray, dtype: Any, steps: int, interval: float | None
) -> None:
    X, tolerance = rows.astype(dtype), 1e-12 if dtype == np.float64 else 1e-5
    model = AdditiveChi2Sampler(sample_steps=steps, sample_interval=interval).fit(X)
    check_same(model, X, _far(X), tolerance=tolerance)


@pytest.mark.parametrize("count", [1, 20, 21])
@pytest.mark.parametrize(("degree", "coef0"), [(1, 0), (2, 0), (3, 0.7)])
def test_sketches_are_multiplied(
    check_same: Callable[..., Any], rows: np.ndarray, count: int, degree: int, coef0: float
) -> None:
    model = PolynomialCountSketch(gamma=0.4, degree=degree, coef0=coef0, n_components=count, random_state=0)
    check_same(model.fit(rows), rows, np.vstack([rows[:3], np.zeros((1, 4))]), tolerance=1e-11)


def test_features_feed_a_classifier(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    model = make_pipeline(Nystroem(n_components=12, random_state=0), LogisticRegression()).fit(rows, rows[:, 0] > 2)
    check_same(model, rows)


@pytest.mark.parametrize("model", [KernelRidge(), KernelPCA(3), Nystroem(n_components=3)])
def test_a_kernel_of_ones_own_is_refused(rows: np.ndarray, tmp_path: Path, model: Any) -> None:
    fitted = model.set_params(kernel=lambda a, b: float(a @ b)).fit(rows[:20], rows[:20, 0])
    with pytest.raises(UnsupportedEstimator, match="kernel of one's own"):
        export(fitted, rows, name="model", to=tmp_path)
