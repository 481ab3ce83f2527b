"""Gaussian processes: every kernel, the mean, and Laplace's classifier with an error function of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Kernel,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)

from skerry.export import export
from skerry.runtime.errors import UnsupportedEstimator

KERNELS = [
    None,
    RBF([1.0, 2.0, 3.0]),
    Matern(nu=0.5),
    Matern(nu=1.5, length_scale=[1.0, 2.0, 3.0]),
    Matern(nu=2.5),
    Matern(nu=np.inf),
    RationalQuadratic(alpha=0.7),
    ExpSineSquared(periodicity=30.0),
    DotProduct() + WhiteKernel(),
    DotProduct(0.5) ** 2,
    RBF() ** 0.5 + ConstantKernel(2.0) ** 2,
    2.0 * RBF() + 0.5 * Matern() * DotProduct() + WhiteKernel(0.3),
    PairwiseKernel(metric="rbf"),
    PairwiseKernel(metric="laplacian", gamma=0.3) + ConstantKernel(0.1),
    PairwiseKernel(metric="poly", gamma=0.1, pairwise_kernels_kwargs={"degree": 2}),
]


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(60, 3))


@pytest.fixture
def ugly(rows: np.ndarray) -> np.ndarray:
    """Training rows, rows beside them, and such as are far out, overflow, or are refused."""
    ugly = np.vstack([rows[:7], rows[:5], np.nextafter(rows[:5], np.inf)])
    for place, value in enumerate((30.0, -1e3, 1e155, -1e300, -0.0, np.inf, np.nan)):
        ugly[place, place % 3] = value
    return ugly


def _fit(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of kernels that could be tuned further
        return model.fit(X, y)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_mean_is_a_product_with_kernels(
    check_same: Callable[..., Any], rows: np.ndarray, ugly: np.ndarray, kernel: Kernel | None
) -> None:
    y = np.sin(rows).sum(axis=1)
    model = GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None)
    check_same(_fit(model, rows, y), rows, ugly, tolerance=1e-11)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_class_is_likely_within_a_variance(
    check_same: Callable[..., Any], rows: np.ndarray, ugly: np.ndarray, kernel: Kernel | None
) -> None:
    model = GaussianProcessClassifier(kernel, optimizer=None)
    check_same(_fit(model, rows, rows[:, 0] > 0), rows, ugly[:2], tolerance=1e-11)


def test_targets_are_scaled_back(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    y = np.column_stack([rows[:, 0] * 100 + 7, np.cos(rows[:, 1])])
    check_same(_fit(GaussianProcessRegressor(normalize_y=True, alpha=0.1), rows, y), rows, tolerance=1e-11)


def test_kernels_are_tuned(check_same: Callable[..., Any], rows: np.ndarray) -> None:
    y = np.sin(rows).sum(axis=1)
    check_same(_fit(GaussianProcessRegressor(RBF() + WhiteKernel()), rows, y), rows, tolerance=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_rows_of_any_dtype_are_float64(check_same: Callable[..., Any], rows: np.ndarray, dtype: Any) -> None:
    X = (rows * 3).astype(dtype)
    check_same(_fit(GaussianProcessRegressor(alpha=0.1), X, rows[:, 0]), X, tolerance=1e-11)
    check_same(_fit(GaussianProcessClassifier(), X, rows[:, 0] > 0), X, tolerance=1e-11)


@pytest.mark.parametrize("way", ["one_vs_rest", "one_vs_one"])
def test_of_many_classes_each_has_a_process(
    check_same: Callable[..., Any], rows: np.ndarray, ugly: np.ndarray, way: str
) -> None:
    y = np.array(["a", "b", "c", "d"])[np.digitize(rows[:, 0], [-0.6, 0, 0.6])]
    model = _fit(GaussianProcessClassifier(RBF(), multi_class=way, optimizer=None), rows, y)
    check_same(model, rows, ugly, tolerance=1e-11, methods=["predict"] if way == "one_vs_one" else None)


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [(Matern(nu=3.5), "Bessel"), (ConstantKernel() + WhiteKernel(), "look at the rows")],
)
def test_what_has_no_operator_is_refused(rows: np.ndarray, tmp_path: Path, kernel: Kernel, reason: str) -> None:
    model = _fit(GaussianProcessRegressor(kernel, optimizer=None), rows, rows[:, 0])
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(model, rows, name="model", to=tmp_path)


def test_a_kernel_of_ones_own_is_refused(rows: np.ndarray, tmp_path: Path) -> None:
    class Own(RBF):  # type: ignore[misc]
        pass

    model = _fit(GaussianProcessRegressor(2.0 * Own(), optimizer=None), rows, rows[:, 0])
    with pytest.raises(UnsupportedEstimator, match="Own is not converted"):
        export(model, rows, name="model", to=tmp_path)
