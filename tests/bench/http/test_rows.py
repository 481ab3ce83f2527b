"""Rows from files and from metadata, and how they are dealt out to requests."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.bench.http.open_inference import TensorMetadata
from skerry.bench.http.rows import FEWEST_REQUESTS, POOL, REQUESTS, SENT, deal, is_finite, make_rows, read_rows
from skerry.runtime.errors import BenchError, FileError, SkerryError

TABLE: list[dict[str, Any]] = [
    {"age": 31.5, "city": "Oslo", "rooms": 2, "here": True},
    {"age": None, "city": None, "rooms": 0, "here": False},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    frame = pd.DataFrame(rows)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_a_table_is_read_as_objects(tmp_path: Path, name: str) -> None:
    assert read_rows(write(tmp_path / name, TABLE)) == TABLE


@pytest.mark.parametrize(
    ("array", "rows"),
    [
        (np.array([[1.5, np.nan], [2, 3]]), [[1.5, None], [2.0, 3.0]]),
        (np.array([[1, 2]], np.int8), [[1, 2]]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", "é"]), ["a", "é"]),
        (np.array([[1, np.inf], [2, 3]]), [[2.0, 3.0]]),
    ],
)
def test_an_array_is_read_as_lists_or_values(tmp_path: Path, array: np.ndarray, rows: list[Any]) -> None:
    np.save(tmp_path / "rows.npy", array)
    np.savez(tmp_path / "rows.npz", X=array)
    assert read_rows(tmp_path / "rows.npy") == rows == read_rows(tmp_path / "rows.npz")


def test_lines_are_read_as_they_are(tmp_path: Path) -> None:
    rows = [{"a": [1, None], "b": {"c": "x"}}, [["a", 1.5]], "text", 3]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert read_rows(tmp_path / "rows.jsonl") == rows


def test_times_and_pandas_own_types_are_read_as_json_has_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"n": pd.array([1, None], "Int64"), "t": pd.to_datetime(["2026-11-22", None]), "c": pd.Categorical(["a", None])}
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    expected = [{"n": 1, "t": "2026-11-22 00:00:00", "c": "a"}, {"n": None, "t": None, "c": None}]
    assert read_rows(tmp_path / "rows.parquet") == expected


def test_of_a_large_file_rows_are_taken_from_all_over(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(10 * POOL))
    rows = read_rows(tmp_path / "rows.npy")
    assert (len(rows), rows[0], rows[-1]) == (POOL, 0, 10 * POOL - 1)


def test_a_file_of_infinite_numbers_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([[np.inf]]))
    with pytest.raises(BenchError, match=r"rows\.npy: expected rows that JSON can carry"):
        read_rows(tmp_path / "rows.npy")


@pytest.mark.parametrize("name", ["rows.txt", "rows.csv", "rows.jsonl", "missing.npy", "missing.jsonl"])
def test_what_is_no_file_of_rows(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_text("")
    with pytest.raises(SkerryError, match=name):
        read_rows(tmp_path / name)


def test_a_line_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("[1]\n[1")
    with pytest.raises(FileError, match=r"rows\.jsonl: expected JSON in each line: "):
        read_rows(tmp_path / "rows.jsonl")


def test_what_json_can_carry() -> None:
    assert is_finite({"a": [1.0, None, "inf"], "b": True})
    assert not is_finite({"a": [1.0, [float("-inf")]]})


@pytest.mark.parametrize("rows", [1, 2, 100, 256, 1000, 20_000])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rows_are_dealt_out_to_different_requests(rows: int, size: int) -> None:
    dealt = deal(list(range(rows)), size)
    assert len(dealt) == min(rows, REQUESTS, max(FEWEST_REQUESTS, SENT // size))
    assert {len(request) for request in dealt} == {size}
    assert len({tuple(request) for request in dealt}) == len(dealt)
    assert all((after - before) % rows == 1 % rows for request in dealt for before, after in pairwise(request))


def test_rows_are_dealt_from_all_over() -> None:
    starts = [request[0] for request in deal(list(range(1000)), 1)]
    assert (starts[0], starts[-1], len(set(np.diff(starts).tolist()))) == (0, 996, 2)


@pytest.mark.parametrize(
    ("inputs", "kinds"),
    [
        ([("X", "FP64", [-1, 3])], [float] * 3),
        ([("X", "INT64", [-1])], int),
        ([("X", "UINT8", [-1, 2])], [int, int]),
        ([("X", "BYTES", [-1, 1])], str),
        ([("X", "FP32", [-1, -1])], float),
        ([("X", "FP16", [2, 2])], [float, float]),
        ([("a", "BOOL", [-1, 1]), ("b", "FP32", [-1, 2])], {"a": bool, "b": [float, float]}),
    ],
)
def test_rows_are_made_up_as_the_metadata_says(inputs: list[Any], kinds: Any) -> None:
    size = 2 if inputs[0][2] == [2, 2] else 1
    rows = make_rows([TensorMetadata(*each) for each in inputs], size)
    assert rows == make_rows([TensorMetadata(*each) for each in inputs], size)
    assert len(rows) == 256
    assert len({json.dumps(row) for row in rows}) > 1
    assert {str(_kinds(row)) for row in rows} == {str(kinds)}


def _kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _kinds(part) for name, part in value.items()}
    return [_kinds(part) for part in value] if isinstance(value, list) else type(value)


def test_what_cannot_be_made_up() -> None:
    with pytest.raises(BenchError, match="input 'X': no values can be made up for datatype BF16"):
        make_rows([TensorMetadata("X", "BF16", [-1])], 1)
