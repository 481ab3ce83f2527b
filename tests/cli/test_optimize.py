"""``skerry optimize``: what it prints, writes and refuses, and how it exits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

from skerry.cli.main import run
from skerry.runtime import Artifact, load


@pytest.fixture(autouse=True)
def _measure_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.runtime.batching.cost.SECONDS", 0.0)
    monkeypatch.setattr("skerry.quantize.timing.ROUNDS", 3)
    monkeypatch.setattr("skerry.quantize.graphs.gain.NOISE", 100.0)  # models so small differ by microseconds


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Rows with a target ``churned``; a model is fitted on the first 400."""
    X, y = make_classification(1600, 6, n_informative=4, random_state=0)
    return pd.DataFrame(X, columns=list("abcdef")).assign(churned=y)


@pytest.fixture(scope="module")
def folder(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted forest and held-out rows, as files."""
    directory = tmp_path_factory.mktemp("churn")
    X, y = rows[:400].drop(columns="churned"), rows[:400]["churned"]
    joblib.dump(RandomForestClassifier(20, max_depth=6, random_state=0).fit(X, y), directory / "Churn Model.joblib")
    rows[400:].to_parquet(directory / "held.parquet", index=False)
    return directory


def arguments(folder: Path, to: Path, *more: str) -> list[str]:
    model, data = str(folder / "Churn Model.joblib"), str(folder / "held.parquet")
    shared = ["--target", "churned", "--to", str(to), "--candidates", "4", "--trust-pickle"]
    return ["optimize", model, "--data", data, *shared, *more]


def test_it_prints_the_front_and_writes_what_it_proved(
    folder: Path, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "front.png"
    assert run(arguments(folder, tmp_path / "a", "--max-loss", "0.1", "--picture", str(picture))) == 0
    out, err = capsys.readouterr()
    assert "RandomForestClassifier" in out
    assert "chosen: " in out
    assert "With 95% confidence at most 0.1 will be seen on as many fresh rows" in out
    assert f"written to {tmp_path / 'a' / 'churn-model-optimized' / '2'}" in out
    assert "candidate 1: " in err
    assert picture.read_bytes().startswith(b"\x89PNG")
    artifact = Artifact.open(tmp_path / "a" / "churn-model-optimized")
    assert artifact.manifest.parent == Artifact.open(tmp_path / "a" / "churn-model-optimized" / "1").digest
    assert artifact.manifest.derivation is not None
    assert load(artifact).predict(rows.drop(columns="churned")[400:]).shape == (1200,)


def test_json_is_the_front_as_a_value(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments(folder, tmp_path, "--max-loss", "0.1", "--name", "small", "--json")) == 0
    front = json.loads(capsys.readouterr().out)
    assert front["directory"] == str(tmp_path / "small" / "2")
    assert front["points"][front["chosen"]]["proof"]["bound"] == 0.1
    assert front["teacher"]["bytes"] > front["points"][front["chosen"]]["bytes"]


def test_where_no_bound_is_kept_nothing_is_written_and_the_exit_code_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(folder, tmp_path, "--max-loss", "1e-5")) == 9
    assert capsys.readouterr().err.splitlines()[-1].startswith("error[no_gain]: nothing is written: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--target", "churn"], "it has no column 'churn' (did you mean 'churned'?)"),
        (["--metric", "r2"], "metric: expected one of accuracy"),
        (["--metric", "roc-auc"], "(did you mean 'roc_auc'?)"),
        (["--max-loss", "-1"], "max_loss: expected a number above 0, got -1.0"),
        (["--name", "No Name"], "name: expected lower-case letters"),
        (["--picture", "front.gif"], "front.gif: expected a picture in .svg or .png"),
        (["--data", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--budget", "0"], "budget: expected seconds above 0"),
    ],
)
def test_bad_input_gets_one_clear_line(
    more: list[str], text: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments(folder, tmp_path, "--max-loss", "0.1"), *more]) in (3, 7)
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if line.startswith("error[")]
    assert text in line
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_without_what_draws_the_front_it_does_not_begin(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(arguments(folder, tmp_path, "--max-loss", "0.1")) == 70
    assert capsys.readouterr().err == (
        "error[not_installed]: this command needs matplotlib, which is not installed (pip install 'skerry[quantize]')\n"
    )
    assert list(tmp_path.iterdir()) == []


def _one_class(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(churned=1)


def _few(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[:50]


def _other_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"a": "z"})


def _other_labels(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(churned=np.where(rows["churned"] == 1, "yes", "no"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_one_class, "all are of one"),
        (_few, "expected at least 100 different rows"),
        (_other_columns, "'a'"),
        (_other_labels, "expected labels of the model, 0, 1; got 'yes'"),
    ],
)
def test_rows_that_do_not_fit_get_one_clear_line(
    change: object, text: str, folder: Path, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "rows.csv"
    change(rows[rows["churned"].cumsum() > 0]).to_csv(data, index=False)  # type: ignore[operator]
    assert run([*arguments(folder, tmp_path / "a", "--max-loss", "0.1"), "--data", str(data)]) == 3
    err = capsys.readouterr().err
    assert text in err.splitlines()[-1]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (RandomForestClassifier(), "RandomForestClassifier is not fitted"),
        (StandardScaler().fit(np.ones((3, 2))), "StandardScaler: expected a classifier or a regressor"),
        ({"no": "model"}, "expected a fitted scikit-learn estimator"),
    ],
)
def test_a_model_that_cannot_be_optimized_gets_one_clear_line(
    model: object, text: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib.dump(model, tmp_path / "model.joblib")
    command = ["optimize", str(tmp_path / "model.joblib"), *arguments(folder, tmp_path / "a", "--max-loss", "0.1")[2:]]
    assert run([part for part in command if part != "--trust-pickle"]) == 8
    assert run(command) == 3
    assert text in capsys.readouterr().err.splitlines()[-1]


def test_an_artifact_that_only_transforms_is_refused(
    folder: Path, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from skerry.export import export

    X = rows.drop(columns="churned")
    artifact = export(StandardScaler().fit(X), X, name="scaler", to=tmp_path)
    command = ["optimize", str(artifact.directory), *arguments(folder, tmp_path / "a", "--max-loss", "0.1")[2:]]
    assert run(command) == 3
    assert "expected a classifier or a regressor" in capsys.readouterr().err.splitlines()[-1]
