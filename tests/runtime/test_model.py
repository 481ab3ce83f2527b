from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from skerry.runtime import Artifact, Model, SessionConfig, load
from skerry.runtime.artifact import digest
from skerry.runtime.errors import (
    ArtifactError,
    DigestMismatch,
    GoldenMismatch,
    InvalidInput,
    ManifestError,
    UnsafeModel,
)
from skerry.runtime.session import Session

METHODS = {
    "iris": ("predict", "predict_proba", "decision_function"),
    "passengers": ("predict", "predict_proba", "decision_function"),
    "diabetes": ("predict",),
    "reviews": ("predict", "predict_proba", "decision_function"),
}
CASES = [(name, method) for name, methods in METHODS.items() for method in methods]

Sample = tuple[Any, Any, Model]


@pytest.fixture(scope="module")
def samples(
    models: dict[str, Model],
    iris_estimator: Any,
    iris_rows: np.ndarray,
    passengers_estimator: Any,
    passengers_rows: pd.DataFrame,
    diabetes_estimator: Any,
    diabetes_rows: pd.DataFrame,
    reviews_estimator: Any,
    reviews_rows: list[str],
) -> dict[str, Sample]:
    """Estimator, rows and model, by name."""
    return {
        "iris": (iris_estimator, iris_rows, models["iris"]),
        "passengers": (passengers_estimator, passengers_rows, models["passengers"]),
        "diabetes": (diabetes_estimator, diabetes_rows, models["diabetes"]),
        "reviews": (reviews_estimator, reviews_rows * 20, models["reviews"]),
    }


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    """Same dtype, same shape, same labels; scores as near as the artifact promises."""
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("name", "method"), CASES)
@pytest.mark.parametrize("count", [1, 2, 150])
def test_answers_are_scikit_learns(samples: dict[str, Sample], name: str, method: str, count: int) -> None:
    estimator, rows, model = samples[name]
    assert_same(getattr(model, method)(rows[:count]), getattr(estimator, method)(rows[:count]))


@pytest.mark.parametrize("name", METHODS)
def test_a_model_has_the_methods_of_its_estimator(samples: dict[str, Sample], name: str) -> None:
    estimator, _, model = samples[name]
    for method in ("predict", "predict_proba", "decision_function", "transform", "score_samples"):
        assert hasattr(model, method) == hasattr(estimator, method) == (method in METHODS[name])


def test_a_method_that_is_not_there_says_which_are(diabetes_model: Model) -> None:
    with pytest.raises(AttributeError, match=r"^model 'diabetes' has no predict_proba; it has predict$"):
        _ = diabetes_model.predict_proba


@pytest.mark.parametrize("name", ["iris", "passengers", "reviews"])
def test_classes_are_scikit_learns(samples: dict[str, Sample], name: str) -> None:
    estimator, _, model = samples[name]
    assert_same(np.asarray(model.classes_), estimator.classes_)


def test_a_regressor_has_no_classes(diabetes_model: Model) -> None:
    assert not hasattr(diabetes_model, "classes_")


def _shuffled(rows: pd.DataFrame) -> Any:
    return rows[rows.columns[::-1]]


def _records(rows: pd.DataFrame) -> Any:
    return rows.to_dict("records")


def _lists(rows: pd.DataFrame) -> Any:
    return rows.to_numpy(dtype=object).tolist()


def _objects(rows: pd.DataFrame) -> Any:
    return rows.to_numpy(dtype=object)


def _categories(rows: pd.DataFrame) -> Any:
    return rows.astype({"city": "category", "deck": "category"})


def _other_index(rows: pd.DataFrame) -> Any:
    return rows.set_index(np.arange(len(rows))[::-1] * 10)


@pytest.mark.parametrize("form", [_shuffled, _records, _lists, _objects, _categories, _other_index])
def test_the_same_rows_in_any_form_get_the_same_answers(
    passengers_model: Model, passengers_rows: pd.DataFrame, form: Callable[[pd.DataFrame], Any]
) -> None:
    rows = passengers_rows[:20]
    expected = passengers_model.predict_proba(rows)
    np.testing.assert_array_equal(passengers_model.predict_proba(form(rows)), expected)


def test_an_array_model_takes_a_frame_by_position(iris_model: Model, iris_rows: np.ndarray) -> None:
    frame = pd.DataFrame(iris_rows, columns=list("abcd"))
    np.testing.assert_array_equal(iris_model.predict_proba(frame), iris_model.predict_proba(iris_rows))


def test_asking_leaves_the_rows_as_they_were(passengers_model: Model, passengers_rows: pd.DataFrame) -> None:
    rows = passengers_rows.copy()
    passengers_model.predict(rows)
    pd.testing.assert_frame_equal(rows, passengers_rows)


def test_unknown_category_is_ignored_or_refused_as_the_encoder_does(
    passengers_estimator: Any, passengers_model: Model, passengers_rows: pd.DataFrame
) -> None:
    rows = passengers_rows[:3].assign(city=["Oslo", "Atlantis", "oslo"])
    assert_same(passengers_model.predict_proba(rows), passengers_estimator.predict_proba(rows))
    with pytest.raises(
        InvalidInput, match=r"^input 'deck' row 1: expected a category known from training, got another$"
    ):
        passengers_model.predict(rows.assign(deck=["A", "Z", "A"]))


def test_missing_category_is_ignored_as_the_encoder_does(
    passengers_estimator: Any, passengers_model: Model, passengers_rows: pd.DataFrame
) -> None:
    rows = passengers_rows[:3].assign(city=["Oslo", np.nan, "Łódź"])
    assert_same(passengers_model.predict_proba(rows), passengers_estimator.predict_proba(rows))


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_threads_do_not_change_an_answer(
    iris_artifact: Artifact, iris_model: Model, iris_rows: np.ndarray, threads: int
) -> None:
    model = load(iris_artifact, SessionConfig(intra_op_num_threads=threads))
    np.testing.assert_array_equal(model.predict_proba(iris_rows), iris_model.predict_proba(iris_rows))


def test_load_takes_the_directory_of_a_model_or_a_version(iris_artifact: Artifact) -> None:
    for path in (iris_artifact.directory, iris_artifact.directory.parent, str(iris_artifact.directory)):
        assert load(path).manifest == iris_artifact.manifest


@pytest.fixture
def directory(iris_artifact: Artifact, tmp_path: Path) -> Path:
    """A copy of an artifact, to be damaged."""
    return Path(shutil.copytree(iris_artifact.directory, tmp_path / "iris" / "1"))


def plant(directory: Path, name: str, content: bytes) -> None:
    """Put a file into an artifact as if it belonged there, digest and all."""
    fields = msgspec.json.decode((directory / "manifest.json").read_bytes())
    fields["files"][name] = {
        "digest": digest(content),
        "size": len(content),
        "encoding": "identity",
        "unpacked": len(content),
    }
    (directory / "manifest.json").write_bytes(msgspec.json.encode(fields))
    (directory / name).write_bytes(content)


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz", "card.md"])
def test_changed_file_is_not_loaded(directory: Path, name: str) -> None:
    (directory / name).write_bytes((directory / name).read_bytes() + b" ")
    with pytest.raises(DigestMismatch):
        load(directory)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("model.onnx", b"garbage", UnsafeModel),
        ("model.onnx", b"", UnsafeModel),
        ("golden.npz", b"garbage", ManifestError),
    ],
)
def test_file_that_is_not_what_its_name_says_is_not_loaded(
    directory: Path, name: str, content: bytes, error: type[ArtifactError]
) -> None:
    plant(directory, name, content)
    with pytest.raises(error):
        load(directory)


def test_graph_of_another_model_is_not_loaded(directory: Path, diabetes_artifact: Artifact) -> None:
    plant(directory, "model.onnx", diabetes_artifact.read()["model.onnx"])
    with pytest.raises(
        ManifestError, match=r"^model\.onnx: expected inputs \['X'\] and outputs .*, got \['FP64'\] and "
    ):
        load(directory)


def test_golden_rows_of_another_model_are_not_accepted(directory: Path, diabetes_artifact: Artifact) -> None:
    plant(directory, "golden.npz", diabetes_artifact.read()["golden.npz"])
    with pytest.raises(ManifestError, match=r"^golden\.npz: expected answers of "):
        load(directory)


def test_model_that_answers_otherwise_is_not_loaded(directory: Path) -> None:
    """Another weight in the graph: every digest agrees, the golden rows do not."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string((directory / "model.onnx").read_bytes())
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float64:
            tensor.CopyFrom(numpy_helper.from_array(array * 1.5, tensor.name))
    plant(directory, "model.onnx", model.SerializeToString())
    with pytest.raises(GoldenMismatch):
        load(directory)


def test_texts_may_come_as_a_series(reviews_model: Model, reviews_rows: list[str]) -> None:
    expected = reviews_model.predict(reviews_rows)
    np.testing.assert_array_equal(reviews_model.predict(pd.Series(reviews_rows)), expected)


def test_manifest_and_graph_must_name_the_same_tensors(iris_artifact: Artifact) -> None:
    manifest = msgspec.structs.replace(iris_artifact.manifest, outputs=iris_artifact.manifest.outputs[:1])
    with pytest.raises(ManifestError, match=r"expected inputs \['X'\] and outputs \['guard_0', 'predict'\], got "):
        Model(manifest, Session(iris_artifact.read()["model.onnx"]))
