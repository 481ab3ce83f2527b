"""Scalers give scikit-learn's own bits, in float32 and in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from skerry.runtime import Model

Same = Callable[..., Model]

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler(feature_range=(-3, 5)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    MaxAbsScaler(clip=True),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    RobustScaler(with_centering=False, with_scaling=False),
    RobustScaler(quantile_range=(5, 95), unit_variance=True),
]
ODD = [0.0, -0.0, 5e-324, 1e-30, 0.1, 1 / 3, -1e15, 3.3e38, 1e300, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
def test_every_setting_is_exact(scaler: Any, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    with np.errstate(over="ignore"):
        rows = np.repeat(np.array(ODD).astype(dtype)[:, None], 4, axis=1)
    X = numbers.astype(dtype)
    check_same(clone(scaler).fit(X), X, rows, tolerance=0)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8, np.bool_])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=repr)
def test_integers_are_scaled_as_float64(scaler: Any, dtype: Any, check_same: Same) -> None:
    X = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 100, (60, 3)).astype(dtype)
    check_same(clone(scaler).fit(X), X, tolerance=0)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=repr)
def test_constant_columns_are_not_divided_by_zero(scaler: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = np.column_stack([numbers, np.full(len(numbers), 7.3), np.zeros(len(numbers))])
    check_same(clone(scaler).fit(X), X, X + 1, tolerance=0)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=repr)
@pytest.mark.parametrize("second", [np.float64, np.int64, np.int32, np.int16, np.int8, np.bool_])
def test_frames_of_several_dtypes_are_scaled_in_the_dtype_scikit_learn_finds(
    second: Any, scaler: Any, numbers: np.ndarray, check_same: Same
) -> None:
    frame = pd.DataFrame({"a": numbers[:, 0].astype(np.float32), "b": np.arange(120).astype(second)})
    check_same(clone(scaler).fit(frame), frame, tolerance=0)


def test_missing_values_pass_through(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.copy()
    X[::7, 1] = np.nan
    model = check_same(StandardScaler().fit(X), X, tolerance=0)
    assert model.manifest.inputs[0].missing
    assert not model.manifest.inputs[0].infinite


def test_partial_fits_are_exported_as_they_stand(numbers: np.ndarray, check_same: Same) -> None:
    scaler = StandardScaler()
    for part in np.split(numbers, 4):
        scaler.partial_fit(part)
    check_same(scaler, numbers, tolerance=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_are_divided_by_their_norm(norm: str, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(dtype)
    eps = 10 * np.finfo(dtype).eps
    rows = [[0, 0, 0, 0], [eps, 0, 0, 0], [eps * 0.99, 0, 0, 0], [1e-30, -1e-30, 0, 0], [-1e30, 1e30, 1, 0]]
    rows += [[np.nan, 1, 1, 1], [1, -np.inf, 1, 1]]
    check_same(Normalizer(norm).fit(X), X, np.array(rows, dtype), tolerance=1e-12 if dtype == np.float64 else 1e-6)
