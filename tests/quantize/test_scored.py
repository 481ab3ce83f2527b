"""A classifier made of a regressor is an estimator like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from skops import io as skops

from skerry.quantize.scored import ScoredClassifier


@pytest.fixture(params=["iris", "cancer"])
def sample(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Rows and names of classes, of three and of two."""
    bunch = {"iris": load_iris, "cancer": load_breast_cancer}[request.param]()
    return StandardScaler().fit_transform(bunch.data), np.asarray(bunch.target_names)[bunch.target]


def scored(sample: tuple[np.ndarray, np.ndarray], link: Any = "softmax") -> tuple[Any, Any]:
    """A logistic regression, and the same out of a linear regressor with its weights."""
    logistic = LogisticRegression().fit(*sample)
    linear = LinearRegression()
    linear.coef_, linear.intercept_, linear.n_features_in_ = (
        logistic.coef_,
        logistic.intercept_,
        logistic.n_features_in_,
    )
    return logistic, ScoredClassifier.of(linear, logistic.classes_, link)


def test_a_linear_regressor_of_log_odds_is_a_logistic_regression(sample: Any) -> None:
    logistic, classifier = scored(sample)
    X = sample[0]
    np.testing.assert_array_equal(classifier.predict(X), logistic.predict(X))
    np.testing.assert_array_equal(classifier.decision_function(X), logistic.decision_function(X))
    np.testing.assert_allclose(classifier.predict_proba(X), logistic.predict_proba(X), rtol=1e-12, atol=1e-15)


def test_probabilities_are_there_only_where_scores_are_log_odds(sample: Any) -> None:
    assert [hasattr(scored(sample, link)[1], "predict_proba") for link in ("softmax", None)] == [True, False]


def test_it_is_fitted_as_a_ridge_classifier_is(sample: Any) -> None:
    X, y = sample
    classifier = ScoredClassifier(Ridge(alpha=2.0), link=None).fit(X, y)
    expected = RidgeClassifier(alpha=2.0).fit(X, y)
    np.testing.assert_array_equal(classifier.predict(X), expected.predict(X))
    np.testing.assert_allclose(classifier.decision_function(X), expected.decision_function(X), atol=1e-12)


def test_it_keeps_the_columns_of_its_regressor() -> None:
    frame = load_iris(as_frame=True)
    classifier: Any = ScoredClassifier.of(
        make_pipeline(StandardScaler(), LinearRegression()).fit(frame.data, np.eye(3)[frame.target]), range(3)
    )
    assert (classifier.n_features_in_, list(classifier.feature_names_in_)) == (4, list(frame.data.columns))
    assert is_classifier(classifier)


def test_it_takes_the_rows_that_its_regressor_takes() -> None:
    for regressor, gaps in ((Ridge(), False), (HistGradientBoostingRegressor(), True)):
        assert get_tags(ScoredClassifier(regressor)).input_tags.allow_nan is gaps


def test_a_clone_is_not_fitted(sample: Any) -> None:
    copy = clone(scored(sample, None)[1])
    assert (type(copy.regressor), copy.link) == (LinearRegression, None)
    with pytest.raises(NotFittedError):
        copy.predict(sample[0])


@pytest.mark.parametrize("way", ["joblib", "skops"])
def test_files_keep_it(way: str, sample: Any, tmp_path: Path) -> None:
    classifier, file = scored(sample)[1], tmp_path / "model"
    (joblib if way == "joblib" else skops).dump(classifier, file)
    loaded = joblib.load(file) if way == "joblib" else skops.load(file, trusted=skops.get_untrusted_types(file=file))
    np.testing.assert_array_equal(loaded.predict_proba(sample[0]), classifier.predict_proba(sample[0]))
    assert way == "joblib" or skops.get_untrusted_types(file=file) == ["skerry.quantize.scored.ScoredClassifier"]


def test_one_class_and_a_regressor_of_other_classes_are_refused(sample: Any) -> None:
    X = sample[0]
    with pytest.raises(ValueError, match=r"expected at least two, got \['only'\]"):
        ScoredClassifier.of(Ridge(), ["only"])
    four = ScoredClassifier.of(Ridge().fit(X, np.zeros((len(X), 3))), list("abcd"))
    with pytest.raises(ValueError, match=r"expected 4 scores a row, got an answer of shape \(\d+, 3\)"):
        four.predict(pd.DataFrame(X).to_numpy())
