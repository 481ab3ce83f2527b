"""Regressors cut to a range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.quantize.clipped import ClippedRegressor
from skerry.runtime import Model

Same = Callable[..., Model]

REGRESSORS = [
    LinearRegression(),
    MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0),
    make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0)),
]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    """Far beyond the range on either side, also where sums are infinite or no number."""
    ugly = np.repeat(numbers[:1], 10, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 1e200, -1e200, 5e-324, 1e308, -1e308]
    mixed = numbers[:4] * [[1e303], [-1e303], [1e6], [-1e6]]
    return np.concatenate([numbers[:20], ugly, mixed])


@pytest.mark.parametrize("targets", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.DataConversionWarning"
)
def test_answers_end_where_the_range_does(
    regressor: Any, targets: tuple[int, ...], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    y = numbers @ np.random.default_rng(3).normal(size=(4, *targets))
    fitted = regressor.fit(numbers, y)
    low, high = np.quantile(y, [0.1, 0.9], axis=0)
    check_same(ClippedRegressor.of(fitted, low, high), numbers, rows, tolerance=1e-9)


def test_inside_of_another_regressor(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    fitted = MultiOutputRegressor(ClippedRegressor(LinearRegression())).fit(numbers, numbers[:, :2] ** 2)
    check_same(fitted, numbers, rows, tolerance=1e-9)


def test_float32(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    check_same(ClippedRegressor(LinearRegression()).fit(X[:10], X[:10, 0] ** 2), X, tolerance=1e-5)
