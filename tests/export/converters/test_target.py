"""Predictions of transformed targets come back as the targets were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

TRANSFORMERS = [
    None,
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler((-3, 2)),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    PowerTransformer("box-cox"),
    PowerTransformer("box-cox", standardize=False),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    make_pipeline(RobustScaler(), MinMaxScaler(), "passthrough"),
]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 50.0]
    return np.concatenate([numbers[:20], ugly])


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
@pytest.mark.parametrize("targets", [1, 2])
def test_transformers(transformer: Any, targets: int, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    y = np.exp(numbers[:, 0]) + 0.1
    y = y if targets == 1 else np.column_stack([y, 3 * y + numbers[:, 1] ** 2])
    with np.errstate(all="ignore"):
        fitted = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False).fit(numbers, y)
    check_same(fitted, numbers, rows, tolerance=1e-11)


FUNCTIONS = [(np.log1p, np.expm1), (np.log, np.exp), (np.sqrt, np.square), (np.negative, np.negative)]


@pytest.mark.parametrize(("function", "inverse"), FUNCTIONS, ids=str)
def test_functions(function: Any, inverse: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    y = np.exp(numbers[:, 0])
    fitted = TransformedTargetRegressor(Ridge(), func=function, inverse_func=inverse).fit(numbers, y)
    check_same(fitted, numbers, rows)


def test_a_function_of_somebodys_own_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    fitted = TransformedTargetRegressor(Ridge(), func=lambda y: 2 * y, inverse_func=lambda y: y / 2)
    with pytest.raises(UnsupportedEstimator, match="FunctionTransformer: func=<function"):
        check_same(fitted.fit(numbers, numbers[:, 0]), numbers)


STRAIGHT = [transformer for transformer in TRANSFORMERS if getattr(transformer, "method", "") != "yeo-johnson"]
"""Those that do not raise the rounding of a float32 regression to a power, beyond 1e-6 on rows far out."""


@pytest.mark.parametrize("transformer", STRAIGHT, ids=str)
def test_float32(transformer: Any, numbers: np.ndarray, check_same: Same) -> None:
    X, y = numbers.astype(np.float32), (np.exp(numbers[:, 0]) + 0.1).astype(np.float32)
    fitted = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False).fit(X, y)
    check_same(fitted, X, tolerance=1e-5)


@pytest.mark.parametrize("power", [0.0, 2.0, 1.0, -1.5, 0.5, 3.0])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_powers_at_which_the_formula_changes(method: str, power: float, numbers: np.ndarray, check_same: Same) -> None:
    fitted = TransformedTargetRegressor(
        DecisionTreeRegressor(max_depth=6), transformer=PowerTransformer(method, standardize=False), check_inverse=False
    ).fit(numbers, np.exp(numbers[:, 0]))
    fitted.transformer_.lambdas_ = np.array([power])
    check_same(fitted, numbers)


def test_columns_of_one_target(numbers: np.ndarray, check_same: Same) -> None:
    check_same(TransformedTargetRegressor(Ridge(), transformer=StandardScaler()).fit(numbers, numbers[:, :1]), numbers)


def test_a_pipeline_inside(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    inner = TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()), transformer=MinMaxScaler())
    check_same(make_pipeline(StandardScaler(), inner).fit(numbers, numbers[:, 0]), numbers, rows)


def test_what_has_no_inverse_here_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    transformer = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
    fitted = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False)
    with pytest.raises(UnsupportedEstimator, match="KBinsDiscretizer: its inverse_transform is not converted"):
        check_same(fitted.fit(numbers, numbers[:, 0]), numbers)
