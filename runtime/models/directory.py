"""``ModelDirectory``: what lies in a model repository on disk, by name and version.

    artifacts/<name>/<version>/    an artifact
    artifacts/<name>/aliases.json  names for versions

Names and versions are looked up in what was listed; no path is made of what a client sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skerry.runtime.artifact import MANIFEST, Artifact, is_version, versions
from skerry.runtime.errors import ArtifactError, Conflict, ModelNotFound, ServerError, SkerryError, nearest
from skerry.runtime.models.aliases import Aliases, read_aliases, write_aliases
from skerry.runtime.models.wanted import Wanted

RESERVED = frozenset(
    (
        "aliases",
        "config",
        "health",
        "index",
        "infer",
        "live",
        "load",
        "metrics",
        "predict",
        "ready",
        "repository",
        "rollback",
        "stats",
        "unload",
        "versions",
    )
)
"""Words of the server's own paths, such as ``/v2/models/stats``: no model may be called so."""


@dataclass(frozen=True)
class Found:
    """A directory that should be a version of a model: its artifact, or why it is none."""

    name: str
    version: int
    directory: Path
    artifact: Artifact | None = None
    fault: ArtifactError | None = None

    def open(self) -> Artifact:
        """Raises ArtifactError: it is none."""
        if self.artifact is None:
            raise self.fault or ArtifactError(f"{self.directory}: not an artifact")
        return self.artifact


class ModelDirectory:
    """A model repository, a directory of one model's versions, or one artifact."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._has_aliases = not (root / MANIFEST).exists()

    def models(self) -> dict[str, dict[int, Found]]:
        """Name → version → what was found there now.

        Raises:
            ServerError: there is no such directory, or one version of a model twice.
        """
        models: dict[str, dict[int, Found]] = {}
        for directory in find_artifacts(self._root):
            found = _look(directory)
            if found.version in models.setdefault(found.name, {}):
                raise ServerError(
                    f"model {found.name!r} version {found.version}: expected once, found in two directories"
                )
            models[found.name][found.version] = found
        return models

    def model(self, name: str) -> dict[int, Found]:
        """The versions of one.

        Raises:
            ModelNotFound: there is none of that name.
        """
        models = self.models()
        if name not in models:
            raise ModelNotFound(f"model {name!r:.80}: not found in the model repository{nearest(name, models)}")
        return models[name]

    def wanted_of(self, found: dict[int, Found]) -> Wanted:
        """Every version of a model, whatever it is, and the aliases.

        Raises:
            ArtifactError: the aliases are not what they should be.
        """
        aliases = self.aliases(found)
        for alias, version in aliases.aliases.items():
            if version not in found:
                raise ArtifactError(f"{_home(found)}: alias {alias!r} names version {version}, which is not there")
        digests = {version: one.artifact.digest if one.artifact else "" for version, one in sorted(found.items())}
        return Wanted(versions=digests, aliases=aliases)

    def aliases(self, found: dict[int, Found]) -> Aliases:
        """The aliases of a model; none where one artifact alone is served. Raises ArtifactError."""
        return read_aliases(_home(found)) if self._has_aliases else Aliases()

    def write_aliases(self, name: str, aliases: Aliases) -> None:
        """Raises Conflict: they cannot be kept here."""
        if not self._has_aliases:
            raise Conflict("one artifact alone is served; aliases need the directory of its model")
        try:
            write_aliases(_home(self.model(name)), aliases)
        except OSError as error:
            raise Conflict(f"model {name!r}: its aliases cannot be written: {error.strerror}") from None

    def plain(self, error: Exception) -> str:
        """The text of an error without the path of this directory: it goes to clients."""
        strerror = getattr(error, "strerror", None)
        text = error.text if isinstance(error, SkerryError) else strerror or type(error).__name__
        return text.replace(f"{self._root}/", "").replace(str(self._root), self._root.name)


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


def _home(found: dict[int, Found]) -> Path:
    return next(iter(found.values())).directory.parent


def _look(directory: Path) -> Found:
    is_numbered = is_version(directory.name)
    try:
        artifact = Artifact.open(directory)
        name, version = artifact.manifest.name, artifact.manifest.version
        if is_numbered and int(directory.name) != version:
            raise ArtifactError(f"{directory}: expected version {directory.name}, the manifest says {version}")
        if name in RESERVED:
            raise ArtifactError(f"{directory}: a model cannot be called {name!r}: the server's own paths are called so")
    except ArtifactError as error:
        version = int(directory.name) if is_numbered else 1
        return Found(directory.parent.name, version, directory, fault=error)
    return Found(name, version, directory, artifact)
