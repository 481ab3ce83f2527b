"""QuantileTransformer answers as scikit-learn does at its quantiles, between, beyond, and where they repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model

Same = Callable[..., Model]

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-6}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [1, 2, 17, 120])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_quantiles(
    distribution: str, count: int, dtype: Any, numbers: np.ndarray, beside: Callable[..., np.ndarray], check_same: Same
) -> None:
    X = numbers.astype(dtype)
    X[::3, 0] = 0  # a quantile many times over
    X[:, 1] = np.rint(X[:, 1] / 8)
    transformer = QuantileTransformer(n_quantiles=count, output_distribution=distribution).fit(X)
    edges = [beside(column.astype(dtype)) for column in transformer.quantiles_.T]
    rows = np.stack([np.resize(edge, 400) for edge in edges], axis=1)
    ugly = np.array([[0, -0.0, 1e30, -1e30], [np.nan] * 4, [1e-7, -1e-7, np.nan, 0]], dtype)
    tolerance = 0 if distribution == "uniform" and dtype == np.float64 else TOLERANCE[dtype]
    check_same(transformer, X, np.concatenate([rows, rows + dtype(5e-8), ugly]), tolerance=tolerance)


def test_a_constant_column(check_same: Same) -> None:
    X = np.full((30, 1), 3.0)
    rows = np.array([[3.0], [np.nextafter(3, 4)], [np.nextafter(3, 0)], [-1], [9], [np.nan]])
    for distribution in ("uniform", "normal"):
        check_same(QuantileTransformer(n_quantiles=5, output_distribution=distribution).fit(X), X, rows)


def test_infinity_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    rows = np.array([[np.inf, 1, 1, 1], [1, -np.inf, 1, 1]])
    check_same(QuantileTransformer(n_quantiles=20).fit(numbers), numbers, rows)


def test_a_tree_of_quantiles(numbers: np.ndarray, check_same: Same) -> None:
    pipeline = make_pipeline(QuantileTransformer(n_quantiles=50), DecisionTreeClassifier(random_state=0))
    check_same(pipeline.fit(numbers, numbers[:, 0] * numbers[:, 2] > 0), numbers, numbers * 1.01)
