"""Linear models answer within rounding of scikit-learn's own matrix product, and refuse what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput

Same = Callable[..., Model]

REGRESSORS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    Ridge(),
    Ridge(fit_intercept=False),
    Lasso(alpha=0.1),
    ElasticNet(alpha=0.1),
]
CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(fit_intercept=False),
    LogisticRegression(class_weight="balanced", C=100),
    RidgeClassifier(),
    RidgeClassifier(fit_intercept=False),
]
LABELS: dict[str, list[Any]] = {
    "ints": [0, 1],
    "shifted ints": [7, -3],
    "strings": ["ja", "nein ✓"],
    "booleans": [False, True],
    "floats": [0.0, 1.0],
    "three ints": [3, 1, 2],
    "four strings": ["", "b", "ccc", "dd"],
}
FAR = np.array([[0.0, -0.0, 1e6, -1e6], [40, 40, 40, 40], [-800, 0, 0, 0], [800, 0, 0, 0], [1e300, 0, 0, 0]])


@pytest.fixture
def X(numbers: np.ndarray) -> np.ndarray:
    return StandardScaler().fit_transform(numbers)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=repr)
def test_regressors(regressor: Any, X: np.ndarray, check_same: Same) -> None:
    check_same(clone(regressor).fit(X, X @ [1, 2, -3, 0.5] + 7), X, FAR)


@pytest.mark.parametrize("regressor", [LinearRegression(), Ridge(), Lasso(alpha=0.1), ElasticNet(alpha=0.1)], ids=repr)
@pytest.mark.parametrize("targets", [1, 3])
def test_targets_of_two_dimensions(targets: int, regressor: Any, X: np.ndarray, check_same: Same) -> None:
    y = X @ np.random.default_rng(0).normal(size=(4, targets))
    check_same(clone(regressor).fit(X, y), X, FAR)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
def test_classifiers(classifier: Any, labels: str, X: np.ndarray, check_same: Same) -> None:
    classes = np.array(LABELS[labels])
    y = classes[np.digitize(X[:, 0] - X[:, 2], np.linspace(-0.7, 0.7, len(classes) - 1))]
    check_same(clone(classifier).fit(X, y), X, FAR)


def test_penalties_found_by_cross_validation(X: np.ndarray, check_same: Same) -> None:
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    search = LogisticRegressionCV(Cs=2, cv=2, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False)
    check_same(search.fit(X, y), X, FAR)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8, np.bool_])
@pytest.mark.parametrize(
    "model", [LinearRegression(), LogisticRegression(), RidgeClassifier(), Lasso(alpha=0.1)], ids=repr
)
def test_other_dtypes_of_rows(model: Any, dtype: Any, X: np.ndarray, check_same: Same) -> None:
    rows = (X > 0) if dtype is np.bool_ else (20 * X).astype(dtype)
    check_same(clone(model).fit(rows, X[:, 0] > 0.2), rows, tolerance=1e-6 if dtype is np.float32 else 1e-12)


def test_a_score_of_zero_is_the_first_class(check_same: Same) -> None:
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    classifier = LogisticRegression().fit(X, ["a", "a", "b", "b"])
    classifier.intercept_[:] = 0.0
    classifier.coef_[:] = 1.0
    check_same(classifier, X, np.array([[0.0], [-0.0], [5e-324], [-5e-324]]))


def test_equal_scores_are_the_first_of_the_classes(X: np.ndarray, check_same: Same) -> None:
    classifier = LogisticRegression().fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    classifier.coef_[:] = classifier.coef_[1]
    classifier.intercept_[:] = 0.0
    check_same(classifier, X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()], ids=repr)
def test_numbers_that_are_not_finite_are_refused(model: Any, value: float, X: np.ndarray, check_same: Same) -> None:
    exported = check_same(model.fit(X, X[:, 0] > 0), X)
    row = X[:1].copy()
    row[0, 2] = value
    with pytest.raises(InvalidInput, match="row 0"):
        exported.predict(row)


def test_a_coefficient_of_zero_does_not_hide_what_must_be_refused(X: np.ndarray, check_same: Same) -> None:
    model = Lasso(alpha=0.5).fit(X, 3 * X[:, 0])
    assert model.coef_[2] == 0
    row = np.array([[0.0, 0.0, np.inf, 0.0], [0.0, 0.0, np.nan, 0.0]])
    check_same(model, X, row)
    check_same(make_pipeline(StandardScaler(), model).fit(X, X[:, 0]), X, row)


def test_columns_of_a_frame_are_taken_by_name(X: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(X, columns=["d", "c", "b", "a"])
    model = check_same(LinearRegression().fit(frame, X[:, 0] + 3 * X[:, 3]), frame)
    np.testing.assert_array_equal(model.predict(frame[["a", "b", "c", "d"]]), model.predict(frame))


@pytest.mark.parametrize("scaler", [StandardScaler(), MaxAbsScaler(), MinMaxScaler(), RobustScaler()], ids=repr)
@pytest.mark.parametrize("model", [LogisticRegression(), LinearRegression()], ids=repr)
def test_one_scaled_feature_keeps_float64(scaler: Any, model: Any, check_same: Same) -> None:
    """ONNX Runtime would fold a single factor into the product, as a float32."""
    random = np.random.default_rng(0)
    X = random.integers(1, 90, (200, 1)).astype(float)
    check_same(make_pipeline(scaler, model).fit(X, X[:, 0] + random.normal(0, 20, 200) > 45), X, tolerance=1e-14)
