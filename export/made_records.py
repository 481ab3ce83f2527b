"""Made texts and records: of terms and names that the estimator has learned, and of some that it has not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skerry.runtime.feeds import Array
from skerry.runtime.manifest import Extractor, Form, RecordExtractor

NAMES = ("a", "city=Oslo", "unseen", "日本語", "é", "=", "", "x" * 300, "😀")
NUMBERS = (1, 0, -1.5, 1e-30, 3, 0.1, 1e15, True, -0.0)
VALUES: tuple[Any, ...] = (
    *(1, -2.5, np.nan, np.inf, 1e300, True, None),
    *("", "a", "日本", ["a", "b"], ["a", "a"], []),
    *({}, [1], b"a"),
)
"""Values of every kind; the last ones no vectorizer takes."""
LONGEST = 12
"""Terms or names in a made row, at most."""


def draw_texts(terms: Sequence[str], count: int, random: np.random.Generator) -> Array:
    """Texts of some terms each."""
    return np.array([" ".join(_some(terms, random)) for _ in range(count)], object)


def draw_records(
    extractors: Sequence[Extractor], known: Sequence[str], count: int, random: np.random.Generator
) -> Array:
    """Records of some names each, as the extractors read them."""
    records = np.empty(count, object)
    reader = _reader(extractors)
    for row in range(count):
        names = _some([*known, *NAMES], random)
        values: list[Any] = [NUMBERS[place] for place in random.integers(len(NUMBERS), size=len(names))]
        records[row] = _MAKERS[reader.form](
            [_split(name, value, reader) for name, value in zip(names, values, strict=True)]
        )
    return records


def special_records(extractors: Sequence[Extractor], known: Sequence[str]) -> list[Any]:
    """Records that tend to be read wrongly: none, unseen, twice the same, not finite, missing, lists, values of the wrong kind."""
    reader = _reader(extractors)
    return [_MAKERS[reader.form](pairs) for pairs in _specials([*known[:3], *NAMES])] + _BROKEN[reader.form]


def _specials(names: Sequence[str]) -> Iterator[list[tuple[str, Any]]]:
    yield []
    for name in names:
        for value in VALUES:
            yield [(name, value)]
    yield [("a", "b"), ("a=b", 2), ("c", 1)]
    yield [("a", 1), ("a", -1), ("b", 2)]


def _split(name: str, value: Any, reader: RecordExtractor) -> tuple[str, Any]:
    """``city=Oslo`` as the string Oslo of city; any other name with a number."""
    field, separator, text = name.partition(reader.separator) if reader.separator else (name, "", "")
    return (field, text) if separator else (name, value)


def _some(values: Sequence[str], random: np.random.Generator) -> list[str]:
    return [values[place] for place in random.integers(len(values), size=random.integers(1, LONGEST))]


def _reader(extractors: Sequence[Extractor]) -> RecordExtractor:
    return next(extractor for extractor in extractors if isinstance(extractor, RecordExtractor))


_MAKERS: dict[Form, Any] = {
    "dict": dict,
    "pair": list,
    "string": lambda pairs: [name if value is not None else None for name, value in pairs],
}
_BROKEN: dict[Form, list[Any]] = {"dict": [], "pair": [[("a",)], [7]], "string": [[1], 7]}
"""Records of the wrong kind; of a dict scikit-learn would only say that it has no items."""
