"""A signature says what the model takes, and makes rows of the very form the estimator was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from skerry.export.graph import Graph
from skerry.export.signature import read_signature, stack, take
from skerry.runtime.errors import InvalidRows
from skerry.runtime.feeds import is_missing


def columns_of(signature: Any, rows: Any) -> dict[int, Any]:
    return {index: signature.column(rows, index) for index in range(signature.width)}


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "f8": [1.5, np.nan, -0.0],
            "f4": np.array([0.1, 2, 3], np.float32),
            "i8": [1, 2, 3],
            "u1": np.array([1, 2, 255], np.uint8),
            "flag": [True, False, True],
            "text": ["a", "", "日本"],
            "object": np.array(["a", None, "b"], object),
            "category": pd.Categorical(["x", None, "y"], categories=["y", "x", "z"]),
            "code": pd.Categorical([10, 20, 10]),
        }
    )


def test_each_column_of_a_frame_has_its_datatype(frame: pd.DataFrame) -> None:
    signature, _ = read_signature(object(), frame)
    assert signature.layout == "columns"
    assert signature.names == list(frame.columns)
    assert signature.datatypes == ["FP64", "FP32", "INT64", "UINT8", "BOOL", "BYTES", "BYTES", "BYTES", "FP64"]
    assert signature.width == 9
    assert all(spec.shape == (-1, 1) for spec in signature.inputs)


def test_rows_of_a_frame_come_out_as_they_went_in(frame: pd.DataFrame) -> None:
    signature, rows = read_signature(object(), frame)
    again = signature.rows(columns_of(signature, rows))
    pd.testing.assert_frame_equal(again, frame)


def test_a_value_that_is_no_category_becomes_missing(frame: pd.DataFrame) -> None:
    signature, rows = read_signature(object(), frame)
    columns = columns_of(signature, rows)
    columns[7] = np.array(["x", "unseen", "z"], object)
    made = signature.rows(columns)["category"]
    assert made.dtype == frame["category"].dtype
    assert [is_missing(value) for value in made] == [False, True, False]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint16", "bool"])
def test_an_array_is_one_input(dtype: str) -> None:
    X = np.arange(6).reshape(3, 2).astype(dtype)
    signature, rows = read_signature(object(), X)
    assert (signature.layout, signature.width, signature.inputs[0].shape) == ("matrix", 2, (-1, 2))
    assert signature.inputs[0].numpy_dtype == X.dtype
    assert signature.names == ["column 0", "column 1"]
    again = signature.rows(columns_of(signature, rows))
    assert again.dtype == X.dtype
    np.testing.assert_array_equal(again, X)


def test_strings_of_fixed_width_become_objects() -> None:
    signature, rows = read_signature(object(), np.array([["a", "bb"], ["", "c"]]))
    assert (signature.inputs[0].datatype, rows.dtype) == ("BYTES", object)


@pytest.mark.parametrize("marker", [None, np.nan])
def test_missing_strings_keep_the_mark_of_training(marker: Any) -> None:
    signature, _ = read_signature(object(), np.array([["a"], [marker]], object))
    assert signature.missing == (marker,) or (marker is np.nan and np.isnan(signature.missing[0]))
    signature, _ = read_signature(object(), pd.DataFrame({"a": np.array(["a", marker], object), "b": [1, 2]}))
    assert signature.missing[0] is marker or np.isnan(signature.missing[0])


@pytest.mark.parametrize("texts", [["a b", ""], ("a", "b"), pd.Series(["a", "b"]), np.array(["a", "b"])], ids=repr)
def test_a_list_of_texts_is_one_input_without_columns(texts: Any) -> None:
    signature, rows = read_signature(object(), texts)
    assert (signature.layout, signature.width, signature.inputs[0].shape) == ("vector", 1, (-1,))
    assert rows.tolist() == list(texts)
    assert signature.rows({0: rows}).tolist() == list(texts)


def test_a_frame_for_an_estimator_that_was_fitted_on_an_array() -> None:
    X = np.arange(6.0).reshape(3, 2)
    signature, rows = read_signature(StandardScaler().fit(X), pd.DataFrame(X))
    assert signature.layout == "matrix"
    np.testing.assert_array_equal(rows, X)


def test_an_array_for_an_estimator_that_was_fitted_on_a_frame() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    signature, rows = read_signature(StandardScaler().fit(frame), frame.to_numpy())
    assert (signature.layout, signature.names) == ("columns", ["a", "b"])
    pd.testing.assert_frame_equal(rows, frame)


def test_columns_are_taken_in_the_order_of_training_and_others_left_out() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    given = pd.DataFrame({"extra": ["x", "y"], "b": [3.0, 4.0], "a": [1.0, 2.0]}, index=[7, 9])
    signature, rows = read_signature(StandardScaler().fit(frame), given)
    assert signature.names == ["a", "b"]
    pd.testing.assert_frame_equal(rows, frame)


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (pd.DataFrame({"when": pd.to_datetime(["2020-01-01"]), "a": [1]}), "column 'when': expected numbers"),
        (pd.DataFrame({"mixed": ["a", 1], "a": [1, 2]}), "column 'mixed': expected numbers"),
        (pd.DataFrame([["a", 1]]), "column names that are strings, got 0"),
        (np.array([["a", 1]], object), "strings and numbers mixed"),
        (np.ones((2, 2), complex), "got an array of complex128"),
        (np.ones((3, 2, 2)), r"got an array of shape \(3, 2, 2\)"),
        ("one text", "got str"),
        ([], "got list"),
        ([["a", 1]], "got list"),
        ([{}, "a"], "got list"),
        ([1, None], "got list"),
        (7, "got int"),
    ],
    ids=repr,
)
def test_what_cannot_be_rows_is_refused(X: Any, text: str) -> None:
    with pytest.raises(InvalidRows, match=text):
        read_signature(object(), X)


def test_named_columns_feed_the_graph_by_datatype(frame: pd.DataFrame) -> None:
    signature, _ = read_signature(object(), frame)
    graph = Graph()
    features = signature.features(graph)
    assert [value.name for value in graph.inputs] == ["FP64", "FP32", "INT64", "UINT8", "BOOL", "BYTES"]
    assert features.width == 9
    assert features.origins.tolist() == list(range(9))


@pytest.mark.parametrize("index", [slice(1, 3), np.array([2, 0]), np.array([False, True, True])], ids=repr)
def test_some_rows_of_each_form(index: Any) -> None:
    array = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(take(array, index), array[index])
    pd.testing.assert_frame_equal(take(pd.DataFrame(array), index), pd.DataFrame(array).iloc[index])
    assert take(["a", "b", "c"], index) == list(np.array(["a", "b", "c"])[index])


def test_rows_below_each_other() -> None:
    array = np.arange(4).reshape(2, 2)
    np.testing.assert_array_equal(stack([array, array[:1]]), [[0, 1], [2, 3], [0, 1]])
    assert stack([["a"], ["b", "c"]]) == ["a", "b", "c"]
    frame = pd.DataFrame({"a": [1], "c": pd.Categorical(["x"])})
    pd.testing.assert_frame_equal(stack([frame, frame]).drop(columns="c"), pd.DataFrame({"a": [1, 1]}))


def test_columns_with_spaces_in_their_names(frame: pd.DataFrame) -> None:
    """LightGBM tells them with _ instead."""
    X = frame[["f8", "i8"]].set_axis(["an hour", "a_day"], axis=1)
    fitted = StandardScaler().fit(X)
    fitted.feature_names_in_ = np.array(["a_day", "an_hour"], object)
    assert read_signature(fitted, X)[0].names == ["a_day", "an hour"]
    with pytest.raises(InvalidRows, match="missing: 'an_hour'"):
        read_signature(fitted, X[["a_day"]])
