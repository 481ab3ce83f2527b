"""Rows to ask models about, in every form that they are taken in: from a file, or an artifact's golden rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from skerry.bench.columns import columns_of
from skerry.export.data import load_rows
from skerry.export.signature import read_signature, take
from skerry.runtime.artifact import GOLDEN, Artifact
from skerry.runtime.errors import BenchError, ExportError, InvalidInput
from skerry.runtime.feeds import Array, FeedBuilder, Feeds
from skerry.runtime.golden import decode_golden
from skerry.runtime.manifest import Manifest
from skerry.runtime.tensors import MISSING

MOST = 100_000
"""Rows of a file that are used at most, evenly spread."""


class ModelRows(Protocol):
    """Rows in the order of their source."""

    @property
    def source(self) -> str:
        """Where they are from, in words."""

    def __len__(self) -> int: ...

    def original(self, estimator: Any) -> Any:
        """As the estimator takes them: a DataFrame, an array, texts or records."""

    def given(self, manifest: Manifest) -> Any:
        """As a user has them, in a form that the artifact's ``FeedBuilder`` takes; None where only feeds are known."""

    def feeds(self, manifest: Manifest) -> Feeds:
        """As the artifact's model is fed them."""


@dataclass(frozen=True)
class FileRows:
    """Rows of a file, read as ``export`` reads them."""

    source: str
    rows: Any

    @classmethod
    def read(cls, path: Path, target: str | None = None) -> FileRows:
        """From .csv, .parquet, .jsonl, .npy or .npz, without the column ``target``.

        Raises:
            FileError, InvalidRows: it cannot be read.
        """
        rows, _ = load_rows(path, target)
        index = np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)
        return cls(path.name, rows if len(rows) <= MOST else take(rows, index))

    def __len__(self) -> int:
        return len(self.rows)

    def original(self, estimator: Any) -> Any:
        try:
            return read_signature(estimator, self.rows)[1]
        except ExportError as error:
            raise BenchError(f"{self.source}: the estimator does not take these rows: {error.text}") from None

    def given(self, manifest: Manifest) -> Any:
        """Of a model with named columns, only those."""
        if manifest.layout != "columns":
            return self.rows
        names = [spec.name for spec in manifest.inputs]
        if isinstance(self.rows, pd.DataFrame):
            return self.rows[[name for name in names if name in self.rows.columns]]
        if isinstance(self.rows, list) and all(isinstance(row, dict) for row in self.rows):
            return [{name: row[name] for name in names if name in row} for row in self.rows]
        return self.rows

    def feeds(self, manifest: Manifest) -> Feeds:
        builder = FeedBuilder(manifest.inputs, manifest.layout, manifest.extractors)
        try:
            return builder.from_rows(self.given(manifest))
        except InvalidInput as error:
            raise BenchError(
                f"{self.source}: {manifest.name}/{manifest.version} does not take these rows: {error.text}"
            ) from None


@dataclass(frozen=True)
class GoldenRows:
    """The made rows that came with an artifact, as its model is fed them."""

    source: str
    manifest: Manifest
    golden: Feeds

    @classmethod
    def of(cls, artifact: Artifact) -> GoldenRows:
        manifest = artifact.manifest
        golden = decode_golden(artifact.read()[GOLDEN])
        return cls(f"the golden rows of {manifest.name}/{manifest.version}", manifest, golden.feeds)

    def __len__(self) -> int:
        return len(next(iter(self.golden.values())))

    def original(self, estimator: Any) -> Any:
        """Rebuilt from the feeds: a frame or an array in the manifest's datatypes, checked by the estimator itself."""
        if self.manifest.extractors:
            raise BenchError(
                f"{self.source} hold the parts of texts or records, and the estimator takes the whole",
                hint="give rows with --data",
            )
        if self.manifest.layout == "columns":
            columns = columns_of(self.golden, self.manifest)
            rows: Any = pd.DataFrame({name: _plain(column) for name, column in columns.items()})
        else:
            rows = _plain(self.golden[self.manifest.inputs[0].name])
        try:
            return read_signature(estimator, rows)[1]
        except ExportError as error:
            raise BenchError(
                f"the estimator does not take {self.source}: {error.text}", hint="give rows with --data"
            ) from None

    def given(self, manifest: Manifest) -> Any:
        return None

    def feeds(self, manifest: Manifest) -> Feeds:
        if manifest.extractors != self.manifest.extractors:
            raise BenchError(
                f"{self.source} hold the parts of texts or records, which {manifest.name}/{manifest.version} makes otherwise",
                hint="give rows with --data",
            )
        return self.golden


def _plain(array: Array) -> Array:
    """Missing strings as NaN, which is what pandas has for them."""
    if array.dtype != object:
        return array
    plain = array.copy()
    plain[array == MISSING] = np.nan
    return plain


def pick(prepared: Any, index: Array | slice) -> Any:
    """Some of the rows in whatever form a contender takes them; a slice of arrays or frames is a view."""
    if isinstance(prepared, dict):
        return {name: array[index] for name, array in prepared.items()}
    if isinstance(prepared, list) and isinstance(index, slice):
        return prepared[index]
    picked = take(prepared, index)
    return (
        picked.reset_index(drop=True) if isinstance(picked, pd.DataFrame) and not isinstance(index, slice) else picked
    )


def shuffled(distinct: int, fewest: int, seed: int = 0) -> Array:
    """Places of rows: all of ``distinct`` in another order, again and again until there are ``fewest`` or more."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(distinct) for _ in range(-(-max(fewest, 1) // distinct))])


def windows(total: int, rows: int) -> Iterator[slice]:
    """Which ``rows`` of ``total`` a call takes, others than the call before; ``total`` is at least twice ``rows``."""
    place = 0
    while True:
        yield slice(place, place + rows)
        place = (place + rows) % (total - rows + 1)
