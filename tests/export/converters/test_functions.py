"""FunctionTransformer with functions of NumPy: near zero, where they overflow, and where they are not defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skerry.export.converters.functions import FLOAT_FUNCTIONS, INTEGER_FUNCTIONS
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

UGLY = np.array([0, -0.0, 5e-324, 1e-300, -1e-300, 1e-17, -1e-17, 1e-8, -1e-8, 0.5, -0.5, 1, -1, np.nextafter(-1, 0)])
HUGE = np.array([700, 709.8, -709.8, -745, -746, 1e15, -1e15, 1e300, -1e300, np.inf, -np.inf, np.nan, 2.5, -3.5])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", FLOAT_FUNCTIONS, ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_each_function(function: Any, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(dtype)
    rows = np.resize(np.concatenate([UGLY, HUGE[np.abs(HUGE) < 3e38] if dtype == np.float32 else HUGE]), (28, 4))
    check_same(
        FunctionTransformer(function).fit(X), X, rows.astype(dtype), tolerance=1e-12 if dtype == np.float64 else 1e-6
    )


@pytest.mark.parametrize("function", INTEGER_FUNCTIONS, ids=lambda function: function.__name__)
def test_whole_numbers_stay_whole(function: Any, check_same: Same) -> None:
    X = np.array([[1, -2], [0, 2**40], [3, -(2**45)]] * 3)
    check_same(FunctionTransformer(function).fit(X), X, tolerance=0)


@pytest.mark.parametrize("function", [np.log1p, np.sqrt, np.isnan])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_columns_of_a_frame_keep_their_dtypes(function: Any, check_same: Same) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.5, np.nan, -4] * 3, "b": np.array([0.1, 5, 2, 0] * 3, np.float32)})
    check_same(FunctionTransformer(function).fit(frame), frame, tolerance=1e-6)
    if function is np.log1p:
        frame["c"] = [1, 2, 3, 0] * 3
        check_same(FunctionTransformer(function).fit(frame), frame, tolerance=1e-6)


@pytest.mark.parametrize("function", [np.log, np.exp, None])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_the_next_step_refuses_is_refused(function: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = np.clip(np.abs(numbers), 0.1, 300)
    rows = np.array([[0, 1, 1, 1], [-1, 1, 1, 1], [1e9, 1, 1, 1], [np.nan, 1, 1, 1.0]])
    check_same(make_pipeline(FunctionTransformer(function), StandardScaler()).fit(X), X, rows)
    check_same(make_pipeline(FunctionTransformer(function, validate=True), StandardScaler()).fit(X), X, rows)


def test_in_a_column_transformer(table: pd.DataFrame, check_same: Same) -> None:
    pipeline = make_pipeline(
        make_column_transformer((FunctionTransformer(np.log1p), ["pay", "children"]), (StandardScaler(), ["children"])),
        LogisticRegression(),
    )
    check_same(pipeline.fit(table, table["plan"]), table)


@pytest.mark.parametrize(
    "transformer",
    [
        FunctionTransformer(np.tan),
        FunctionTransformer(lambda X: X * 2),
        FunctionTransformer(np.cumsum),
        FunctionTransformer(np.sqrt, kw_args={"casting": "same_kind"}),
    ],
    ids=["tan", "a lambda", "cumsum", "arguments"],
)
def test_other_functions_are_refused(transformer: Any, numbers: np.ndarray, check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match="not converted"):
        check_same(transformer.fit(numbers), numbers)


def test_small_whole_numbers_are_refused(check_same: Same) -> None:
    X = np.array([[1], [2], [3]] * 3, np.int8)
    with pytest.raises(UnsupportedEstimator, match="log1p of int8"):  # NumPy gives float16
        check_same(FunctionTransformer(np.log1p).fit(X), X)
