"""Linear models of fewer columns, weighed anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.svm import LinearSVC

from skerry.quantize.pruning.weights import prune_linear, weight_candidates
from skerry.quantize.teacher import teacher_of
from skerry.runtime.artifact import MODEL
from skerry.runtime.errors import ExportError, UnsupportedEstimator


@pytest.fixture(scope="module")
def texts() -> tuple[np.ndarray, np.ndarray]:
    """800 texts of 300 words, of which each of three topics has some of its own."""
    random = np.random.default_rng(0)
    common = random.dirichlet(np.full(300, 0.2))
    topics = [0.8 * common + 0.2 * random.dirichlet(np.full(300, 0.05)) for _ in range(3)]
    labels = random.integers(3, size=800)
    words = [f"w{index}" for index in range(300)]
    return np.array([" ".join(random.choice(words, 60, p=topics[label])) for label in labels], object), labels


@pytest.mark.parametrize("with_truth", [False, True])
@pytest.mark.parametrize("final", [LogisticRegression(max_iter=500), LinearSVC(), RidgeClassifier()])
def test_a_third_of_the_terms_is_enough(exported: Callable[..., Any], texts: Any, final: Any, with_truth: bool) -> None:
    X, y = texts
    model = make_pipeline(TfidfVectorizer(), final).fit(X[:500], y[:500])
    pruned = prune_linear(model, X[:500], y[:500] if with_truth else None, keep=1 / 3)
    terms = round(len(model[0].vocabulary_) / 3)
    assert (len(pruned[0].vocabulary_), len(pruned[0].idf_), pruned[-1].coef_.shape[1]) == (terms,) * 3
    assert type(pruned[-1]) is type(final)
    assert pruned.score(X[500:], y[500:]) > model.score(X[500:], y[500:]) - 0.02
    whole, smaller = exported(model, X[500:]), exported(pruned, X[500:])
    assert smaller.manifest.files[MODEL].size < 0.6 * whole.manifest.files[MODEL].size


@pytest.mark.parametrize("final", [LinearRegression(), Ridge(fit_intercept=False)])
def test_columns_that_matter_are_kept(exported: Callable[..., Any], numbers: Any, final: Any) -> None:
    X, y, unseen, truth = numbers
    model = make_pipeline(StandardScaler(), final).fit(X, y)
    pruned = prune_linear(model, X, keep=0.4)
    assert pruned[0].transformers_[0][2] == [0, 1, 3, 4]  # Friedman's first function hangs on five, one in a square
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.01
    assert np.shape(pruned[-1].coef_) == (4,)
    exported(pruned, unseen)


def test_several_targets_share_their_columns(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    model = Ridge().fit(X, np.column_stack([y, X[:, 8]]))
    pruned = prune_linear(model, X, keep=0.6)
    assert pruned[-1].coef_.shape == (2, 6)
    assert 8 in pruned[0].transformers_[0][2]
    exported(pruned, unseen)


def test_columns_alike_are_merged(numbers: Any) -> None:
    X, y, unseen, _ = numbers
    twice = [np.column_stack([rows, rows]) for rows in (X, unseen)]
    model = Ridge().fit(twice[0], y)
    pruned = prune_linear(model, twice[0], keep=0.5)
    np.testing.assert_allclose(pruned.predict(twice[1]), model.predict(twice[1]), atol=1e-4)


def test_float32_weights_stay_float32(exported: Callable[..., Any], two_classes: Any) -> None:
    X, y, unseen, _ = two_classes
    model = LogisticRegression().fit(X.astype(np.float32), y)
    pruned = prune_linear(model, X.astype(np.float32), keep=0.5)
    assert (pruned[-1].coef_.dtype, pruned[-1].coef_.shape) == (model.coef_.dtype, (1, 4))
    exported(pruned, unseen.astype(np.float32))


def test_an_encoder_then_ignores_what_it_refused(exported: Callable[..., Any]) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"city": random.choice([f"c{index}" for index in range(20)], 500)})
    y = (frame["city"].isin(["c1", "c2", "c3"])).to_numpy()
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, y)
    pruned = prune_linear(model, frame, keep=0.2)
    assert [len(categories) for categories in pruned[0].categories_] == [4]
    np.testing.assert_array_equal(pruned.predict(frame), y)
    assert pruned.predict(pd.DataFrame({"city": ["nowhere"]})).tolist() == [False]
    exported(pruned, frame)


def test_candidates_have_fewer_columns_weighed_by_scores_and_by_labels(
    numbers: Any, rows_of: Callable[..., Any]
) -> None:
    X, y, _, _ = numbers
    teacher = teacher_of(Ridge().fit(X, y))
    found = list(weight_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    details = [each.steps[0].detail for each in found]
    assert details[:3] == [
        {"columns": "8 of 10", "refit": "scores"},
        {"columns": "8 of 10", "refit": "labels"},
        {"columns": "5 of 10", "refit": "scores"},
    ]
    assert [each.parameters for each in found][::2] == [9, 6, 4, 3, 2]
    alone = list(weight_candidates(teacher, rows_of(teacher, X, None), np.random.default_rng(0)))
    assert {each.steps[0].detail["refit"] for each in alone} == {"scores"}


def test_nothing_goes_where_steps_are_unknown(numbers: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = numbers
    for step in (QuantileTransformer(n_quantiles=20), PolynomialFeatures()):
        model = make_pipeline(step, Ridge()).fit(X, y)
        teacher = teacher_of(model)
        assert list(weight_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0))) == []
        with pytest.raises(UnsupportedEstimator, match=f"none of its columns can be left out of {type(step).__name__}"):
            prune_linear(model, X)


def test_other_models_and_impossible_shares_are_refused(classes: Any) -> None:
    X, y, _, _ = classes
    with pytest.raises(UnsupportedEstimator, match="RandomForestClassifier: expected a linear model"):
        prune_linear(RandomForestClassifier(2).fit(X, y), X)
    with pytest.raises(ExportError, match="keep: expected a share above 0 and at most 1, got 2"):
        prune_linear(LogisticRegression().fit(X, y), X, keep=2)
