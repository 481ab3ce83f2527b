"""Every estimator in the table of converters, fitted with its defaults: all its methods, as scikit-learn answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.utils import all_estimators

from skerry.export.converters import linear, selection
from skerry.export.estimators import ESTIMATORS, Converter
from skerry.runtime import Model

Same = Callable[..., Model]

KINDS: dict[str, type] = dict(all_estimators())


def converted_by(converter: Converter) -> list[type]:
    return [KINDS[name.removeprefix("sklearn.")] for name, entry in ESTIMATORS.items() if entry.convert is converter]


LINEAR_CLASSIFIERS = converted_by(linear.linear_classifier)
LINEAR_REGRESSORS = converted_by(linear.linear_regressor)
GENERALIZED_LINEAR_REGRESSORS = converted_by(linear.generalized_linear_regressor)
SELECTORS = converted_by(selection.selector)

NEEDS_ESTIMATOR = {
    SelectFromModel: {"estimator": LinearRegression()},
    SequentialFeatureSelector: {"estimator": LinearRegression(), "n_features_to_select": 2},
}
MULTI_TARGET = [kind for kind in LINEAR_REGRESSORS if kind.__name__.startswith("MultiTask")]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 2, size=(120, 4))


def make(kind: type) -> Any:
    """An estimator with defaults, and a seed and iterations enough where it has such."""
    estimator = kind(**NEEDS_ESTIMATOR.get(kind, {}))
    settings: dict[str, Any] = {"random_state": 0, "max_iter": 100_000}
    if kind is linear_model.OrthogonalMatchingPursuitCV:
        settings = {}  # whose max_iter counts features
    return estimator.set_params(**{name: value for name, value in settings.items() if name in estimator.get_params()})


def fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> Any:
    return clone(estimator).fit(X, y)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", LINEAR_CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_linear_classifiers(kind: type, classes: int, X: np.ndarray, check_same: Same) -> None:
    y = np.digitize(X[:, 0] * X[:, 1], [1.3, 2.0][: classes - 1])
    check_same(fit(make(kind), X, y), X, np.concatenate([-X, X * 1e6]))


@pytest.mark.parametrize("kind", LINEAR_REGRESSORS)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_linear_regressors(kind: type, X: np.ndarray, check_same: Same) -> None:
    y = X @ [1.0, -2.0, 0.5, 0.1] + np.random.default_rng(1).normal(0, 0.1, len(X))
    y = np.stack([y, -y], axis=1) if kind in MULTI_TARGET else y
    check_same(fit(make(kind), X, y), X, -X)


@pytest.mark.parametrize("kind", GENERALIZED_LINEAR_REGRESSORS)
def test_generalized_linear_regressors(kind: type, X: np.ndarray, check_same: Same) -> None:
    check_same(fit(make(kind), X, np.exp(X[:, 0] - X[:, 1])), X, -X)


@pytest.mark.parametrize("power", [0, 1, 1.5, 3])
def test_tweedie_regression_of_each_power(power: float, X: np.ndarray, check_same: Same) -> None:
    check_same(linear_model.TweedieRegressor(power=power, max_iter=10_000).fit(X, np.exp(X[:, 0])), X, -X)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"])
def test_sgd_classifiers_have_probabilities_of_two_losses(
    loss: str, classes: int, X: np.ndarray, check_same: Same
) -> None:
    y = np.digitize(X[:, 0] * X[:, 1], [1.3, 2.0][: classes - 1])
    model = check_same(SGDClassifier(loss=loss, random_state=0).fit(X, y), X, np.concatenate([-X, X * 1e3, X[:1] * 0]))
    assert hasattr(model, "predict_proba") == (loss in ("log_loss", "modified_huber"))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("solver", ["svd", "lsqr", "eigen"])
def test_linear_discriminants(solver: str, classes: int, X: np.ndarray, check_same: Same) -> None:
    y = np.digitize(X[:, 0] * X[:, 1], [1.3, 2.0][: classes - 1])
    check_same(LinearDiscriminantAnalysis(solver=solver).fit(X, y), X, -X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("kind", SELECTORS)
@pytest.mark.filterwarnings("ignore:No features were selected")
def test_selectors(kind: type, dtype: Any, X: np.ndarray, check_same: Same) -> None:
    rows = (X * 100).astype(dtype)
    estimator = make(kind)
    if "score_func" in estimator.get_params() and "k" in estimator.get_params():
        estimator.set_params(k=2)
    y = (X[:, 0] + X[:, 2] > 2.5).astype(int)
    check_same(fit(estimator, rows, y), rows)


@pytest.mark.parametrize("kind", [RFE, RFECV])
def test_recursive_elimination_selects_and_answers(kind: type, X: np.ndarray, check_same: Same) -> None:
    model = check_same(kind(LogisticRegression()).fit(X, X[:, 0] > 1), X, -X)
    assert model.manifest.methods == ("predict", "predict_proba", "decision_function", "transform")


@pytest.mark.parametrize(
    "estimator",
    [PCA(2), PCA(), PCA(2, whiten=True), IncrementalPCA(2), TruncatedSVD(2)],
    ids=lambda estimator: str(estimator),
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_projections(estimator: Any, dtype: Any, X: np.ndarray, check_same: Same) -> None:
    rows = X.astype(dtype)
    check_same(clone(estimator).fit(rows), rows, -rows, **({} if dtype == np.float64 else {"tolerance": 1e-4}))
