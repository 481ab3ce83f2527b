from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from skerry.runtime import Artifact, Model
from skerry.runtime.artifact import MANIFEST
from skerry.runtime.errors import ArtifactError, DigestMismatch, ModelNotFound, ServerError
from skerry.runtime.repository import ModelRepository, find_artifacts


def numbered(model: Model, version: int) -> Model:
    """The same model under another version."""
    copy = object.__new__(Model)
    copy.__dict__.update(model.__dict__ | {"manifest": msgspec.structs.replace(model.manifest, version=version)})
    return copy


@pytest.fixture
def directory(iris_artifact: Artifact, diabetes_artifact: Artifact, tmp_path: Path) -> Path:
    """A repository with iris 1 and 12, and diabetes 1."""
    for artifact in (iris_artifact, diabetes_artifact):
        shutil.copytree(artifact.directory, tmp_path / artifact.manifest.name / "1")
    copied = shutil.copytree(iris_artifact.directory, tmp_path / "iris" / "12")
    fields = msgspec.json.decode((copied / MANIFEST).read_bytes())
    (copied / MANIFEST).write_bytes(msgspec.json.encode(fields | {"version": 12}))
    return tmp_path


@pytest.fixture(scope="module")
def loaded(iris_model: Model, passengers_model: Model) -> ModelRepository:
    return ModelRepository([iris_model, numbered(iris_model, 2), numbered(iris_model, 10), passengers_model])


def test_every_version_of_every_model_is_loaded(directory: Path) -> None:
    repository = ModelRepository.open(directory)
    assert {name: repository.versions(name) for name in repository.names} == {"diabetes": [1], "iris": [1, 12]}


def test_a_model_or_an_artifact_is_a_repository_of_its_own(directory: Path) -> None:
    for path, versions in (
        (directory / "iris", [1, 12]),
        (directory / "iris" / "12", [12]),
        (directory / "iris" / "1", [1]),
    ):
        repository = ModelRepository.open(path)
        assert (repository.names, repository.versions("iris")) == (["iris"], versions)


def test_what_is_no_version_is_passed_over(directory: Path) -> None:
    for name in ("01", "latest", ".writing-x", "2.tmp"):
        shutil.copytree(directory / "iris" / "1", directory / "iris" / name)
    (directory / ".demo" / "1").mkdir(parents=True)
    (directory / "README.md").touch()
    expected = [directory / "diabetes" / "1", directory / "iris" / "1", directory / "iris" / "12"]
    assert find_artifacts(directory) == expected


def test_nothing_to_serve_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r": no artifact to serve$"):
        ModelRepository.open(tmp_path)
    with pytest.raises(ServerError, match=r": no such directory$"):
        ModelRepository.open(tmp_path / "nowhere")


def test_one_damaged_artifact_and_nothing_is_served(directory: Path) -> None:
    (directory / "iris" / "12" / "card.md").write_bytes(b"changed")
    with pytest.raises(DigestMismatch):
        ModelRepository.open(directory)


def test_directory_and_manifest_must_agree_on_the_version(directory: Path) -> None:
    (directory / "iris" / "12").rename(directory / "iris" / "3")
    with pytest.raises(ArtifactError, match=r": expected version 3, the manifest says 12$"):
        ModelRepository.open(directory)


def test_one_model_in_two_directories_is_an_error(directory: Path) -> None:
    (directory / "copy").mkdir()
    shutil.copytree(directory / "iris" / "1", directory / "copy" / "1")
    with pytest.raises(ServerError, match=r"^model 'iris' version 1: expected once, found in two directories$"):
        ModelRepository.open(directory)


def test_the_newest_version_is_the_greatest_number(loaded: ModelRepository) -> None:
    assert loaded.get("iris").model.manifest.version == 10


@pytest.mark.parametrize("version", ["1", "2", "10"])
def test_a_version_that_was_asked_for_is_that_version(loaded: ModelRepository, version: str) -> None:
    assert loaded.get("iris", version).model.manifest.version == int(version)


@pytest.mark.parametrize(
    "version", ["0", "01", "-1", "+1", "3", "latest", "1.0", "", " 1", "１", "²", str(10**20), "9" * 5000, "1/../2"]
)
def test_no_other_version_answers(loaded: ModelRepository, version: str) -> None:
    with pytest.raises(ModelNotFound, match=r"^model 'iris' version '?.*: not found; there is 1, 2, 10$"):
        loaded.get("iris", version)


@pytest.mark.parametrize(
    "name", ["Iris", "iris ", "iris.", "..", "../iris", "iris/1", "", "x" * 10_000, "ırıs", "i\x00ris"]
)
def test_no_other_name_answers(loaded: ModelRepository, name: str) -> None:
    with pytest.raises(ModelNotFound, match=r"^model '.*: not found") as error:
        loaded.get(name)
    assert len(error.value.text) < 200


def test_a_name_that_was_mistyped_is_corrected(loaded: ModelRepository) -> None:
    with pytest.raises(ModelNotFound, match=r"^model 'pasengers': not found \(did you mean 'passengers'\?\)$"):
        loaded.get("pasengers")


def test_the_only_model_is_the_default(iris_model: Model) -> None:
    assert ModelRepository([iris_model]).get().model is iris_model


def test_several_models_have_no_default(loaded: ModelRepository) -> None:
    expected = r"^expected a model's name in the path, as in /models/iris/predict: there are iris, passengers$"
    with pytest.raises(ModelNotFound, match=expected):
        loaded.get()


def test_the_default_can_be_chosen(iris_model: Model, passengers_model: Model) -> None:
    repository = ModelRepository([iris_model, passengers_model], default="passengers")
    assert repository.get().model is passengers_model


def test_the_default_must_be_there(iris_model: Model) -> None:
    with pytest.raises(ServerError, match=r"^default model 'flights': expected one of iris$"):
        ModelRepository([iris_model], default="flights")
