from __future__ import annotations

import json
from typing import Any

import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.protocol.duplicates import check_keys


def count(value: Any) -> int:
    """The keys of decoded JSON, at every level."""
    if isinstance(value, dict):
        return len(value) + sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 0


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"a": 1, "b": {"a": 1}}',
        '{"a" : [{"a"\n:1},{"a"\t:\r 2}]}',
        '{"time": "12:30", "url": "http://localhost:80/"}',
        '{"a": "\\":", "b": " :", ":": ":"}',
        '{"n": ' + "9" * 5000 + ', "x": ": 1.5e400"}',
    ],
)
def test_a_key_may_be_in_several_objects(text: str) -> None:
    found = json.loads(text, parse_int=len)
    check_keys(text.encode(), count(found))
    check_keys(text.encode(), 0)  # the close look comes to the same


@pytest.mark.parametrize(
    ("text", "key", "times"),
    [
        ('{"inputs": 1, "inputs": 2}', "inputs", 2),
        ('{"a": 1, "b": 2, "\\u0061": 3, "a": 4}', "a", 3),
        ('{"a": {"b": 1, "b" :1}}', "b", 2),
        ('[[{"": 1, "": 1}]]', "", 2),
        ('{"a": "x:y", "a": "x:y"}', "a", 2),
    ],
)
def test_a_key_twice_is_named(text: str, key: str, times: int) -> None:
    with pytest.raises(InvalidInput) as error:
        check_keys(text.encode(), count(json.loads(text)))
    assert error.value.text == f"field {key!r}: expected once in its object, got {times} times"


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b'[" :",' + b"[" * 100_000, "it is nested too deeply"), (b'":":"\xff"', "'utf-8' codec can't decode byte 0xff")],
)
def test_what_is_no_json_is_an_error_of_the_client(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=f"^expected JSON: {reason}"):
        check_keys(body, 0)
