"""Records are read as scikit-learn's DictVectorizer and FeatureHasher read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.manifest import Form, RecordExtractor
from skerry.runtime.records import RecordReader, decode_records


def reader(form: Form = "dict", *, separator: str = "=", lists: bool = True) -> RecordReader:
    return RecordReader(
        RecordExtractor(
            input="X", keys="k", values="v", hashing=None, width=0, form=form, separator=separator, lists=lists
        )
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {}),
        ({"age": 31, "pay": 1.5, "ok": True, "no": False}, {"age": 31.0, "pay": 1.5, "ok": 1.0, "no": 0.0}),
        ({"city": "Oslo", "land": ""}, {"city=Oslo": 1.0, "land=": 1.0}),
        ({"tags": ["a", "b", "a"], "none": []}, {"tags=a": 2.0, "tags=b": 1.0}),
        ({"tags": ("a",), "set": {"b"}}, {"tags=a": 1.0, "set=b": 1.0}),
        ({"a": "b", "a=b": 2}, {"a=b": 3.0}),
        ({"a": np.float32(0.5), "b": np.int8(3)}, {"a": 0.5, "b": 3.0}),
        ({"a": float("inf"), "b": 10**300}, {"a": float("inf"), "b": 1e300}),
    ],
)
def test_a_dict(record: Any, expected: dict[str, float]) -> None:
    assert reader()(record) == expected


def test_none_is_not_a_number() -> None:
    assert np.isnan(reader()({"a": None})["a"])


def test_a_separator_of_ones_own() -> None:
    assert reader(separator=": ")({"a": "b", "c": ["d"]}) == {"a: b": 1.0, "c: d": 1.0}


def test_pairs_add_up() -> None:
    assert reader("pair", lists=False)([["a", 1], ("a", 2.5), ["b", "c"]]) == {"a": 3.5, "b=c": 1.0}


def test_strings_count() -> None:
    assert reader("string", lists=False)(["a", "b", "a"]) == {"a": 2.0, "b": 1.0}


@pytest.mark.parametrize(
    ("form", "record", "text"),
    [
        ("dict", 7, "expected a record of names and values, got 7"),
        ("dict", [("a", 1)], "expected a record of names and values"),
        ("dict", {1: 2}, "expected names that are strings, got 1"),
        ("dict", {"a": {}}, "expected a number or a string, got {}"),
        ("dict", {"a": b"x"}, "expected a number or a string, got b'x'"),
        ("dict", {"a": 1j}, "expected a number or a string, got 1j"),
        ("dict", {"a": 10**400}, "expected a number or a string, got 1000"),
        ("dict", {"a": [1]}, "expected a list of strings, got 1 in one"),
        ("dict", {"a": [None]}, "expected a list of strings, got None in one"),
        ("dict", {"a\x00": 1}, "expected text without NUL"),
        ("dict", {"a": "\ud800"}, "expected text without NUL"),
        ("dict", {"a": "\ufdd0"}, "expected text without NUL"),
        ("pair", "ab", "expected a list of pairs"),
        ("pair", [["a"]], "expected a list of pairs"),
        ("pair", ["ab"], "expected a list of pairs"),
        ("pair", [[1, 2]], "expected names that are strings, got 1"),
        ("string", "ab", "expected a list of strings, got 'ab'"),
        ("string", [1], "expected names that are strings, got 1"),
    ],
)
def test_what_scikit_learn_refuses_is_refused(form: Form, record: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        reader(form)(record)


@pytest.mark.parametrize("value", [None, ["a"]])
def test_a_hasher_takes_no_lists_and_nothing_missing(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a number or a string"):
        reader(lists=False)({"a": value})


@pytest.mark.parametrize(
    ("form", "text", "record"),
    [
        ("dict", '{"a": 1, "b": "x", "c": null, "d": ["y"], "e": true}', {"a": 1, "b": "x", "c": None, "d": ["y"], "e": True}),
        ("pair", '[["a", 1.5], ["b", "x"]]', [("a", 1.5), ("b", "x")]),
        ("string", '["a", "b"]', ["a", "b"]),
    ],
)  # fmt: skip
def test_records_in_json(form: Form, text: str, record: Any) -> None:
    assert decode_records([text], form) == [record]


@pytest.mark.parametrize("text", ["", "{", "7", '{"a": {}}', '{"a": [1]}', "[1]", None, 7, "\ud800", "[" * 9999])
def test_what_is_no_record_is_refused_by_its_row(text: Any) -> None:
    with pytest.raises(InvalidInput, match="row 1: expected a record as JSON"):
        decode_records(["{}", text], "dict")
