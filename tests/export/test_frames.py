"""Frames as pandas users have them: nullable dtypes, objects, categories, any names and order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.export import export
from skerry.runtime import Model, load
from skerry.runtime.errors import InvalidRows, UnsupportedEstimator

Check = Callable[..., Model]

ROWS = 60
Y = np.arange(ROWS) % 2
NULLABLE = ["Int64", "Int8", "UInt16", "Float64", "Float32", "boolean"]


def gaps(dtype: str) -> pd.DataFrame:
    """A column of the dtype, in which every seventh value is missing, beside one of float64."""
    values = np.arange(ROWS) % (2 if dtype == "boolean" else 5)
    column = pd.array(list(values.astype(bool) if dtype == "boolean" else values), dtype=dtype)
    column[::7] = pd.NA
    return pd.DataFrame({"a b": column, "größe": np.random.default_rng(0).normal(size=ROWS)})


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: frame[name].to_numpy(dtype=float, na_value=np.nan) for name in frame})


def objects(frame: pd.DataFrame, marker: Any) -> pd.DataFrame:
    values = {name: [marker if pd.isna(value) else value for value in frame[name]] for name in frame}
    return pd.DataFrame(values, dtype=object)


MODELS = {
    "linear": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    "categories": make_pipeline(
        ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), ["a b"])], remainder="passthrough"),
        LogisticRegression(),
    ),
    "boosted": HistGradientBoostingClassifier(max_iter=5),
}


@pytest.mark.parametrize("dtype", NULLABLE)
@pytest.mark.parametrize("name", MODELS)
def test_nullable_and_plain_rows_are_answered_alike(name: str, dtype: str, check_same: Check) -> None:
    frame = gaps(dtype)
    estimator = MODELS[name].fit(frame, Y)
    model = check_same(estimator, frame)
    expected = estimator.predict_proba(frame)
    forms = [plain(frame), *(objects(frame, marker) for marker in (None, np.nan, pd.NA)), frame.to_dict("records")]
    for rows in forms:
        np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", NULLABLE)
def test_a_model_of_plain_rows_takes_nullable_ones(dtype: str, check_same: Check) -> None:
    frame = gaps(dtype)
    estimator = MODELS["linear"].fit(plain(frame), Y)
    model = check_same(estimator, plain(frame))
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(plain(frame)))


@pytest.mark.parametrize(
    ("values", "strategy", "marker"),
    [
        ([True, False, None], "most_frequent", None),
        ([True, False, np.nan], "most_frequent", np.nan),
        ([True, False, None], "mean", np.nan),
        ([1, 2.5, None], "median", np.nan),
        ([1, 2, np.nan], "most_frequent", np.nan),
        ([1, 2, 3], "mean", np.nan),
        ([1, 2, 3], "most_frequent", np.nan),
    ],
    ids=str,
)
def test_objects_that_are_numbers(values: list[Any], strategy: str, marker: Any, check_same: Check) -> None:
    frame = pd.DataFrame({"x": np.array(values * 20, object), "y": np.linspace(-1, 1, ROWS)})
    imputer = SimpleImputer(strategy=strategy, missing_values=marker)
    check_same(make_pipeline(imputer, StandardScaler(), LogisticRegression()).fit(frame, Y), frame)


@pytest.mark.parametrize("handle_unknown", ["ignore", "error"])
@pytest.mark.parametrize(
    "column",
    [
        np.array([True, False, None] * 20, object),
        np.array([1, 2.5, np.nan] * 20, object),
        pd.Categorical([True, False, None] * 20),
        pd.Categorical([True, False] * 30),
        pd.Categorical([10, 20, None] * 20),
        pd.Categorical([10, 20, 30] * 20),
        pd.Categorical(["a", None, "ö"] * 20),
        pd.array(["a", "b"] * 30, dtype="string"),
        pd.array(["a", "b", None] * 20, dtype="str"),
    ],
    ids=lambda column: f"{column.dtype} {column[0]!r} {column[2]!r}",
)
def test_anything_can_be_a_category(column: Any, handle_unknown: str, check_same: Check) -> None:
    frame = pd.DataFrame({"x": column})
    check_same(OneHotEncoder(handle_unknown=handle_unknown).fit(frame), frame)


def test_an_array_of_objects_that_are_numbers(check_same: Check) -> None:
    X = np.array([[1, 2.5], [None, True], [3, -1]], object)
    check_same(make_pipeline(SimpleImputer(), StandardScaler()).fit(X), X)


def test_columns_of_any_name_in_any_order_beside_others(tmp_path: Path) -> None:
    names = ["a b", "größe", "数", "FP64", "x\ty", "", "a.b[0]", "'\"", "X"]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, len(names))), columns=names)
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, Y)
    others = frame[names[::-1]].assign(other="x", when=pd.Timestamp("2026-01-01"))
    model = load(export(estimator, others, name="model", to=tmp_path))
    got, expected = model.predict_proba(frame[names[::-1]]), estimator.predict_proba(frame)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pd.to_datetime(["2026-01-01"] * 3), "expected numbers, booleans or strings, got datetime64"),
        (pd.Categorical(pd.to_datetime(["2026-01-01"] * 3)), "expected numbers, booleans or strings, got category"),
        (np.array(["a", 1, True], object), "expected numbers, booleans or strings, got object"),
        (np.array([1, None, np.nan], object), "both None and NaN"),
        (np.array([1j, 2, 3], object), "expected numbers, booleans or strings, got object"),
        (np.array([2**53, None, 3], object), "expected numbers, booleans or strings, got object"),
    ],
    ids=[
        "dates",
        "categories of dates",
        "mixed",
        "two markers",
        "complex",
        "integers that float64 does not tell apart",
    ],
)
def test_a_column_that_cannot_be_an_input_is_named(column: Any, text: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    estimator = StandardScaler().fit(frame)
    with pytest.raises(InvalidRows, match=text):
        export(estimator, pd.DataFrame({"x": column}), name="model", to=tmp_path)


def test_an_answer_of_objects_that_are_numbers_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.array([True, False, None] * 20, object)})
    imputer = SimpleImputer(strategy="most_frequent", missing_values=None).fit(frame)
    with pytest.raises(UnsupportedEstimator, match="scikit-learn answers object, the graph float64"):
        export(imputer, frame, name="model", to=tmp_path)
