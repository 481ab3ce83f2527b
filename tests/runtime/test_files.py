from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import FileError, InvalidInput
from skerry.runtime.files import BATCH, predict_file

PROBABILITIES = ["probabilities_lost", "probabilities_saved", "probabilities_unknown"]


@pytest.fixture
def source(passengers_rows: pd.DataFrame, tmp_path: Path) -> Path:
    """The passengers as CSV."""
    path = tmp_path / "rows.csv"
    passengers_rows.to_csv(path, index=False)
    return path


def as_csv(rows: pd.DataFrame, path: Path) -> Path:
    rows.to_csv(path.with_suffix(".csv"), index=False)
    return path.with_suffix(".csv")


def as_parquet(rows: pd.DataFrame, path: Path) -> Path:
    rows.to_parquet(path.with_suffix(".parquet"), index=False)
    return path.with_suffix(".parquet")


def as_npy(rows: pd.DataFrame, path: Path) -> Path:
    np.save(path.with_suffix(".npy"), rows.to_numpy())
    return path.with_suffix(".npy")


def as_npz(rows: pd.DataFrame, path: Path) -> Path:
    np.savez(path.with_suffix(".npz"), X=rows.to_numpy(), y=np.arange(3))
    return path.with_suffix(".npz")


READ: dict[str, Callable[[Path], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


@pytest.mark.parametrize("write", [as_csv, as_parquet])
@pytest.mark.parametrize("suffix", READ)
def test_answers_of_a_file_are_those_of_its_rows(
    passengers_model: Model,
    passengers_rows: pd.DataFrame,
    tmp_path: Path,
    write: Callable[[pd.DataFrame, Path], Path],
    suffix: str,
) -> None:
    source, target = write(passengers_rows.assign(extra=1), tmp_path / "rows"), tmp_path / f"answers{suffix}"
    assert predict_file(passengers_model, source, target, methods=("predict", "predict_proba")) == len(passengers_rows)
    answers = READ[suffix](target)
    assert list(answers.columns) == ["prediction", *PROBABILITIES]
    assert answers["prediction"].tolist() == passengers_model.predict(passengers_rows).tolist()
    got = answers[PROBABILITIES].to_numpy()
    np.testing.assert_allclose(got, passengers_model.predict_proba(passengers_rows), rtol=1e-12)


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_npy, as_npz])
def test_an_array_model_takes_columns_in_their_order(
    iris_model: Model, iris_rows: np.ndarray, tmp_path: Path, write: Callable[[pd.DataFrame, Path], Path]
) -> None:
    source = write(pd.DataFrame(iris_rows, columns=list("dcba")), tmp_path / "rows")
    predict_file(iris_model, source, tmp_path / "answers.csv", methods=("predict",))
    expected = iris_model.predict(iris_rows).tolist()
    assert pd.read_csv(tmp_path / "answers.csv")["prediction"].tolist() == expected


def test_columns_can_be_passed_over(iris_model: Model, iris_rows: np.ndarray, tmp_path: Path) -> None:
    source = as_csv(pd.DataFrame(iris_rows, columns=list("dcba")).assign(id="x"), tmp_path / "rows")
    predict_file(iris_model, source, tmp_path / "answers.csv", methods=("predict",), ignore=("id",))
    assert len(pd.read_csv(tmp_path / "answers.csv")) == len(iris_rows)


def test_texts_are_one_column(reviews_model: Model, reviews_rows: list[str], tmp_path: Path) -> None:
    source = as_csv(pd.DataFrame({"review": reviews_rows}), tmp_path / "rows")
    predict_file(reviews_model, source, tmp_path / "answers.csv", methods=("predict",))
    expected = reviews_model.predict(reviews_rows).tolist()
    assert pd.read_csv(tmp_path / "answers.csv")["prediction"].tolist() == expected


def test_categories_of_a_parquet_file_are_their_values(
    passengers_model: Model, passengers_rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows = passengers_rows.astype({"city": "category", "deck": "category"})
    predict_file(passengers_model, as_parquet(rows, tmp_path / "rows"), tmp_path / "answers.csv", methods=("predict",))
    expected = passengers_model.predict(passengers_rows).tolist()
    assert pd.read_csv(tmp_path / "answers.csv")["prediction"].tolist() == expected


def test_answers_of_one_column_keep_their_name(reciprocal_model: Model, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([[2.0], [4.0]]))
    predict_file(reciprocal_model, tmp_path / "rows.npy", tmp_path / "answers.csv", methods=("transform",))
    assert (tmp_path / "answers.csv").read_text() == "transform_0,transform_1\n2.0,0.5\n4.0,0.25\n"


def test_large_file_is_answered_a_batch_at_a_time(iris_model: Model, iris_rows: np.ndarray, tmp_path: Path) -> None:
    rows = np.resize(iris_rows, (2 * BATCH + 5, 4))
    np.save(tmp_path / "rows.npy", rows)
    seen: list[int] = []
    done = predict_file(
        iris_model, tmp_path / "rows.npy", tmp_path / "answers.parquet", methods=("predict",), progress=seen.append
    )
    assert (done, seen) == (len(rows), [BATCH, 2 * BATCH, 2 * BATCH + 5])
    assert pd.read_parquet(tmp_path / "answers.parquet")["prediction"].tolist() == iris_model.predict(rows).tolist()


def test_wrong_row_is_named_by_its_place_in_the_file(iris_model: Model, tmp_path: Path) -> None:
    lines = ["a,b,c,d", *["1,2,3,4"] * (BATCH + 7), "1,2,x,4"]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    with pytest.raises(InvalidInput, match=rf"rows\.csv: input 'c' row {BATCH + 7}: expected a number, got 'x'$"):
        predict_file(iris_model, tmp_path / "rows.csv", tmp_path / "answers.csv", methods=("predict",))


def test_byte_order_mark_is_passed_over(passengers_model: Model, source: Path, tmp_path: Path) -> None:
    source.write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    assert predict_file(passengers_model, source, tmp_path / "answers.csv", methods=("predict",)) == 200


@pytest.mark.parametrize("target", ["answers.csv", "answers.parquet"])
@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "expected a line that names the columns"),
        (b"age,fare\n1,2\n", "columns missing: 'relatives', 'city', 'deck', 'member'"),
        (b"age,fare,relatives,city,deck,member\n", "expected at least one row, got none"),
        (b"age,fare,relatives,city,deck,member\n1,2,3,Oslo,A\n", "row 0: expected 6 cells, got 5"),
        (b"age,fare,relatives,city,deck,member\n1,2,3.5,Oslo,A,true\n", "input 'relatives' row 0: expected an integer"),
        (b"age,fare,relatives,city,deck,member\n1,2,3,Oslo,Z,true\n", "input 'deck' row 0: expected a category"),
        (b"age,fare,relatives,city,deck,member\ninf,2,3,Oslo,A,true\n", "input 'age' row 0: expected a finite number"),
        (b"age,fare,relatives,city,deck,member\n1,2,3,Os\x00lo,A,true\n", "input 'city' row 0: expected text without"),
        (b"age,fare,relatives,city,deck,member\n1,2,3,\xff,A,true\n", "expected UTF-8 text"),
        ("age,fare\n".encode("utf-16"), "expected UTF-8 text"),
    ],
)
def test_refused_rows_leave_nothing_behind(
    passengers_model: Model, tmp_path: Path, content: bytes, error: str, target: str
) -> None:
    source = tmp_path / "rows.csv"
    source.write_bytes(content)
    with pytest.raises(InvalidInput) as raised:
        predict_file(passengers_model, source, tmp_path / target, methods=("predict",))
    assert raised.value.text.startswith(f"{source}: {error}")
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_failure_leaves_earlier_answers(passengers_model: Model, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age\n1\n")
    (tmp_path / "answers.csv").write_text("earlier")
    with pytest.raises(InvalidInput):
        predict_file(passengers_model, tmp_path / "rows.csv", tmp_path / "answers.csv", methods=("predict",))
    assert (tmp_path / "answers.csv").read_text() == "earlier"


@pytest.mark.parametrize(
    ("source", "target", "error"),
    [
        (
            "rows.txt",
            "answers.csv",
            r"expected a name that ends in \.csv, \.parquet, \.jsonl, \.npy, \.npz, got '\.txt'$",
        ),
        ("rows", "answers.csv", "got 'none'$"),
        ("rows.csv", "answers.npy", r"expected a name that ends in \.csv, \.parquet, got '\.npy'$"),
        ("nowhere.csv", "answers.csv", r"nowhere\.csv: No such file or directory$"),
        ("nowhere.parquet", "answers.csv", r"nowhere\.parquet: "),
        ("nowhere.npy", "answers.csv", r"nowhere\.npy: "),
        ("rows.csv", "nowhere/answers.csv", r"answers\.csv.*: No such file or directory$"),
        ("rows.csv", "directory.csv", r"directory\.csv: expected a file to write$"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    passengers_model: Model, tmp_path: Path, source: str, target: str, error: str
) -> None:
    (tmp_path / "directory.csv").mkdir()
    (tmp_path / "rows.csv").write_text("age\n")
    with pytest.raises(FileError, match=error):
        predict_file(passengers_model, tmp_path / source, tmp_path / target, methods=("predict",))
    assert sorted(os.listdir(tmp_path)) == ["directory.csv", "rows.csv"]


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.npy", b""),
        ("rows.npy", b"garbage"),
        ("rows.npz", b"PK\x03\x04 no archive"),
        ("rows.npz", npz(X=np.ones((2, 4)))[:-30]),
        ("rows.npz", npz(Y=np.ones((2, 4)))),
        ("rows.npz", npz(X=np.array([{}], object))),
        ("rows.npz", npz(X=np.array([{}], object), Y=np.ones(1))),
        ("rows.parquet", b""),
        ("rows.parquet", b"PAR1 garbage PAR1"),
    ],
)
def test_content_that_cannot_be_read_is_named(iris_model: Model, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=rf"{name}: ."):
        predict_file(iris_model, tmp_path / name, tmp_path / "answers.csv", methods=("predict",))


@pytest.mark.parametrize("array", [np.float64(1.0), np.ones(4), np.ones((2, 3)), np.ones((1, 2, 4)), np.ones((0, 4))])
def test_array_of_another_shape_is_refused(iris_model: Model, tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "rows.npy", array)
    with pytest.raises(InvalidInput, match=r"rows\.npy: expected "):
        predict_file(iris_model, tmp_path / "rows.npy", tmp_path / "answers.csv", methods=("predict",))
