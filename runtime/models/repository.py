"""``ModelRepository``: names, versions and aliases → models that are ready; and how they are changed while they serve."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Literal, NamedTuple

import msgspec

from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.errors import (
    ArtifactError,
    Conflict,
    InferenceError,
    ModelNotFound,
    ModelNotReady,
    ServerError,
    SkerryError,
    nearest,
)
from skerry.runtime.model import Model, load
from skerry.runtime.models.aliases import STABLE
from skerry.runtime.models.directory import Found, ModelDirectory
from skerry.runtime.models.lineup import Lineup
from skerry.runtime.models.memory import release_memory
from skerry.runtime.models.served import ServedModel
from skerry.runtime.models.wanted import Wanted, WantedFiles
from skerry.runtime.request_policy import RequestPolicy
from skerry.runtime.session import SessionConfig

State = Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]
"""Triton's, docs/protocol/extension_model_repository.md."""

GRACE = 30.0
"""Seconds that an unloaded model may still answer requests which it got before."""

_log = logging.getLogger("skerry.server")


class Entry(msgspec.Struct, frozen=True):
    """A line of the index: how a version of a model is, and if there is something wrong with it, what."""

    name: str
    version: int
    state: State
    reason: str = ""


class _Gone(NamedTuple):
    """A model that was swapped out. Nobody uses it once ``served`` is dead: requests hold that until they are answered."""

    version: int
    served: weakref.ref[ServedModel]
    model: Model


class ModelRepository:
    """The models that answer. Its methods may be called from any thread.

    What changes is swapped in one assignment, a whole table of a model's versions at a time: a request finds the old one
    or the new one. A change is made entirely or not at all.
    """

    def __init__(
        self,
        models: Iterable[Model] = (),
        default: str | None = None,
        *,
        directory: ModelDirectory | None = None,
        config: SessionConfig | None = None,
        policy: BatchPolicy | None = None,
        requests: RequestPolicy | None = None,
        files: WantedFiles | None = None,
    ) -> None:
        self._directory = directory
        self._config = config
        self._policy = policy
        self.requests = requests or RequestPolicy()
        self._files = files
        self._lineups: dict[str, Lineup] = {}
        self._notes: dict[tuple[str, int], tuple[State, str]] = {}
        self._unready: dict[str, str] = {}
        self._listeners: list[Callable[[], None]] = []
        self._locks: dict[str, threading.Lock] = {}
        self._swap_lock = threading.Lock()
        self._load_lock = threading.Lock()  # sessions are not built in parallel (onnxruntime#27089), nor are cores lost
        self._default = default
        for name, versions in _by_name(models).items():
            loaded = {version: ServedModel.of(model, policy, requests) for version, model in versions.items()}
            self._swap(name, Lineup(loaded, Wanted(versions=dict.fromkeys(loaded, ""))))
        if directory is None:
            self._choose_default()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        default: str | None = None,
        config: SessionConfig | None = None,
        policy: BatchPolicy | None = None,
        requests: RequestPolicy | None = None,
        files: WantedFiles | None = None,
        strict: bool = True,
    ) -> ModelRepository:
        """Load ``path``: a repository, one model of it, or one artifact; of these what ``files`` say, if they say anything.

        Not ``strict``, what is refused is left out, and its model not ready.

        Raises:
            ArtifactError: one of the artifacts is not what its manifest says.
            ServerError: there is nothing to serve.
        """
        directory = ModelDirectory(Path(path))
        repository = cls((), default, directory=directory, config=config, policy=policy, requests=requests, files=files)
        models = directory.models()
        wanted = files.read_all() if files else {}
        if not models and not wanted:
            raise ServerError(f"{path}: no artifact to serve", hint="write one with `skerry export`")
        for name in sorted({*wanted} or {*models}):
            repository._start(name, wanted.get(name), models.get(name, {}), strict)
        repository._choose_default()
        return repository

    @property
    def names(self) -> list[str]:
        """The models of which a version is loaded."""
        return [name for name, lineup in self._lineups.items() if lineup.loaded]

    @property
    def known(self) -> list[str]:
        """These, and those that were unloaded or refused."""
        return list(self._lineups)

    @property
    def default(self) -> str | None:
        """The model that answers where no name is given, if it can."""
        name = self._default
        return name if name is not None and None in self._lineups[name].labels else None

    def versions(self, name: str) -> list[int]:
        """The versions that are loaded."""
        return sorted(self._lineups[name].loaded)

    def labels(self, name: str) -> dict[str | None, ServedModel]:
        """Everything a request may call a version, and what answers it; None where it calls none."""
        return self._lineups[name].labels

    def lineup(self, name: str) -> Lineup:
        """What is loaded of a model, and what is wanted; nothing of one that is not known."""
        return self._lineups.get(name) or Lineup({}, Wanted())

    def get(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """The model of that name, or the default one; the version or alias asked for, or the stable one, or the newest.

        Raises:
            ModelNotFound: there is none.
            ModelNotReady: it should be there, and could not be loaded.
        """
        if name is None:
            name = self._default
        if name is None:
            there = self.names
            raise ModelNotFound(
                f"expected a model's name in the path, as in /models/{there[0] if there else 'iris'}/predict: "
                f"there are {', '.join(there) or 'none'}"
            )
        lineup = self._lineups.get(name)
        if lineup is None:
            raise ModelNotFound(f"model {name!r:.80}: not found{nearest(name, self._lineups)}")
        if version in lineup.labels:
            return lineup.labels[version]
        raise self._absent(name, lineup, version)

    def _absent(self, name: str, lineup: Lineup, version: str | None) -> InferenceError:
        if version is None or not lineup.loaded:
            text = f"model {name!r}: not loaded"
        else:
            there = [*map(str, sorted(lineup.loaded)), *sorted(lineup.wanted.aliases.aliases)]
            text = f"model {name!r} version {version!r:.40}: not found; there is {', '.join(there)}"
        if name in self._unready and (version is None or self._wanted(name).has(version)):
            return ModelNotReady(f"model {name!r}: not ready: {self._unready[name]}")
        return ModelNotFound(text)

    @property
    def unready(self) -> dict[str, str]:
        """The models that should serve, and cannot as they should; and why."""
        return dict(self._unready)

    def index(self, *, disk: bool = False) -> list[Entry]:
        """Every version there is or was; with ``disk``, also those that lie in the directory and were never loaded."""
        notes = dict(self._notes)
        entries = {key: Entry(*key, *note) for key, note in notes.items()}
        for name, lineup in self._lineups.copy().items():
            for version in lineup.loaded:
                reason = notes.get((name, version), ("", ""))[1]
                entries[name, version] = Entry(name, version, "READY", reason)
        if disk and self._directory:
            entries = {
                key: Entry(*key, "UNAVAILABLE", reason) for key, reason in self._lying(self._directory)
            } | entries
        return [entries[key] for key in sorted(entries)]

    def _lying(self, directory: ModelDirectory) -> Iterator[tuple[tuple[str, int], str]]:
        """What lies in the directory, and what is wrong with it. Raises Conflict: it cannot be listed."""
        with self._refusing("the model repository"):
            models = directory.models()
        for name, found in models.items():
            for version, one in found.items():
                yield (name, version), self._plain(one.fault) if one.fault else "not loaded"

    def subscribe(self, listener: Callable[[], None]) -> None:
        """``listener`` is called now, and after every change, one call at a time, in the thread that made the change."""
        with self._swap_lock:
            self._listeners.append(listener)
            listener()

    def load(self, name: str, version: int | None = None) -> None:
        """Load a version that lies in the directory, or the newest; and those that aliases name.

        Raises:
            ModelNotFound: there is none.
            Conflict: it is refused, or another change is under way; what served before serves on.
        """
        directory = self._on_disk()
        if name not in self._lineups:
            with self._refusing("the model repository"):
                directory.model(name)

        def step(before: Wanted) -> Wanted:
            found = directory.model(name)
            aliases = directory.aliases(found)
            numbers = {max(found) if version is None else version, *aliases.aliases.values()}
            return before.with_versions(self._digests(name, found, numbers)).with_aliases(aliases)

        self._change(name, step)

    def unload(self, name: str, version: int | None = None) -> None:
        """Serve one version of a model no more, or none; once its requests are answered, its memory is given back.

        Raises:
            ModelNotFound: there is none.
            Conflict: an alias names the version, or another change is under way.
        """

        def step(before: Wanted) -> Wanted:
            if version is None:
                return Wanted(aliases=before.aliases)
            if version not in before.versions:
                raise ModelNotFound(f"model {name!r} version {version}: not loaded")
            return before.without_version(version)

        self._change(self._known(name), step)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Raises ModelNotFound, InvalidInput, Conflict."""

        def step(before: Wanted) -> Wanted:
            return before.with_aliases(before.aliases.with_alias(alias, version, before.versions))

        self._change(self._known(name), step)

    def delete_alias(self, name: str, alias: str) -> None:
        """Raises ModelNotFound, Conflict."""
        self._change(self._known(name), lambda before: before.with_aliases(before.aliases.without_alias(alias)))

    def roll_back(self, name: str) -> None:
        """What answered before does so again, as ``stable``; it is loaded first if it is not.

        Raises:
            ModelNotFound: there is no such model.
            Conflict: nothing answered before, it is refused, or another change is under way.
        """

        def step(before: Wanted) -> Wanted:
            aliases = before.aliases.rolled_back(before.versions)
            missing = {aliases.aliases[STABLE]} - set(before.versions)
            digests = self._digests(name, self._on_disk().model(name), missing) if missing else {}
            return before.with_versions(digests).with_aliases(aliases)

        self._change(self._known(name), step)

    def reload(self) -> None:
        """Serve what lies in the directory now, as at a start; a model of which something is refused stays as it is."""
        directory = self._on_disk()
        try:
            models = directory.models()
        except (SkerryError, OSError) as error:
            _log.error("the models stay as they are: %s", error)
            return
        for name in sorted({*models, *self._lineups}):
            wanted = partial(directory.wanted_of, models[name]) if name in models else Wanted
            try:
                self._change(name, lambda _, wanted=wanted: wanted())  # type: ignore[misc]
            except SkerryError as error:
                _log.error("model %s stays as it is: %s", name, error.text)

    def follow(self, name: str) -> bool:
        """Serve of a model what another worker wrote that is wanted; where that cannot be, what is served stays.

        Returns whether what is wanted is served.
        """
        with self._lock(name):
            try:
                wanted = self._wanted(name)
                if wanted != self._applied(name) or name in self._unready:
                    self._make(name, wanted)
            except Exception as error:
                self._follows_not(name, error)
                return False
            self._unready.pop(name, None)
            return True

    def _follows_not(self, name: str, error: Exception) -> None:
        reason = self._plain(error)
        if self._unready.get(name) != reason:
            _log.error("model %s: this worker cannot follow: %s", name, error)
        self._unready[name] = reason

    def _start(self, name: str, wanted: Wanted | None, found: dict[int, Found], strict: bool) -> None:
        try:
            wanted = wanted or self._on_disk().wanted_of(found)
            self._swap(name, Lineup(self._loaded(name, wanted, found, strict), wanted))
        except SkerryError as error:
            if strict:
                raise
            self._unready[name] = self._plain(error)
            self._swap(name, Lineup({}, Wanted(fault=self._plain(error))))

    def _choose_default(self) -> None:
        names = list(self._lineups)
        if self._default is not None and self._default not in names:
            raise ServerError(f"default model {self._default!r}: expected one of {', '.join(names) or 'none'}")
        self._default = self._default or (names[0] if len(names) == 1 else None)

    def _on_disk(self) -> ModelDirectory:
        if self._directory is None:
            raise Conflict("there is no model repository on disk to load from")
        return self._directory

    def _known(self, name: str) -> str:
        if name not in self._lineups:
            raise ModelNotFound(f"model {name!r:.80}: not found{nearest(name, self._lineups)}")
        return name

    def _lock(self, name: str) -> threading.Lock:
        return self._locks.setdefault(name, threading.Lock())

    def _applied(self, name: str) -> Wanted:
        lineup = self._lineups.get(name)
        return lineup.wanted if lineup else Wanted()

    def _wanted(self, name: str) -> Wanted:
        return (self._files and self._files.read(name)) or self._applied(name)

    def _digests(self, name: str, found: dict[int, Found], numbers: set[int]) -> dict[int, str]:
        """Of the versions as they lie there now. Raises ModelNotFound; Conflict if one is refused."""
        for version in sorted(numbers - set(found)):
            there = ", ".join(map(str, sorted(found)))
            raise ModelNotFound(
                f"model {name!r} version {version}: not found in the model repository; there is {there}"
            )
        digests = {}
        for version in sorted(numbers):
            with self._noting(name, version):
                digests[version] = found[version].open().digest
        return digests

    def _change(self, name: str, step: Callable[[Wanted], Wanted]) -> None:
        """What is wanted of a model is from now on what ``step`` makes of it; one change at a time."""
        with self._turn(name), self._refusing(f"model {name!r}"):
            before = self._wanted(name)
            self._make(name, step(before), before)
            self._unready.pop(name, None)

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        """What is wrong on disk is told to the client as a conflict."""
        try:
            yield
        except InferenceError:
            raise
        except (SkerryError, OSError, MemoryError) as error:
            raise Conflict(f"{what}: refused: {self._plain(error)}") from error

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Nobody else changes the model meanwhile; a worker that still follows the last change is waited for."""
        lock = self._lock(name)
        with self._files.lock(name) if self._files else nullcontext():
            if not lock.acquire(blocking=self._files is not None):
                raise Conflict(f"model {name!r}: another change is under way; try again when it is done")
            try:
                yield
            finally:
                lock.release()

    def _make(self, name: str, wanted: Wanted, before: Wanted | None = None) -> None:
        """Serve ``wanted``, all of it or nothing; with ``before``, it is this worker that tells the others."""
        lineup = Lineup(self._loaded(name, wanted), wanted)
        if before is not None:
            self._record(name, wanted, before)
        self._retire(name, self._swap(name, lineup))

    def _record(self, name: str, wanted: Wanted, before: Wanted) -> None:
        if wanted.aliases != before.aliases and self._directory:
            self._directory.write_aliases(name, wanted.aliases)
        if wanted != before and self._files:
            self._files.write(name, wanted)

    def _loaded(
        self, name: str, wanted: Wanted, found: dict[int, Found] | None = None, strict: bool = True
    ) -> dict[int, ServedModel]:
        """Every version that is wanted: the one that is loaded, or one from the disk."""
        if wanted.fault:
            raise ArtifactError(wanted.fault)
        applied, lineup = self._applied(name).versions, self._lineups.get(name)
        loaded: dict[int, ServedModel] = {}
        for version, digest in sorted(wanted.versions.items()):
            if lineup and version in lineup.loaded and applied.get(version) == digest:
                loaded[version] = lineup.loaded[version]
                continue
            try:
                found = self._on_disk().model(name) if found is None else found
                loaded[version] = self._load(name, version, digest, found)
            except SkerryError as error:
                if strict:
                    raise
                self._unready[name] = self._plain(error)
        return loaded

    def _load(self, name: str, version: int, digest: str, found: dict[int, Found]) -> ServedModel:
        with self._load_lock, self._noting(name, version):
            if version not in found:
                raise ArtifactError(f"{name}/{version}: no such artifact")
            artifact = found[version].open()
            if digest and artifact.digest != digest:
                raise ArtifactError(
                    f"{artifact.directory}: another artifact than the one that is wanted lies there now"
                )
            try:
                return ServedModel.of(load(artifact, self._config), self._policy, self.requests)
            except (InferenceError, OSError, MemoryError) as error:
                raise ArtifactError(f"{artifact.directory}: cannot be loaded: {self._plain(error)}") from error

    @contextmanager
    def _noting(self, name: str, version: int) -> Iterator[None]:
        """The index says that the version is loading; and why it was not, if it was not."""
        key = name, version
        self._notes[key] = "LOADING", ""
        try:
            yield
        except Exception as error:
            self._notes[key] = "UNAVAILABLE", self._plain(error)
            raise
        self._notes.pop(key, None)

    def _plain(self, error: Exception) -> str:
        return self._directory.plain(error) if self._directory else str(error)

    def _swap(self, name: str, lineup: Lineup) -> list[_Gone]:
        """From here on ``lineup`` answers. Returns what answered before and does not now."""
        with self._swap_lock:
            old = self._lineups.get(name, lineup).loaded
            self._lineups = {**self._lineups, name: lineup}
            for listener in self._listeners:
                listener()
        gone = [version for version, served in old.items() if lineup.loaded.get(version) is not served]
        return [_Gone(version, weakref.ref(old[version]), old[version].model) for version in gone]

    def _retire(self, name: str, gone: list[_Gone]) -> None:
        """Wait until nobody uses these models, and give their memory back."""
        stays = set(self._lineups[name].loaded)
        for one in gone:
            self._notes[name, one.version] = "UNLOADING", ""
        deadline = monotonic() + GRACE
        for one in gone:
            while one.served() is not None and monotonic() < deadline:
                sleep(0.005)
            if one.served() is not None:
                _log.warning("model %s version %d: still answering after %d seconds", name, one.version, GRACE)
            elif self._directory:  # it was loaded here, so nobody else has it
                one.model.close()
            self._notes[name, one.version] = "UNAVAILABLE", "unloaded"
            if one.version in stays:
                self._notes.pop((name, one.version), None)
        if gone:
            release_memory()


def _by_name(models: Iterable[Model]) -> dict[str, dict[int, Model]]:
    found: dict[str, dict[int, Model]] = {}
    for model in models:
        versions = found.setdefault(model.manifest.name, {})
        if model.manifest.version in versions:
            raise ServerError(
                f"model {model.manifest.name!r} version {model.manifest.version}: expected once, found in two directories"
            )
        versions[model.manifest.version] = model
    return found
