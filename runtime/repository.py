"""``ModelRepository``: names and versions → models that are ready."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skerry.runtime.artifact import MANIFEST, Artifact, is_version, versions
from skerry.runtime.errors import ArtifactError, ModelNotFound, ServerError, nearest
from skerry.runtime.model import Model, load
from skerry.runtime.protocol.inference import InferenceCodec
from skerry.runtime.protocol.predict import PredictCodec
from skerry.runtime.session import SessionConfig


@dataclass(frozen=True)
class ServedModel:
    """A model and its codecs."""

    model: Model
    predict: PredictCodec
    inference: InferenceCodec

    @classmethod
    def of(cls, model: Model) -> ServedModel:
        return cls(model, PredictCodec(model), InferenceCodec(model))


class ModelRepository:
    """Every version of every model found at start, loaded and checked."""

    def __init__(self, models: Iterable[Model], default: str | None = None) -> None:
        self._models: dict[str, dict[int, ServedModel]] = {}
        for model in models:
            self._add(model)
        if default is not None and default not in self._models:
            raise ServerError(f"default model {default!r}: expected one of {', '.join(self._models) or 'none'}")
        self._default = default or (next(iter(self._models)) if len(self._models) == 1 else None)

    def _add(self, model: Model) -> None:
        name, version = model.manifest.name, model.manifest.version
        versions = self._models.setdefault(name, {})
        if version in versions:
            raise ServerError(f"model {name!r} version {version}: expected once, found in two directories")
        versions[version] = ServedModel.of(model)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, default: str | None = None, config: SessionConfig | None = None
    ) -> ModelRepository:
        """Load ``path``: a repository, one model of it, or one artifact.

        Raises:
            ArtifactError: one of the artifacts is not what its manifest says.
            ServerError: there is nothing to serve.
        """
        found = find_artifacts(Path(path))
        if not found:
            raise ServerError(f"{path}: no artifact to serve", hint="write one with `skerry export`")
        return cls([_load(directory, config) for directory in found], default)

    @property
    def names(self) -> list[str]:
        return list(self._models)

    def versions(self, name: str) -> list[int]:
        return sorted(self._models[name])

    def get(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """The model of that name, or the default one; the version asked for, or the newest.

        Raises:
            ModelNotFound: there is none.
        """
        if name is None:
            name = self._default
        if name is None:
            raise ModelNotFound(
                f"expected a model's name in the path, as in /models/{self.names[0]}/predict: there are {', '.join(self.names)}"
            )
        if name not in self._models:
            raise ModelNotFound(f"model {name!r:.80}: not found{nearest(name, self._models)}")
        found = self._models[name]
        if version is None:
            return found[max(found)]
        if not is_version(version) or int(version) not in found:
            raise ModelNotFound(
                f"model {name!r} version {version!r:.40}: not found; there is {', '.join(map(str, sorted(found)))}"
            )
        return found[int(version)]


def find_artifacts(path: Path) -> list[Path]:
    """The artifact directories under a repository, a model's directory, or an artifact's own."""
    if (path / MANIFEST).exists():
        return [path]
    if not path.is_dir():
        raise ServerError(f"{path}: no such directory")
    models = (
        [path]
        if versions(path)
        else sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    )
    return [model / str(version) for model in models for version in versions(model)]


def _load(directory: Path, config: SessionConfig | None) -> Model:
    artifact = Artifact.open(directory)
    if directory.name != str(artifact.manifest.version) and is_version(directory.name):
        raise ArtifactError(
            f"{directory}: expected version {directory.name}, the manifest says {artifact.manifest.version}"
        )
    return load(artifact, config)
