"""``export`` writes one whole artifact, or says why not and leaves nothing behind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import DBSCAN
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skerry.export import export
from skerry.export.exporter import describe
from skerry.runtime import load
from skerry.runtime.errors import ExportError, InvalidInput, InvalidRows, NotFitted, UnsupportedEstimator
from skerry.runtime.golden import decode_golden


class Own(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Own:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return X


class OwnLogisticRegression(LogisticRegression):  # type: ignore[misc]
    """A subclass may have changed anything."""


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture
def fitted(X: np.ndarray) -> LogisticRegression:
    return LogisticRegression().fit(X, np.where(X[:, 0] > 0, "yes", "no"))


def check_refused(kind: type[Exception], text: str, tmp_path: Path, estimator: Any, X: Any, **options: Any) -> None:
    with pytest.raises(kind, match=text):
        export(estimator, X, **{"name": "model", "to": tmp_path / "artifacts", **options})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "Model", "a b", "../up", ".hidden", "x" * 65, "modèle", "a/b", "a\n"])
def test_bad_names_are_refused(name: str, X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    check_refused(ExportError, "name: expected lower-case letters", tmp_path, fitted, X, name=name)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()), DecisionTreeClassifier()],
    ids=repr,
)
def test_estimators_that_were_not_fitted_are_refused(estimator: Any, X: np.ndarray, tmp_path: Path) -> None:
    check_refused(NotFitted, "is not fitted", tmp_path, estimator, X)


@pytest.mark.parametrize("thing", [LogisticRegression, "model", None, {"a": 1}, np.zeros(3)], ids=repr)
def test_what_is_no_estimator_is_refused(thing: Any, X: np.ndarray, tmp_path: Path) -> None:
    check_refused(UnsupportedEstimator, "expected a fitted scikit-learn estimator, got", tmp_path, thing, X)


def test_classes_of_somebody_else_are_refused(X: np.ndarray, tmp_path: Path) -> None:
    check_refused(
        UnsupportedEstimator, r"Own: class .*Own is not in Skerry's table of estimators", tmp_path, Own().fit(X), X
    )
    inside = make_pipeline(StandardScaler(), Own()).fit(X)
    check_refused(
        UnsupportedEstimator, r"own › Own: class .*Own is not in Skerry's table of estimators", tmp_path, inside, X
    )
    subclass = OwnLogisticRegression().fit(X, X[:, 0] > 0)
    check_refused(UnsupportedEstimator, "is not in Skerry.s table", tmp_path, subclass, X)


def test_estimators_that_cannot_infer_are_refused(X: np.ndarray, tmp_path: Path) -> None:
    check_refused(UnsupportedEstimator, "DBSCAN cannot infer", tmp_path, DBSCAN().fit(X), X)


def test_methods_that_the_estimator_lacks_are_refused(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    text = "method 'transform': expected some of predict, predict_proba, decision_function"
    check_refused(ExportError, text, tmp_path, fitted, X, methods=["predict", "transform"])


def test_methods_that_are_not_converted_are_named_and_how_to_leave_them_out(X: np.ndarray, tmp_path: Path) -> None:
    machine = BernoulliRBM(2, n_iter=1, random_state=0).fit(X > 0)
    with pytest.raises(UnsupportedEstimator, match=r"^BernoulliRBM: no exact conversion of score_samples$") as refusal:
        export(machine, X > 0, name="model", to=tmp_path / "artifacts")
    assert refusal.value.hint == "leave it out: methods=('transform',)"
    assert not list(tmp_path.iterdir())


def test_no_rows_are_refused(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    check_refused(InvalidRows, "expected at least one row", tmp_path, fitted, X[:0])


def test_rows_of_another_width_are_refused(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    check_refused(InvalidRows, "expected 3 columns, as in training, got 2", tmp_path, fitted, X[:, :2])


def test_lacking_columns_are_named(X: np.ndarray, tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    scaler = StandardScaler().fit(frame)
    check_refused(InvalidRows, "missing: 'a', 'c'", tmp_path, scaler, frame[["b"]])


def test_columns_of_one_name_are_refused(X: np.ndarray, tmp_path: Path) -> None:
    scaler = StandardScaler().fit(pd.DataFrame(X, columns=["a", "b", "c"]))
    twice = pd.DataFrame(np.append(X, X, axis=1), columns=list("abcabc"))
    check_refused(InvalidRows, "distinct column names", tmp_path, scaler, twice)


@pytest.mark.parametrize("row", [["a", 1, 2.0], [b"a", b"b", b"c"]], ids=str)
def test_arrays_of_mixed_objects_are_refused(row: list[Any], tmp_path: Path) -> None:
    X = np.array([row] * 4, object)
    check_refused(InvalidRows, "strings and numbers mixed", tmp_path, OneHotEncoder().fit(X), X)


@pytest.mark.parametrize("dtype", [np.float16, np.complex128, "datetime64[s]"])
def test_dtypes_that_have_no_datatype_are_refused(dtype: Any, X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    check_refused(InvalidRows, "got an array of", tmp_path, fitted, np.abs(X * 100).astype(np.int64).astype(dtype))


def test_nothing_is_left_where_writing_fails(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        export(fitted, X, name="model", to=tmp_path / "file")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_versions_count_up(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    artifacts = [export(fitted, X, name="model", to=tmp_path) for _ in range(3)]
    assert [artifact.manifest.version for artifact in artifacts] == [1, 2, 3]
    assert [artifact.directory for artifact in artifacts] == [tmp_path / "model" / str(number) for number in (1, 2, 3)]
    assert sorted(entry.name for entry in (tmp_path / "model").iterdir()) == ["1", "2", "3"]
    assert load(tmp_path / "model").manifest.version == 3
    assert (tmp_path / "model" / "3" / "card.md").read_text().startswith("# model, version 3\n")


def test_a_failed_export_leaves_earlier_versions_alone(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    export(fitted, X, name="model", to=tmp_path)
    with pytest.raises(InvalidRows):
        export(fitted, X[:0], name="model", to=tmp_path)
    assert [entry.name for entry in (tmp_path / "model").iterdir()] == ["1"]


def test_the_same_export_gives_the_same_model(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    first, second = (export(fitted, X, name="model", to=tmp_path) for _ in range(2))
    assert first.manifest.files["model.onnx"] == second.manifest.files["model.onnx"]
    assert first.manifest.files["golden.npz"] == second.manifest.files["golden.npz"]


def test_the_manifest_says_what_was_exported(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    y = np.where(X[:, 0] > 0, "yes", "no")
    artifact = export(fitted, X, y, name="my-model.v2", to=tmp_path, license="Apache-2.0", author="Ada")
    manifest = artifact.manifest
    assert (manifest.name, manifest.task, manifest.estimator) == ("my-model.v2", "classification", "LogisticRegression")
    assert manifest.methods == ("predict", "predict_proba", "decision_function")
    assert manifest.classes == ("no", "yes")
    assert (manifest.license, manifest.author) == ("Apache-2.0", "Ada")
    assert manifest.evaluation is not None
    assert manifest.evaluation.rows == 60
    assert [cost.rows for cost in manifest.cost] == [1, 10, 100, 1000]
    assert manifest.parent is None
    assert [step.arrow for step in manifest.steps] == ["export"]
    assert set(manifest.producers) == {"skerry", "scikit-learn", "onnx", "onnxruntime", "numpy"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest.created)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (LogisticRegression(), "classification"),
        (LinearRegression(), "regression"),
        (StandardScaler(), "transformation"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "classification"),
    ],
    ids=str,
)
def test_the_task_is_that_of_the_last_step(estimator: Any, task: str, X: np.ndarray, tmp_path: Path) -> None:
    artifact = export(estimator.fit(X, X[:, 0] > 0), X, name="model", to=tmp_path)
    assert artifact.manifest.task == task


def test_only_the_methods_asked_for(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    model = load(export(fitted, X, name="model", to=tmp_path, methods=["predict_proba"]))
    assert model.manifest.methods == ("predict_proba",)
    assert not hasattr(model, "predict")
    np.testing.assert_allclose(model.predict_proba(X), fitted.predict_proba(X), rtol=0, atol=1e-15)
    model = load(export(PCA(2).fit(X), X, name="model", to=tmp_path, methods=["transform"]))
    assert model.manifest.methods == ("transform",)


def test_progress_is_told_stage_by_stage(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    lines: list[str] = []
    export(fitted, X, name="model", to=tmp_path, progress=lines.append)
    assert lines[0] == "converting LogisticRegression, asking it what it accepts"
    assert re.fullmatch(r"comparing with scikit-learn on 60 rows and [\d,]+ made to break it", lines[1])
    assert lines[2:] == ["measuring"]


def test_one_row_is_enough(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    model = load(export(fitted, X[:1], name="model", to=tmp_path))
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))


def test_no_row_of_anybody_is_in_the_artifact(tmp_path: Path) -> None:
    """Numbers with many digits and strings that training did not keep are nowhere in what is written."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"age": random.normal(40, 9, 80), "pay": random.lognormal(3, 1, 80)})
    frame.loc[::9, "age"] = np.nan
    frame["city"] = random.choice(["Oslo", "Rome"], 80)
    names = [f"Person {index}" for index in range(80)]
    transformer = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "pay"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    fitted = make_pipeline(transformer, DecisionTreeClassifier(random_state=0)).fit(
        frame.assign(name=names), frame["pay"] > 20
    )
    artifact = export(fitted, frame.assign(name=names), name="model", to=tmp_path)
    golden = decode_golden(artifact.read()["golden.npz"])
    made = {float(value) for array in golden.feeds.values() if array.dtype.kind == "f" for value in array.flat}
    assert made
    assert not made & set(frame["age"].dropna()) | made & set(frame["pay"])
    written = b"".join(artifact.read()[file] for file in ("card.md", "golden.npz", "model.onnx"))
    written += (artifact.directory / "manifest.json").read_bytes()
    strings = {str(value) for array in golden.feeds.values() if array.dtype == object for value in array.flat}
    assert not strings & set(names)
    assert b"Person " not in written
    shown = {text for row in artifact.manifest.parity.worst for text in row.row.values()}
    assert not shown & {repr(value) for column in ("age", "pay") for value in frame[column]}


def test_golden_rows_are_what_scikit_learn_answered(X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    golden = decode_golden(export(fitted, X, name="model", to=tmp_path).read()["golden.npz"])
    rows = golden.feeds["X"]
    assert 20 <= len(rows) <= 128
    assert set(golden.answers) == {"predict", "predict_proba", "decision_function"}
    np.testing.assert_array_equal(golden.answers["predict"], fitted.predict(rows))
    np.testing.assert_array_equal(golden.answers["predict_proba"], fitted.predict_proba(rows))


def test_estimators_are_described_by_their_classes() -> None:
    pipeline = make_pipeline(StandardScaler(), "passthrough", make_pipeline(PCA(), LogisticRegression()))
    assert describe(pipeline) == "Pipeline(StandardScaler, passthrough, Pipeline(PCA, LogisticRegression))"
    assert describe(LogisticRegression(C=3)) == "LogisticRegression"


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-6)])
def test_the_tolerance_is_as_tight_as_the_dtype_allows(dtype: Any, tolerance: float, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(dtype)
    estimator = LogisticRegression().fit(X, X[:, 0] > 0)
    assert export(estimator, X, name="model", to=tmp_path).manifest.parity.tolerance == tolerance


@pytest.mark.parametrize("tolerance", [-1.0, 1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance: float, X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="tolerance: expected a number from 0 to below 1"):
        export(fitted, X, name="model", to=tmp_path / "artifacts", tolerance=tolerance)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("y", [[0, 1], 3, [["a"]] * 60, ["0"] * 60, [None] * 60], ids=repr)
def test_a_target_of_another_form_is_refused(y: Any, X: np.ndarray, fitted: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidRows, match=r"^y: expected"):
        export(fitted, X, y, name="model", to=tmp_path / "artifacts")
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("label", ["a\x00", "\ud800"], ids=ascii)
def test_labels_that_json_and_c_cannot_carry_are_refused(label: str, X: np.ndarray, tmp_path: Path) -> None:
    fitted = LogisticRegression().fit(X, np.where(X[:, 0] > 0, np.array(label, object), "b"))
    with pytest.raises(UnsupportedEstimator, match="class labels without NUL and lone surrogates"):
        export(fitted, X, name="model", to=tmp_path)


@pytest.mark.parametrize("marker", [None, np.nan], ids=repr)
@pytest.mark.parametrize(
    "encoder", [OneHotEncoder(), OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()], ids=repr
)
def test_a_missing_string_is_what_the_rows_used_to_say_so(marker: Any, encoder: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"city": pd.Series(["Oslo", "Rome", marker] * 20, dtype=object)})
    fitted = clone(encoder).fit(frame)
    model = load(export(fitted, frame, name="model", to=tmp_path))
    expected = fitted.transform(frame.iloc[2:3])
    np.testing.assert_array_equal(
        model.transform([{"city": None}]), expected if isinstance(expected, np.ndarray) else expected.toarray()
    )


def test_where_no_string_is_missing_and_markers_differ_none_is_accepted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"city": pd.Series(["Oslo", "Rome", None] * 20, dtype=object)})
    fitted = OneHotEncoder(handle_unknown="ignore").fit(frame)
    model = load(export(fitted, frame.dropna(), name="model", to=tmp_path))
    with pytest.raises(InvalidInput, match="'city' row 0: expected a string, got a missing value"):
        model.transform([{"city": None}])


def test_the_step_says_how_things_were_written(X: np.ndarray, tmp_path: Path) -> None:
    gaps = np.where(X > 1, np.nan, X)
    forest = make_pipeline(SimpleImputer(), RandomForestClassifier(3, max_depth=2, random_state=0))
    artifact = export(forest.fit(gaps, X[:, 0] > 0), gaps, name="forest", to=tmp_path)
    nodes = sum(tree.tree_.node_count for tree in forest[-1].estimators_)
    assert artifact.manifest.steps[0].detail == {
        "imputed values": "missing directions of trees",
        "trees": f"{nodes} nodes in float64, 1 operator",
    }
