"""The fitted estimators into whose conversion faults are put, each with a few rows to export it with, and many more."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

TRAINING, GIVEN, MORE = 400, 30, 1500


@dataclass(frozen=True)
class Case:
    """A fitted estimator; ``rows`` are those given to ``export``, ``more`` those on which a fault has to show."""

    estimator: Any
    rows: Any
    more: Any
    training: Any


def _numbers(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 4)) * [1, 10, 1e-2, 1e3] + [0, 5, 0, -2e3]


def _gaps(count: int, seed: int) -> np.ndarray:
    X = _numbers(count, seed)
    X[np.random.default_rng(seed).random(X.shape) < 0.15] = np.nan
    return X


def _positive(count: int, seed: int) -> np.ndarray:
    return np.abs(_numbers(count, seed))


def _whole(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(-(2**40), 2**40, size=(count, 3)) + random.integers(0, 9, size=(count, 3))


def _table(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    cities = ["Oslo", "Rome", "Bern", "Kyōto", "oslo", ""]
    return pd.DataFrame(
        {
            "city": random.choice(cities, count, p=[0.4, 0.3, 0.2, 0.06, 0.03, 0.01]),
            "plan": random.choice(["a", "b", "c"], count),
        }
    )


def _gappy_table(count: int, seed: int) -> pd.DataFrame:
    table = _table(count, seed).astype(object)
    table.loc[np.random.default_rng(seed).random(count) < 0.2, "city"] = np.nan
    return table


def _codes(count: int, seed: int) -> np.ndarray:
    """A category in the first column, numbers in the others, and gaps in both."""
    random = np.random.default_rng(seed)
    X = _gaps(count, seed)
    X[:, 0] = random.integers(0, 12, count)
    return X


def _texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    words = ["red", "Green", "blue", "Été", "ночь", "日本", "I", "a", "x1", "İstanbul", "straße", "don't", "naïve"]
    return [" ".join(random.choice(words, random.integers(1, 8))) for _ in range(count)]


def _counted(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).poisson(1.0, size=(count, 5)).astype(float)


def _score(X: Any) -> np.ndarray:
    """A number to learn from any rows."""
    if isinstance(X, list):
        return np.array([len(text) % 7 - 3 + ("red" in text) for text in X], float)
    if isinstance(X, pd.DataFrame):
        return np.where(X["city"] == "Oslo", 1.0, -1.0) + (X["plan"] == "b")
    Z = np.nan_to_num(np.asarray(X, float))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    return np.asarray(Z[:, 0] + 0.5 * Z[:, 1] * Z[:, -1] - 0.3 * Z[:, 2])


def _two(X: Any) -> np.ndarray:
    return np.where(_score(X) > 0.2, "yes", "no")


def _three(X: Any) -> np.ndarray:
    return np.digitize(_score(X), [-0.6, 0.5])


def _pair(X: Any) -> np.ndarray:
    return np.column_stack([_score(X), 3 - 2 * _score(X) ** 2])


def _voters() -> Any:
    return VotingClassifier(
        [("bayes", GaussianNB()), ("trees", DecisionTreeClassifier(max_depth=3, random_state=0))],
        voting="soft",
        weights=[3, 1],
    )


Maker = Callable[[int, int], Any]

# fmt: off
_CASES: dict[str, tuple[Callable[[], Any], Maker, Callable[[Any], Any]]] = {
    "linear": (LinearRegression, _numbers, _score),
    "two outputs": (lambda: Ridge(alpha=1e-3), _numbers, _pair),
    "logistic": (lambda: LogisticRegression(C=1e4), _numbers, _two),
    "logistic without intercept": (lambda: LogisticRegression(fit_intercept=False), _numbers, _two),
    "logistic of three": (lambda: make_pipeline(StandardScaler(), LogisticRegression(C=100)), _numbers, _three),
    "logarithm": (lambda: make_pipeline(FunctionTransformer(np.log), LogisticRegression()), _positive, _two),
    "tree": (lambda: DecisionTreeClassifier(random_state=0), _gaps, _three),
    "scaled tree": (lambda: make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)), _numbers, _three),
    "two trees": (lambda: RandomForestClassifier(2, random_state=0), _numbers, _two),
    "200 trees": (lambda: GradientBoostingRegressor(n_estimators=200, max_depth=4, random_state=0), _numbers, _score),
    "forest": (lambda: RandomForestClassifier(50, random_state=0), _numbers, _three),
    "boosted": (lambda: HistGradientBoostingRegressor(max_iter=60, categorical_features=[0], min_samples_leaf=5), _codes, _score),
    "boosted pipeline": (lambda: make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=40)), _gaps, _two),
    "support vectors": (lambda: make_pipeline(StandardScaler(), SVC()), _numbers, _two),
    "support vectors of three": (lambda: make_pipeline(StandardScaler(), SVC()), _numbers, _three),
    "neighbours": (lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(4, weights="distance")), _numbers, _three),
    "tuned threshold": (lambda: TunedThresholdClassifierCV(GaussianNB(), scoring="balanced_accuracy", cv=3), _numbers, lambda X: (_score(X) > 1).astype(int)),
    "gaussian process": (lambda: make_pipeline(StandardScaler(), GaussianProcessRegressor(alpha=0.1)), _numbers, _score),
    "voters": (_voters, _numbers, _two),
    "isolation": (lambda: IsolationForest(n_estimators=20, contamination=0.1, random_state=0), _numbers, _score),
    "principal components": (lambda: PCA(3, whiten=True), _numbers, _score),
    "quantiles": (lambda: QuantileTransformer(n_quantiles=50, output_distribution="normal"), _numbers, _score),
    "normalizer": (Normalizer, _numbers, _score),
    "scaler": (StandardScaler, _numbers, _score),
    "whole numbers": (StandardScaler, _whole, _score),
    "bins": (lambda: KBinsDiscretizer(5, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), _numbers, _score),
    "binarizer": (lambda: Binarizer(threshold=0.1), _numbers, _score),
    "imputer": (lambda: SimpleImputer(strategy="median", add_indicator=True), _gaps, _score),
    "reciprocal": (lambda: FunctionTransformer(np.reciprocal), _numbers, _score),
    "log1p": (lambda: make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), _positive, _score),
    "categories": (lambda: OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=40, drop="first"), _table, _two),
    "known categories": (OneHotEncoder, _table, _two),
    "ordinals": (lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-7), _gappy_table, _two),
    "categories into logistic": (lambda: make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])), LogisticRegression()), _table, _two),
    "texts": (lambda: make_pipeline(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b"), LogisticRegression()), _texts, _two),
    "weighed texts": (lambda: TfidfVectorizer(token_pattern=r"(?u)\b\w+\b"), _texts, _two),
    "counts": (TfidfTransformer, _counted, _score),
    "characters": (lambda: CountVectorizer(analyzer="char_wb", ngram_range=(2, 3)), _texts, _two),
}
# fmt: on


def make_case(name: str, **settings: Any) -> Case:
    """Of the estimator with its ``settings`` changed."""
    build, maker, target = _CASES[name]
    X = maker(TRAINING, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = build().set_params(**settings).fit(X, target(X))
    return Case(estimator, maker(GIVEN, 1), maker(MORE, 2), X)
