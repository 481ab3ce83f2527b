"""Counts and TF-IDF of texts in several scripts, alone, in a pipeline, and as a column of a frame."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from skerry.export import export
from skerry.runtime import Model, load
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
    "frequent terms": TfidfVectorizer(min_df=3, max_df=0.9, stop_words=["the", "fox"], strip_accents="ascii"),
    "hashes": HashingVectorizer(n_features=1000),
    "hashes that collide, binary": HashingVectorizer(n_features=8, binary=True, norm="l1"),
    "unsigned hashes of characters": HashingVectorizer(
        n_features=4096, alternate_sign=False, norm=None, analyzer="char_wb", ngram_range=(1, 3)
    ),
    "float32 hashes": HashingVectorizer(n_features=500, dtype=np.float32),
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
        atol=1e-6 if "float32" in name else 1e-12,
    )


def test_counts_and_weights_in_two_steps_are_those_in_one(tmp_path: Path) -> None:
    pipeline = make_pipeline(CountVectorizer(), TfidfTransformer(), LogisticRegression()).fit(TEXTS, Y)
    model = load(export(pipeline, TEXTS, name="text", to=tmp_path))
    np.testing.assert_allclose(model.predict_proba(UNSEEN), pipeline.predict_proba(UNSEEN), rtol=1e-13)


def test_a_million_columns_by_hash_feed_a_linear_model(check_same: Callable[..., Model]) -> None:
    pipeline = make_pipeline(HashingVectorizer(), TfidfTransformer(), SGDClassifier(random_state=0))
    check_same(pipeline.fit(TEXTS, Y), TEXTS[:6], UNSEEN)


@pytest.mark.parametrize("steps", [[SelectKBest(chi2, k=5), RidgeClassifier()], [MultinomialNB()]], ids=["some", "all"])
def test_some_or_all_of_the_columns_can_be_made(steps: list[Any], check_same: Callable[..., Model]) -> None:
    check_same(make_pipeline(TfidfVectorizer(), *steps).fit(TEXTS, Y), TEXTS[:6], UNSEEN)


def test_the_logarithm_of_a_negative_count_is_refused(check_same: Callable[..., Model]) -> None:
    pipeline = make_pipeline(
        HashingVectorizer(n_features=64, norm=None), TfidfTransformer(sublinear_tf=True), RidgeClassifier()
    )
    positive = ["fox", "dog", "hello"] * 4
    usable = [text for text in positive if HashingVectorizer(n_features=64, norm=None).transform([text]).min() >= 0]
    labels = np.arange(len(usable)) % 2
    check_same(pipeline.fit(usable, labels), usable, [*positive, "a world of dogs", ""])


def test_weights_of_a_matrix_are_those_of_its_counts(check_same: Callable[..., Model]) -> None:
    counts = CountVectorizer().fit_transform(TEXTS).toarray().astype(float)
    ugly = np.array([[0.0], [-1.0], [np.nan], [np.inf], [1e300]]) * np.ones(counts.shape[1])
    check_same(TfidfTransformer(sublinear_tf=True).fit(counts), counts, np.vstack([ugly, 0 * counts[:1]]))


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
        (HashingVectorizer(), "transform would answer 1,048,576 numbers a row"),
        (HashingVectorizer(n_features=8, dtype=np.int64, norm=None), "dtype=int64"),
    ],
    ids=["tokenizer", "preprocessor", "analyzer", "too wide", "integers by hash"],
)
def test_what_an_artifact_cannot_carry_is_refused(vectorizer: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(vectorizer.fit(TEXTS), TEXTS, name="text", to=tmp_path / "artifacts")
    assert not (tmp_path / "artifacts").exists()


SCRIPTS = [
    "naïve café à la carte",
    "Привет мир как дела",
    "Γειά σου Κόσμε",
    "नमस्ते दुनिया",
    "日本語 テキスト",
    "good 😀😀 fun",
] * 5
IN_THE_C_LOCALE = """
import sys
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from skerry.export import export
from skerry.runtime import load

texts = np.load(sys.argv[1])["texts"].tolist()
unseen = [text[::-1] for text in texts] + [text.upper() + " xyz" for text in texts] + ["", "\\u1e9e \\u0130 \\u0131"]
for settings in ({}, {"analyzer": "char_wb", "ngram_range": (1, 3), "strip_accents": "unicode", "sublinear_tf": True}):
    for classifier in (LinearSVC(), LogisticRegression()):
        pipeline = make_pipeline(TfidfVectorizer(**settings), classifier).fit(texts, np.arange(len(texts)) % 4)
        model = load(export(pipeline, texts, name="text", to=sys.argv[2]))
        for rows in (texts, unseen):
            assert model.predict(rows).tolist() == pipeline.predict(rows).tolist()
            np.testing.assert_allclose(
                model.decision_function(rows), pipeline.decision_function(rows), rtol=0, atol=1e-12
            )
"""


def test_every_script_is_read_in_the_c_locale(tmp_path: Path) -> None:
    np.savez(tmp_path / "texts.npz", texts=np.array(SCRIPTS))
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", IN_THE_C_LOCALE, str(tmp_path / "texts.npz"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
