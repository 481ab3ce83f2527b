from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.protocol.csv import MISSING_WORDS, read_csv
from skerry.runtime.tensors import MISSING, TensorSpec

NAN, INF = float("nan"), float("inf")


def spec(datatype: str, name: str = "a", *, missing: bool = False) -> TensorSpec:
    return TensorSpec(name=name, datatype=datatype, shape=(-1, 1), missing=missing)


def read(text: str, *inputs: TensorSpec, rows: int = 100) -> list[dict[str, np.ndarray]]:
    return list(read_csv(io.StringIO(text, newline=""), inputs, rows=rows))


def cell(text: str, datatype: str, *, missing: bool = False) -> Any:
    """The one cell of column a, read as ``datatype``; b is there for empty cells to be seen."""
    [batch] = read(f"a,b\n{text},\n", spec(datatype, missing=missing))
    return batch["a"][0]


def says(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_cells_are_typed_by_the_inputs_and_never_by_their_looks() -> None:
    [batch] = read(
        "s,f,i,b\n1,1,1,true\n", spec("BYTES", "s"), spec("FP32", "f"), spec("UINT8", "i"), spec("BOOL", "b")
    )
    expected = {"s": np.array(["1"], object), "f": np.array([1.0]), "i": np.array([1], np.uint8), "b": np.array([True])}
    assert list(batch) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(batch[name], array, strict=True)


def test_columns_are_found_by_name_and_others_passed_over() -> None:
    [batch] = read("x,b,a\n9,2,1\n", spec("INT64", "a"), spec("INT64", "b"))
    assert {name: values.tolist() for name, values in batch.items()} == {"a": [1], "b": [2]}


@pytest.mark.parametrize(("rows", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (100, [3])])
def test_rows_come_in_batches(rows: int, sizes: list[int]) -> None:
    batches = read("a\n1\n2\n3\n", spec("INT64"), rows=rows)
    assert [len(batch["a"]) for batch in batches] == sizes
    assert [value for batch in batches for value in batch["a"].tolist()] == [1, 2, 3]


def test_no_rows_are_no_batches() -> None:
    assert read("a\n", spec("INT64")) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(ending: str) -> None:
    [batch] = read(ending.join(["a,b", "1,x", "2,y", ""]), spec("INT64"))
    assert batch["a"].tolist() == [1, 2]


def test_quoted_cells_may_hold_anything() -> None:
    [batch] = read('"a",b\n"x, ""y""\nz",1\n', spec("BYTES"))
    assert batch["a"].tolist() == ['x, "y"\nz']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("-1.5", -1.5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("inf", INF),
        ("-Infinity", -INF),
        ("0.1", 0.1),
        ("16777217", 16777217.0),
        ("007", 7.0),
        ("1" * 30, 1.1111111111111111e29),
    ],
)
def test_numbers(text: str, expected: float) -> None:
    assert cell(text, "FP64") == expected


@pytest.mark.parametrize("text", sorted(MISSING_WORDS))
def test_missing_words_are_pandas(text: str) -> None:
    assert np.isnan(cell(text, "FP64"))
    assert cell(text, "BYTES", missing=True) is None
    assert cell(text, "BYTES") == text
    assert pd.read_csv(io.StringIO(f"a,b\n{text},1\n"))["a"].isna().all()


@pytest.mark.parametrize(
    "text",
    ["x", "1,5", "1e400", "-1e400", "1_000", " 1", "1 ", "１", "0x10", "1e", "--1", "e5", ".", "true", "1.2.3", "1f"],
)
def test_text_is_no_number(text: str) -> None:
    with pytest.raises(InvalidInput, match=says(f"input 'a' row 0: expected a number, got {text!r}")):
        cell(f'"{text}"', "FP64")


@pytest.mark.parametrize(
    ("datatype", "text", "expected"),
    [
        ("INT64", str(2**63 - 1), 2**63 - 1),
        ("INT64", str(-(2**63)), -(2**63)),
        ("UINT64", str(2**64 - 1), 2**64 - 1),
        ("INT8", "+7", 7),
    ],
)
def test_integers(datatype: str, text: str, expected: int) -> None:
    assert cell(text, datatype) == expected


@pytest.mark.parametrize(
    ("datatype", "text"),
    [
        ("INT64", str(2**63)),
        ("UINT8", "256"),
        ("UINT8", "-1"),
        ("INT8", "1.0"),
        ("INT64", "1e3"),
        ("INT64", ""),
        ("INT64", "NaN"),
        ("INT64", "9" * 5000),
        ("INT64", "１"),
        ("INT64", "true"),
    ],
)
def test_what_is_no_integer_of_that_range_is_refused(datatype: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^input 'a' row 0: expected an integer of that range, got '"):
        cell(text, datatype)


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_truths(text: str) -> None:
    assert cell(text, "BOOL") == (text.lower() == "true")


@pytest.mark.parametrize("text", ["1", "0", "yes", "tRUE", "", "NA"])
def test_what_is_neither_true_nor_false_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=says(f"input 'a' row 0: expected true or false, got {text!r}")):
        cell(text, "BOOL")


def test_our_own_mark_for_missing_is_no_text() -> None:
    with pytest.raises(InvalidInput, match=r"^input 'a' row 0: expected text, got "):
        cell(MISSING, "BYTES", missing=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a line that names the columns, got an empty file"),
        ("\n\n", "expected a line that names the columns, got an empty file"),
        ("b,c\n1,2\n", "columns missing: 'a'"),
        ("A\n1\n", "columns missing: 'a'"),
        ("a,b,a\n1,2,3\n", "expected distinct column names, got duplicates"),
        ("a,b\n1,2\n1\n", "row 1: expected 2 cells, got 1"),
        ("a,b\n1,2,3\n", "row 0: expected 2 cells, got 3"),
    ],
)
def test_lines_that_are_no_table_are_refused(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput, match=says(expected)):
        read(text, spec("INT64"))


def test_blank_lines_are_passed_over_as_pandas_does() -> None:
    assert [batch["a"].tolist() for batch in read_csv(["a\n", "1\n", "\n", "2\n", "\n"], [spec("INT64")], rows=10)] == [
        [1, 2]
    ]


@pytest.mark.parametrize("text", ['a,b\n"x,1\n', 'a,b\n"x"y,1\n', "a,b\n" + "x" * 200_000 + ",1\n"])
def test_text_that_is_no_csv_is_refused_by_line(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^line \d+: not CSV: "):
        read(text, spec("BYTES"))
