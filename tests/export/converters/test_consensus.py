"""RANSACRegressor answers with the estimator fitted on its inliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, RANSACRegressor
from sklearn.tree import DecisionTreeRegressor

from skerry.runtime import Model

Same = Callable[..., Model]


@pytest.mark.parametrize(
    "part", [None, LinearRegression(fit_intercept=False), DecisionTreeRegressor(max_depth=3)], ids=repr
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ransac(part: Any, dtype: Any, check_same: Same) -> None:
    X = np.random.default_rng(0).normal(size=(80, 3)).astype(dtype)
    model = RANSACRegressor(part, min_samples=10, random_state=0, residual_threshold=2.0).fit(X, 2 * X[:, 0] + 1)
    rows = X[:5].copy()
    rows[:, 1] = [np.nan, np.inf, 1e30, -0.0, 0.0]
    check_same(model, X, rows, tolerance=1e-12 if dtype == np.float64 else 1e-6)
