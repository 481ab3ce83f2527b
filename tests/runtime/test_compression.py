"""A compressed model is the same model; what is not whole, or not of the size it claims, is refused before it is large."""

from __future__ import annotations

import json
import shutil
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.testclient import TestClient

from skerry.export import export
from skerry.runtime import Artifact, Model, load
from skerry.runtime.app import create_app
from skerry.runtime.artifact import MANIFEST, digest
from skerry.runtime.compression import compress, decompress
from skerry.runtime.errors import DigestMismatch, ManifestError
from skerry.runtime.models.repository import ModelRepository

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STORED = "model.onnx.zst"


@pytest.fixture(scope="module")
def compressed(
    tmp_path_factory: pytest.TempPathFactory, iris_estimator: Any, iris_rows: np.ndarray, iris_target: np.ndarray
) -> Artifact:
    """The sample iris, with its model compressed."""
    return export(
        iris_estimator, iris_rows, iris_target, name="iris", to=tmp_path_factory.mktemp("packed"), compress=True
    )


@pytest.fixture
def directory(compressed: Artifact, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(compressed.directory, tmp_path / "iris" / "1"))


def plant(directory: Path, content: bytes, **changed: Any) -> None:
    """Put a compressed model into an artifact as if it belonged there, digest and all."""
    fields = msgspec.json.decode((directory / MANIFEST).read_bytes())
    fields["files"]["model.onnx"] |= {"digest": digest(content), "size": len(content)} | changed
    (directory / MANIFEST).write_bytes(msgspec.json.encode(fields))
    (directory / STORED).write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"a", b"model " * 10_000])
def test_what_was_compressed_comes_back(content: bytes) -> None:
    assert decompress(compress(content), len(content), where="here") == content


@pytest.mark.parametrize(
    ("spoil", "size", "reason"),
    [
        (lambda packed: b"", 6000, "ends early, after 0 of 6,000 bytes"),
        (lambda packed: packed[:-1], 6000, r"ends early, after \S+ of 6,000 bytes"),
        (lambda packed: b"no such thing", 6000, "not Zstandard: "),
        (lambda packed: b"model " * 1000, 6000, "not Zstandard: "),
        (lambda packed: packed + b"more", 6000, "expected nothing behind its end, got 4 bytes"),
        (lambda packed: packed + packed, 6000, "expected nothing behind its end, got "),
        (lambda packed: packed, 5999, "expected 5,999 bytes when unpacked, got more"),
        (lambda packed: packed, 0, "expected 0 bytes when unpacked, got more"),
        (lambda packed: packed, 6001, "expected 6,001 bytes when unpacked, got 6,000"),
    ],
)
def test_what_is_not_whole_or_not_of_its_size_is_refused(
    spoil: Callable[[bytes], bytes], size: int, reason: str
) -> None:
    with pytest.raises(ManifestError, match=f"^here: {reason}"):
        decompress(spoil(compress(b"model " * 1000)), size, where="here")


def test_a_changed_byte_is_found_by_the_checksum() -> None:
    packed = bytearray(
        zstd.compress(np.random.default_rng(0).bytes(6000), options={zstd.CompressionParameter.checksum_flag: 1})
    )
    packed[3000] ^= 1
    with pytest.raises(ManifestError, match=r"^here: not Zstandard: "):
        decompress(bytes(packed), 6000, where="here")


def test_a_bomb_never_becomes_large() -> None:
    bomb = zstd.compress(bytes(2**30))
    tracemalloc.start()
    with pytest.raises(ManifestError, match="expected 1,000 bytes when unpacked, got more"):
        decompress(bomb, 1000, where="here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_the_folder_shows_that_it_is_compressed(compressed: Artifact) -> None:
    names = sorted(file.name for file in compressed.directory.iterdir())
    assert names == ["card.md", "golden.npz", "manifest.json", STORED]


def test_the_manifest_describes_the_file_as_it_lies_there(compressed: Artifact, iris_artifact: Artifact) -> None:
    stored = (compressed.directory / STORED).read_bytes()
    file = compressed.manifest.files["model.onnx"]
    assert (file.digest, file.size, file.encoding) == (digest(stored), len(stored), "zstd")
    assert file.unpacked == iris_artifact.manifest.files["model.onnx"].size
    assert {name: file.encoding for name, file in compressed.manifest.files.items() if name != "model.onnx"} == {
        "golden.npz": "identity",
        "card.md": "identity",
    }


def test_the_model_is_read_as_it_was_before(compressed: Artifact, iris_artifact: Artifact) -> None:
    assert compressed.read()["model.onnx"] == iris_artifact.read()["model.onnx"]


def test_it_answers_as_the_plain_one(compressed: Artifact, iris_model: Model, iris_rows: np.ndarray) -> None:
    model = load(compressed)
    assert model.manifest.methods == iris_model.manifest.methods
    for method in model.manifest.methods:
        np.testing.assert_array_equal(getattr(model, method)(iris_rows), getattr(iris_model, method)(iris_rows))


def test_it_is_served(compressed: Artifact) -> None:
    with TestClient(create_app(ModelRepository.open(compressed.directory.parent))) as client:
        answer = client.post("/predict", content=json.dumps({"X": [[5.1, 3.5, 1.4, 0.2]]}))
    assert answer.json() == {"prediction": [0], "model": "iris", "version": 1}


def test_a_changed_file_is_not_unpacked(directory: Path) -> None:
    content = bytearray((directory / STORED).read_bytes())
    content[len(content) // 2] ^= 1
    (directory / STORED).write_bytes(content)
    with pytest.raises(DigestMismatch, match=f"{STORED}: expected sha256:"):
        Artifact.open(directory).read()


@pytest.mark.parametrize(
    ("content", "unpacked"),
    [(b"garbage", 7), (compress(b"model")[:-1], 5), (compress(bytes(2**20)), 5), (compress(b"model"), 6)],
    ids=["garbage", "truncated", "bomb", "wrong size"],
)
def test_a_planted_file_is_one_clear_error(directory: Path, content: bytes, unpacked: int) -> None:
    plant(directory, content, unpacked=unpacked)
    with pytest.raises(ManifestError, match=f"{STORED}: "):
        load(directory)


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz.zst"])
def test_a_second_form_of_a_file_is_too_many(directory: Path, name: str) -> None:
    (directory / name).touch()
    with pytest.raises(ManifestError, match=rf"missing or too many: \['{name}'\]$"):
        Artifact.open(directory)


def test_an_encoding_that_the_folder_does_not_show_is_refused(directory: Path) -> None:
    (directory / STORED).rename(directory / "model.onnx")
    with pytest.raises(ManifestError, match=r"missing or too many: \['model.onnx', 'model.onnx.zst'\]$"):
        Artifact.open(directory)
