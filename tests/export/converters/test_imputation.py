"""Imputers fill in what scikit-learn fills in, and drop what it drops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from skerry.runtime import Model
from skerry.runtime.errors import ExportError, UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def gaps(numbers: np.ndarray) -> np.ndarray:
    X = numbers.copy()
    X[::5, 0] = X[3::7, 2] = np.nan
    return X


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_each_strategy_fills_in_the_learned_value(
    strategy: str, add_indicator: bool, dtype: Any, gaps: np.ndarray, check_same: Same
) -> None:
    X = gaps.astype(dtype)
    rows = np.array([[np.nan, 1, np.nan, -0.0], [5, -5, 1e30, 0]], dtype)
    check_same(SimpleImputer(strategy=strategy, add_indicator=add_indicator).fit(X), X, rows, tolerance=0)


@pytest.mark.parametrize("fill_value", [0, -7.5, 1e30])
def test_constant_is_the_one_that_was_given(fill_value: float, gaps: np.ndarray, check_same: Same) -> None:
    check_same(SimpleImputer(strategy="constant", fill_value=fill_value).fit(gaps), gaps, tolerance=0)


def test_a_column_missing_in_training_is_dropped(gaps: np.ndarray, check_same: Same) -> None:
    X = np.insert(gaps, 1, np.nan, axis=1)
    check_same(SimpleImputer(add_indicator=True).fit(X), X, np.ones((2, 5)), tolerance=0)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_a_column_missing_in_training_is_kept_where_asked(strategy: str, gaps: np.ndarray, check_same: Same) -> None:
    X = np.insert(gaps, 1, np.nan, axis=1)
    check_same(SimpleImputer(strategy=strategy, keep_empty_features=True).fit(X), X, np.ones((2, 5)), tolerance=0)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("marker", [0, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32])
def test_a_number_may_stand_for_missing(dtype: Any, marker: int, strategy: str, check_same: Same) -> None:
    X = np.random.default_rng(0).integers(-1, 5, (60, 3)).astype(dtype)
    check_same(SimpleImputer(strategy=strategy, missing_values=marker, add_indicator=True).fit(X), X, tolerance=0)


def test_where_a_number_stands_for_missing_nan_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    X = np.where(numbers > 5, -1, numbers)
    model = check_same(SimpleImputer(missing_values=-1).fit(X), X, np.full((1, 4), np.nan))
    assert not model.manifest.inputs[0].missing


def test_infinity_is_refused(gaps: np.ndarray, check_same: Same) -> None:
    check_same(SimpleImputer().fit(gaps), gaps, np.array([[np.inf, 1, 1, 1], [1, 1, 1, -np.inf]]))


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("marker", [np.nan, None])
def test_missing_strings_in_an_array(strategy: str, marker: Any, check_same: Same) -> None:
    X = np.array([["a", "x"], ["b", marker], ["b", "y"], [marker, "y"], ["", "nan"]] * 4, object)
    check_same(SimpleImputer(strategy=strategy, missing_values=marker, fill_value="none given").fit(X), X)


@pytest.mark.parametrize("marker", [np.nan, None])
def test_indicators_beside_strings_are_categories_of_the_next_step(marker: Any, check_same: Same) -> None:
    X = np.array([["a", "x"], ["b", marker], ["b", "y"], [marker, "y"], ["", "nan"]] * 4, object)
    imputer = SimpleImputer(strategy="most_frequent", missing_values=marker, add_indicator=True)
    check_same(make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore")).fit(X), X)
    with pytest.raises(ExportError):
        check_same(imputer.fit(X), X)


def test_missing_strings_in_a_frame(check_same: Same) -> None:
    frame = pd.DataFrame({"a": ["x", "y", "y", None, ""], "b": ["q", "q", "r", "s", np.nan]})
    check_same(SimpleImputer(strategy="most_frequent").fit(frame), frame)


def test_none_stays_where_nan_is_filled_in(check_same: Same) -> None:
    strings = ["a", "b", None, "b"] * 5
    frame = pd.DataFrame({"x": pd.Series(strings, dtype=object), "y": pd.Series(strings, dtype="str"), "z": "c"})
    imputer = SimpleImputer(strategy="most_frequent")
    check_same(make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore")).fit(frame), frame)


def test_text_as_marker_for_missing_is_refused(check_same: Same) -> None:
    X = np.array([["a"], ["?"], ["a"]], object)
    imputer = SimpleImputer(strategy="most_frequent", missing_values="?").fit(X)
    with pytest.raises(UnsupportedEstimator, match="missing_values='\\?'"):
        check_same(imputer, X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("features", ["missing-only", "all"])
@pytest.mark.parametrize("error_on_new", [True, False])
def test_indicators(features: str, error_on_new: bool, dtype: Any, gaps: np.ndarray, check_same: Same) -> None:
    X = gaps.astype(dtype)
    rows = np.array([[np.nan, 1, 1, 1], [1, np.nan, 1, 1], [np.inf, 1, 1, 1], [1, 1, 1, np.nan]], dtype)
    check_same(MissingIndicator(features=features, error_on_new=error_on_new).fit(X), X, rows, tolerance=0)


def test_indicators_of_other_markers_and_strings(gaps: np.ndarray, check_same: Same) -> None:
    X = np.nan_to_num(gaps, nan=-1)
    check_same(MissingIndicator(missing_values=-1).fit(X), X, np.array([[-1, 1, np.nan, 1], [-1, 1, -1, 1]]))
    strings = np.array([["a", "x"], ["b", None], ["b", "y"], [None, "y"]] * 4, object)
    check_same(MissingIndicator(missing_values=None).fit(strings), strings)


def test_indicators_of_nothing_are_refused(numbers: np.ndarray, check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match="no column had a missing value"):
        check_same(MissingIndicator().fit(numbers), numbers)


ITERATIVE: list[dict[str, Any]] = [
    {},
    {"max_iter": 1, "imputation_order": "descending"},
    {"estimator": LinearRegression(), "max_iter": 3, "min_value": -1, "max_value": [1, 2, 3, 4]},
    {"estimator": DecisionTreeRegressor(max_depth=3, random_state=0), "max_iter": 2, "initial_strategy": "median"},
    {"n_nearest_features": 2, "max_iter": 4, "add_indicator": True},
    {"max_iter": 0, "initial_strategy": "constant", "fill_value": 7, "add_indicator": True},
    {"skip_complete": True, "max_iter": 2},
]


@pytest.mark.parametrize(
    ("dtype", "settings"), [(np.float32, {}), *((np.float64, each) for each in ITERATIVE)], ids=str
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_sequence_of_regressors_fills_in(
    settings: dict[str, Any], dtype: Any, gaps: np.ndarray, check_same: Same
) -> None:
    X = gaps[:60].astype(dtype)
    n = np.nan
    rows = np.array([[n, 1, n, 0], [n, 1, 1, n], [n, n, n, n], [1, np.inf, 1, 1], [1, 2, 3, 4]], dtype)
    imputer = IterativeImputer(**{"max_iter": 3, "random_state": 0, **settings}).fit(X)
    check_same(imputer, X, rows, tolerance=1e-12 if dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("keep_empty_features", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Skipping features")
def test_a_sequence_with_a_column_that_was_never_there(
    keep_empty_features: bool, gaps: np.ndarray, check_same: Same
) -> None:
    X = np.insert(gaps, 1, np.nan, axis=1)
    imputer = IterativeImputer(max_iter=2, keep_empty_features=keep_empty_features, random_state=0).fit(X)
    check_same(imputer, X, np.array([[np.nan, 1, 2, 3, 4], [1, np.nan, 2, np.nan, 4]]))


def test_random_imputations_are_refused(gaps: np.ndarray, check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match="sample_posterior"):
        check_same(IterativeImputer(sample_posterior=True, max_iter=1, tol=1e9).fit(gaps), gaps)
