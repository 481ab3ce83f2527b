"""A regressor that is cut to a range is an estimator like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from skops import io as skops

from skerry.quantize.clipped import ClippedRegressor


@pytest.fixture
def linear() -> LinearRegression:
    """Predicts 10 x."""
    return LinearRegression().fit(np.array([[0.0], [1.0]]), [0.0, 10.0])


def test_answers_end_where_the_range_does(linear: LinearRegression) -> None:
    clipped = ClippedRegressor.of(linear, -1.0, 12.5)
    X = np.array([[-1e300], [-1.0], [-0.1], [0.5], [1.25], [7.0], [1e300]])
    np.testing.assert_allclose(clipped.predict(X), [-1.0, -1.0, -1.0, 5.0, 12.5, 12.5, 12.5])


def test_every_target_has_a_range_of_its_own() -> None:
    X = np.array([[0.0], [1.0]])
    both = LinearRegression().fit(X, [[0.0, 0.0], [1.0, -10.0]])
    clipped = ClippedRegressor.of(both, [0.0, -5.0], [0.5, 0.0])
    np.testing.assert_allclose(clipped.predict([[-1.0], [0.25], [3.0]]), [[0.0, 0.0], [0.25, -2.5], [0.5, -5.0]])


@pytest.mark.parametrize("columns", [0, 1, 2])
def test_it_is_fitted_with_the_range_of_the_targets(columns: int) -> None:
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, -y])[:, :columns] if columns else y
    clipped = ClippedRegressor(Ridge(alpha=1e-6)).fit(X, y)
    expected = Ridge(alpha=1e-6).fit(X, y).predict(100 * X)
    np.testing.assert_array_equal(clipped.predict(100 * X), np.clip(expected, y.min(axis=0), y.max(axis=0)))
    assert is_regressor(clipped)


def test_it_keeps_the_columns_of_its_regressor() -> None:
    frame = load_diabetes(as_frame=True)
    clipped: Any = ClippedRegressor(make_pipeline(StandardScaler(), LinearRegression())).fit(frame.data, frame.target)
    assert (clipped.n_features_in_, list(clipped.feature_names_in_)) == (10, list(frame.data.columns))


def test_it_takes_the_rows_that_its_regressor_takes() -> None:
    for regressor, gaps in ((Ridge(), False), (HistGradientBoostingRegressor(), True)):
        assert get_tags(ClippedRegressor(regressor)).input_tags.allow_nan is gaps


def test_a_clone_is_not_fitted(linear: LinearRegression) -> None:
    with pytest.raises(NotFittedError):
        clone(ClippedRegressor.of(linear, 0.0, 1.0)).predict([[1.0]])


@pytest.mark.parametrize("way", ["joblib", "skops"])
def test_files_keep_it(way: str, linear: LinearRegression, tmp_path: Path) -> None:
    clipped, file = ClippedRegressor.of(linear, 0.0, 7.0), tmp_path / "model"
    (joblib if way == "joblib" else skops).dump(clipped, file)
    loaded = joblib.load(file) if way == "joblib" else skops.load(file, trusted=skops.get_untrusted_types(file=file))
    np.testing.assert_array_equal(loaded.predict([[-1.0], [1.0]]), [0.0, 7.0])


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), ([0.0, 0.0], [1.0]), (np.nan, 1.0)])
def test_what_is_no_range_is_refused(low: Any, high: Any, linear: LinearRegression) -> None:
    with pytest.raises(ValueError, match="low, high: expected a range for each target, got"):
        ClippedRegressor.of(linear, low, high)
