"""``Artifact``: a directory that is what its manifest says, or an error.

    artifacts/<name>/<version>/
        manifest.json   what it is
        model.onnx      the model; or compressed, as model.onnx.zst
        golden.npz      made rows and the answers scikit-learn gave
        card.md         the same for a person
        front.svg       of a model that was searched for: what else there was; shown in the card

It is written whole or not at all, and every file is hashed in the bytes that are used: what is
loaded is what was checked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.runtime.compression import compress, decompress
from skerry.runtime.errors import ArtifactError, DigestMismatch, ManifestError
from skerry.runtime.manifest import Encoding, File, Manifest, decode_manifest, encode_manifest

MANIFEST = "manifest.json"
MODEL = "model.onnx"
GOLDEN = "golden.npz"
CARD = "card.md"
FRONT = "front.svg"
CONTENT = (MODEL, GOLDEN, CARD)
OPTIONAL = (FRONT,)
SUFFIXES: dict[Encoding, str] = {"identity": "", "zstd": ".zst"}
"""What is added to the name of a file that is encoded so."""
LARGEST_MANIFEST = 16 * 2**20
"""Bytes that are read of a manifest.json at most."""

_VERSION = re.compile(r"[1-9][0-9]{0,17}")


def digest(content: bytes) -> str:
    """``sha256:<hex>`` of ``content``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Artifact:
    """A directory and its manifest; ``digest`` identifies both."""

    directory: Path
    manifest: Manifest
    digest: str

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Artifact:
        """Open ``<name>/<version>``, or the newest version of ``<name>``.

        Raises:
            ArtifactError: there is no artifact there.
            ManifestError: the manifest is wrong, or files are missing, strange or too many.
        """
        directory = _resolve(Path(path))
        content = _read(directory / MANIFEST)
        manifest = decode_manifest(content, where=str(directory / MANIFEST))
        _check_listing(directory, manifest)
        return cls(directory, manifest, digest(content))

    def read(self) -> dict[str, bytes]:
        """Every file's content by name, compared with the manifest before it is decoded and returned.

        Raises:
            DigestMismatch: a file was changed.
            ManifestError: a compressed one is not what the manifest says when it is unpacked.
        """
        return {name: self._read(name, file) for name, file in self.manifest.files.items()}

    def _read(self, name: str, expected: File) -> bytes:
        path = self.directory / stored_name(name, expected)
        content = _read(path, limit=expected.size)
        if (got := digest(content)) != expected.digest:
            raise DigestMismatch(
                f"{path}: expected {expected.digest[:19]}…, got {got[:19]}…",
                hint="the file was changed after it was exported; export the model again",
            )
        return decompress(content, expected.unpacked, where=str(path)) if expected.encoding == "zstd" else content


def stored_name(name: str, file: File) -> str:
    """What a file is called in the directory: nobody who looks at it is misled."""
    return name + SUFFIXES[file.encoding]


def versions(directory: Path) -> list[int]:
    """The versions of a model, oldest first: the directories whose names are positive integers."""
    if not directory.is_dir():
        return []
    return sorted(int(entry.name) for entry in directory.iterdir() if is_version(entry.name) and entry.is_dir())


def is_version(text: str) -> bool:
    """Whether ``text`` is a version as it is written: ``1``, ``12``; not ``01``, ``+1`` or ``latest``."""
    return _VERSION.fullmatch(text) is not None


def write_artifact(
    repository: str | os.PathLike[str],
    content: Mapping[str, bytes],
    manifest: Callable[[int, dict[str, File]], Manifest],
    *,
    name: str,
    compressed: Collection[str] = (),
) -> Artifact:
    """Write a new version of ``name``: all of it, on disk, under its final name; or nothing.

    ``manifest`` is called with the version number and what it shall say of the files; those named in
    ``compressed`` are stored as Zstandard.
    """
    model = Path(repository) / name
    stored = {file: compress(data) if file in compressed else data for file, data in content.items()}
    files = {file: _described(data, stored[file], file in compressed) for file, data in content.items()}
    model.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=model))
    staging.chmod(0o755)  # mkdtemp makes it private; a server may run as another user
    try:
        for file, data in stored.items():
            _write(staging / stored_name(file, files[file]), data)
        version = (versions(model) or [0])[-1] + 1
        while True:
            encoded = encode_manifest(manifest(version, files))
            decode_manifest(encoded, where=MANIFEST)  # what cannot be read again is not written
            _write(staging / MANIFEST, encoded)
            _sync(staging)
            try:
                staging.rename(model / str(version))
            except OSError:
                if not (model / str(version)).exists():
                    raise
                version += 1  # somebody else wrote this version meanwhile
            else:
                break
        _sync(model)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if not any(model.iterdir()):
            model.rmdir()
        raise
    return Artifact.open(model / str(version))


def _described(content: bytes, stored: bytes, is_compressed: bool) -> File:
    encoding: Encoding = "zstd" if is_compressed else "identity"
    return File(digest=digest(stored), size=len(stored), encoding=encoding, unpacked=len(content))


def _resolve(path: Path) -> Path:
    if (path / MANIFEST).is_file():
        return path
    if newest := versions(path)[-1:]:
        return path / str(newest[0])
    if not path.exists():
        raise ArtifactError(f"{path}: no such artifact", hint="expected a directory such as artifacts/<name>/<version>")
    raise ArtifactError(f"{path}: not an artifact: it has no {MANIFEST}")


def _check_listing(directory: Path, manifest: Manifest) -> None:
    if not set(CONTENT) <= set(manifest.files) <= {*CONTENT, *OPTIONAL}:
        raise ManifestError(
            f"{directory}: expected files {sorted(CONTENT)}, the manifest names {sorted(manifest.files)}",
            hint=f"{FRONT} may be there too",
        )
    expected = {MANIFEST, *(stored_name(name, file) for name, file in manifest.files.items())}
    found = {entry.name for entry in directory.iterdir()}
    if found != expected:
        wrong = sorted(found ^ expected)
        raise ManifestError(f"{directory}: expected exactly {sorted(expected)}; missing or too many: {wrong}")


def _read(path: Path, *, limit: int = LARGEST_MANIFEST) -> bytes:
    """Read a regular file, and one byte over ``limit`` at most; a link, a pipe or a device is refused before anything waits on it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ManifestError(f"{path}: expected a regular file")
    with open(descriptor, "rb") as file:
        return file.read(limit + 1)


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    if os.name != "posix":  # a directory cannot be opened for syncing elsewhere
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
