"""``Wanted``: which versions and aliases of a model shall be served; a file that all workers of a server follow.

The worker that a change was asked of makes it, and then writes what is wanted from now on; the others look for that a few
times a second. A file per model, each replaced whole, in a directory that lives as long as the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from skerry.runtime.errors import Conflict
from skerry.runtime.models.aliases import Aliases
from skerry.runtime.whole import replace_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Stamp = tuple[int, int, int]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What shall be served of a model: version → digest of its artifact, and the aliases; or why nothing of it can be."""

    versions: dict[int, str] = {}
    aliases: Aliases = Aliases()
    fault: str = ""

    def has(self, label: str) -> bool:
        """Whether a version is called so, by its number or an alias."""
        return label in self.aliases.aliases or label in map(str, self.versions)

    def with_versions(self, digests: dict[int, str]) -> Wanted:
        return Wanted(versions={**self.versions, **digests}, aliases=self.aliases)

    def without_version(self, version: int) -> Wanted:
        """Raises Conflict: an alias names it."""
        if names := self.aliases.naming(version):
            raise Conflict(f"version {version}: {', '.join(map(repr, names))} names it; move the alias first")
        return Wanted(versions={n: digest for n, digest in self.versions.items() if n != version}, aliases=self.aliases)

    def with_aliases(self, aliases: Aliases) -> Wanted:
        return Wanted(versions=self.versions, aliases=aliases)


class WantedFiles:
    """The directory of these files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> Wanted | None:
        try:
            return msgspec.json.decode((self._directory / f"{name}.json").read_bytes(), type=Wanted)
        except FileNotFoundError:
            return None

    def read_all(self) -> dict[str, Wanted]:
        found = {name: self.read(name) for name in self.stamps()}
        return {name: wanted for name, wanted in found.items() if wanted is not None}

    def write(self, name: str, wanted: Wanted) -> None:
        replace_file(self._directory / f"{name}.json", msgspec.json.encode(wanted))

    def stamps(self) -> dict[str, Stamp]:
        """Of each model a value that differs once what is wanted of it was written anew."""
        found = {}
        for path in self._directory.glob("[!.]*.json"):
            status = path.stat()
            found[path.name.removesuffix(".json")] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return found

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Nobody else, in no process, changes the model meanwhile.

        Raises:
            Conflict: somebody does.
        """
        with open(self._directory / f"{name}.lock", "wb") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise Conflict(f"model {name!r}: another change is under way; try again when it is done") from None
            yield
