"""The command line: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops

from skerry.cli.export import default_name
from skerry.cli.main import run
from skerry.runtime import Artifact, load

IRIS = Path(__file__).parents[2] / "artifacts" / "iris"

ESTIMATORS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": RandomForestClassifier(n_estimators=20, random_state=0),
}


@pytest.fixture(scope="module")
def breast_cancer() -> pd.DataFrame:
    """Thirty numbers and a target."""
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    return frame


@pytest.fixture
def logistic(breast_cancer: pd.DataFrame, tmp_path: Path) -> Path:
    """A pickled pipeline beside its rows."""
    X, y = breast_cancer.drop(columns="target"), breast_cancer["target"]
    joblib.dump(ESTIMATORS["logistic"].fit(X, y), tmp_path / "logistic.joblib")
    breast_cancer.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "logistic.joblib"


@pytest.mark.parametrize("kind", ["frame", "array"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_strangers_model_goes_the_whole_way(
    name: str, kind: str, breast_cancer: pd.DataFrame, tmp_path: Path
) -> None:
    X, y = breast_cancer.drop(columns="target"), breast_cancer["target"]
    rows = X if kind == "frame" else X.to_numpy()
    estimator = ESTIMATORS[name].fit(rows, y)
    joblib.dump(estimator, tmp_path / "model.joblib")
    breast_cancer.to_csv(tmp_path / "rows.csv", index=False)
    exported = run(
        [
            "export",
            str(tmp_path / "model.joblib"),
            "--data",
            str(tmp_path / "rows.csv"),
            "--target",
            "target",
            "--trust-pickle",
            "--to",
            str(tmp_path / "artifacts"),
        ]
    )
    verified = run(["verify", str(tmp_path / "artifacts" / "model")])
    predicted = run(
        [
            "predict",
            str(tmp_path / "artifacts" / "model" / "1"),
            str(tmp_path / "rows.csv"),
            "--to",
            str(tmp_path / "answers.csv"),
            "--ignore",
            "target",
            "--output",
            "predict",
            "--output",
            "predict_proba",
        ]
    )
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert (exported, verified, predicted) == (0, 0, 0)
    assert list(answers.columns) == ["prediction", "probabilities_0", "probabilities_1"]
    assert answers["prediction"].tolist() == estimator.predict(rows).tolist()
    np.testing.assert_allclose(
        answers[["probabilities_0", "probabilities_1"]], estimator.predict_proba(rows), rtol=0, atol=1e-15
    )


def test_a_compressed_model_goes_the_same_way(logistic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, to = logistic.with_name("rows.csv"), logistic.with_name("artifacts")
    exported = run(
        [
            "export",
            str(logistic),
            "--trust-pickle",
            "--data",
            str(rows),
            "--target",
            "target",
            "--to",
            str(to),
            "--compress",
        ]
    )
    artifact = to / "logistic" / "1"
    model = Artifact.open(artifact).manifest.files["model.onnx"]
    assert (artifact / "model.onnx.zst").stat().st_size == model.size
    assert exported == run(["inspect", str(artifact)]) == 0
    sizes = f"model.onnx.zst {model.size:,} bytes, unpacked {model.unpacked:,}"
    assert capsys.readouterr().out.count(f"; {sizes}\n") == 2
    assert run(["verify", str(artifact)]) == 0
    assert f"3 files ({sizes})" in capsys.readouterr().out
    answers = logistic.with_name("answers.csv")
    assert run(["predict", str(artifact), str(rows), "--to", str(answers), "--ignore", "target"]) == 0
    frame = pd.read_csv(rows)
    expected = joblib.load(logistic).predict(frame.drop(columns="target"))
    assert pd.read_csv(answers)["prediction"].tolist() == expected.tolist()


def test_the_list_needs_no_model_and_is_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert run(["export", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert lines[0] == "sklearn"
    assert len([line for line in lines if line.startswith("  ")]) == len(listed)
    assert {entry["library"] for entry in listed} == {"sklearn", "catboost", "lightgbm", "xgboost", "skerry"}


def test_a_skops_file_needs_no_trust_where_its_types_are_known(breast_cancer: pd.DataFrame, tmp_path: Path) -> None:
    X, y = breast_cancer.drop(columns="target"), breast_cancer["target"]
    skops.dump(ESTIMATORS["logistic"].fit(X, y), tmp_path / "Breast Cancer.skops")
    breast_cancer.to_parquet(tmp_path / "rows.parquet")
    status = run(
        [
            "export",
            str(tmp_path / "Breast Cancer.skops"),
            "--data",
            str(tmp_path / "rows.parquet"),
            "--target",
            "target",
            "--to",
            str(tmp_path),
        ]
    )
    assert status == 0
    assert load(tmp_path / "breast-cancer").manifest.evaluation is not None


def test_a_pickle_is_refused_until_it_is_trusted_and_the_refusal_says_why(
    logistic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(
        [
            "export",
            str(logistic),
            "--data",
            str(logistic.with_name("rows.csv")),
            "--to",
            str(logistic.parent / "artifacts"),
        ]
    )
    printed = capsys.readouterr()
    assert status == 8
    assert printed.out == ""
    assert printed.err.startswith("error[untrusted_input]: ")
    assert "a pickle is a program" in printed.err
    assert "--trust-pickle" in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (logistic.parent / "artifacts").exists()


def test_a_refused_pickle_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (marker,)  # type: ignore[return-value]

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Hostile()))
    np.save(tmp_path / "rows.npy", np.zeros((1, 2)))
    assert (
        run(["export", str(tmp_path / "model.pkl"), "--data", str(tmp_path / "rows.npy"), "--to", str(tmp_path)]) == 8
    )
    assert not marker.exists()


def test_an_unfitted_estimator_is_refused(logistic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joblib.dump(LogisticRegression(), logistic)
    status = run(
        [
            "export",
            str(logistic),
            "--trust-pickle",
            "--data",
            str(logistic.with_name("rows.csv")),
            "--target",
            "target",
            "--to",
            str(logistic.parent / "artifacts"),
        ]
    )
    assert status == 3
    assert (
        capsys.readouterr().err
        == "error[not_fitted]: LogisticRegression is not fitted (call fit before you export it)\n"
    )
    assert not (logistic.parent / "artifacts").exists()


@pytest.mark.parametrize("command", ["verify", "serve", "predict"])
def test_one_changed_byte_is_refused_by_every_command_that_loads(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "1"
    damaged.mkdir()
    for file in (IRIS / "1").iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    content = bytearray((damaged / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "model.onnx").write_bytes(bytes(content))
    np.save(tmp_path / "rows.npy", np.zeros((1, 4)))
    more = [str(tmp_path / "rows.npy"), "--to", str(tmp_path / "answers.csv")] if command == "predict" else []
    assert run([command, str(damaged), *more]) == 4
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error[digest_mismatch]: {damaged / 'model.onnx'}: expected sha256:")
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "answers.csv").exists()


def test_inspect_prints_the_manifest_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(IRIS), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((IRIS / "1" / "manifest.json").read_text())


def test_inspect_tells_a_person_what_the_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(IRIS)]) == 0
    printed = capsys.readouterr().out
    assert "Pipeline(StandardScaler, LogisticRegression) (classification)" in printed
    assert re.search(r"0 of \d+ rows differ from scikit-learn", printed)


def test_verify_gives_the_digest_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(IRIS), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["version"], found["verified"]) == ("iris", 1, True)


def test_a_failed_prediction_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n1,2,x,4\n")
    assert run(["predict", str(IRIS), str(tmp_path / "rows.csv"), "--to", str(tmp_path / "answers.csv")]) == 3
    assert (
        capsys.readouterr().err
        == f"error[invalid_input]: {tmp_path / 'rows.csv'}: input 'c' row 1: expected a number, got 'x'\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["export"], "error[usage]: Missing argument 'MODEL'. (see `skerry export --help`)\n"),
        (["export", "model.skops"], "error[usage]: Missing option '--data'. (see `skerry export --help`)\n"),
        (["sreve"], "error[usage]: No such command 'sreve'."),
        (["verify", "nowhere"], "error[bad_artifact]: nowhere: no such artifact"),
        (["serve", "nowhere"], "error[server_failed]: nowhere: no such directory\n"),
        (
            ["serve", "--port", "99999"],
            "error[usage]: Invalid value for '--port': 99999 is not in the range 0<=x<=65535.",
        ),
        (["export", "nowhere.skops", "--data", "rows.csv"], "error[bad_file]: nowhere.skops: no such file\n"),
        (
            ["predict", str(IRIS), "rows.txt", "--to", "a.csv"],
            "error[bad_file]: rows.txt: expected a name that ends in ",
        ),
        (
            ["predict", str(IRIS), "rows.csv", "--to", "a.csv", "--output", "transform"],
            "error[usage]: Invalid value for --output: expected some of predict, ",
        ),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_clear_line_on_stderr(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) != 0
    printed = capsys.readouterr()
    assert printed.err.startswith(line)
    assert len(printed.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Churn Model.joblib", "churn-model"),
        ("v1.2_x.skops", "v1.2_x"),
        ("Überraschung.pkl", "berraschung"),
        ("---.pkl", "model"),
    ],
)
def test_a_model_is_named_after_its_file(file: str, name: str) -> None:
    assert default_name(Path(file)) == name


def test_no_command_at_all_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert capsys.readouterr().err.startswith("Usage: skerry [OPTIONS] COMMAND [ARGS]...")


def test_only_a_column_that_the_model_does_not_take_can_be_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n")
    assert (
        run(["predict", str(IRIS), str(tmp_path / "rows.csv"), "--to", str(tmp_path / "answers.csv"), "--ignore", "z"])
        == 3
    )
    assert "column 'z': expected one of the file's that the model does not take" in capsys.readouterr().err


def test_rows_with_two_columns_of_one_name_are_refused(logistic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logistic.parent / "twice.csv").write_text("a,a\n1,2\n")
    assert (
        run(
            [
                "export",
                str(logistic),
                "--trust-pickle",
                "--data",
                str(logistic.parent / "twice.csv"),
                "--to",
                str(logistic.parent / "out"),
            ]
        )
        == 3
    )
    assert "expected distinct column names, got duplicates" in capsys.readouterr().err
