"""The JSON type of each datatype, and msgspec's errors in the words of inputs and rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from skerry.runtime.errors import InvalidInput, NotAcceptable, nearest
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.tensors import DTYPES, TensorSpec

_WORDS = {
    "float": "a number",
    "int": "an integer",
    "str": "a string",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_PLACE = re.compile(r"(?P<text>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")
_KIND = re.compile(r"`([^`]+)`")
_MEMBER = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_INSIDE = re.compile(r"\.(?:X|records|instances|dataframe_records)\[(?P<row>\d+)\]\[\.\.\.\]")
_ROW = re.compile(
    r"\.(?:X|records|instances|dataframe_records)\[(?P<row>\d+)\](?:\[(?P<column>\d+)\]|\.(?P<name>.*))?", re.DOTALL
)


def json_type(spec: TensorSpec) -> Any:
    """The Python type that msgspec decodes one value of ``spec`` as, strictly: no text for a number, no 1.5 for an integer."""
    if spec.is_integer:
        limits = np.iinfo(DTYPES[spec.datatype])
        if limits.max >= 2**63:  # msgspec's bounds are int64; NumPy refuses what is beyond UINT64
            return Annotated[int, msgspec.Meta(ge=0)]
        return Annotated[int, msgspec.Meta(ge=int(limits.min), le=int(limits.max))]
    kind: Any = float if spec.is_float else str if spec.datatype == "BYTES" else bool
    return kind | None if spec.missing and spec.datatype != "BOOL" else kind  # NumPy's truths have no gaps


def decode(decoder: msgspec.json.Decoder[Any], body: bytes | msgspec.Raw, names: Sequence[str], where: str = "") -> Any:
    """Decode, or raise ``InvalidInput`` that says where the body is not what it should be."""
    if not body:
        raise InvalidInput("expected a JSON object, got an empty body")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(where + explain(str(error), names)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"expected JSON: {_brief(error)}") from None


def convert(content: Any, kind: type[Any], names: Sequence[str]) -> Any:
    """Decoded JSON as ``kind``, as strictly as ``decode`` would have it."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(explain(str(error), names)) from None


def explain_element(message: str) -> tuple[str, list[int]]:
    """msgspec's error about an element of lists, in words, and the element's indices."""
    place = _PLACE.fullmatch(message)
    text, path = (place["text"], place["path"]) if place else (message, "")
    return _in_words(text), [int(index) for index in _INDEX.findall(path)]


def check_outputs(wanted: Sequence[str], available: Sequence[str]) -> None:
    """Every output that is asked for must be one of the model's methods."""
    for method in wanted:
        if method not in available:
            raise InvalidInput(
                f"output {method!r}: expected some of {', '.join(available)}{nearest(method, available)}"
            )


def to_json(array: Array, feeds: Feeds, method: str, *, flat: bool = False) -> list[Any]:
    """An answer as lists, or as one ``flat`` list. JSON has no NaN and no infinity, and null would be a lie."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        text = f"{method} of row {row} is not a finite number, which JSON cannot carry"
        raise InvalidInput(text) if _has_missing(feeds) else NotAcceptable(text)
    return (array.ravel() if flat else array).tolist()


def _has_missing(feeds: Feeds) -> bool:
    return any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in feeds.values())


def _brief(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the body is not valid UTF-8"
    return (
        "it is nested too deeply"
        if isinstance(error, RecursionError)
        else str(error).removeprefix("JSON is malformed: ")
    )


def explain(message: str, names: Sequence[str]) -> str:
    """msgspec's "Expected `float`, got `str` - at `$.records[1].age`" as "input 'age' row 1: expected a number, got a string"."""
    place = _PLACE.fullmatch(message)
    text, path = (place["text"], place["path"]) if place else (message, "")
    row = _ROW.fullmatch(path)
    if member := _MEMBER.fullmatch(text):
        return _explain_member(member, row, path.lstrip("."), names)
    text = _in_words(text)
    if inside := _INSIDE.match(path):  # somewhere in a record
        return f"row {inside['row']}: {text}"
    if not row:
        return (f"{path.lstrip('.')}: " if path else "") + text
    if row["name"] is not None:
        return f"input {row['name']!r} row {row['row']}: {text}"
    if row["column"] is not None:
        column = int(row["column"])
        named = (
            f"input {names[column]!r} row {row['row']}"
            if len(names) > 1
            else f"input 'X' row {row['row']} column {column}"
        )
        return f"{named}: {text}"
    return f"row {row['row']}: {text}"


def _explain_member(member: re.Match[str], row: re.Match[str] | None, path: str, names: Sequence[str]) -> str:
    unknown = member["what"].startswith("contains")
    if row is None:
        return (f"{path} " if path else "") + f"field {member['name']!r}: " + ("unknown" if unknown else "missing")
    hint = nearest(member["name"], names) if unknown else ""
    return f"input {member['name']!r} row {row['row']}: " + (f"unknown{hint}" if unknown else "missing")


def _in_words(text: str) -> str:
    if text.startswith("Number out of range"):
        return "expected a number in the range of float64"
    text = _KIND.sub(lambda found: " or ".join(_WORDS.get(kind, kind) for kind in found[1].split(" | ")), text)
    return text[:1].lower() + text[1:]
