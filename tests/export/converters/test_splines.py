"""SplineTransformer's splines at their knots, between them and beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

BEYOND = np.array([[-1e3, 1e3], [0.0, -0.0], [1e6, -1e6], [np.nan, 1], [1, np.nan], [np.inf, 0], [0, -np.inf]])


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(80, 2)) * [1, 30]


@pytest.mark.parametrize(
    ("handle_missing", "sparse_output", "dtype"),
    [
        ("zeros", False, np.float64),
        ("error", False, np.float64),
        ("error", False, np.float32),
        ("error", True, np.float32),
        ("zeros", True, np.float64),
    ],
)
@pytest.mark.parametrize("extrapolation", ["error", "constant", "linear", "continue", "periodic"])
def test_beyond_the_knots(
    extrapolation: str,
    sparse_output: bool,
    handle_missing: str,
    dtype: Any,
    X: np.ndarray,
    beside: Callable[[Any], np.ndarray],
    check_same: Same,
) -> None:
    X = X.astype(dtype)
    splines = SplineTransformer(extrapolation=extrapolation, handle_missing=handle_missing, sparse_output=sparse_output)
    splines.fit(X)
    if sparse_output and handle_missing == "zeros":
        with pytest.raises(UnsupportedEstimator, match="scikit-learn zeroes the wrong columns"):
            check_same(splines, X)
        return
    knots = beside(np.concatenate([spline.t for spline in splines.bsplines_]).astype(dtype))
    rows = np.concatenate([np.stack([knots, knots[::-1]], axis=1), BEYOND.astype(dtype)])
    check_same(splines, X, rows, tolerance=1e-12 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("include_bias", [False, True])
@pytest.mark.parametrize("extrapolation", ["linear", "continue", "periodic", "constant"])
@pytest.mark.parametrize("degree", [0, 1, 2, 4])
def test_degrees(degree: int, extrapolation: str, include_bias: bool, X: np.ndarray, check_same: Same) -> None:
    splines = SplineTransformer(
        n_knots=6, degree=degree, knots="quantile", extrapolation=extrapolation, include_bias=include_bias
    ).fit(X)
    if (extrapolation, degree) in (("constant", 0), ("linear", 0), ("linear", 1)):
        with pytest.raises(UnsupportedEstimator, match=r"degree.*scikit-learn"):
            check_same(splines, X)
    else:
        check_same(splines, X, np.concatenate([X * 3, BEYOND[:3]]))


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_one_column_goes_on_as_a_line(degree: int, X: np.ndarray, check_same: Same) -> None:
    splines = SplineTransformer(degree=degree, extrapolation="linear", handle_missing="zeros", sparse_output=degree > 0)
    check_same(splines.fit(X[:, :1]), X[:, :1], np.concatenate([X[:, 1:], BEYOND[:3, 1:]]))


def test_splines_of_whole_numbers_in_a_pipeline(X: np.ndarray, check_same: Same) -> None:
    whole = np.rint(X * 10).astype(np.int64)
    pipeline = make_pipeline(SplineTransformer(knots=np.array([[-9.0, -300], [0, 0], [5, 300]])), Ridge())
    check_same(pipeline.fit(whole, X[:, 0]), whole, whole * 3)
