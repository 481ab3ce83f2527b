"""``Aliases``: names for versions of a model, such as ``stable`` and ``canary``, kept beside them in aliases.json."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from skerry.runtime.errors import ArtifactError, Conflict, InvalidInput, ModelNotFound, nearest
from skerry.runtime.whole import replace_file

FILE = "aliases.json"
STABLE = "stable"
"""The alias that answers where a request names no version."""
HISTORY = 20
"""How many earlier versions are remembered."""
LARGEST = 2**20
"""Bytes that are read of an aliases.json at most."""

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
"""An alias begins with a letter: it cannot be taken for the number of a version."""


class Aliases(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Alias → version. ``history`` has the versions that answered before ``stable`` was moved, oldest first."""

    aliases: dict[str, int] = {}
    history: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for alias, version in self.aliases.items():
            if not _NAME.fullmatch(alias):
                raise ValueError(f"alias: expected {_NAME.pattern}, got {alias!r:.80}")
            if version < 1:
                raise ValueError(f"alias {alias!r}: expected a positive version, got {version}")

    def answering(self, versions: Collection[int]) -> int | None:
        """Which of ``versions`` answers where none is named: the stable one, or the newest."""
        return self.aliases.get(STABLE, max(versions, default=None))

    def with_alias(self, alias: str, version: int, versions: Collection[int]) -> Aliases:
        """``alias`` names ``version`` from now on; ``versions`` are those that are there.

        Raises:
            InvalidInput: no alias may be called so.
            ModelNotFound: there is no such version.
        """
        if not _NAME.fullmatch(alias):
            raise InvalidInput(f"alias: expected {_NAME.pattern}, got {alias!r:.80}")
        if version not in versions:
            raise ModelNotFound(f"version {version}: not loaded; there is {_listed(versions)}")
        before = self.answering(versions)
        is_move = alias == STABLE and before is not None and before != version
        history = (*self.history, before)[-HISTORY:] if is_move else self.history
        return Aliases(aliases={**self.aliases, alias: version}, history=history)  # type: ignore[arg-type]

    def without_alias(self, alias: str) -> Aliases:
        """Without ``stable`` there is no history either: the newest version answers.

        Raises:
            ModelNotFound: there is no such alias.
        """
        if alias not in self.aliases:
            raise ModelNotFound(f"alias {alias!r:.80}: not found{nearest(alias, self.aliases)}")
        left = {name: version for name, version in self.aliases.items() if name != alias}
        return Aliases(aliases=left, history=() if alias == STABLE else self.history)

    def rolled_back(self, versions: Collection[int]) -> Aliases:
        """``stable`` names the version that answered before it was moved last; if it never was, the next older one.

        Raises:
            Conflict: there is none.
        """
        before = self.answering(versions)
        older = sorted(version for version in versions if before is not None and version < before)
        known = self.history or older
        if not known:
            raise Conflict(f"there is no version to go back to from {before}; loaded: {_listed(versions)}")
        return Aliases(aliases={**self.aliases, STABLE: known[-1]}, history=self.history[:-1])

    def naming(self, version: int) -> list[str]:
        """The aliases of ``version``."""
        return [alias for alias, named in self.aliases.items() if named == version]


def read_aliases(directory: Path) -> Aliases:
    """The aliases of the model whose versions are in ``directory``; none, if there is no file.

    Raises:
        ArtifactError: the file is not what it should be.
    """
    path = directory / FILE
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(LARGEST), type=Aliases)
    except FileNotFoundError:
        return Aliases()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path}: {error}", hint='expected such as {"aliases": {"stable": 2}}') from None


def write_aliases(directory: Path, aliases: Aliases) -> None:
    """Raises OSError, and then the old file is still there."""
    replace_file(directory / FILE, msgspec.json.format(msgspec.json.encode(aliases), indent=2) + b"\n")


def _listed(versions: Collection[int]) -> str:
    return ", ".join(map(str, sorted(versions))) or "none"
