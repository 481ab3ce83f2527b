"""A rewritten graph is a new artifact that says where it comes from, how far it is off, and still loads whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper

from skerry.export import export
from skerry.export.exporter import write_model
from skerry.quantize.derived import agreement, rewritten
from skerry.runtime import Artifact, Model, load
from skerry.runtime.artifact import FRONT, GOLDEN, MODEL
from skerry.runtime.errors import InvalidRows, ManifestError, UnsafeModel
from skerry.runtime.golden import decode_golden
from skerry.runtime.manifest import Loss, Step

STEP = Step(arrow="quantize", detail={"weights": "two digits"})


def rounded(artifact: Artifact, digits: int = 2) -> bytes:
    """The artifact's graph with its larger float64 constants rounded."""
    model = onnx.load_from_string(artifact.read()["model.onnx"])
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float64 and values.size > 3:
            tensor.CopyFrom(numpy_helper.from_array(np.round(values, digits), tensor.name))
    return model.SerializeToString()


@pytest.fixture
def coarse(iris_artifact: Artifact, iris_rows: np.ndarray, iris_target: np.ndarray, tmp_path: Path) -> Artifact:
    return rewritten(iris_artifact, rounded(iris_artifact), step=STEP, X=iris_rows, y=iris_target, to=tmp_path)


def pictured(artifact: Artifact, to: Path) -> Artifact:
    """The same with a loss and a picture, as a search writes it."""
    assert artifact.manifest.derivation is not None
    derivation = msgspec.structs.replace(artifact.manifest.derivation, loss=_loss())
    files = artifact.read()
    manifest = msgspec.structs.replace(artifact.manifest, name="small", derivation=derivation)
    return write_model(manifest, files[MODEL], decode_golden(files[GOLDEN]), to, front=b"<svg/>")


def test_lineage_goes_on(coarse: Artifact, iris_artifact: Artifact) -> None:
    assert coarse.manifest.parent == iris_artifact.digest
    assert coarse.manifest.steps == (*iris_artifact.manifest.steps, STEP)
    assert coarse.manifest.derivation is not None
    assert coarse.manifest.derivation.teacher == iris_artifact.manifest.estimator
    assert coarse.manifest.derivation.teacher_size == iris_artifact.manifest.files["model.onnx"].unpacked


def test_inputs_outputs_and_classes_stay(coarse: Artifact, iris_artifact: Artifact) -> None:
    for part in ("inputs", "outputs", "classes", "guards", "layout", "task"):
        assert getattr(coarse.manifest, part) == getattr(iris_artifact.manifest, part)


def test_it_answers_with_its_own_numbers(coarse: Artifact, iris_model: Model, iris_rows: np.ndarray) -> None:
    answers, exact = load(coarse).predict_proba(iris_rows), iris_model.predict_proba(iris_rows)
    assert 0 < np.abs(answers - exact).max() < 0.02


def test_agreement_is_with_the_parents_answers(coarse: Artifact, iris_model: Model, iris_rows: np.ndarray) -> None:
    model = load(coarse)
    errors = np.abs(model.predict_proba(iris_rows) - iris_model.predict_proba(iris_rows))
    found = agreement(iris_model, model, iris_rows)
    assert (found.rows, found.mean_error, found.max_error) == (150, errors.mean(), errors.max())
    assert found.labels == (model.predict(iris_rows) == iris_model.predict(iris_rows)).mean()
    assert coarse.manifest.derivation is not None
    assert coarse.manifest.derivation.agreement == found


def test_an_estimator_agrees_with_its_artifact(iris_estimator: Any, iris_model: Model, iris_rows: np.ndarray) -> None:
    found = agreement(iris_estimator, iris_model, iris_rows)
    assert found.labels == 1
    assert found.max_error is not None
    assert found.max_error < 1e-12


def test_a_regressor_has_no_labels_to_agree_on(
    diabetes_artifact: Artifact, diabetes_model: Model, diabetes_rows: pd.DataFrame, tmp_path: Path
) -> None:
    made = rewritten(diabetes_artifact, rounded(diabetes_artifact, 3), step=STEP, X=diabetes_rows, to=tmp_path)
    found = agreement(diabetes_model, load(made), diabetes_rows)
    errors = np.abs(load(made).predict(diabetes_rows) - diabetes_model.predict(diabetes_rows))
    assert found.labels is None
    assert found.mean_error == errors.mean()
    assert found.mean_error is not None
    assert found.mean_error > 0


def test_parity_counts_the_golden_rows_and_the_given_ones(coarse: Artifact, iris_artifact: Artifact) -> None:
    parity = coarse.manifest.parity
    assert (parity.rows, parity.methods) == (parity.made + 150, iris_artifact.manifest.methods)
    assert parity.max_error > iris_artifact.manifest.parity.tolerance
    assert parity.tolerance == 1e-6


def test_without_rows_the_golden_rows_are_compared(iris_artifact: Artifact, tmp_path: Path) -> None:
    made = rewritten(iris_artifact, rounded(iris_artifact), step=STEP, to=tmp_path, name="coarse")
    assert made.manifest.name == "coarse"
    assert made.manifest.evaluation is None
    assert made.manifest.derivation is not None
    assert made.manifest.derivation.agreement.rows == made.manifest.parity.rows == made.manifest.parity.made


def test_a_second_step_keeps_the_first_teacher(coarse: Artifact, tmp_path: Path) -> None:
    again = rewritten(coarse, rounded(coarse, 1), step=STEP, to=tmp_path)
    assert again.manifest.version == 2
    assert again.manifest.parent == coarse.digest
    assert [step.arrow for step in again.manifest.steps] == ["export", "quantize", "quantize"]
    assert again.manifest.derivation is not None
    assert coarse.manifest.derivation is not None
    assert again.manifest.derivation.teacher_size == coarse.manifest.derivation.teacher_size


def test_a_graph_of_other_tensors_is_refused(
    iris_artifact: Artifact, diabetes_artifact: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError, match="expected inputs"):
        rewritten(iris_artifact, rounded(diabetes_artifact), step=STEP, to=tmp_path)
    with pytest.raises(UnsafeModel):
        rewritten(iris_artifact, b"no graph", step=STEP, to=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_agreement_needs_rows(iris_model: Model) -> None:
    with pytest.raises(InvalidRows, match="at least one row"):
        agreement(iris_model, iris_model, np.empty((0, 4)))
    with pytest.raises(InvalidRows, match="rows that both models take"):
        agreement(iris_model, iris_model, np.full((3, 4), np.nan))


def test_export_takes_the_lineage_of_what_was_made_smaller(
    iris_estimator: Any, iris_rows: np.ndarray, coarse: Artifact, tmp_path: Path
) -> None:
    step, loss = Step(arrow="prune", detail={"nodes": "7"}), _loss()
    assert coarse.manifest.derivation is not None
    derivation = msgspec.structs.replace(coarse.manifest.derivation, loss=loss)
    made = export(
        iris_estimator,
        iris_rows,
        name="small",
        to=tmp_path,
        parent=coarse.digest,
        steps=(step,),
        derivation=derivation,
    )
    assert (made.manifest.parent, made.manifest.derivation) == (coarse.digest, derivation)
    assert [each.arrow for each in made.manifest.steps] == ["prune", "export"]


def test_the_card_tells_where_it_comes_from_and_what_it_costs(
    coarse: Artifact, iris_artifact: Artifact, tmp_path: Path
) -> None:
    content = coarse.read()[MODEL]
    card = (pictured(coarse, tmp_path).directory / "card.md").read_text()
    for text in (
        "## Made from another model",
        "whose answers it does not give exactly: quantize (weights two digits).",
        f"- Parent artifact: `{iris_artifact.digest}`",
        f"- model.onnx: {len(content):,} bytes, the original's {len(iris_artifact.read()['model.onnx']):,}",
        "| this model | 0.89500 |",
        "With 95% confidence at most 0.01 will be seen on another 500.",
        "at most 0.00800 on such rows, and at most 0.01000 on another 500 of them.",
        "(front.svg)",
        "## Parity with its parent",
    ):
        assert text in card


def test_a_front_that_was_changed_is_refused(coarse: Artifact, tmp_path: Path) -> None:
    made = pictured(coarse, tmp_path)
    assert made.read()[FRONT] == b"<svg/>"
    (made.directory / FRONT).unlink()
    with pytest.raises(ManifestError, match=r"missing or too many: \['front.svg'\]"):
        Artifact.open(made.directory)


def _loss() -> Loss:
    return Loss(
        metric="accuracy",
        rows=500,
        teacher=0.9,
        result=0.895,
        loss=0.005,
        low=0.002,
        high=0.008,
        fresh=0.01,
        confidence=0.95,
        bound=0.01,
    )
