from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import FeedBuilder, Feeds, as_array, group_by_datatype
from skerry.runtime.manifest import TextExtractor
from skerry.runtime.tensors import DTYPES, MISSING, TensorSpec

NAN, INF = float("nan"), float("inf")
BIGGEST = float(np.finfo(np.float32).max)


def spec(datatype: str, *, missing: bool = False, infinite: bool = False, name: str = "a") -> TensorSpec:
    return TensorSpec(name=name, datatype=datatype, shape=(-1, 1), missing=missing, infinite=infinite)


@pytest.fixture
def mixed() -> FeedBuilder:
    """age FP64 with missing values, count INT64, city BYTES, fare FP64, member BOOL."""
    inputs = [
        spec("FP64", name="age", missing=True),
        spec("INT64", name="count"),
        spec("BYTES", name="city"),
        spec("FP64", name="fare"),
        spec("BOOL", name="member"),
    ]
    return FeedBuilder(inputs, "columns")


@pytest.fixture
def matrix() -> FeedBuilder:
    return FeedBuilder([TensorSpec(name="X", datatype="FP64", shape=(-1, 2))], "matrix")


@pytest.fixture
def text() -> FeedBuilder:
    """Texts, split into lower-case words of two letters or more."""
    words = TextExtractor(
        input="X",
        keys="terms",
        values="counts",
        hashing=None,
        width=0,
        analyzer="word",
        lowercase=True,
        strip_accents=None,
        token_pattern=r"(?u)\b\w\w+\b",
        ngram_range=(1, 1),
        stop_words=(),
    )
    return FeedBuilder([TensorSpec(name="X", datatype="BYTES", shape=(-1,))], "vector", [words])


COLUMNS: dict[str, list[Any]] = {
    "age": [31.5, None],
    "count": [2, -1],
    "city": ["Oslo", ""],
    "fare": [7, 8.25],
    "member": [True, False],
}
FEEDS: Feeds = {
    "FP64": np.array([[31.5, 7.0], [NAN, 8.25]]),
    "INT64": np.array([[2], [-1]]),
    "BYTES": np.array([["Oslo"], [""]], object),
    "BOOL": np.array([[True], [False]]),
}


def assert_feeds(got: Feeds, expected: Feeds) -> None:
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, strict=True)


def says(text: str) -> str:
    """A pattern for the whole of an error's text."""
    return f"^{re.escape(text)}$"


def test_columns_of_one_datatype_are_one_tensor() -> None:
    inputs = [spec("FP64", name="x"), spec("BYTES", name="s"), spec("FP64", name="y"), spec("FP32", name="z")]
    assert group_by_datatype(inputs) == {"FP64": ("x", "y"), "BYTES": ("s",), "FP32": ("z",)}


FORMS: dict[str, Any] = {
    "frame": pd.DataFrame(COLUMNS),
    "frame in another order": pd.DataFrame(COLUMNS)[["member", "fare", "city", "count", "age"]],
    "frame of objects": pd.DataFrame(COLUMNS, dtype=object),
    "frame of nullable types": pd.DataFrame(COLUMNS).convert_dtypes(),
    "frame of categories": pd.DataFrame(COLUMNS).astype({"city": "category"}),
    "records": pd.DataFrame(COLUMNS).to_dict("records"),
    "records in another order": [dict(reversed(row.items())) for row in pd.DataFrame(COLUMNS).to_dict("records")],
    "lists": [list(row) for row in zip(*COLUMNS.values(), strict=True)],
    "tuples": list(zip(*COLUMNS.values(), strict=True)),
    "array of objects": np.array([list(row) for row in zip(*COLUMNS.values(), strict=True)], object),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_any_form_become_the_same_feeds(mixed: FeedBuilder, form: str) -> None:
    assert_feeds(mixed.from_rows(FORMS[form]), FEEDS)


def test_typed_rows_become_the_same_feeds(mixed: FeedBuilder) -> None:
    assert_feeds(mixed.from_typed([(31.5, 2, "Oslo", 7.0, True), (None, -1, "", 8.25, False)]), FEEDS)


@pytest.mark.parametrize("order", [1, -1])
def test_columns_are_found_by_name(mixed: FeedBuilder, order: int) -> None:
    assert_feeds(mixed.from_columns(dict(list(COLUMNS.items())[::order])), FEEDS)


def test_numbers_and_truths_in_one_list_stay_what_they_are() -> None:
    builder = FeedBuilder([spec("FP64", name="x"), spec("INT64", name="n"), spec("BOOL", name="b")], "columns")
    expected = {"FP64": np.array([[1.5]]), "INT64": np.array([[2]]), "BOOL": np.array([[True]])}
    assert_feeds(builder.from_rows([[1.5, 2, True]]), expected)


@pytest.mark.parametrize(
    "rows", [[[1, 2.5]], ((1, 2.5),), np.array([[1, 2.5]]), pd.DataFrame([[1, 2.5]]), [np.array([1, 2.5])]]
)
def test_matrix_is_fed_as_x(matrix: FeedBuilder, rows: Any) -> None:
    assert_feeds(matrix.from_rows(rows), {"X": np.array([[1.0, 2.5]])})


TEXTS = ["Good, good film!", ""]


@pytest.mark.parametrize(
    "rows", [TEXTS, tuple(TEXTS), np.array(TEXTS), pd.Series(TEXTS), pd.Series(TEXTS, dtype=object)]
)
def test_texts_are_fed_as_their_terms_and_counts(text: FeedBuilder, rows: Any) -> None:
    terms = np.array([["good", "film"], [MISSING, MISSING]], object)
    assert_feeds(text.from_rows(rows), {"terms": terms, "counts": np.array([[2.0, 1.0], [0.0, 0.0]])})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"age": [1.0, "x"]}, "input 'age' row 1: expected a number, got 'x'"),
        ({"age": [1.0, "1.5"]}, "input 'age' row 1: expected a number, got '1.5'"),
        ({"age": [1.0, b"1"]}, "input 'age' row 1: expected a number, got b'1'"),
        ({"age": [1.0, {}]}, "input 'age' row 1: expected a number, got {}"),
        ({"age": [1j, 1.0]}, "input 'age' row 0: expected a number, got 1j (complex128)"),
        ({"age": [1.0, INF]}, "input 'age' row 1: expected a finite number, got inf"),
        ({"age": [-INF, 1.0]}, "input 'age' row 0: expected a finite number, got -inf"),
        ({"fare": [1.0, NAN]}, "input 'fare' row 1: expected a number, got a missing value"),
        ({"fare": [None, 1.0]}, "input 'fare' row 0: expected a number, got a missing value"),
        ({"fare": [1.0, pd.NA]}, "input 'fare' row 1: expected a number, got a missing value"),
        ({"count": [1, 2.5]}, "input 'count' row 0: expected an integer, got 1.0 (float64)"),
        ({"count": [1, None]}, "input 'count' row 1: expected an integer, got a missing value"),
        ({"count": [1, "2"]}, "input 'count' row 1: expected an integer, got '2'"),
        ({"count": [True, False]}, "input 'count' row 0: expected an integer, got True (bool)"),
        ({"member": [True, None]}, "input 'member' row 1: expected true or false, got a missing value"),
        ({"member": [1, 0]}, "input 'member' row 0: expected true or false, got 1 (int64)"),
        ({"member": [True, "false"]}, "input 'member' row 1: expected true or false, got 'false'"),
        ({"city": ["Oslo", 5]}, "input 'city' row 1: expected a string, got 5"),
        ({"city": ["Oslo", b"x"]}, "input 'city' row 1: expected a string, got b'x'"),
        ({"city": ["Oslo", None]}, "input 'city' row 1: expected a string, got a missing value"),
        ({"city": ["Oslo", NAN]}, "input 'city' row 1: expected a string, got a missing value"),
        ({"city": ["Oslo", pd.NA]}, "input 'city' row 1: expected a string, got a missing value"),
        ({"city": ["a\x00", "b"]}, "input 'city' row 0: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"city": ["a", "é\x00"]}, "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"city": ["a", "\ud800"]}, "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"city": ["a", MISSING]}, "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"city": ["a", f"x{MISSING}"]}, "input 'city' row 1: expected text without NUL, U+FDD0 or lone surrogates"),
        ({"count": [[1], [2]]}, "input 'count': expected one value a row, got 2 dimensions"),
        ({"count": 1}, "input 'count': expected one value a row, got 0 dimensions"),
        ({"count": [[1], [2, 3]]}, "input 'count': expected rows of equal length"),
        ({"count": [1]}, "expected as many rows in every input, got {'age': 2, 'count': 1, 'city': 2, 'fare': 2, 'member': 2}"),
    ],
)  # fmt: skip
def test_wrong_value_is_refused_by_input_and_row(mixed: FeedBuilder, changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidInput, match=says(expected)):
        mixed.from_columns(COLUMNS | changed)


@pytest.mark.parametrize("value", [None, NAN, np.nan, np.float32("nan"), pd.NA, pd.NaT])
def test_missing_may_be_said_in_any_way(value: Any) -> None:
    got = as_array([1.0, value], spec("FP64", missing=True))
    np.testing.assert_array_equal(got, np.array([1.0, NAN]), strict=True)


@pytest.mark.parametrize("value", [None, NAN, pd.NA])
def test_missing_text_is_marked(value: Any) -> None:
    got = as_array(["", value, "nan"], spec("BYTES", missing=True))
    np.testing.assert_array_equal(got, np.array(["", MISSING, "nan"], object), strict=True)


@pytest.mark.parametrize(
    "series", [pd.Series(["a", None]), pd.Series(["a", None], dtype="category"), pd.Series(["a", None], dtype=object)]
)
def test_missing_text_of_a_frame_is_marked(series: pd.Series) -> None:
    builder = FeedBuilder([spec("BYTES", missing=True)], "columns")
    assert_feeds(builder.from_rows(pd.DataFrame({"a": series})), {"BYTES": np.array([["a"], [MISSING]], object)})


@pytest.mark.parametrize(("missing", "infinite"), [(False, False), (True, False), (False, True), (True, True)])
def test_missing_and_infinite_are_taken_where_the_input_says_so(missing: bool, infinite: bool) -> None:
    for value, taken in ((NAN, missing), (INF, infinite), (-INF, infinite)):
        given = spec("FP64", missing=missing, infinite=infinite)
        if taken:
            np.testing.assert_array_equal(as_array([value], given), [value])
        else:
            with pytest.raises(InvalidInput, match=r"^input 'a' row 0: expected a (finite )?number, got "):
                as_array([value], given)


@pytest.mark.parametrize("value", [BIGGEST, -BIGGEST, 3.4028235e38, 1e-300, -0.0, 16777217.0])
def test_number_in_the_range_of_fp32_is_rounded(value: float) -> None:
    got = as_array([value], spec("FP32"))
    np.testing.assert_array_equal(got, np.array([value]).astype(np.float32), strict=True)


@pytest.mark.parametrize("value", [1e39, -1e39, 3.5e38, 1e308])
def test_number_beyond_fp32_is_refused_even_where_infinity_is_taken(value: float) -> None:
    with pytest.raises(
        InvalidInput, match=says(f"input 'a' row 1: expected a number in the range of FP32, got {value}")
    ):
        as_array([0.0, value], spec("FP32", missing=True, infinite=True))


@pytest.mark.parametrize("value", [1e39, INF, NAN])
def test_typed_rows_of_one_float_datatype_are_checked_too(value: float) -> None:
    builder = FeedBuilder([spec("FP32", name="x"), spec("FP32", name="y")], "columns")
    assert_feeds(builder.from_typed([(1.0, 2.5)]), {"FP32": np.array([[1.0, 2.5]], np.float32)})
    with pytest.raises(InvalidInput, match=r"^input 'y' row 1: expected a "):
        builder.from_typed([(1.0, 2.0), (1.0, value)])


def test_typed_missing_values_are_nan() -> None:
    builder = FeedBuilder([spec("FP64", name="x", missing=True), spec("FP64", name="y", missing=True)], "columns")
    assert_feeds(builder.from_typed([(None, 1.0)]), {"FP64": np.array([[NAN, 1.0]])})


INTEGERS = [datatype for datatype, dtype in DTYPES.items() if dtype.kind in "iu"]


@pytest.mark.parametrize("datatype", INTEGERS)
def test_integers_fit_their_datatype_to_the_last(datatype: str) -> None:
    limits = np.iinfo(DTYPES[datatype])
    for value in (limits.min, limits.max):
        np.testing.assert_array_equal(as_array([value], spec(datatype)), np.array([value], limits.dtype), strict=True)


@pytest.mark.parametrize("datatype", INTEGERS)
def test_integers_beyond_their_datatype_are_refused(datatype: str) -> None:
    limits = np.iinfo(DTYPES[datatype])
    for value in (limits.min - 1, limits.max + 1):
        with pytest.raises(InvalidInput, match=r"^input 'a' row 0: expected an integer"):
            as_array([value], spec(datatype))


@pytest.mark.parametrize(
    ("array", "datatype", "expected"),
    [
        (np.array([-1]), "UINT8", "-1"),
        (np.array([256], np.uint16), "UINT8", "256"),
        (np.array([-1], np.int8), "UINT64", "-1"),
        (np.array([2**63], np.uint64), "INT64", str(2**63)),
        (np.array([2**31]), "INT32", str(2**31)),
    ],
)
def test_array_of_integers_is_never_wrapped(array: np.ndarray, datatype: str, expected: str) -> None:
    text = f"input 'a' row 0: expected an integer in the range of {datatype}, got {expected}"
    with pytest.raises(InvalidInput, match=says(text)):
        as_array(array, spec(datatype))


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.array([1, -2], np.int8), "INT64"),
        (np.array([1, 2], np.uint8), "INT16"),
        (np.array([1, 2]), "FP64"),
        (np.array([1, 2]), "FP32"),
        (np.array([True, False]), "FP64"),
        (np.array([1.5, 2.5], np.float32), "FP64"),
        (np.array([1.5, 2.5], np.float16), "FP32"),
    ],
)
def test_widening_is_allowed(array: np.ndarray, datatype: str) -> None:
    np.testing.assert_array_equal(as_array(array, spec(datatype)), array.astype(DTYPES[datatype]), strict=True)


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.array([1.0]), "INT64"),
        (np.array([True]), "INT64"),
        (np.array([1]), "BOOL"),
        (np.array([1.0]), "BYTES"),
        (np.array([1]), "BYTES"),
        (np.array([b"x"]), "BYTES"),
        (np.array(["1"]), "FP64"),
        (np.array([b"1"]), "FP64"),
        (np.array(["2020-01-01"], "datetime64[D]"), "FP64"),
        (np.array(["2020-01-01"], "datetime64[D]"), "INT64"),
        (np.array([1j]), "FP64"),
    ],
)
def test_nothing_else_is_coerced(array: np.ndarray, datatype: str) -> None:
    with pytest.raises(InvalidInput, match=r"^input 'a' row 0: expected "):
        as_array(array, spec(datatype))


@pytest.mark.parametrize(
    "value", ["", " ", "é", "e\u0301", "日本語", "😀", "שלום", "\n\t", "\ue000", "\uffff", "x" * 1_000_000]
)
def test_any_other_text_is_taken_as_it_is(value: str) -> None:
    assert as_array(["a", value], spec("BYTES")).tolist() == ["a", value]


def test_array_of_fixed_width_text_is_taken() -> None:
    np.testing.assert_array_equal(
        as_array(np.array(["a", "bc"]), spec("BYTES")), np.array(["a", "bc"], object), strict=True
    )


def test_values_of_a_matrix_are_refused_by_row_and_column(matrix: FeedBuilder) -> None:
    with pytest.raises(InvalidInput, match=says("input 'X' row 1 column 0: expected a number, got a missing value")):
        matrix.from_rows([[1.0, 2.0], [NAN, 2.0]])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["age", "count", "city", "fare"], "input 'member': missing"),
        (["age", "count", "city", "fare", "menber"], "input 'member': missing (did you mean 'menber'?)"),
        (["age", "count", "city", "fare", "member", "extra"], "input 'extra': unknown"),
        (["age", "count", "city", "fare", "member", "Age"], "input 'Age': unknown (did you mean 'age'?)"),
    ],
)
def test_every_input_is_named_once_and_nothing_else(mixed: FeedBuilder, given: list[str], expected: str) -> None:
    columns = {name: COLUMNS.get(name, [1, 2]) for name in given}
    for rows in (columns, pd.DataFrame(columns)):
        with pytest.raises(InvalidInput, match=says(expected)):
            mixed.from_columns(rows) if isinstance(rows, dict) else mixed.from_rows(rows)


def test_names_are_checked_in_every_record(mixed: FeedBuilder) -> None:
    first, second = pd.DataFrame(COLUMNS).to_dict("records")
    del second["fare"]
    with pytest.raises(InvalidInput, match=says("input 'fare' row 1: missing")):
        mixed.from_rows([first, second])


def test_record_among_records_only(mixed: FeedBuilder) -> None:
    with pytest.raises(InvalidInput, match=says("row 1: expected a record as in row 0, got 5")):
        mixed.from_rows([pd.DataFrame(COLUMNS).to_dict("records")[0], 5])


def test_columns_named_twice_are_refused(mixed: FeedBuilder) -> None:
    frame = pd.DataFrame(COLUMNS)
    with pytest.raises(InvalidInput, match=says("expected distinct column names, got duplicates")):
        mixed.from_rows(pd.concat([frame, frame[["age"]]], axis=1))


def test_records_need_names(matrix: FeedBuilder) -> None:
    with pytest.raises(
        InvalidInput, match=r"^expected rows of values, got records: the model was fitted without column names$"
    ):
        matrix.from_rows([{"a": 1.0, "b": 2.0}])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1.0]], "expected 2 values a row, got 1"),
        ([[1.0, 2.0, 3.0]], "expected 2 values a row, got 3"),
        ([[1.0, 2.0], [3.0]], "expected rows of equal length"),
        ([1.0, 2.0], "expected rows of values (2 dimensions), got 1 dimension"),
        ([[[1.0, 2.0]]], "expected rows of values (2 dimensions), got 3 dimensions"),
        (5, "expected rows of values (2 dimensions), got 0 dimensions"),
        (None, "expected rows of values (2 dimensions), got 0 dimensions"),
        ("text", "expected rows of values (2 dimensions), got 0 dimensions"),
        (np.empty((0, 2)), "expected at least one row, got none"),
        (pd.DataFrame(columns=["a", "b"], dtype=float), "expected at least one row, got none"),
    ],
)
def test_rows_of_another_shape_are_refused(matrix: FeedBuilder, rows: Any, expected: str) -> None:
    with pytest.raises(InvalidInput, match=says(expected)):
        matrix.from_rows(rows)


@pytest.mark.parametrize("rows", [pd.DataFrame(COLUMNS)[:0], np.empty((0, 5), object)])
def test_no_rows_are_refused(mixed: FeedBuilder, rows: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
        mixed.from_rows(rows)


def test_no_typed_rows_are_refused(mixed: FeedBuilder, matrix: FeedBuilder, text: FeedBuilder) -> None:
    for builder in (mixed, matrix, text):
        with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
            builder.from_typed([])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("good", "expected a list of texts, got one text"),
        ([["good"]], "expected a list of texts, got 2 dimensions"),
        ([], "expected at least one row, got none"),
        (["good", 5], "input 'X' row 1: expected a string, got 5"),
        (["good", None], "input 'X' row 1: expected a string, got a missing value"),
    ],
)
def test_texts_are_a_list_of_strings(text: FeedBuilder, rows: Any, expected: str) -> None:
    with pytest.raises(InvalidInput, match=says(expected)):
        text.from_rows(rows)


def test_named_columns_may_come_as_one_matrix() -> None:
    specs = [spec("FP64"), spec("FP64", missing=True, name="b")]
    feeds = FeedBuilder(specs, "columns")
    matrix = np.array([[1.0, NAN], [3.0, 4.0]])
    assert_feeds(feeds.from_matrix(matrix), {"FP64": matrix})
    assert_feeds(feeds.from_matrix(np.array([[1, 2]], np.float32)), {"FP64": np.array([[1.0, 2.0]])})
    with pytest.raises(InvalidInput, match=r"^input 'a' row 1: expected a number, got a missing value$"):
        feeds.from_matrix(matrix[:, ::-1][::-1])
    with pytest.raises(InvalidInput, match=r"^expected 2 values a row, got 3$"):
        feeds.from_matrix(np.ones((2, 3)))
    with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
        feeds.from_matrix(np.ones((0, 2)))
    integers = FeedBuilder([spec("INT64"), spec("INT64", name="b")], "columns")
    assert_feeds(integers.from_matrix(np.array([[1, 2]])), {"INT64": np.array([[1, 2]])})


def test_an_integer_beyond_uint64_is_refused_by_name() -> None:
    feeds = FeedBuilder([spec("UINT64"), spec("UINT64", name="b")], "columns")
    assert_feeds(feeds.from_typed([(2**64 - 1, 0)]), {"UINT64": np.array([[2**64 - 1, 0]], np.uint64)})
    with pytest.raises(
        InvalidInput, match=rf"^input 'b' row 1: expected an integer in the range of UINT64, got {2**64}$"
    ):
        feeds.from_typed([(1, 2), (3, 2**64)])
