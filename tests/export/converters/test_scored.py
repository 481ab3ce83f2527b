"""Classifiers made of a regressor that predicts the scores of the classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skerry.quantize.scored import ScoredClassifier
from skerry.runtime import Model

Same = Callable[..., Model]

REGRESSORS = [
    Ridge(),
    DecisionTreeRegressor(max_depth=4, random_state=0),
    ExtraTreesRegressor(5, max_depth=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0),
    KernelRidge(kernel="rbf", gamma=0.1),
    make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0)),
    MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=5, random_state=0)),
]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 9, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 1e200, -1e200, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


def scores_of(numbers: np.ndarray, classes: int) -> np.ndarray:
    """Log-odds on the scale of a sure teacher's."""
    weights = np.random.default_rng(7).normal(0, 5, size=(4, 1 if classes == 2 else classes))
    return numbers @ weights


@pytest.mark.parametrize("link", ["softmax", None])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.DataConversionWarning"
)
def test_scores_of_any_regressor(
    regressor: Any, classes: int, link: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    fitted = regressor.fit(numbers, scores_of(numbers, classes))
    model = check_same(ScoredClassifier.of(fitted, ["no", "yes", "how"][:classes], link), numbers, rows, tolerance=1e-9)
    assert model.manifest.methods == (
        ("predict", "predict_proba", "decision_function") if link else ("predict", "decision_function")
    )


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "regressor", [Ridge(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=50, random_state=0)], ids=str
)
@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.DataConversionWarning"
)
def test_float32(regressor: Any, classes: int, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    fitted = regressor.fit(X, scores_of(numbers, classes).astype(np.float32))
    check_same(ScoredClassifier.of(fitted, range(classes)), X, tolerance=1e-5)


def test_a_score_of_nothing_and_equal_scores_are_the_first_class(numbers: np.ndarray, check_same: Same) -> None:
    even = DecisionTreeRegressor(max_depth=1).fit(numbers, np.where(numbers[:, 0] > 0, 1.0, 0.0))
    check_same(ScoredClassifier.of(even, ["first", "second"]), numbers, tolerance=0)
    alike = LinearRegression().fit(numbers, np.zeros((len(numbers), 3)))
    model = check_same(ScoredClassifier.of(alike, ["c", "b", "a"]), numbers)
    assert set(model.predict(numbers)) == {"c"}


def test_scores_far_from_zero(numbers: np.ndarray, check_same: Same) -> None:
    for classes in (2, 3):
        fitted = LinearRegression().fit(numbers, 1e4 * scores_of(numbers, classes))
        check_same(ScoredClassifier.of(fitted, range(classes)), numbers, tolerance=1e-9)


def test_one_of_three_classes_is_likeliest_in_the_order_given(numbers: np.ndarray) -> None:
    fitted = LinearRegression().fit(numbers, scores_of(numbers, 3))
    classifier: Any = ScoredClassifier.of(fitted, [5, 3, 9])
    np.testing.assert_array_equal(
        classifier.predict(numbers), np.array([5, 3, 9])[classifier.predict_proba(numbers).argmax(axis=1)]
    )
