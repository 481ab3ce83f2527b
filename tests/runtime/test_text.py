"""Texts are split as scikit-learn's own analyzers split them."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from skerry.runtime.errors import ManifestError
from skerry.runtime.manifest import TextExtractor
from skerry.runtime.text import TextAnalyzer

TEXTS = [
    "",
    " ",
    "a",
    "The quick brown fox jumps over the lazy dog",
    "don't  stop\tbelieving\n\nhold on",
    "Ünïcödé à la CARTE, straße ẞ İstanbul ıI",
    "Привет, мир! как дела",
    "Γειά σου Κόσμε ς Σ",
    "नमस्ते दुनिया क्या हाल है",
    "日本語のテキスト 形態素",
    "👩‍👩‍👧 emoji 😀😀 test_1 x2",
    "e\u0301 combining ﬁ ligature ½ ①",
]

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "bigrams": {"ngram_range": (1, 2)},
    "only trigrams": {"ngram_range": (3, 3)},
    "stop words": {"stop_words": "english", "ngram_range": (1, 2)},
    "own stop words": {"stop_words": ["quick", "the"]},
    "case kept": {"lowercase": False},
    "accents stripped": {"strip_accents": "unicode"},
    "accents stripped to ASCII": {"strip_accents": "ascii"},
    "own tokens": {"token_pattern": r"\S+"},
    "one group": {"token_pattern": r"\b(\w)\w*\b"},
    "empty tokens": {"token_pattern": r"\w*"},
    "characters": {"analyzer": "char", "ngram_range": (1, 3)},
    "characters from two": {"analyzer": "char", "ngram_range": (2, 4)},
    "characters in words": {"analyzer": "char_wb", "ngram_range": (1, 4)},
    "long characters in words": {"analyzer": "char_wb", "ngram_range": (5, 7)},
}


def settings(vectorizer: CountVectorizer) -> TextExtractor:
    return TextExtractor(
        input="X",
        keys="terms",
        values="counts",
        hashing=None,
        width=0,
        analyzer=vectorizer.analyzer,
        lowercase=vectorizer.lowercase,
        strip_accents=vectorizer.strip_accents,
        token_pattern=vectorizer.token_pattern,
        ngram_range=vectorizer.ngram_range,
        stop_words=tuple(vectorizer.get_stop_words() or ()),
    )


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12])
@pytest.mark.parametrize("name", SETTINGS)
def test_terms_are_scikit_learns(name: str, text: str) -> None:
    vectorizer = CountVectorizer(**SETTINGS[name])
    assert sorted(TextAnalyzer(settings(vectorizer)).terms(text)) == sorted(vectorizer.build_analyzer()(text))


def test_each_term_comes_once_with_its_count() -> None:
    assert TextAnalyzer(settings(CountVectorizer()))("one two, one three One") == {"one": 3, "two": 1, "three": 1}


def test_a_pattern_of_two_groups_is_refused() -> None:
    with pytest.raises(ManifestError, match="token_pattern has more than one group"):
        TextAnalyzer(settings(CountVectorizer(token_pattern="(a)(b)")))


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ManifestError, match="extractor of 'X': token_pattern is not a regular expression"):
        TextAnalyzer(settings(CountVectorizer(token_pattern="(")))
