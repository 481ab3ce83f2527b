"""``RecordReader``: records → names and values, as scikit-learn's DictVectorizer and FeatureHasher read them.

A record is a dict of names and values, a list of such pairs, or a list of names; in JSON an object or
lists. ``{"city": "Oslo", "age": 31}`` becomes the names ``city=Oslo``, with the value 1, and ``age``,
with the value 31. Which column a name is, the graph knows, or its hash says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from skerry.runtime.errors import InvalidInput
from skerry.runtime.manifest import Form, RecordExtractor
from skerry.runtime.protocol.duplicates import check_keys
from skerry.runtime.tensors import USABLE, is_usable

Value = str | float | int | bool | list[str] | None
RECORD_TYPES: dict[Form, Any] = {
    "dict": dict[str, Value],
    "pair": list[tuple[str, Value]],
    "string": list[str],
}
"""What a record is in JSON."""


class RecordReader:
    """Calling it with a record gives its names, each once, and the sums of their values.

    Raises:
        ValueError: scikit-learn refuses such a record.
    """

    def __init__(self, settings: RecordExtractor) -> None:
        self._pairs = _PAIRS[settings.form]
        self._separator = settings.separator
        self._values = _listed if settings.lists else _single

    def __call__(self, record: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in self._pairs(record):
            for suffix, number in self._values(value):
                key = name if suffix is None else f"{name}{self._separator}{suffix}"
                found[key] = found[key] + number if key in found else number
        if not is_usable("\n".join(found)):
            raise ValueError(f"expected {USABLE}")
        return found


def _of_dict(record: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(record, dict):
        raise ValueError(f"expected a record of names and values, got {record!r:.60}")
    return ((_name(name), value) for name, value in record.items())


def _of_pairs(record: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(record, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in record
    ):
        raise ValueError(f"expected a list of pairs of a name and a value, got {record!r:.60}")
    return ((_name(name), value) for name, value in record)


def _of_strings(record: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(record, list | tuple):
        raise ValueError(f"expected a list of strings, got {record!r:.60}")
    return ((_name(name), 1) for name in record)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"expected names that are strings, got {name!r:.60}")
    return name


def _single(value: Any) -> Sequence[tuple[str | None, float]]:
    """FeatureHasher: a number, or a string that becomes part of the name."""
    if isinstance(value, str):
        return ((value, 1.0),)
    return ((None, _number(value)),)


def _listed(value: Any) -> Sequence[tuple[str | None, float]]:
    """DictVectorizer: also a list of strings, or None, which is NaN."""
    if value is None:
        return ((None, float("nan")),)
    if isinstance(value, list | tuple | set | frozenset):
        return [(_text(part), 1.0) for part in value]
    return _single(value)


def _text(part: Any) -> str:
    if not isinstance(part, str):
        raise ValueError(f"expected a list of strings, got {part!r:.60} in one")
    return part


def _number(value: Any) -> float:
    try:
        if isinstance(value, str | bytes | complex):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number or a string, got {value!r:.60}") from None


_PAIRS: dict[Form, Callable[[Any], Iterator[tuple[str, Any]]]] = {
    "dict": _of_dict,
    "pair": _of_pairs,
    "string": _of_strings,
}


def decode_records(texts: Sequence[Any], form: Form) -> list[Any]:
    """Records from texts of JSON, one each."""
    decoder = msgspec.json.Decoder(RECORD_TYPES[form])
    return [_decode(decoder, text, row) for row, text in enumerate(texts)]


def _decode(decoder: msgspec.json.Decoder[Any], text: Any, row: int) -> Any:
    try:
        record = decoder.decode(text)
    except (msgspec.DecodeError, TypeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(f"row {row}: expected a record as JSON: {error}") from None
    if isinstance(record, dict):
        check_keys(text if isinstance(text, bytes) else text.encode(), len(record))
    return record
