"""Files are what their content says; what could run code is loaded only for somebody who trusts it."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops import io as skops

from skerry.export.data import load_estimator, load_rows
from skerry.runtime.errors import ExportError, FileError, InvalidRows, SkerryError, UntrustedInput

X = np.random.default_rng(0).normal(size=(30, 2))


@pytest.fixture
def estimator() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("the pickle was loaded",))


def save(estimator: Any, path: Path) -> Path:
    {".skops": skops.dump, ".joblib": joblib.dump, ".pkl": joblib.dump}[path.suffix](estimator, path)
    return path


@pytest.mark.parametrize(("name", "trust"), [("model.skops", False), ("model.joblib", True), ("model.pkl", True)])
def test_estimators_come_back_as_they_were_saved(name: str, trust: bool, estimator: Any, tmp_path: Path) -> None:
    found = load_estimator(save(estimator, tmp_path / name), trust_pickle=trust)
    np.testing.assert_array_equal(found.predict_proba(X), estimator.predict_proba(X))


def test_a_pickle_of_the_standard_library(estimator: Any, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(estimator))
    found = load_estimator(tmp_path / "model.pkl", trust_pickle=True)
    np.testing.assert_array_equal(found.predict(X), estimator.predict(X))


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib"])
def test_pickles_are_not_loaded_without_trust(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UntrustedInput, match="a pickle is a program") as refusal:
        load_estimator(tmp_path / name, trusted_types=["everything"])
    assert "--trust-pickle" in str(refusal.value.hint)


def test_a_pickle_named_skops_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ExportError, match="the content is not what the name says"):
        load_estimator(tmp_path / "model.skops", trust_pickle=True)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib"])
def test_an_archive_named_pickle_is_not_loaded(name: str, estimator: Any, tmp_path: Path) -> None:
    save(estimator, tmp_path / "model.skops").rename(tmp_path / name)
    with pytest.raises(ExportError, match="the content is not what the name says"):
        load_estimator(tmp_path / name, trust_pickle=True)


def test_types_that_are_not_known_need_trust_by_name(tmp_path: Path) -> None:
    path = save(FunctionTransformer(np.log1p).fit(X), tmp_path / "model.skops")
    unknown = [name for name in skops.get_untrusted_types(file=path) if name != "numpy.dtype"]
    if not unknown:
        path = save(FunctionTransformer(load_rows), tmp_path / "model.skops")
        unknown = [name for name in skops.get_untrusted_types(file=path) if name != "numpy.dtype"]
    with pytest.raises(UntrustedInput, match="types that are not known to be harmless") as refusal:
        load_estimator(path)
    assert str(refusal.value.hint) == "if you know where it comes from: " + " ".join(
        f"--trust-type {name}" for name in unknown
    )
    assert isinstance(load_estimator(path, trusted_types=unknown), FunctionTransformer)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("model.onnx", b"", "expected a model in .skops, .joblib, .pkl, got '.onnx'"),
        ("model", b"", "got 'no suffix'"),
        ("model.pkl", b"not a pickle", "cannot be unpickled"),
        ("model.joblib", b"", "cannot be unpickled"),
    ],
)
def test_files_that_are_no_model(name: str, content: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportError, match=text):
        load_estimator(tmp_path / name, trust_pickle=True)


def test_a_model_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        load_estimator(tmp_path / "model.skops")


def test_an_archive_that_is_no_skops_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ExportError, match="not a skops file that can be loaded"):
        load_estimator(tmp_path / "model.skops")


def test_a_model_of_another_scikit_learn_is_refused(
    tmp_path: Path, estimator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", "1.0.0")
        save(estimator, tmp_path / "model.joblib")
    with pytest.raises(ExportError, match=r"fitted with scikit-learn 1\.0\.0, here is") as refusal:
        load_estimator(tmp_path / "model.joblib", trust_pickle=True)
    assert "install scikit-learn==1.0.0" in str(refusal.value.hint)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [1.5, np.nan], "city": ["Oslo", "São Paulo"], "y": ["no", "yes"]})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_and_their_target(suffix: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    {".csv": lambda: frame.to_csv(path, index=False), ".parquet": lambda: frame.to_parquet(path)}[suffix]()
    rows, target = load_rows(path, "y")
    pd.testing.assert_frame_equal(rows, frame[["a", "city"]])
    assert target.tolist() == ["no", "yes"]
    rows, target = load_rows(path)
    pd.testing.assert_frame_equal(rows, frame)
    assert target is None


def test_arrays_and_their_target(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", X)
    np.savez(tmp_path / "rows.npz", X=X, y=X[:, 0])
    np.testing.assert_array_equal(load_rows(tmp_path / "rows.npy")[0], X)
    rows, target = load_rows(tmp_path / "rows.npz", "y")
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(target, X[:, 0])
    assert load_rows(tmp_path / "rows.npz")[1] is None


def test_a_target_that_is_not_there(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "rows.csv", index=False)
    np.save(tmp_path / "rows.npy", X)
    np.savez(tmp_path / "rows.npz", X=X)
    np.savez(tmp_path / "other.npz", Z=X)
    for name, target, text in (
        ("rows.csv", "label", "column 'label'"),
        ("rows.npy", "y", "an array has no column 'y'"),
        ("rows.npz", "y", "expected an array 'y', got X"),
        ("other.npz", None, "expected an array 'X', got Z"),
    ):
        with pytest.raises(InvalidRows, match=text):
            load_rows(tmp_path / name, target)


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
def test_pickled_objects_in_arrays_are_not_loaded(name: str, tmp_path: Path) -> None:
    bomb = np.array([Bomb()], object)
    (np.save(tmp_path / name, bomb) if name.endswith(".npy") else np.savez(tmp_path / name, X=bomb))
    with pytest.raises(InvalidRows, match="allow_pickle=False"):
        load_rows(tmp_path / name)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.npy", "rows.npz"])
@pytest.mark.parametrize("content", [None, b"", b"\x00\xff\xfe garbage"], ids=["lacking", "empty", "garbage"])
def test_files_that_are_no_rows(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SkerryError, match=name):
        load_rows(tmp_path / name)


def test_a_suffix_that_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidRows, match=r"expected rows in \.csv, \.parquet, \.jsonl, \.npy, \.npz, got '\.xlsx'"):
        load_rows(tmp_path / "rows.xlsx")


def test_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(InvalidRows, match="at least one row"):
        load_rows(tmp_path / "rows.csv")
