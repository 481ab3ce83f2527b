"""Counts and TF-IDF of texts in several scripts, alone, in a pipeline, and as a column of a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline

from skerry.export import export
from skerry.runtime import load
from skerry.runtime.errors import InvalidInput, UnsupportedEstimator

TEXTS = [
    "the quick brown fox",
    "Jumps over the lazy dog, é à la carte",
    "hello world again İstanbul ẞ",
    "नमस्ते दुनिया the lazy fox sleeps",
    "a world of dogs 日本語 テキスト 😀 emoji emoji",
    "Привет мир, Γειά σου Κόσμε",
] * 6
Y = np.array(["animal", "animal", "greeting", "greeting", "animal", "greeting"] * 6)
UNSEEN = ["", " ", "nothing known", "fox fox fox", "THE THE the", "日本語", "x" * 5000, "a", "\U0001f600"]

VECTORIZERS = {
    "counts": CountVectorizer(),
    "binary": CountVectorizer(binary=True, ngram_range=(1, 2)),
    "tfidf": TfidfVectorizer(),
    "sublinear": TfidfVectorizer(sublinear_tf=True, norm="l1"),
    "no norm, no idf": TfidfVectorizer(norm=None, use_idf=False),
    "float32": TfidfVectorizer(dtype=np.float32),
    "characters": TfidfVectorizer(analyzer="char", ngram_range=(1, 3)),
    "characters in words": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), strip_accents="unicode"),
    "few terms": TfidfVectorizer(max_features=5, stop_words="english"),
}


@pytest.mark.parametrize("name", VECTORIZERS)
def test_transform_is_scikit_learns(name: str, tmp_path: Path) -> None:
    vectorizer = VECTORIZERS[name].fit(TEXTS)
    model = load(export(vectorizer, TEXTS, name="text", to=tmp_path))
    expected = vectorizer.transform(TEXTS + UNSEEN).toarray()
    got = model.transform(TEXTS + UNSEEN)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-6 if expected.dtype == np.float32 else 1e-14, atol=0)


@pytest.mark.parametrize(
    "classifier", [LogisticRegression(), RidgeClassifier()], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("name", VECTORIZERS)
def test_a_text_pipeline_answers_as_scikit_learn(name: str, classifier: Any, tmp_path: Path) -> None:
    pipeline = make_pipeline(VECTORIZERS[name], classifier).fit(TEXTS, Y)
    model = load(export(pipeline, TEXTS, Y, name="text", to=tmp_path))
    assert model.predict(TEXTS + UNSEEN).tolist() == pipeline.predict(TEXTS + UNSEEN).tolist()
    np.testing.assert_allclose(
        model.decision_function(TEXTS + UNSEEN),
        pipeline.decision_function(TEXTS + UNSEEN),
        rtol=1e-5,
        atol=1e-12 if name != "float32" else 1e-6,
    )


def test_counts_and_weights_in_two_steps_are_those_in_one(tmp_path: Path) -> None:
    pipeline = make_pipeline(CountVectorizer(), TfidfTransformer(), LogisticRegression()).fit(TEXTS, Y)
    model = load(export(pipeline, TEXTS, name="text", to=tmp_path))
    np.testing.assert_allclose(model.predict_proba(UNSEEN), pipeline.predict_proba(UNSEEN), rtol=1e-13)


def test_a_column_of_texts_stands_beside_columns_of_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"free text": TEXTS, "length": [float(len(text)) for text in TEXTS]})
    columns = ColumnTransformer([("words", TfidfVectorizer(), "free text")], remainder="passthrough")
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame, Y)
    model = load(export(pipeline, frame, Y, name="mixed", to=tmp_path))
    rows = pd.DataFrame({"length": [3.0, 0.0], "free text": ["fox", ""]})
    expected = pipeline.predict_proba(rows[["free text", "length"]])
    np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=1e-13)


def test_many_texts_are_answered_as_few_are(tmp_path: Path) -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y)
    model = load(export(pipeline, TEXTS, name="text", to=tmp_path))
    many = [f"{text} {index}" for index, text in enumerate(TEXTS * 10)]
    np.testing.assert_allclose(model.predict_proba(many), pipeline.predict_proba(many), rtol=1e-13)


def test_one_text_instead_of_a_list_is_refused(tmp_path: Path) -> None:
    model = load(export(CountVectorizer().fit(TEXTS), TEXTS, name="text", to=tmp_path))
    with pytest.raises(InvalidInput, match="expected a list of texts, got one text"):
        model.transform("the quick brown fox")


@pytest.mark.parametrize(
    ("vectorizer", "reason"),
    [
        (CountVectorizer(tokenizer=str.split, token_pattern=None), "tokenizer is code of your own"),
        (CountVectorizer(preprocessor=str.upper), "preprocessor is code of your own"),
        (CountVectorizer(analyzer=str.split), "is code of your own"),
    ],
    ids=["tokenizer", "preprocessor", "analyzer"],
)
def test_code_of_the_users_own_is_refused(vectorizer: CountVectorizer, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(vectorizer.fit(TEXTS), TEXTS, name="text", to=tmp_path / "artifacts")
    assert not (tmp_path / "artifacts").exists()
