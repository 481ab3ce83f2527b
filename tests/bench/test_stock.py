"""skl2onnx's conversion takes rows in the form that it was converted for, float64 where it can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.bench.stock import StockConversion
from skerry.runtime.errors import BenchError
from skerry.runtime.session import Session


def test_an_array_is_converted_in_float64(iris_estimator: Any, iris_rows: np.ndarray) -> None:
    stock = StockConversion.of(iris_estimator, iris_rows)
    outputs = stock.methods(("predict", "predict_proba", "decision_function"))
    assert (stock.dtype, list(outputs)) == ("float64", ["predict", "predict_proba"])
    labels, scores = Session(stock.content).run(stock.feeds(iris_rows), list(outputs.values()))
    np.testing.assert_array_equal(labels, iris_estimator.predict(iris_rows))
    np.testing.assert_allclose(scores, iris_estimator.predict_proba(iris_rows))


def test_a_frame_is_converted_with_an_input_for_each_column(
    diabetes_estimator: Any, diabetes_rows: pd.DataFrame
) -> None:
    stock = StockConversion.of(diabetes_estimator, diabetes_rows)
    feeds = stock.feeds(diabetes_rows)
    assert list(feeds) == list(diabetes_rows.columns)
    assert {array.shape for array in feeds.values()} == {(442, 1)}


def test_numbers_beyond_float32_become_infinite_in_it() -> None:
    stock = StockConversion(b"", "float32", ("variable",))
    for rows in (np.array([[1e300, 1.0]]), pd.DataFrame({"a": [1e300], "b": [1]})):
        found = np.concatenate(list(stock.feeds(rows).values()), axis=1)
        assert (found.dtype.name, found.tolist()) == ("float32", [[np.inf, 1.0]])


def test_what_it_cannot_convert_is_one_line(reviews_estimator: Any) -> None:
    with pytest.raises(BenchError, match=r"skl2onnx [0-9.]+ has no conversion that runs: ") as raised:
        StockConversion.of(reviews_estimator, [{"a": 1}])
    assert "\n" not in raised.value.text
