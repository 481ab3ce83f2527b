"""Estimators that skl2onnx converts: the export is exact, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import (
    BayesianRidge,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    SGDClassifier,
)
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model
from skerry.runtime.errors import InvalidRows, ParityError, UnsupportedEstimator

Same = Callable[..., Model]

ESTIMATORS = [
    AdaBoostClassifier(n_estimators=3, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(max_depth=2), 3, random_state=0),
    BayesianRidge(),
    BernoulliNB(),
    GaussianMixture(2, random_state=0),
    GaussianNB(),
    GaussianProcessRegressor(alpha=1.0, optimizer=None),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    GradientBoostingRegressor(n_estimators=3, random_state=0),
    HuberRegressor(),
    IsolationForest(n_estimators=5, random_state=0),
    KMeans(3, n_init=1, random_state=0),
    KNeighborsClassifier(3),
    KNeighborsRegressor(3),
    LinearDiscriminantAnalysis(),
    LinearSVC(max_iter=100_000, random_state=0),
    LinearSVR(max_iter=100_000, random_state=0),
    MLPClassifier((4,), solver="lbfgs", max_iter=2000, random_state=0),
    MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=2000, random_state=0),
    MiniBatchKMeans(3, n_init=1, random_state=0),
    NuSVC(nu=0.3),
    OneClassSVM(),
    OneVsRestClassifier(LogisticRegression()),
    PCA(2),
    PCA(2, whiten=True),
    Perceptron(),
    PoissonRegressor(),
    QuadraticDiscriminantAnalysis(),
    SGDClassifier(loss="log_loss", random_state=0),
    SVC(),
    SVC(kernel="linear"),
    SVR(),
    SelectKBest(k=2),
    StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))], cv=2),
    TruncatedSVD(2),
    VarianceThreshold(),
    VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))]),
]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 4))


def check_exact_or_refused(check_same: Same, estimator: Any, X: Any, tmp_path: Path, rows: Any = None) -> Model | None:
    try:
        return check_same(estimator, X, rows, tolerance=1e-6)
    except (UnsupportedEstimator, ParityError):
        assert not list(tmp_path.iterdir())
        return None


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_exact_or_refused(estimator: Any, classes: int, X: np.ndarray, check_same: Same, tmp_path: Path) -> None:
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [0, 0.8][: classes - 1])
    check_exact_or_refused(check_same, clone(estimator).fit(X, y), X, tmp_path)


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        PCA(2),
        KMeans(2, n_init=1),
        SVC(),
        LinearSVC(random_state=0),
        MLPClassifier((3,), solver="lbfgs", max_iter=999, random_state=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_dtypes_check_exact_or_refused(
    estimator: Any, dtype: Any, X: np.ndarray, check_same: Same, tmp_path: Path
) -> None:
    rows = (X * 10).astype(dtype)
    check_exact_or_refused(check_same, clone(estimator).fit(rows, np.where(X[:, 0] > 0, "up", "down")), rows, tmp_path)


@pytest.mark.parametrize(
    ("estimator", "methods"),
    [
        (PCA(2), ["transform"]),
        (SVC(random_state=0), ["predict"]),
        (SGDClassifier(random_state=0), ["predict"]),
        (QuadraticDiscriminantAnalysis(), ["predict", "predict_proba"]),
        (make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), None),
        (make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression()), None),
        (make_pipeline(PCA(3), DecisionTreeClassifier(random_state=0)), None),
        (make_column_transformer((StandardScaler(), [0]), (TruncatedSVD(1), [1, 2])), None),
        (make_pipeline(StandardScaler(), LinearRegression()), None),
    ],
    ids=str,
)
def test_what_is_exported(estimator: Any, methods: list[str] | None, X: np.ndarray, check_same: Same) -> None:
    check_same(clone(estimator).fit(X, X[:, 0] > 0), X, methods=methods, tolerance=1e-6)


def test_a_method_that_is_not_converted_is_named_and_how_to_leave_it_out(X: np.ndarray, check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match=r"BernoulliRBM.*: no exact conversion of score_samples") as refusal:
        check_same(BernoulliRBM(2, n_iter=1, random_state=0).fit(X > 0), X > 0)
    assert refusal.value.hint == "leave it out: methods=('transform',)"


@pytest.mark.parametrize("estimator", [BernoulliNB(binarize=0.3)], ids=repr)
def test_settings_compared_with_the_rows_are_exact_or_refused(
    estimator: Any, X: np.ndarray, beside: Callable[[Any], np.ndarray], check_same: Same, tmp_path: Path
) -> None:
    rows = np.repeat(beside([0.3, np.float32(0.3)])[:, None], 4, axis=1)
    check_exact_or_refused(check_same, clone(estimator).fit(X, X[:, 0] > 0), X, tmp_path, rows)


TEXTS = ["the cat sat", "on the mat", "a dog, a cat", "no news", "Überall ist es schöner", "", "x y z"] * 3


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(),
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, lowercase=False),
        CountVectorizer(analyzer="char", ngram_range=(1, 2)),
        CountVectorizer(stop_words="english"),
        HashingVectorizer(n_features=16),
    ],
    ids=repr,
)
def test_texts_check_exact_or_refused(vectorizer: Any, check_same: Same, tmp_path: Path) -> None:
    pipeline = make_pipeline(clone(vectorizer), LogisticRegression())
    try:
        check_exact_or_refused(check_same, pipeline.fit(TEXTS, [0, 1, 0] * 7), TEXTS, tmp_path)
    except InvalidRows:
        assert not list(tmp_path.iterdir())
