"""Contenders take the same rows and answer the same methods, or it is said why not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from skerry.bench.lineup import Lineup, find_parent
from skerry.export import export
from skerry.runtime import Artifact
from skerry.runtime.artifact import write_artifact
from skerry.runtime.errors import BenchError, DigestMismatch, UntrustedInput
from skerry.runtime.manifest import File, Manifest, Step

Child = Callable[..., Artifact]


@pytest.fixture
def parent(iris_artifact: Artifact, tmp_path: Path) -> Artifact:
    """A copy of iris/1 in a model repository of its own."""
    shutil.copytree(iris_artifact.directory, tmp_path / "models" / "iris" / "1")
    return Artifact.open(tmp_path / "models" / "iris" / "1")


@pytest.fixture
def child(parent: Artifact, tmp_path: Path) -> Child:
    """Writes iris-small, made from iris; what is in its manifest may be changed."""

    def write(to: Path = parent.directory.parents[1], **changes: Any) -> Artifact:
        def manifest(version: int, files: dict[str, File]) -> Manifest:
            known = {"name": "iris-small", "version": version, "files": files, "parent": parent.digest}
            steps = (*parent.manifest.steps, Step(arrow="prune"))
            return msgspec.structs.replace(parent.manifest, **{**known, "steps": steps, **changes})

        return write_artifact(to, parent.read(), manifest, name="iris-small")

    return write


@pytest.fixture
def saved(iris_estimator: Any, tmp_path: Path) -> Path:
    joblib.dump(iris_estimator, tmp_path / "iris.joblib")
    return tmp_path / "iris.joblib"


def names(lineup: Lineup) -> list[str]:
    return [contender.name for contender in lineup.contenders]


def test_an_artifact_alone(iris_artifact: Artifact) -> None:
    lineup = Lineup.of([iris_artifact.directory])
    assert (names(lineup), lineup.reference, lineup.warnings) == (["iris/1"], "iris/1", ())
    assert lineup.contenders[0].methods == iris_artifact.manifest.methods


def test_the_parent_is_found_by_its_digest(parent: Artifact, child: Child) -> None:
    made = child()
    assert find_parent(made) == Artifact.open(parent.directory.resolve())
    assert find_parent(parent) is None
    lineup = Lineup.of([made.directory])
    assert (names(lineup), lineup.warnings) == (["iris-small/1", "iris/1"], ())
    assert lineup.contenders[0].description.endswith("export → prune; fed tensors")


def test_a_parent_that_is_not_there_is_told_of_and_may_be_given(parent: Artifact, child: Child, tmp_path: Path) -> None:
    made = child(tmp_path / "elsewhere")
    lineup = Lineup.of([made.directory])
    assert names(lineup) == ["iris-small/1"]
    assert lineup.warnings == (
        f"the parent {parent.digest[:19]}… is not in the model repository: give it with --parent",
    )
    assert names(Lineup.of([made.directory], parent=parent.directory)) == ["iris-small/1", "iris/1"]


def test_another_parent_than_the_manifests_is_told_of(parent: Artifact, child: Child) -> None:
    lineup = Lineup.of([parent.directory], parent=child().directory)
    assert "is not the artifact that iris names as its parent" in lineup.warnings[0]


def test_artifacts_of_the_same_name_are_told_apart(parent: Artifact, iris_artifact: Artifact) -> None:
    lineup = Lineup.of([parent.directory, iris_artifact.directory])
    assert names(lineup) == [str(parent.directory), str(iris_artifact.directory)]
    with pytest.raises(BenchError, match=r"expected different artifacts to compare, got .* twice"):
        Lineup.of([parent.directory, parent.directory])


def test_artifacts_must_take_the_same_inputs(
    iris_artifact: Artifact, passengers_artifact: Artifact, diabetes_artifact: Artifact, child: Child, parent: Artifact
) -> None:
    with pytest.raises(
        BenchError, match=r"passengers/1: expected rows as iris/1 takes them \(matrix\), it takes columns"
    ):
        Lineup.of([iris_artifact.directory, passengers_artifact.directory])
    with pytest.raises(
        BenchError,
        match=r"input 'fare': expected the same in both, passengers/1 has FP64 of shape \(-1, 1\), diabetes/1 none",
    ):
        Lineup.of([passengers_artifact.directory, diabetes_artifact.directory])
    [spec] = parent.manifest.inputs
    made = child(inputs=(msgspec.structs.replace(spec, datatype="FP32"),))
    with pytest.raises(BenchError, match=r"input 'X': .*iris/1 has FP64 of shape \(-1, 4\), iris-small/1 FP32"):
        Lineup.of([parent.directory, made.directory])


def test_columns_in_another_order_are_other_inputs(diabetes_artifact: Artifact, tmp_path: Path) -> None:
    def manifest(version: int, files: dict[str, File]) -> Manifest:
        found = diabetes_artifact.manifest
        return msgspec.structs.replace(found, name="turned", version=version, files=files, inputs=found.inputs[::-1])

    turned = write_artifact(tmp_path, diabetes_artifact.read(), manifest, name="turned")
    with pytest.raises(BenchError, match="input 'age': expected the same place in diabetes/1 and turned/1"):
        Lineup.of([diabetes_artifact.directory, turned.directory])


def test_beside_its_estimator_and_the_stock_conversion(iris_artifact: Artifact, saved: Path) -> None:
    lineup = Lineup.of([iris_artifact.directory], estimator=saved, trust_pickle=True)
    assert (names(lineup), lineup.reference) == (["iris/1", "scikit-learn", "skl2onnx"], "scikit-learn")
    assert {contender.methods for contender in lineup.contenders} == {("predict", "predict_proba")}
    assert lineup.warnings == ("decision_function: not measured, for skl2onnx has no such answer",)


def test_methods_may_be_chosen(iris_artifact: Artifact, saved: Path) -> None:
    lineup = Lineup.of([iris_artifact.directory], estimator=saved, trust_pickle=True, methods=["decision_function"])
    assert names(lineup) == ["iris/1", "scikit-learn"]
    assert lineup.contenders[0].methods == ("decision_function",)
    assert lineup.warnings == ("no stock conversion: skl2onnx's has no decision_function",)
    with pytest.raises(BenchError, match="method 'transform': expected some of predict, predict_proba, decision_func"):
        Lineup.of([iris_artifact.directory], methods=["transform"])


def test_why_there_is_no_stock_conversion(
    reviews_artifact: Artifact, reviews_estimator: Any, reviews_rows: list[str], tmp_path: Path
) -> None:
    joblib.dump(reviews_estimator, tmp_path / "reviews.joblib")
    (tmp_path / "reviews.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, reviews_rows)))
    lineup = Lineup.of(
        [reviews_artifact.directory],
        estimator=tmp_path / "reviews.joblib",
        data=tmp_path / "reviews.jsonl",
        trust_pickle=True,
    )
    assert names(lineup) == ["reviews/1", "scikit-learn"]
    [line] = lineup.warnings
    assert line.startswith("no stock conversion: skl2onnx")
    assert "\n" not in line


def test_texts_that_are_only_known_in_parts_are_told_of(reviews_artifact: Artifact) -> None:
    assert Lineup.of([reviews_artifact.directory]).warnings == (
        "the golden rows of reviews/1 were split into their parts beforehand: measure that too with --data",
    )


def test_a_pickle_is_not_loaded_unless_it_is_trusted(iris_artifact: Artifact, saved: Path) -> None:
    with pytest.raises(UntrustedInput, match="a pickle is a program"):
        Lineup.of([iris_artifact.directory], estimator=saved)


def test_an_estimator_of_other_rows_is_refused(iris_artifact: Artifact, diabetes_rows: Any, tmp_path: Path) -> None:
    joblib.dump(LinearRegression().fit(diabetes_rows, diabetes_rows["age"]), tmp_path / "other.joblib")
    with pytest.raises(BenchError, match="the estimator does not take the golden rows of iris/1") as raised:
        Lineup.of([iris_artifact.directory], estimator=tmp_path / "other.joblib", trust_pickle=True)
    assert raised.value.hint == "give rows with --data"


def test_contenders_need_a_method_in_common(iris_artifact: Artifact, iris_rows: np.ndarray, tmp_path: Path) -> None:
    scaler = export(StandardScaler().fit(iris_rows), iris_rows, name="scaler", to=tmp_path)
    with pytest.raises(BenchError, match=r"a method in common, got iris/1 with predict, .*; scaler/1 with transform"):
        Lineup.of([iris_artifact.directory, scaler.directory])


def test_a_corrupt_artifact_is_its_own_error(parent: Artifact) -> None:
    (parent.directory / "golden.npz").write_bytes(b"x" * (parent.directory / "golden.npz").stat().st_size)
    with pytest.raises(DigestMismatch):
        Lineup.of([parent.directory])
