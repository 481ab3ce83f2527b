"""Rows are the same in every form, whether they come from a file or with an artifact; and every call has others."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.bench.model_rows import FileRows, GoldenRows, pick, shuffled, windows
from skerry.runtime import Artifact, Model
from skerry.runtime.errors import BenchError


def test_a_file_is_read_as_export_reads_it(
    tmp_path: Path, passengers_rows: pd.DataFrame, passengers_model: Model, passengers_estimator: Any
) -> None:
    passengers_rows.assign(note="x", lost=True).to_csv(tmp_path / "rows.csv", index=False)
    rows = FileRows.read(tmp_path / "rows.csv", target="lost")
    assert (rows.source, len(rows)) == ("rows.csv", 200)
    pd.testing.assert_frame_equal(rows.original(passengers_estimator), passengers_rows, check_dtype=False)
    expected = passengers_model.feeds.from_rows(passengers_rows)
    for name, array in rows.feeds(passengers_model.manifest).items():
        np.testing.assert_array_equal(array, expected[name])


def test_records_of_a_file_need_no_other_fields(
    tmp_path: Path, diabetes_rows: pd.DataFrame, diabetes_model: Model
) -> None:
    diabetes_rows.assign(other=1).head(3).to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    feeds = FileRows.read(tmp_path / "rows.jsonl").feeds(diabetes_model.manifest)
    np.testing.assert_allclose(feeds["FP64"], diabetes_rows.head(3), atol=1e-9)


def test_golden_rows_are_fed_as_they_are_and_rebuilt_for_an_estimator(
    passengers_artifact: Artifact, passengers_model: Model, passengers_estimator: Any
) -> None:
    rows = GoldenRows.of(passengers_artifact)
    assert rows.source == "the golden rows of passengers/1"
    frame = rows.original(passengers_estimator)
    assert len(frame) == len(rows)
    np.testing.assert_array_equal(
        passengers_estimator.predict(frame), passengers_model.predict(frame), "rows that were rebuilt"
    )
    feeds = rows.feeds(passengers_artifact.manifest)
    np.testing.assert_array_equal(passengers_model.answer(feeds, ["predict"])[0], passengers_model.predict(frame))


def test_texts_cannot_be_rebuilt(reviews_artifact: Artifact, reviews_estimator: Any) -> None:
    with pytest.raises(BenchError, match="the golden rows of reviews/1 hold the parts of texts") as raised:
        GoldenRows.of(reviews_artifact).original(reviews_estimator)
    assert raised.value.hint == "give rows with --data"


def test_a_file_whose_rows_do_not_fit_is_told_of(
    tmp_path: Path, diabetes_rows: pd.DataFrame, diabetes_model: Model, diabetes_estimator: Any
) -> None:
    diabetes_rows.drop(columns="bmi").to_csv(tmp_path / "rows.csv", index=False)
    rows = FileRows.read(tmp_path / "rows.csv")
    with pytest.raises(BenchError, match=r"rows.csv: diabetes/1 does not take these rows: input 'bmi': missing"):
        rows.feeds(diabetes_model.manifest)
    with pytest.raises(BenchError, match=r"rows.csv: the estimator does not take these rows: .*missing: 'bmi'"):
        rows.original(diabetes_estimator)


@pytest.mark.parametrize("index", [slice(1, 3), np.array([2, 0, 2])], ids=["a slice", "places"])
def test_rows_are_picked_in_every_form(index: Any) -> None:
    numbers = np.arange(4) * 10
    expected = numbers[index].tolist()
    assert pick(numbers, index).tolist() == expected
    assert pick({"X": numbers}, index)["X"].tolist() == expected
    assert pick(numbers.tolist(), index) == expected
    assert pick(pd.DataFrame({"a": numbers}), index)["a"].tolist() == expected


def test_rows_are_shuffled_and_repeated_as_often_as_is_needed() -> None:
    index = shuffled(5, 12)
    assert [sorted(index[start : start + 5]) for start in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert not (index[:5] == index[5:10]).all()
    assert len(shuffled(5, 2)) == 5


@pytest.mark.parametrize(("total", "rows"), [(128, 1), (20, 10), (21, 10), (2, 1), (1000, 300)])
def test_every_call_has_other_rows_than_the_one_before(total: int, rows: int) -> None:
    found = list(islice(windows(total, rows), 50))
    assert all(0 <= part.start < part.start + rows == part.stop <= total for part in found)
    assert all(first != second for first, second in pairwise(found))
