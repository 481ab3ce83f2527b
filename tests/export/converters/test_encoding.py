"""Encoders know the categories of training, and treat any other value as they were told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, InvalidRows, UnsupportedEstimator

Same = Callable[..., Model]

COMMON = ["a"] * 10 + ["b"] * 7 + ["c"] * 3 + ["d"] * 2 + [""]
STRINGS = np.array([COMMON, COMMON[::-1]], object).T
UNSEEN = np.array([["z", "a"], ["a", "A"], ["a ", "b"], ["", ""], ["c", "é"], ["nan", "None"]], object)

LENIENT = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)

ONE_HOT: list[dict[str, Any]] = [
    {},
    {"handle_unknown": "ignore"},
    {"handle_unknown": "warn", "min_frequency": 3},
    {"handle_unknown": "infrequent_if_exist", "min_frequency": 3},
    {"handle_unknown": "infrequent_if_exist", "max_categories": 3},
    {"handle_unknown": "infrequent_if_exist"},
    {"handle_unknown": "ignore", "min_frequency": 0.2},
    {"handle_unknown": "error", "max_categories": 2},
    {"drop": "first"},
    {"drop": "first", "handle_unknown": "ignore"},
    {"drop": "if_binary", "handle_unknown": "ignore"},
    {"drop": ["b", ""]},
    {"drop": ["b", ""], "handle_unknown": "ignore"},
    {"drop": "first", "handle_unknown": "infrequent_if_exist", "min_frequency": 3},
    {"drop": ["c", "a"], "handle_unknown": "ignore", "min_frequency": 3},
    {"drop": "first", "handle_unknown": "warn", "max_categories": 2},
    {"dtype": np.float32, "handle_unknown": "ignore"},
    {"dtype": np.int8, "handle_unknown": "ignore"},
    {"dtype": bool, "handle_unknown": "ignore"},
    {"sparse_output": False},
    {"categories": [["c", "b", "a", "d", "", "later"], ["", "d", "c", "b", "a"]], "handle_unknown": "ignore"},
]

ORDINAL: list[dict[str, Any]] = [
    {},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
    {"handle_unknown": "use_encoded_value", "unknown_value": 99, "dtype": np.int64},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1, "min_frequency": 3},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1, "max_categories": 2, "dtype": np.float32},
    {"max_categories": 3},
    {"categories": [["d", "b", "a", "c", ""], ["a", "b", "c", "d", ""]]},
]


@pytest.mark.parametrize("settings", ONE_HOT, ids=str)
def test_one_hot_of_strings(settings: dict[str, Any], check_same: Same) -> None:
    check_same(OneHotEncoder(**settings).fit(STRINGS), STRINGS, UNSEEN, tolerance=0)


@pytest.mark.parametrize("settings", ORDINAL, ids=str)
def test_ordinals_of_strings(settings: dict[str, Any], check_same: Same) -> None:
    check_same(OrdinalEncoder(**settings).fit(STRINGS), STRINGS, UNSEEN, tolerance=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
def test_numbers_as_categories(encoder: Any, dtype: Any, check_same: Same) -> None:
    X = np.array([[1, 7], [2, 7], [5, 9], [1, 9]] * 5, dtype)
    settings = {"unknown_value": -1} if encoder is OrdinalEncoder else {}
    unknown = "use_encoded_value" if encoder is OrdinalEncoder else "ignore"
    rows = np.array([[3, 7], [5, 0], [2, 9]], dtype)
    check_same(encoder(handle_unknown=unknown, **settings).fit(X), X, rows, tolerance=0)


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
def test_fractions_as_categories_match_to_the_last_bit(
    encoder: Any, beside: Callable[[Any], np.ndarray], check_same: Same
) -> None:
    X = np.array([[0.1], [0.2], [1 / 3], [-0.0], [1e300]] * 5)
    settings = {"unknown_value": -1} if encoder is OrdinalEncoder else {}
    unknown = "use_encoded_value" if encoder is OrdinalEncoder else "ignore"
    rows = np.append(beside([0.1, 0.2, 1 / 3, 0.3]), [0.0, -0.0])[:, None]
    check_same(encoder(handle_unknown=unknown, **settings).fit(X), X, rows, tolerance=0)


def test_booleans_as_categories(check_same: Same) -> None:
    frame = pd.DataFrame({"a": [True, False, True, True], "b": [False, False, True, False]})
    check_same(OneHotEncoder(drop="if_binary").fit(frame), frame, tolerance=0)
    check_same(OrdinalEncoder().fit(frame), frame, tolerance=0)


@pytest.mark.parametrize("marker", [None, np.nan])
def test_a_missing_string_is_a_category(marker: Any, check_same: Same) -> None:
    X = np.array([["a"], [marker], ["b"], ["a"], [""]] * 4, object)
    rows = np.array([["z"], [marker], ["nan"], ["None"]], object)
    model = check_same(OneHotEncoder(handle_unknown="ignore").fit(X), X, rows, tolerance=0)
    assert model.manifest.inputs[0].missing


def test_a_missing_number_is_a_category(check_same: Same) -> None:
    X = np.array([[1.0], [np.nan], [2.0], [1.0]] * 4)
    check_same(OneHotEncoder(handle_unknown="ignore").fit(X), X, np.array([[3.0], [np.nan]]), tolerance=0)
    check_same(
        OneHotEncoder(handle_unknown="ignore", drop=[np.nan]).fit(X), X, np.array([[3.0], [np.nan]]), tolerance=0
    )


@pytest.mark.parametrize("encoded", [np.nan, -2, 50])
@pytest.mark.parametrize("numeric", [True, False])
def test_ordinals_of_missing_values(numeric: bool, encoded: float, check_same: Same) -> None:
    values = [1.0, np.nan, 2.0, 1.0] if numeric else ["x", np.nan, "y", "x"]
    X = np.array([[value] for value in values] * 4, float if numeric else object)
    rows = np.array([[3.0 if numeric else "z"], [np.nan]], X.dtype)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=encoded)
    check_same(encoder.fit(X), X, rows, tolerance=0)


def test_missing_values_not_seen_in_training_are_unknown(check_same: Same) -> None:
    X = np.array([["a"], ["b"]] * 4, object)
    check_same(OneHotEncoder(handle_unknown="ignore").fit(X), X, np.array([[None], ["a"]], object), tolerance=0)
    check_same(OneHotEncoder().fit(X), X, np.array([[np.nan], ["a"]], object), tolerance=0)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=repr)
def test_an_unknown_category_is_refused_by_name(encoder: Any, check_same: Same) -> None:
    frame = pd.DataFrame({"city": ["Oslo", "Rome"] * 4, "plan": ["a", "b"] * 4})
    model = check_same(encoder.fit(frame), frame)
    with pytest.raises(InvalidInput, match="'plan' row 1: expected a category known from training"):
        model.transform(frame.iloc[:2].assign(plan=["a", "c"]))


def test_pandas_categories_are_their_values(check_same: Same) -> None:
    frame = pd.DataFrame({"size": pd.Categorical(["S", "L", "M", "S"], categories=["S", "M", "L"], ordered=True)})
    check_same(OrdinalEncoder(categories=[["S", "M", "L"]]).fit(frame), frame, tolerance=0)
    check_same(OneHotEncoder().fit(frame), frame, tolerance=0)


def test_integers_that_float64_cannot_tell_apart_are_refused(check_same: Same) -> None:
    X = np.array([[2**53], [2**53 + 1], [5]] * 3)
    with pytest.raises(UnsupportedEstimator, match="2\\*\\*53 and beyond"):
        check_same(OneHotEncoder().fit(X), X)


def test_none_and_nan_as_two_categories_are_refused(check_same: Same) -> None:
    X = np.array([["a"], [None], [np.nan], ["b"]] * 3, object)
    with pytest.raises(InvalidRows, match="got both None and NaN"):
        check_same(OneHotEncoder().fit(X), X)


def test_a_linear_model_of_one_hots_looks_its_weights_up(table: pd.DataFrame, check_same: Same, tmp_path: Path) -> None:
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", drop="first"), ["city", "plan"]),
        (StandardScaler(), ["pay"]),
        (OneHotEncoder(handle_unknown="ignore"), ["children"]),
    )
    classes = np.resize(["x", "y", "z"], len(table))
    rows = table.iloc[:4].assign(
        city=["?", "Oslo", "", "Kyōto"], children=[9, 0, 1, -1], pay=[1e300, 0, np.inf, np.nan]
    )
    for model, target in ((Ridge(), range(120)), (LogisticRegression(), classes)):
        pipeline = make_pipeline(encoder, model).fit(table, target)
        check_same(pipeline, table, rows)
        nodes = onnx.load(next(tmp_path.glob("model/*/model.onnx"))).graph.node
        assert "Gemm" in [node.op_type for node in nodes]  # of the scaled column
        assert "Equal" not in [node.op_type for node in nodes]
    check_same(make_pipeline(encoder, Ridge()).fit(table, np.stack([table["pay"], -table["pay"]], axis=1)), table, rows)


def test_one_hots_are_columns_to_other_models(table: pd.DataFrame, check_same: Same) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    for model in (DecisionTreeClassifier(max_depth=4), make_pipeline(SelectKBest(k=3), LogisticRegression())):
        check_same(make_pipeline(encoder, model).fit(table[["city", "children"]], table["plan"]), table)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_linear_model_of_one_hots_alone(dtype: Any, check_same: Same) -> None:
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3, dtype=dtype)
    pipeline = make_pipeline(encoder, Ridge()).fit(STRINGS, np.arange(len(STRINGS), dtype=dtype))
    check_same(pipeline, STRINGS, UNSEEN, tolerance=1e-12 if dtype == np.float64 else 1e-6)


def test_a_column_with_one_category_that_is_dropped(check_same: Same) -> None:
    X = np.array([["a", "x"], ["a", "y"], ["a", "x"], ["a", "z"]], object)
    pipeline = make_pipeline(OneHotEncoder(drop="first", handle_unknown="ignore"), Ridge()).fit(X, range(4))
    check_same(pipeline, X, np.array([["b", "x"], ["a", "?"]], object))
    check_same(OneHotEncoder(drop="first").fit(X), X, np.array([["b", "x"], ["a", "z"]], object), tolerance=0)


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), LENIENT], ids=repr)
def test_categories_that_a_step_before_makes(encoder: Any, check_same: Same) -> None:
    pipeline = make_pipeline(FunctionTransformer(np.log), encoder)
    X = np.array([[1.0], [2.0], [4.0]] * 5)
    check_same(pipeline.fit(X), X, np.array([[0.0], [2.0]]), tolerance=0)
