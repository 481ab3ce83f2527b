"""IsotonicRegression of one column: lines between its points, and what was asked for beyond them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from skerry.runtime import Model

Same = Callable[..., Model]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("out_of_bounds", ["nan", "clip", "raise"])
@pytest.mark.parametrize("increasing", [True, False, "auto"])
def test_between_and_beyond_the_points(
    increasing: Any, out_of_bounds: str, dtype: Any, beside: Callable[[Any], np.ndarray], check_same: Same
) -> None:
    random = np.random.default_rng(0)
    X = random.uniform(-3, 3, (100, 1)).astype(dtype)
    y = X[:, 0] * 5 + random.normal(size=100)
    model = IsotonicRegression(increasing=increasing, out_of_bounds=out_of_bounds).fit(X, y)
    rows = np.append(beside(model.X_thresholds_), np.array([-9, 9, -0.0, np.nan, np.inf, 1e30], dtype))[:, None]
    check_same(model, X, rows, tolerance=1e-12 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("out_of_bounds", ["nan", "clip", "raise"])
def test_one_point_is_the_answer_everywhere(out_of_bounds: str, check_same: Same) -> None:
    X = np.full((10, 1), 2.0)
    model = IsotonicRegression(out_of_bounds=out_of_bounds).fit(X, np.arange(10.0))
    check_same(model, X, np.array([[1.0], [2.0], [3.0]]))
