"""PolynomialFeatures gives the same products in the same order, rounded alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skerry.runtime import Model

Same = Callable[..., Model]

UGLY = [[0, -0.0, 1e-30, 1e30], [np.nan, 1, 1, 1], [1, np.inf, 1, 1], [3, 7, -1e30, 1e30]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("interaction_only", [False, True])
@pytest.mark.parametrize("include_bias", [False, True])
@pytest.mark.parametrize("degree", [0, 1, 2, 5, (0, 2), (2, 3), (3, 3), (0, 0)])
def test_products(
    degree: Any, include_bias: bool, interaction_only: bool, dtype: Any, numbers: np.ndarray, check_same: Same
) -> None:
    if not include_bias and degree in (0, (0, 0)):
        pytest.skip("scikit-learn refuses to answer with no column")
    X = numbers[:40].astype(dtype)
    rows = X[:3] if dtype == np.int64 else np.array(UGLY, dtype)
    products = PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=include_bias, order="F")
    check_same(products.fit(X), X, rows, tolerance=0)


def test_products_of_one_column_and_in_a_pipeline(numbers: np.ndarray, check_same: Same) -> None:
    check_same(PolynomialFeatures(3, interaction_only=True).fit(numbers[:, :1]), numbers[:, :1], tolerance=0)
    pipeline = make_pipeline(PolynomialFeatures(2), Ridge())
    check_same(pipeline.fit(numbers, numbers[:, 0]), numbers, np.array([[1e200, 1, 1, 1], [1, 1, 1, 1]]))
