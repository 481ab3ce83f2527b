from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from skerry.runtime.artifact import CONTENT, FRONT, MANIFEST, Artifact, digest, is_version, versions, write_artifact
from skerry.runtime.errors import ArtifactError, DigestMismatch, ManifestError, SkerryError, UnsupportedFormat
from skerry.runtime.manifest import FORMAT, Evaluation, File, Manifest

FILES = {"model.onnx": b"model", "golden.npz": b"golden", "card.md": b"card"}


@pytest.fixture
def directory(iris_artifact: Artifact, tmp_path: Path) -> Path:
    """A copy of an artifact, to be damaged."""
    return Path(shutil.copytree(iris_artifact.directory, tmp_path / "iris" / "1"))


@pytest.fixture
def numbered(iris_artifact: Artifact) -> Callable[[int, dict[str, File]], Manifest]:
    def manifest(version: int, files: dict[str, File]) -> Manifest:
        return msgspec.structs.replace(iris_artifact.manifest, version=version, files=files)

    return manifest


def change_manifest(directory: Path, **changed: object) -> None:
    fields = msgspec.json.decode((directory / MANIFEST).read_bytes())
    (directory / MANIFEST).write_bytes(msgspec.json.encode(fields | changed))


def test_digest_is_sha256() -> None:
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_open_takes_the_directory_of_an_artifact(directory: Path, iris_artifact: Artifact) -> None:
    artifact = Artifact.open(directory)
    assert artifact == Artifact(directory, iris_artifact.manifest, digest((directory / MANIFEST).read_bytes()))


def test_open_takes_the_newest_version_of_a_model(directory: Path) -> None:
    for version in (2, 10):
        shutil.copytree(directory, directory.parent / str(version))
        change_manifest(directory.parent / str(version), version=version)
    assert Artifact.open(directory.parent).directory == directory.parent / "10"


def test_files_are_read_as_they_were_written(directory: Path) -> None:
    artifact = Artifact.open(directory)
    assert artifact.read() == {name: (directory / name).read_bytes() for name in CONTENT}


@pytest.mark.parametrize("name", CONTENT)
def test_one_changed_bit_is_found(directory: Path, name: str) -> None:
    content = bytearray((directory / name).read_bytes())
    content[len(content) // 2] ^= 1
    (directory / name).write_bytes(content)
    with pytest.raises(DigestMismatch, match=rf"{name}: expected sha256:\w+…, got sha256:\w+…$"):
        Artifact.open(directory).read()


@pytest.mark.parametrize("name", CONTENT)
def test_truncated_file_is_found(directory: Path, name: str) -> None:
    os.truncate(directory / name, 1)
    with pytest.raises(DigestMismatch):
        Artifact.open(directory).read()


@pytest.mark.parametrize("name", CONTENT)
def test_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(ManifestError, match=rf"missing or too many: \['{name}'\]$"):
        Artifact.open(directory)


@pytest.mark.parametrize("name", ["extra.bin", ".hidden", "model.onnx.data", "Model.onnx"])
def test_extra_file_is_named(directory: Path, name: str) -> None:
    (directory / name).touch()
    with pytest.raises(ManifestError, match=rf"missing or too many: \['{name}'\]$"):
        Artifact.open(directory)


def test_extra_directory_is_refused(directory: Path) -> None:
    (directory / "extra").mkdir()
    with pytest.raises(ManifestError, match=r"missing or too many: \['extra'\]$"):
        Artifact.open(directory)


def _to_link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def _to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize(
    ("replace", "error"),
    [(_to_link, "cannot be read: "), (_to_pipe, "expected a regular file"), (_to_directory, "expected a regular file")],
)
def test_what_is_not_a_regular_file_is_refused_without_waiting(
    directory: Path, name: str, replace: Callable[[Path], None], error: str
) -> None:
    replace(directory / name)
    with pytest.raises(ArtifactError, match=f"{name}: {error}"):
        Artifact.open(directory).read()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("replace", [_to_link, _to_pipe, _to_directory])
def test_manifest_that_is_not_a_regular_file_is_refused(directory: Path, replace: Callable[[Path], None]) -> None:
    replace(directory / MANIFEST)
    with pytest.raises(ArtifactError):
        Artifact.open(directory)


def test_a_front_may_be_there_and_is_checked_like_the_rest(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    written = write_artifact(tmp_path, FILES | {FRONT: b"<svg/>"}, numbered, name="iris")
    assert written.read()[FRONT] == b"<svg/>"
    (written.directory / FRONT).write_bytes(b"other")
    with pytest.raises(DigestMismatch, match=FRONT):
        written.read()


def test_a_front_that_the_manifest_does_not_name_is_too_much(directory: Path) -> None:
    (directory / FRONT).write_bytes(b"<svg/>")
    with pytest.raises(ManifestError, match=r"missing or too many: \['front.svg'\]"):
        Artifact.open(directory)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a//b", "Model.onnx", "model.onnx\x00", "."])
def test_manifest_cannot_name_other_files(directory: Path, name: str) -> None:
    files = msgspec.json.decode((directory / MANIFEST).read_bytes())["files"]
    files[name] = files.pop("card.md")
    change_manifest(directory, files=files)
    with pytest.raises(
        ManifestError, match=r"expected files \['card\.md', 'golden\.npz', 'model\.onnx'\], the manifest names "
    ):
        Artifact.open(directory)


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"surprise": 1}, ManifestError), ({"format": FORMAT - 1}, UnsupportedFormat), ({"name": "../x"}, ManifestError)],
)
def test_wrong_manifest_is_refused(directory: Path, changed: dict[str, object], error: type[SkerryError]) -> None:
    change_manifest(directory, **changed)
    with pytest.raises(error):
        Artifact.open(directory)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/1", "a\x00b", "https://example.org/model", "*"])
def test_path_that_is_not_there_is_said_to_be_missing(tmp_path: Path, path: str) -> None:
    with pytest.raises(ArtifactError, match=r": no such artifact$"):
        Artifact.open(tmp_path / path)


def test_directory_without_a_manifest_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r": not an artifact: it has no manifest\.json$"):
        Artifact.open(tmp_path)


@pytest.mark.parametrize("text", ["1", "12", "100000"])
def test_version_is_a_positive_integer(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "01", "-1", "+1", "1.0", "1e3", " 1", "1 ", "1\n", "1_0", "latest", "１", "²", "١", "9" * 19, "9" * 5000],
)
def test_nothing_else_is_a_version(text: str) -> None:
    assert not is_version(text)


def test_versions_are_directories_in_the_order_of_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "1", "01", "latest", ".writing-x", "0"):
        (tmp_path / name).mkdir()
    (tmp_path / "3").touch()
    assert versions(tmp_path) == [1, 9, 10]


def test_no_directory_has_no_versions(tmp_path: Path) -> None:
    assert versions(tmp_path / "nowhere") == []


def test_write_numbers_versions_from_one(tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]) -> None:
    written = [write_artifact(tmp_path, FILES, numbered, name="iris") for _ in range(2)]
    assert [artifact.directory for artifact in written] == [tmp_path / "iris" / "1", tmp_path / "iris" / "2"]
    assert [artifact.manifest.version for artifact in written] == [1, 2]


def test_write_leaves_the_files_and_nothing_else(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    artifact = write_artifact(tmp_path, FILES, numbered, name="iris")
    assert artifact.read() == FILES
    assert artifact.manifest.files == {
        name: File(digest=digest(data), size=len(data), encoding="identity", unpacked=len(data))
        for name, data in FILES.items()
    }
    assert [entry.name for entry in (tmp_path / "iris").iterdir()] == ["1"]


def test_write_takes_the_next_version_when_somebody_else_was_quicker(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    def interrupted(version: int, files: dict[str, File]) -> Manifest:
        if version == 1:
            write_artifact(tmp_path, FILES | {"card.md": b"theirs"}, numbered, name="iris")
        return numbered(version, files)

    ours = write_artifact(tmp_path, FILES, interrupted, name="iris")
    assert (ours.directory.name, ours.manifest.version, ours.read()["card.md"]) == ("2", 2, b"card")
    assert Artifact.open(tmp_path / "iris" / "1").read()["card.md"] == b"theirs"


def _fails(version: int, files: dict[str, File]) -> Manifest:
    raise KeyboardInterrupt


def test_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_artifact(tmp_path, FILES, _fails, name="iris")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_write_leaves_earlier_versions(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    write_artifact(tmp_path, FILES, numbered, name="iris")
    with pytest.raises(KeyboardInterrupt):
        write_artifact(tmp_path, FILES, _fails, name="iris")
    assert [entry.name for entry in (tmp_path / "iris").iterdir()] == ["1"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_server_that_runs_as_another_user_can_read_it(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    artifact = write_artifact(tmp_path, FILES, numbered, name="iris")
    assert artifact.directory.stat().st_mode & 0o555 == 0o555


def test_what_could_not_be_read_again_is_not_written(
    tmp_path: Path, numbered: Callable[[int, dict[str, File]], Manifest]
) -> None:
    def without_number(version: int, files: dict[str, File]) -> Manifest:
        evaluation = Evaluation(rows=1, metrics={"r2": float("nan")})
        return msgspec.structs.replace(numbered(version, files), evaluation=evaluation)

    with pytest.raises(ManifestError):
        write_artifact(tmp_path, FILES, without_number, name="iris")
    assert not list(tmp_path.iterdir())
