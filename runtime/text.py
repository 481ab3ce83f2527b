"""``TextAnalyzer``: texts → terms and how often they occur, as scikit-learn's vectorizers split them.

Tokens and n-grams are what ONNX has no operator for, so this step runs before the model. It is
declared in the manifest and made of settings alone: no code comes with an artifact. What the terms
are worth (vocabulary, weights) is in the graph.

Follows sklearn.feature_extraction.text, ``CountVectorizer.build_analyzer``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from skerry.runtime.errors import ManifestError
from skerry.runtime.manifest import TextExtractor

_SPACES = re.compile(r"\s\s+")


class TextAnalyzer:
    """Calling it with a text gives its terms, each with its count."""

    def __init__(self, settings: TextExtractor) -> None:
        try:
            self._tokens = re.compile(settings.token_pattern)
        except re.error as error:
            raise ManifestError(
                f"extractor of {settings.input!r}: token_pattern is not a regular expression: {error}"
            ) from None
        if self._tokens.groups > 1:
            raise ManifestError(f"extractor of {settings.input!r}: token_pattern has more than one group")
        self._strip = _ACCENTS[settings.strip_accents]
        self._lower = settings.lowercase
        self._sizes = settings.ngram_range
        self._stop_words = frozenset(settings.stop_words)
        split: dict[str, Callable[[str], list[str]]] = {
            "word": self._words,
            "char": self._characters,
            "char_wb": self._characters_in_words,
        }
        self._split = split[settings.analyzer]

    def __call__(self, text: str) -> Counter[str]:
        return Counter(self.terms(text))

    def terms(self, text: str) -> list[str]:
        """The terms of one text, in order, each as often as it occurs."""
        return self._split(self._strip(text.lower() if self._lower else text))

    def _words(self, text: str) -> list[str]:
        tokens = self._tokens.findall(text)
        if self._stop_words:
            tokens = [token for token in tokens if token not in self._stop_words]
        if self._sizes == (1, 1):
            return tokens
        return [" ".join(tokens[start:end]) for start, end in self._spans(len(tokens))]

    def _characters(self, text: str) -> list[str]:
        text = _SPACES.sub(" ", text)
        return [text[start:end] for start, end in self._spans(len(text))]

    def _characters_in_words(self, text: str) -> list[str]:
        """N-grams inside each word with a space on either side; a word that is shorter counts once, whole."""
        smallest, largest = self._sizes
        terms = []
        for word in _SPACES.sub(" ", text).split():
            padded = f" {word} "
            for size in range(smallest, largest + 1):
                terms += [padded[start : start + size] for start in range(max(1, len(padded) - size + 1))]
                if size >= len(padded):
                    break
        return terms

    def _spans(self, length: int) -> Iterator[tuple[int, int]]:
        smallest, largest = self._sizes
        for size in range(smallest, min(largest, length) + 1):
            for start in range(length - size + 1):
                yield start, start + size


def _strip_unicode(text: str) -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def _strip_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


_ACCENTS: dict[str | None, Callable[[str], str]] = {
    None: lambda text: text,
    "unicode": _strip_unicode,
    "ascii": _strip_ascii,
}
