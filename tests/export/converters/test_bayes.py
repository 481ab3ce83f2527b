"""Naive Bayes: classes and probabilities as scikit-learn's, also where they are decided by the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.export.converters.ties import tied_densities
from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput

Same = Callable[..., Model]

UGLY = [0.0, -0.0, 1e-300, 1.0, -1.0, 16777217.0, 1e15, -1e150, 1e300, np.nan, np.inf]


@pytest.fixture
def counts() -> np.ndarray:
    return np.random.default_rng(0).poisson(2, (150, 5)).astype(float)


@pytest.fixture
def y(counts: np.ndarray) -> np.ndarray:
    return np.array(["few", "many", "most"])[np.digitize(counts[:, 0] + counts[:, 1], [3, 6])]


def ugly(X: np.ndarray) -> np.ndarray:
    """One ordinary row for each ugly value, in each column."""
    rows = np.repeat(X[:1], len(UGLY) * X.shape[1], axis=0)
    columns = np.arange(len(rows)) % X.shape[1]
    rows[np.arange(len(rows)), columns] = np.repeat(UGLY, X.shape[1])
    return rows


COUNTED = [
    MultinomialNB(),
    MultinomialNB(alpha=0.1, fit_prior=False),
    MultinomialNB(class_prior=[0.2, 0.3, 0.5]),
    ComplementNB(),
    ComplementNB(norm=True, alpha=0.5),
    BernoulliNB(),
    BernoulliNB(binarize=1.5, class_prior=[0.2, 0.3, 0.5]),
    BernoulliNB(binarize=0.1, alpha=1e-3),
    GaussianNB(),
    GaussianNB(priors=[0.2, 0.3, 0.5], var_smoothing=1e-3),
]


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("model", COUNTED, ids=repr)
def test_settings(model: Any, dtype: Any, counts: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X = counts.astype(dtype)
    check_same(clone(model).fit(X, y), X, ugly(X) if dtype == np.float64 else None)


@pytest.mark.parametrize("model", COUNTED, ids=repr)
def test_float32_rows_of_a_model_fitted_on_float64(
    model: Any, counts: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    with np.errstate(over="ignore"):
        rows = ugly(counts).astype(np.float32)
    check_same(clone(model).fit(counts, y), counts.astype(np.float32), rows)


@pytest.mark.parametrize("width", [1, 7, 30])
def test_gaussian_where_one_term_drowns_the_others_is_tied(width: int, check_same: Same) -> None:
    """A column that is the same in all rows has next to no variance: far from it only the rounding of a sum is left."""
    random = np.random.default_rng(width)
    X = np.column_stack([random.normal(size=(80, width)), np.full(80, 0.3)])
    model = GaussianNB().fit(X, np.arange(80) % 3)
    check_same(model, X)
    far = X * [*np.ones(width), 1e7]
    assert tied_densities(model.predict_joint_log_proba(far)).all()


def test_gaussian_in_float32(check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 6)).astype(np.float32)
    check_same(GaussianNB().fit(X, X[:, 0] > X[:, 1]), X, tolerance=1e-5)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 1 / 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bernoulli_at_its_threshold(threshold: float, dtype: Any, beside: Any, check_same: Same) -> None:
    """float32 rows are compared with the threshold in float32."""
    X = np.random.default_rng(0).uniform(size=(60, 3)).astype(dtype)
    rows = np.repeat(beside(np.array([threshold, dtype(threshold)], dtype))[:, None], 3, axis=1)
    check_same(BernoulliNB(binarize=threshold).fit(X, X[:, 0] > 0.4), X, np.concatenate([rows, X[: len(rows)]]))


def test_bernoulli_of_bits_that_are_given(check_same: Same) -> None:
    X = np.random.default_rng(0).integers(0, 2, (60, 4))
    check_same(BernoulliNB(binarize=None).fit(X, X[:, 0]), X)


def test_ties_of_symmetric_classes_are_exported(check_same: Same) -> None:
    """Every bit pattern and its mirror: half of all rows are as likely in either class."""
    X = np.array(np.meshgrid(*[[0, 1]] * 6)).reshape(6, -1).T
    check_same(MultinomialNB().fit(X, np.arange(64) % 2), X[:8])


def test_a_class_that_never_had_a_feature(counts: np.ndarray, check_same: Same) -> None:
    """Its logarithm is -inf, and 0 times -inf is NaN: NumPy's argmax takes the first of those."""
    X = counts.copy()
    X[:75, 2] = 0
    with np.errstate(divide="ignore"):
        model = MultinomialNB(alpha=0).fit(X, np.arange(150) >= 75)
    check_same(model, X)


@pytest.mark.parametrize("model", [MultinomialNB(), ComplementNB(), GaussianNB(), BernoulliNB()], ids=repr)
def test_one_class(model: Any, counts: np.ndarray, check_same: Same) -> None:
    check_same(clone(model).fit(counts, np.zeros(150)), counts)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_categories_are_cut_to_integers_and_must_be_learned(dtype: Any, check_same: Same) -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([random.integers(0, count, 90) for count in (2, 3, 7, 2, 2, 4, 2, 3, 5)]).astype(dtype)
    model = check_same(CategoricalNB(alpha=0.5).fit(X, random.integers(0, 3, 90)), X)
    rows = np.repeat(X[:1], 9, axis=0)
    if dtype != np.int64:
        rows[:, 0] = [0.0, 0.999, 1.0, 1.999, -0.5, -0.999, -0.0, 1.5, 0.25]
        check_same(model_of(X, random), X, rows)
    for value in (2, -1, 10**6):
        row = X[:1].copy()
        row[0, 0] = value
        with pytest.raises(InvalidInput):
            model.predict(row)


def model_of(X: np.ndarray, random: np.random.Generator) -> CategoricalNB:
    return CategoricalNB(min_categories=4).fit(X, random.integers(0, 2, len(X)))


def test_a_frame_with_columns_of_several_dtypes(counts: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(counts, columns=list("abcde")).astype({"b": np.int32, "d": bool})
    check_same(GaussianNB().fit(frame, y), frame)


def test_after_a_scaler_and_after_words(counts: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(make_pipeline(StandardScaler(), GaussianNB()).fit(counts, y), counts)
    texts = ["the cat sat", "a dog", "the dog sat on the cat", "nothing", ""] * 8
    for model in (MultinomialNB(), ComplementNB(), BernoulliNB()):
        check_same(make_pipeline(CountVectorizer(), model).fit(texts, [0, 1, 1, 0, 1] * 8), texts)
