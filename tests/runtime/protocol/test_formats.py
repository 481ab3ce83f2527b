"""The same rows in every format get the same answers, and what is wrong with them is said in the same way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET
from skerry.runtime.protocol.predict import PredictCodec

Encoder = Callable[[pd.DataFrame], bytes]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: None if value is None or value != value else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


def rows(frame: pd.DataFrame) -> list[list[Any]]:
    return [list(record.values()) for record in records(frame)]


def body(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def as_arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame)


def categorical(frame: pd.DataFrame) -> pa.Table:
    return table(frame.astype({"city": "category", "deck": "category"}))


def in_chunks(frame: pd.DataFrame) -> pa.Table:
    return pa.concat_tables([table(frame[:3]), table(frame[3:4]), table(frame[4:])])


def retyped(**types: pa.DataType) -> Callable[[pd.DataFrame], pa.Table]:
    def convert(frame: pd.DataFrame) -> pa.Table:
        found = table(frame)
        for name, kind in types.items():
            place = found.schema.get_field_index(name)
            found = found.set_column(place, name, found.column(name).cast(kind))
        return found

    return convert


JSONS: dict[str, tuple[str, Encoder]] = {
    "X": (JSON, lambda frame: body(X=rows(frame))),
    "records": (JSON, lambda frame: body(records=records(frame))),
    "instances, records": (JSON, lambda frame: body(instances=records(frame))),
    "instances, rows": (JSON, lambda frame: body(instances=rows(frame))),
    "dataframe_records": (JSON, lambda frame: body(dataframe_records=records(frame))),
    "dataframe_split": (JSON, lambda frame: body(dataframe_split={"columns": list(frame), "data": rows(frame)})),
    "dataframe_split, index": (JSON, lambda frame: body(dataframe_split={"index": [str(i) for i in frame.index], "columns": list(frame), "data": rows(frame)})),
    "lines of records": (NDJSON, lambda frame: b"\n".join(body(**record) for record in records(frame)) + b"\n\n"),
    "lines of rows": (NDJSON, lambda frame: b"\n".join(json.dumps(row).encode() for row in rows(frame))),
}  # fmt: skip
TABLES: dict[str, tuple[str, Encoder]] = {
    "CSV": (CSV, lambda frame: frame.to_csv(index=False).encode()),
    "CSV, BOM": (f"{CSV}; charset=UTF-8; header=present", lambda frame: frame.to_csv(index=False).encode("utf-8-sig")),
    "CSV, CR LF": (CSV, lambda frame: frame.to_csv(index=False, lineterminator="\r\n", quoting=1).encode()),
    "Arrow": (ARROW, lambda frame: as_arrow(table(frame))),
    "Arrow, categories": (ARROW, lambda frame: as_arrow(categorical(frame))),
    "Arrow, chunks": (ARROW, lambda frame: as_arrow(in_chunks(frame))),
    "Arrow, large strings": (ARROW, lambda frame: as_arrow(retyped(city=pa.large_string(), deck=pa.string())(frame))),
    "Arrow, views": (ARROW, lambda frame: as_arrow(retyped(city=pa.string_view())(frame))),
    "Arrow, small integers": (ARROW, lambda frame: as_arrow(retyped(relatives=pa.uint8())(frame))),
    "Parquet": (PARQUET, lambda frame: as_parquet(table(frame))),
    "Parquet, categories": (PARQUET, lambda frame: as_parquet(categorical(frame), compression="gzip")),
    "Parquet, groups": (PARQUET, lambda frame: as_parquet(table(frame), row_group_size=3, use_dictionary=False)),
    "Parquet, an index": (PARQUET, lambda frame: as_parquet(table(frame.set_axis(range(5, 5 + len(frame)))[::-1][::-1]))),
}  # fmt: skip
FORMATS = JSONS | TABLES


@pytest.fixture(scope="module")
def frame(passengers_rows: pd.DataFrame) -> pd.DataFrame:
    """Mixed columns: floats with gaps, an integer, truths, strings with a missing, an empty and an unseen one."""
    found = passengers_rows[:12].copy()
    found["city"] = found["city"].astype(object)
    found.loc[1, "city"] = "Atlantis"
    found.loc[2, "city"] = None
    return found


@pytest.fixture(scope="module")
def codec(passengers_model: Model) -> PredictCodec:
    return PredictCodec(passengers_model)


def predict(codec: PredictCodec, model: Model, content: bytes, content_type: str) -> list[np.ndarray]:
    request = codec.decode(content, content_type)
    return model.answer(request.feeds, ("predict", "predict_proba"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_answered_as_scikit_learn_answers(
    codec: PredictCodec, passengers_model: Model, passengers_estimator: Any, frame: pd.DataFrame, name: str
) -> None:
    content_type, encode = FORMATS[name]
    labels, scores = predict(codec, passengers_model, encode(frame), content_type)
    assert labels.tolist() == passengers_estimator.predict(frame).tolist()
    np.testing.assert_allclose(scores, passengers_estimator.predict_proba(frame), rtol=1e-9)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_arrays(codec: PredictCodec, frame: pd.DataFrame, name: str) -> None:
    content_type, encode = FORMATS[name]
    expected = codec.decode(FORMATS["X"][1](frame)).feeds
    found = codec.decode(encode(frame), content_type).feeds
    assert list(found) == list(expected)
    for tensor, array in expected.items():
        np.testing.assert_array_equal(found[tensor], array, strict=True)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("X", "instances, rows", "lines of rows")])
def test_columns_are_found_by_name(codec: PredictCodec, frame: pd.DataFrame, name: str) -> None:
    content_type, encode = FORMATS[name]
    expected = codec.decode(FORMATS["X"][1](frame)).feeds
    found = codec.decode(encode(frame[reversed(list(frame))]), content_type).feeds
    for tensor, array in expected.items():
        np.testing.assert_array_equal(found[tensor], array, strict=True)


BY_NAME = ["records", "instances, records", "dataframe_records", "dataframe_split", "lines of records", "CSV", "Arrow", "Parquet"]  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_extra_columns_are_refused_or_ignored(
    codec: PredictCodec, passengers_model: Model, frame: pd.DataFrame, name: str
) -> None:
    content_type, encode = FORMATS[name]
    content = encode(frame.assign(citi="x"))
    with pytest.raises(InvalidInput, match=r"^input 'citi'( row 0)?: unknown \(did you mean 'city'\?\)$"):
        codec.decode(content, content_type)
    tolerant = PredictCodec(passengers_model, extra_columns="ignore")
    expected = codec.decode(encode(frame), content_type).feeds
    for tensor, array in tolerant.decode(content, content_type).feeds.items():
        np.testing.assert_array_equal(array, expected[tensor], strict=True)


@pytest.mark.parametrize("extra_columns", ["refuse", "ignore"])
@pytest.mark.parametrize("name", BY_NAME)
def test_missing_columns_are_named(passengers_model: Model, frame: pd.DataFrame, name: str, extra_columns: Any) -> None:
    content_type, encode = FORMATS[name]
    codec = PredictCodec(passengers_model, extra_columns=extra_columns)
    with pytest.raises(InvalidInput, match=r"^input 'city'( row 0)?: missing"):
        codec.decode(encode(frame.drop(columns="city")), content_type)
    with pytest.raises(InvalidInput, match=r"^input '(city|citi)'( row 0)?: (missing|unknown) ?"):
        codec.decode(encode(frame.rename(columns={"city": "citi"})), content_type)


def swapped(frame: pd.DataFrame, name: str, row: int, value: Any) -> pd.DataFrame:
    changed = frame.astype({name: object})
    changed.loc[row, name] = value
    return changed


@pytest.mark.parametrize("format_name", [*JSONS, "CSV", "CSV, CR LF"])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("age", "old", "a number"),
        ("relatives", 1.5, "an integer"),
        ("relatives", None, "an integer"),
        ("relatives", 2**63, "an integer"),
        ("member", "yes", "true or false"),
        ("member", None, "true or false"),
        ("deck", None, "a string"),
    ],
)
def test_what_is_no_such_value_is_refused_by_input_and_row(
    codec: PredictCodec, frame: pd.DataFrame, format_name: str, name: str, value: Any, expected: str
) -> None:
    content_type, encode = FORMATS[format_name]
    if name == "deck" and content_type == CSV:
        pytest.skip("an empty cell is an empty text")
    with pytest.raises(InvalidInput, match=rf"^input '{name}' row 5: expected {expected}"):
        codec.decode(encode(swapped(frame, name, 5, value)), content_type)


@pytest.mark.parametrize("encode", [(ARROW, as_arrow), (PARQUET, as_parquet)], ids=["Arrow", "Parquet"])
@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("age", pa.array(["1"] * 12), "input 'age' row 0: expected a number, got a column of string"),
        ("age", pa.array([True] * 12), "input 'age' row 0: expected a number, got a column of bool"),
        ("age", pa.array(range(12)).cast(pa.decimal128(21, 2)), "input 'age' row 0: expected a number, got a column of decimal128(21, 2)"),
        ("age", pa.array(range(12), pa.timestamp("ms")), "input 'age' row 0: expected a number, got a column of timestamp[ms]"),
        ("age", pa.array([float("inf")] * 12), "input 'age' row 0: expected a finite number, got inf"),
        ("age", pa.array([[1.0]] * 12), "input 'age' row 0: expected a number, got a column of list<"),
        ("relatives", pa.array([1.0] * 12), "input 'relatives' row 0: expected an integer, got a column of double"),
        ("relatives", pa.array([1, 2, 3, None, *range(8)]), "input 'relatives' row 3: expected an integer, got a missing value"),
        ("relatives", pa.array([2**63] * 12, pa.uint64()), "input 'relatives' row 0: expected an integer in the range of INT64, got 9223372036854775808"),
        ("relatives", pa.nulls(12), "input 'relatives' row 0: expected an integer, got a column of null"),
        ("member", pa.array([True, None] * 6), "input 'member' row 1: expected true or false, got a missing value"),
        ("member", pa.array([1] * 12), "input 'member' row 0: expected true or false, got a column of int64"),
        ("city", pa.array([b"x"] * 12), "input 'city' row 0: expected a string, got a column of binary"),
        ("city", pa.array(range(12)), "input 'city' row 0: expected a string, got a column of int64"),
        ("deck", pa.array(["A", "B", None] * 4), "input 'deck' row 2: expected a string, got a missing value"),
        ("deck", pa.array(["A", "B", None] * 4).dictionary_encode(), "input 'deck' row 2: expected a string, got a missing value"),
        ("city", pa.array(["a\0"] * 12), "input 'city' row 0: expected text without NUL"),
    ],
)  # fmt: skip
def test_typed_columns_are_refused_by_their_type_or_row(
    codec: PredictCodec, frame: pd.DataFrame, encode: Any, name: str, values: pa.Array, error: str
) -> None:
    content_type, write = encode
    found = table(frame)
    found = found.set_column(found.schema.get_field_index(name), name, values)
    with pytest.raises(InvalidInput) as refusal:
        codec.decode(write(found), content_type)
    assert refusal.value.text.startswith(error)


@pytest.mark.parametrize("encode", [(ARROW, as_arrow), (PARQUET, as_parquet)], ids=["Arrow", "Parquet"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None] * 6),
        pa.array([1.0, None] * 6, pa.float32()),
        pa.array([1.0, float("nan")] * 6),
        pa.array([1, None] * 6, pa.int8()).dictionary_encode(),
        pa.array([1.0, None] * 6, pa.float16()),
    ],
    ids=["int64", "float", "NaN", "dictionary", "halffloat"],
)
def test_gaps_in_a_float_column_are_missing_values(
    codec: PredictCodec, frame: pd.DataFrame, encode: Any, values: pa.Array
) -> None:
    content_type, write = encode
    found = table(frame)
    found = found.set_column(found.schema.get_field_index("age"), "age", values)
    request = codec.decode(write(found), content_type)
    np.testing.assert_array_equal(request.feeds["FP64"][:, 0], [1.0, np.nan] * 6)


@pytest.mark.parametrize("write", [(ARROW, as_arrow), (PARQUET, as_parquet)], ids=["Arrow", "Parquet"])
def test_a_column_without_any_value_is_missing_throughout(codec: PredictCodec, frame: pd.DataFrame, write: Any) -> None:
    found = table(frame)
    for name in ("age", "city"):
        found = found.set_column(found.schema.get_field_index(name), name, pa.nulls(12))
    feeds = codec.decode(write[1](found), write[0]).feeds
    expected = codec.decode(FORMATS["X"][1](frame.assign(age=np.nan, city=None))).feeds
    for tensor, array in expected.items():
        np.testing.assert_array_equal(feeds[tensor], array, strict=True)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows_is_refused(codec: PredictCodec, frame: pd.DataFrame, name: str) -> None:
    content_type, encode = TABLES[name]
    if name == "Arrow, chunks":
        pytest.skip("it would have no chunks")
    with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
        codec.decode(encode(frame[:0]), content_type)


@pytest.mark.parametrize("content_type", [NDJSON, CSV, ARROW, PARQUET, NPY])
@pytest.mark.parametrize("content", [b"", b"\x00", b"PAR1", b"\x93NUMPY", b"{", b"\xff\xff\xff\xff" * 9, b"\x93NUMPY\x01\x00\xff\xff" + b" " * 90], ids=range(7))  # fmt: skip
def test_what_is_of_no_format_is_the_clients_fault(codec: PredictCodec, content: bytes, content_type: str) -> None:
    with pytest.raises(InvalidInput):
        codec.decode(content, content_type)


@pytest.mark.parametrize("name", ["CSV", "Arrow", "Parquet"])
def test_truncated_bodies_are_the_clients_fault_or_a_shorter_table(
    codec: PredictCodec, frame: pd.DataFrame, name: str
) -> None:
    content_type, encode = TABLES[name]
    content = encode(frame)
    for size in range(0, len(content), max(1, len(content) // 300)):
        try:
            assert codec.decode(content[:size], content_type).rows <= len(frame)
        except InvalidInput:
            continue


@pytest.mark.parametrize("name", ["Arrow", "Parquet", "Arrow, categories", "Parquet, categories"])
def test_damaged_bodies_are_never_a_fault_of_ours(codec: PredictCodec, frame: pd.DataFrame, name: str) -> None:
    from skerry.runtime.errors import TooLarge, UnsupportedMedia

    content_type, encode = TABLES[name]
    content = encode(frame)
    random = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        try:
            codec.decode(bytes(damaged), content_type)
        except (InvalidInput, TooLarge, UnsupportedMedia):
            continue
