"""KernelDensity: its logarithm, where scikit-learn's own sum is more than rounding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 2))


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "epanechnikov", "linear", "tophat", "cosine"])
def test_every_kernel(kernel: str, X: np.ndarray, check_same: Same) -> None:
    bandwidth = 1.0 if kernel in ("gaussian", "exponential") else 8.0
    check_same(KernelDensity(kernel=kernel, bandwidth=bandwidth).fit(X), X, X + 0.1, tolerance=1e-11)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "setting", [{"metric": "manhattan"}, {"bandwidth": "scott"}, {"algorithm": "ball_tree"}], ids=repr
)
def test_settings(setting: dict[str, Any], dtype: Any, X: np.ndarray, check_same: Same) -> None:
    X = X.astype(dtype)
    rows = np.array([[np.nan, 0], [0, np.inf]], dtype)
    check_same(KernelDensity(**setting).fit(X), X, rows, tolerance=1e-11)


def test_training_rows_may_weigh(X: np.ndarray, check_same: Same) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 2, len(X))
    check_same(KernelDensity().fit(X, sample_weight=weights), X + 0.1, tolerance=1e-11)


@pytest.mark.parametrize("setting", [{"rtol": 1e-3}, {"atol": 1e-3}, {"metric": "haversine", "algorithm": "ball_tree"}])
def test_estimates_are_refused(setting: dict[str, Any], X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator):
        export(KernelDensity(**setting).fit(X), X, name="model", to=tmp_path)


def test_where_scikit_learn_mostly_rounds_is_refused(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(120, 6)) * 4
    with pytest.raises(UnsupportedEstimator, match="rounding"):
        export(KernelDensity().fit(X), X, name="model", to=tmp_path)
