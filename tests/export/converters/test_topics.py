"""LatentDirichletAllocation: every row iterates to its own end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).poisson(0.9, (20, 4)).astype(float)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"doc_topic_prior": 1e-7},
        {"doc_topic_prior": 1.0, "topic_word_prior": 0.5},
        {"max_doc_update_iter": 1},
        {"max_doc_update_iter": 5, "mean_change_tol": 1e-9},
        {"learning_method": "online", "max_doc_update_iter": 9},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], X: np.ndarray, check_same: Same) -> None:
    model = LatentDirichletAllocation(3, max_iter=2, random_state=0, **settings).fit(X)
    rows = X[:8].copy()
    rows[:, 1] = [0, -0.0, 1e-12, 0.5, 1e6, 1e12, np.nan, np.inf]
    rows[0] = 0
    check_same(model, X, rows)


def test_what_is_negative_is_refused(X: np.ndarray, check_same: Same) -> None:
    model = check_same(LatentDirichletAllocation(2, max_iter=1, max_doc_update_iter=9, random_state=0).fit(X), X)
    with pytest.raises(InvalidInput, match="negative"):
        model.transform(-X[1:2])


def test_float32(X: np.ndarray, check_same: Same) -> None:
    rows = X.astype(np.float32)
    model = LatentDirichletAllocation(3, max_iter=2, max_doc_update_iter=20, random_state=0).fit(rows)
    check_same(model, rows, tolerance=1e-5)
    check_same(model, X, tolerance=1e-5)


def test_after_words_and_before_a_classifier(check_same: Same) -> None:
    texts = ["the cat sat", "a dog barks", "the dog sat on the cat", "stars and planets", "planets", ""] * 6
    topics = LatentDirichletAllocation(3, max_iter=2, random_state=0)
    check_same(make_pipeline(CountVectorizer(), topics, LogisticRegression()).fit(texts, [0, 1, 1, 0, 0, 1] * 6), texts)
