"""Power transforms are scikit-learn's, near zero, below it, and at powers that are the logarithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import PowerTransformer

from skerry.runtime import Model

Same = Callable[..., Model]

SMALL = np.array([0.0, -0.0, 5e-324, 1e-300, 1e-17, 1.1e-16, 2.3e-16, 1e-10, 1e-3, 0.5, 1, 2, 1e6])
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("standardize", [False, True])
def test_yeo_johnson(standardize: bool, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(dtype)
    rows = np.repeat(np.concatenate([SMALL, -SMALL])[:, None], 4, axis=1).astype(dtype)
    check_same(PowerTransformer(standardize=standardize).fit(X), X, rows, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("standardize", [False, True])
def test_box_cox_of_positive_numbers(standardize: bool, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = np.exp(np.clip(numbers, -3, 3)).astype(dtype)
    rows = np.repeat(np.append(SMALL, -1.0)[:, None], 4, axis=1).astype(dtype)
    transformer = PowerTransformer(method="box-cox", standardize=standardize).fit(X)
    check_same(transformer, X, rows, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize("power", [0.0, 2.0, 1.0, 1e-17, 1e-15, 1e-9, 2 - 1e-15, -3.0, 5.0])
def test_powers_next_to_those_that_are_logarithms(power: float, method: str, check_same: Same) -> None:
    X = np.random.default_rng(0).lognormal(size=(60, 2))
    transformer = PowerTransformer(method=method, standardize=False).fit(X)
    transformer.lambdas_ = np.array([power, 0.5])
    check_same(transformer, X, np.repeat(np.concatenate([SMALL, -SMALL])[:, None], 2, axis=1))


def test_missing_numbers_stay_missing(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.copy()
    X[::7, 1] = np.nan
    model = check_same(PowerTransformer().fit(X), X, np.array([[np.nan] * 4, [1, np.inf, 1, 1]]))
    assert model.manifest.inputs[0].missing
