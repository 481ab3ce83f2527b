"""Binning puts a number on the side of an edge where scikit-learn puts it, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, StandardScaler

from skerry.runtime import Model

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]

DTYPES = [np.float64, np.float32]


@pytest.mark.parametrize("dtype", [*DTYPES, np.int64])
@pytest.mark.parametrize("threshold", [0.0, 0.3, -1, np.float64(0.3), np.float32(0.3)], ids=repr)
def test_a_threshold_splits_as_numpy_compares(
    threshold: Any, dtype: Any, numbers: np.ndarray, beside: Beside, check_same: Same
) -> None:
    X = numbers.astype(dtype)
    edges = [0, 1, -1, 2**53 + 1] if dtype == np.int64 else [*beside(np.array([0.3, -1.0, 0.0], dtype)), -0.0, 1e30]
    rows = np.repeat(np.array(edges, dtype)[:, None], 4, axis=1)
    check_same(Binarizer(threshold=threshold).fit(X), X, rows, tolerance=0)


def test_a_frame_with_whole_numbers_is_binarized(check_same: Same) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3, 0] * 3, "b": [0.5, -0.5, 2.0, 0.0] * 3})
    check_same(Binarizer(threshold=0.5).fit(frame), frame, tolerance=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("encode", ["ordinal", "onehot", "onehot-dense"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
def test_bins_begin_at_their_edges(
    strategy: str, encode: str, dtype: Any, numbers: np.ndarray, beside: Beside, check_same: Same
) -> None:
    X = numbers.astype(dtype)
    bins = KBinsDiscretizer(
        n_bins=[2, 3, 5, 9], encode=encode, strategy=strategy, quantile_method="averaged_inverted_cdf"
    ).fit(X)
    edges = beside(np.concatenate(bins.bin_edges_).astype(dtype))
    rows = np.repeat(np.append(edges, np.array([-1e30, 1e30, -0.0], dtype))[:, None], 4, axis=1)
    check_same(bins, X, rows, tolerance=0)


@pytest.mark.parametrize("given", [np.float64, np.float32])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bins_in_a_dtype_of_their_own(given: Any, dtype: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(given)
    bins = KBinsDiscretizer(dtype=dtype, encode="ordinal", quantile_method="averaged_inverted_cdf")
    check_same(bins.fit(X), X, tolerance=0)


@pytest.mark.filterwarnings("ignore:Feature 1 is constant", "ignore:Bins whose width")
def test_columns_with_few_values_have_fewer_bins(check_same: Same) -> None:
    X = np.array([[1, 7, 0], [2, 7, 0], [3, 7, 0], [3, 7, 1]] * 5)
    bins = KBinsDiscretizer(4, encode="onehot", quantile_method="averaged_inverted_cdf")
    check_same(bins.fit(X), X, np.array([[0, 0, 0], [9, 9, 9]]), tolerance=0)


def test_bins_in_a_pipeline(numbers: np.ndarray, check_same: Same) -> None:
    bins = KBinsDiscretizer(200, quantile_method="averaged_inverted_cdf", strategy="uniform")
    pipeline = make_pipeline(StandardScaler(), bins, LogisticRegression())
    check_same(pipeline.fit(numbers, numbers[:, 0] > 0), numbers, -numbers)
