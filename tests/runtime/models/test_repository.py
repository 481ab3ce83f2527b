from __future__ import annotations

import gc
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from skerry.runtime import Artifact, Model
from skerry.runtime.artifact import MANIFEST
from skerry.runtime.errors import ArtifactError, Conflict, DigestMismatch, ModelNotFound, ModelNotReady, ServerError
from skerry.runtime.models.aliases import Aliases, read_aliases, write_aliases
from skerry.runtime.models.directory import RESERVED, find_artifacts
from skerry.runtime.models.repository import Entry, ModelRepository
from skerry.runtime.models.served import ServedModel
from skerry.runtime.models.wanted import Wanted, WantedFiles


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


@pytest.fixture
def steps(steps_repository: Path, tmp_path: Path) -> Path:
    """A repository with ``steps`` in version 1; 2 and 3 lie in ``later``."""
    shutil.copytree(steps_repository / "steps" / "1", tmp_path / "models" / "steps" / "1")
    shutil.copytree(steps_repository / "steps", tmp_path / "later")
    return tmp_path / "models"


def arrives(repository: Path, version: int) -> Path:
    """A new version is there."""
    path = repository / "steps" / str(version)
    shutil.copytree(repository.parent / "later" / str(version), path)
    return path


def damaged(artifact: Path) -> Path:
    (artifact / "card.md").write_bytes(b"changed")
    return artifact


def answer(repository: ModelRepository, version: str | None = None) -> int:
    """Which version answers, by what it answers and by what it says."""
    served = repository.get("steps", version)
    (predicted,) = served.model.answer(served.model.feeds.from_rows(np.array([[5.0]])), ("predict",))
    assert round(predicted[0]) == 5 + 1000 * served.model.manifest.version
    return served.model.manifest.version


def states(repository: ModelRepository, *, disk: bool = False) -> dict[int, str]:
    return {entry.version: entry.state for entry in repository.index(disk=disk)}


def test_a_new_version_is_loaded_and_answers(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    arrives(steps, 2)
    assert (answer(repository), repository.versions("steps")) == (1, [1])
    repository.load("steps")
    assert (answer(repository), repository.versions("steps")) == (2, [1, 2])
    assert (answer(repository, "1"), answer(repository, "2")) == (1, 2)


def test_a_version_can_be_chosen(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    arrives(steps, 2)
    arrives(steps, 3)
    repository.load("steps", 2)
    assert (answer(repository), repository.versions("steps")) == (2, [1, 2])


def test_a_new_model_is_loaded(steps: Path, iris_artifact: Artifact) -> None:
    repository = ModelRepository.open(steps)
    shutil.copytree(iris_artifact.directory, steps / "iris" / "1")
    repository.load("iris")
    assert repository.names == ["steps", "iris"]
    assert repository.default == "steps"


def test_a_version_that_is_refused_leaves_what_served_and_says_why(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    damaged(arrives(steps, 2))
    with pytest.raises(Conflict, match=r"^model 'steps': refused: steps/2/card\.md: expected sha256:"):
        repository.load("steps")
    assert (answer(repository), repository.versions("steps"), repository.unready) == (1, [1], {})
    ready, refused = repository.index()
    assert ready == Entry("steps", 1, "READY")
    assert (refused.version, refused.state) == (2, "UNAVAILABLE")
    assert refused.reason.startswith("steps/2/card.md: expected sha256:")


def test_a_version_that_was_repaired_is_loaded(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    shutil.rmtree(damaged(arrives(steps, 2)))
    with pytest.raises(
        ModelNotFound, match=r"^model 'steps' version 2: not found in the model repository; there is 1$"
    ):
        repository.load("steps", 2)
    arrives(steps, 2)
    repository.load("steps", 2)
    assert (answer(repository), repository.index()[1]) == (2, Entry("steps", 2, "READY"))


@pytest.mark.parametrize("name", ["nobody", "..", "../models/steps", "steps/1", "", "steps\x00", "x" * 10_000])
def test_only_what_lies_there_is_loaded(steps: Path, name: str) -> None:
    repository = ModelRepository.open(steps)
    with pytest.raises(ModelNotFound) as error:
        repository.load(name)
    assert len(error.value.text) < 200


def test_a_repository_without_a_directory_loads_nothing(loaded: ModelRepository) -> None:
    with pytest.raises(Conflict, match="no model repository on disk"):
        loaded.load("iris")


def test_an_artifact_that_was_written_anew_under_its_version_is_loaded_anew(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    before = repository.get("steps")
    repository.load("steps")
    assert repository.get("steps") is before
    fields = msgspec.json.decode((steps / "steps" / "1" / MANIFEST).read_bytes())
    (steps / "steps" / "1" / MANIFEST).write_bytes(msgspec.json.encode(fields | {"author": "somebody else"}))
    before = None  # type: ignore[assignment]  # the old one is given back once nobody has it
    repository.load("steps")
    assert repository.get("steps").model.manifest.author == "somebody else"
    assert repository.index() == [Entry("steps", 1, "READY")]


def test_an_unloaded_version_answers_no_more(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    repository.unload("steps", 2)
    assert (answer(repository), states(repository)) == (1, {1: "READY", 2: "UNAVAILABLE"})
    assert repository.index()[1].reason == "unloaded"
    with pytest.raises(ModelNotFound, match=r"^model 'steps' version '2': not found; there is 1$"):
        repository.get("steps", "2")
    with pytest.raises(ModelNotFound, match=r"^model 'steps' version 2: not loaded$"):
        repository.unload("steps", 2)


def test_an_unloaded_model_comes_back_with_what_its_aliases_name(steps: Path) -> None:
    arrives(steps, 2)
    arrives(steps, 3)
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "stable", 1)
    repository.unload("steps")
    assert (repository.names, repository.default) == ([], None)
    with pytest.raises(ModelNotFound, match=r"^model 'steps': not loaded$"):
        repository.get("steps")
    repository.load("steps")
    assert (repository.versions("steps"), answer(repository), answer(repository, "stable")) == ([1, 3], 1, 1)


def test_unloading_waits_for_requests_that_are_being_answered(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    in_flight: list[ServedModel] = [repository.get("steps", "2")]
    unloading = threading.Thread(target=repository.unload, args=("steps", 2))
    unloading.start()
    while states(repository)[2] != "UNLOADING":
        pass
    assert answer(repository) == 1
    model = in_flight[0].model
    assert model.answer(model.feeds.from_rows(np.array([[5.0]])), ("predict",))[0].round() == 2005
    assert unloading.is_alive()
    in_flight.clear()
    unloading.join(timeout=10)
    assert states(repository)[2] == "UNAVAILABLE"
    assert not hasattr(model, "_session")


def test_a_swap_leaves_nothing_to_the_garbage_collector_that_is_large(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    gc.collect()
    gc.disable()
    try:
        session = weakref.ref(repository.get("steps", "2").model._session)
        repository.unload("steps", 2)
        assert session() is None
    finally:
        gc.enable()


def test_an_alias_is_kept_on_disk(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "stable", 1)
    repository.set_alias("steps", "canary", 2)
    assert (answer(repository), answer(repository, "stable"), answer(repository, "canary")) == (1, 1, 2)
    assert read_aliases(steps / "steps") == Aliases(aliases={"stable": 1, "canary": 2}, history=(2,))
    again = ModelRepository.open(steps)
    assert (answer(again), answer(again, "canary"), set(again.lineup("steps").labels)) == (
        1,
        2,
        {"1", "2", "stable", "canary", None},
    )


def test_a_new_version_leaves_stable_alone(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "stable", 1)
    arrives(steps, 2)
    repository.load("steps")
    assert (answer(repository), answer(repository, "2")) == (1, 2)
    repository.delete_alias("steps", "stable")
    assert answer(repository) == 2


def test_a_version_that_an_alias_names_is_not_unloaded_alone(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "canary", 1)
    with pytest.raises(Conflict, match=r"^version 1: 'canary' names it; move the alias first$"):
        repository.unload("steps", 1)


def test_an_alias_that_cannot_be_kept_is_not_set(steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)

    def full(descriptor: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Conflict, match=r"^model 'steps': its aliases cannot be written: Read-only file system$"):
        repository.set_alias("steps", "stable", 1)
    assert answer(repository) == 2


def test_a_roll_back_is_one_call(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "stable", 1)
    arrives(steps, 2)
    repository.load("steps")
    repository.set_alias("steps", "stable", 2)
    assert answer(repository) == 2
    repository.roll_back("steps")
    assert (answer(repository), answer(repository, "stable")) == (1, 1)
    with pytest.raises(Conflict, match="no version to go back to"):
        repository.roll_back("steps")


def test_a_roll_back_without_stable_makes_one(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    repository.roll_back("steps")
    assert (answer(repository), repository.lineup("steps").wanted.aliases.aliases) == (1, {"stable": 1})


def test_a_roll_back_loads_what_it_goes_back_to(steps: Path) -> None:
    arrives(steps, 2)
    repository = ModelRepository.open(steps)
    repository.set_alias("steps", "stable", 1)
    repository.set_alias("steps", "stable", 2)
    repository.unload("steps", 1)
    repository.roll_back("steps")
    assert (answer(repository), repository.versions("steps")) == (1, [1, 2])


def test_one_change_at_a_time(steps: Path) -> None:
    arrives(steps, 2)
    arrives(steps, 3)
    repository = ModelRepository.open(steps)

    def change(place: int) -> int | None:
        version = 2 + place % 2
        try:
            if place % 3:
                repository.load("steps", version)
            else:
                repository.unload("steps", version)
        except (Conflict, ModelNotFound):
            return None
        return place

    with ThreadPoolExecutor(32) as pool:
        accepted = [place for place in pool.map(change, range(32)) if place is not None]
    assert accepted
    assert all(answer(repository, str(version)) == version for version in repository.versions("steps"))
    assert 1 in repository.versions("steps")
    repository.load("steps", 2)
    repository.unload("steps", 3) if 3 in repository.versions("steps") else None
    assert (repository.versions("steps"), answer(repository)) == ([1, 2], 2)


def test_listeners_hear_of_every_change_and_see_it(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    seen: list[list[int]] = []
    repository.subscribe(lambda: seen.append(repository.versions("steps")))
    arrives(steps, 2)
    repository.load("steps")
    repository.unload("steps", 1)
    assert seen == [[1], [1, 2], [2]]


def test_aliases_must_name_what_is_there(steps: Path) -> None:
    write_aliases(steps / "steps", Aliases(aliases={"stable": 2}))
    with pytest.raises(ArtifactError, match=r"steps: alias 'stable' names version 2, which is not there$"):
        ModelRepository.open(steps)


@pytest.mark.parametrize("name", ["stats", "ready", "versions", "metrics", "health"])
def test_a_model_is_not_called_as_a_part_of_the_servers_paths(steps: Path, name: str) -> None:
    fields = msgspec.json.decode((steps / "steps" / "1" / MANIFEST).read_bytes())
    (steps / "steps" / "1" / MANIFEST).write_bytes(msgspec.json.encode(fields | {"name": name}))
    with pytest.raises(
        ArtifactError, match=rf"1: a model cannot be called '{name}': the server's own paths are called so$"
    ):
        ModelRepository.open(steps)


def test_not_strict_what_is_refused_is_left_out_and_told(steps: Path, iris_artifact: Artifact) -> None:
    damaged(arrives(steps, 2))
    shutil.copytree(iris_artifact.directory, steps / "iris" / "1")
    damaged(steps / "iris" / "1")
    repository = ModelRepository.open(steps, strict=False)
    assert (repository.names, answer(repository), set(repository.unready)) == (["steps"], 1, {"iris", "steps"})
    for name, version in (("iris", None), ("iris", "1"), ("steps", "2")):
        with pytest.raises(ModelNotReady, match=rf"^model '{name}': not ready: {name}/./card\.md: expected sha256:"):
            repository.get(name, version)
    with pytest.raises(ModelNotFound):
        repository.get("steps", "3")
    shutil.rmtree(steps / "steps" / "2")
    arrives(steps, 2)
    repository.load("steps")
    assert (answer(repository), set(repository.unready)) == (2, {"iris"})


def test_not_strict_a_stable_version_that_is_refused_is_not_replaced_by_another(steps: Path) -> None:
    write_aliases(steps / "steps", Aliases(aliases={"stable": 2}))
    damaged(arrives(steps, 2))
    repository = ModelRepository.open(steps, strict=False)
    for version in (None, "stable"):
        with pytest.raises(ModelNotReady):
            repository.get("steps", version)
    assert (answer(repository, "1"), repository.default) == (1, None)


def test_not_strict_a_model_whose_aliases_cannot_be_read_does_not_serve(steps: Path) -> None:
    (steps / "steps" / "aliases.json").write_text("{")
    repository = ModelRepository.open(steps, strict=False)
    with pytest.raises(ModelNotReady, match=r"not ready: steps/aliases\.json: "):
        repository.get("steps")
    write_aliases(steps / "steps", Aliases())
    repository.load("steps")
    assert (answer(repository), repository.unready) == (1, {})


def test_the_index_lists_what_lies_there_for_those_who_may_load_it(steps: Path) -> None:
    repository = ModelRepository.open(steps)
    arrives(steps, 2)
    assert states(repository) == {1: "READY"}
    assert states(repository, disk=True) == {1: "READY", 2: "UNAVAILABLE"}
    assert repository.index(disk=True)[1].reason == "not loaded"


def test_a_reload_serves_what_is_there_now(steps: Path, iris_artifact: Artifact) -> None:
    shutil.copytree(iris_artifact.directory, steps / "iris" / "1")
    repository = ModelRepository.open(steps)
    arrives(steps, 2)
    arrives(steps, 3)
    shutil.rmtree(steps / "steps" / "1")
    write_aliases(steps / "steps", Aliases(aliases={"stable": 2}))
    shutil.rmtree(steps / "iris")
    repository.reload()
    assert (repository.names, repository.versions("steps"), answer(repository)) == (["steps"], [2, 3], 2)


def test_a_reload_leaves_a_model_alone_of_which_something_is_refused(
    steps: Path, iris_artifact: Artifact, caplog: pytest.LogCaptureFixture
) -> None:
    repository = ModelRepository.open(steps)
    shutil.copytree(iris_artifact.directory, steps / "iris" / "1")
    damaged(arrives(steps, 2))
    arrives(steps, 3)
    repository.reload()
    assert (repository.names, repository.versions("steps"), repository.unready) == (["steps", "iris"], [1], {})
    assert "model steps stays as it is: model 'steps': refused: steps/2/card.md" in caplog.text


def test_other_workers_follow(steps: Path, tmp_path: Path) -> None:
    files = WantedFiles(tmp_path / "run")
    (tmp_path / "run").mkdir()
    here, there = (ModelRepository.open(steps, files=files) for _ in range(2))
    arrives(steps, 2)
    here.load("steps")
    here.set_alias("steps", "stable", 1)
    assert there.versions("steps") == [1]
    there.follow("steps")
    assert (there.versions("steps"), answer(there), there.unready) == ([1, 2], 1, {})
    there.roll_back("steps")
    here.follow("steps")
    assert (answer(here), answer(there)) == (2, 2)
    new = ModelRepository.open(steps, files=files, strict=False)
    assert (answer(new), new.lineup("steps").wanted) == (2, here.lineup("steps").wanted)


def test_a_change_waits_until_its_worker_has_followed_the_one_before(
    steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client's next call may reach a worker that still loads what the last one brought."""
    files = WantedFiles(tmp_path / "run")
    (tmp_path / "run").mkdir()
    here, there = (ModelRepository.open(steps, files=files) for _ in range(2))
    arrives(steps, 2)
    here.load("steps")
    loads, may_end = threading.Event(), threading.Event()

    def slowly(*args: object) -> ServedModel:
        loads.set()
        assert may_end.wait(10)
        return load(*args)  # type: ignore[arg-type]

    load = there._load
    monkeypatch.setattr(there, "_load", slowly)
    with ThreadPoolExecutor() as pool:
        follows = pool.submit(there.follow, "steps")
        assert loads.wait(10)
        changes = pool.submit(there.unload, "steps", 1)
        with pytest.raises(TimeoutError):
            changes.result(0.05)
        may_end.set()
        assert (follows.result(10), changes.result(10)) == (True, None)
    assert there.versions("steps") == [2]


def test_a_worker_that_cannot_follow_says_so_and_serves_what_it_has(
    steps: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = WantedFiles(tmp_path / "run")
    (tmp_path / "run").mkdir()
    here, there = (ModelRepository.open(steps, files=files) for _ in range(2))
    artifact = arrives(steps, 2)
    here.load("steps")
    damaged(artifact)
    there.follow("steps")
    assert (answer(there), there.versions("steps"), states(there)) == (1, [1], {1: "READY", 2: "UNAVAILABLE"})
    assert there.unready["steps"].startswith("steps/2/card.md: expected sha256:")
    assert "model steps: this worker cannot follow: " in caplog.text
    with pytest.raises(ModelNotReady):
        there.get("steps", "2")
    here.unload("steps", 2)
    there.follow("steps")
    assert (answer(there), there.unready) == (1, {})


def test_a_worker_does_not_serve_another_artifact_than_the_others(steps: Path, tmp_path: Path) -> None:
    files = WantedFiles(tmp_path / "run")
    (tmp_path / "run").mkdir()
    repository = ModelRepository.open(steps, files=files)
    arrives(steps, 2)
    files.write("steps", Wanted(versions={2: "sha256:another"}))
    repository.follow("steps")
    assert (answer(repository), repository.unready) == (
        1,
        {"steps": "steps/2: another artifact than the one that is wanted lies there now"},
    )


def test_reserved_names_are_documented() -> None:
    section = (Path(__file__).parents[3] / "docs" / "http.md").read_text().partition("\n## Model repository\n")[2]
    assert [
        name for name in sorted(RESERVED) if f"`{name}`" not in section.partition("A model cannot be called")[2]
    ] == []
