"""``Model``: an artifact that answers as the estimator did, on arrays, frames and lists of dicts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from time import perf_counter, time
from typing import Any

import numpy as np

from skerry.runtime.artifact import GOLDEN, MODEL, Artifact
from skerry.runtime.errors import InvalidInput, ManifestError
from skerry.runtime.feeds import Array, FeedBuilder, Feeds, rows_of
from skerry.runtime.golden import check_golden, decode_golden
from skerry.runtime.manifest import Guard, Manifest
from skerry.runtime.provider import Placement
from skerry.runtime.session import Session, SessionConfig
from skerry.runtime.structure import check_structure

ROWS = 8192
"""Rows in one run at most."""
VALUES = 2**23
"""Numbers that a run may hold for the columns made of texts or records: 64 MiB in float64."""


def load(artifact: str | os.PathLike[str] | Artifact, config: SessionConfig | None = None) -> Model:
    """Load a model: digests, then structure, then the session, then the golden rows.

    ``artifact`` is a directory (``artifacts/<name>/<version>``, or ``artifacts/<name>`` for the
    newest version) or an ``Artifact``.

    Raises:
        ArtifactError: it is not an artifact, was changed, or does not answer here as it did.
    """
    began = perf_counter()
    artifact = artifact if isinstance(artifact, Artifact) else Artifact.open(artifact)
    content = artifact.read()
    check_structure(content[MODEL])
    model = Model(artifact.manifest, Session(content[MODEL], config))
    golden = decode_golden(content[GOLDEN])
    check_golden(model, golden)
    model.sample = golden.feeds
    model.loaded, model.load_seconds = time(), perf_counter() - began
    return model


class _Method:
    """A scikit-learn method that exists only on models whose estimator has it."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Model | None, owner: type) -> Callable[[Any], Any]:
        if model is None:
            return self  # type: ignore[return-value]
        parts = model.manifest.parts_of(self.name)
        if not parts:
            raise AttributeError(
                f"model {model.manifest.name!r} has no {self.name}; it has {', '.join(model.manifest.methods)}"
            )
        return lambda rows: _whole(model.answer(model.feeds.from_rows(rows), parts), as_list=parts != (self.name,))


def _whole(answers: list[Array], *, as_list: bool) -> Array | list[Array]:
    return answers if as_list else answers[0]


class Model:
    """A loaded artifact. Its methods return what scikit-learn returns: shapes, labels, dtypes.

    Rows are a DataFrame (columns by name, in any order), a 2-D array, a list of dicts, lists or
    texts; at least one. ``InvalidInput`` says what was wrong with which input and row.
    """

    predict = _Method("Labels or values, shape (rows,), or (rows, targets).")
    predict_proba = _Method(
        "Probabilities, shape (rows, classes), in the order of ``classes_``; of several targets a list."
    )
    decision_function = _Method("Scores, shape (rows,) or (rows, classes).")
    transform = _Method("Transformed rows, shape (rows, features).")
    score_samples = _Method("One score a row, shape (rows,).")

    def __init__(self, manifest: Manifest, session: Session) -> None:
        self.manifest = manifest
        self.feeds = FeedBuilder(manifest.inputs, manifest.layout, manifest.extractors)
        self.sample: Feeds | None = None
        """Rows that it is fed well with, a few hundred at most: those of the golden rows, once it is loaded."""
        self.loaded, self.load_seconds = time(), 0.0
        """When it was loaded, in seconds since the epoch, and how long that took."""
        self._session = session
        self._plain = not manifest.guards and not any(spec.dtype for spec in manifest.outputs)
        self._plan = lru_cache(_PLANS)(partial(_plan, manifest))
        _check_tensors(manifest, session, self.feeds)

    @property
    def placement(self) -> Placement:
        """Where its nodes run."""
        return self._session.placement

    @property
    def classes_(self) -> Array | list[Array]:
        """The class labels, in the order of the probabilities; of several targets a list."""
        if self.manifest.classes is None:
            raise AttributeError(f"model {self.manifest.name!r} is not a classifier")
        classes, dtype = self.manifest.classes, self.manifest.output("predict").numpy_dtype
        nested = any(isinstance(labels, tuple) for labels in classes)
        return [np.array(labels, dtype) for labels in classes] if nested else np.array(classes, dtype)

    def answer(self, feeds: Feeds, methods: Sequence[str]) -> list[Array]:
        """The answers of ``methods`` for feeds that a ``FeedBuilder`` made.

        Raises:
            InvalidInput: scikit-learn would have refused a row.
        """
        outputs, guards, texts = self._plan(tuple(methods))
        found = self._run(feeds, outputs)
        if self._plain:
            return found
        count = len(methods)
        for guard, refused in zip(guards, found[count:], strict=True):
            if b"\x01" in refused.tobytes():  # of one row, a third of the time that ``any`` takes
                _refuse(guard, refused)
        for place, dtype in texts:
            found[place] = found[place].astype(dtype)
        del found[count:]
        return found

    def close(self) -> None:
        """Give the session's memory back at once; the model answers nothing after that."""
        del self._session  # what else refers to the model may be a cycle, which is collected some time

    def _run(self, feeds: Feeds, outputs: Sequence[str]) -> list[Array]:
        """Many rows in several runs: of texts and records each may be as wide as the vocabulary, and neighbours are found
        among all training rows."""
        rows = rows_of(feeds)
        limit = self._rows_in_a_run(feeds) if self.manifest.extractors else ROWS
        if rows <= limit:
            return self._session.run(feeds, outputs)
        slices = [slice(start, start + limit) for start in range(0, rows, limit)]
        parts = [self._session.run({name: array[part] for name, array in feeds.items()}, outputs) for part in slices]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _rows_in_a_run(self, feeds: Feeds) -> int:
        """At most ``ROWS``, and as many as hold at most ``VALUES``: the columns that are made of a row, or a weight of
        each key for each class."""
        classes = len(self.manifest.classes or ())
        widths = [
            max(extractor.width, feeds[extractor.keys].shape[1] * max(1, classes))
            for extractor in self.manifest.extractors
        ]
        return max(1, min(ROWS, VALUES // max(widths)))


_PLANS = 256
"""Different lists of methods that are remembered: clients choose them."""


def _plan(
    manifest: Manifest, methods: tuple[str, ...]
) -> tuple[list[str], tuple[Guard, ...], list[tuple[int, np.dtype]]]:
    """What a run for ``methods`` takes: the outputs to ask for, the guards behind them, and which answers get which dtype
    of strings."""
    specs = [manifest.output(method) for method in methods]
    texts = [(place, spec.numpy_dtype) for place, spec in enumerate(specs) if spec.dtype]
    return [*methods, *(guard.output for guard in manifest.guards)], manifest.guards, texts


def _refuse(guard: Guard, refused: Array) -> None:
    row, column = np.argwhere(refused)[0]
    where = f"input {guard.columns[column]!r} row {row}" if guard.columns else f"row {row}"
    raise InvalidInput(f"{where}: {guard.reason}")


def _check_tensors(manifest: Manifest, session: Session, feeds: FeedBuilder) -> None:
    """The manifest and the graph beside it must speak of the same tensors."""
    inputs = feeds.tensors
    outputs = {*manifest.methods, *(guard.output for guard in manifest.guards)}
    if set(session.inputs) != inputs or set(session.outputs) != outputs:
        raise ManifestError(
            f"model.onnx: expected inputs {sorted(inputs)} and outputs {sorted(outputs)}, "
            f"got {sorted(session.inputs)} and {sorted(session.outputs)}"
        )
