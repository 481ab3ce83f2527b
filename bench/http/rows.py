"""Rows to send, as JSON has them: read from a file, or made up; and dealt out to many different requests."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan, prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from skerry.bench.http.open_inference import Row, TensorMetadata
from skerry.runtime.errors import BenchError, FileError

REQUESTS = 256
"""Different requests at most: a row that comes again and again measures a warm cache."""
SENT = 100_000
"""Rows in all of them, at most where that leaves a few."""
FEWEST_REQUESTS = 4
POOL = 20_000
"""Rows of a file that are used at most, evenly spread over it."""
MADE = 256
"""Rows that are made up."""


def deal(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """Requests of ``size`` rows each, no two alike as far as there are rows; they start evenly spread over the rows."""
    count = min(REQUESTS, max(FEWEST_REQUESTS, SENT // size), len(rows))
    starts = np.linspace(0, len(rows), count, endpoint=False).astype(int)
    return [[rows[(start + place) % len(rows)] for place in range(size)] for start in starts.tolist()]


def read_rows(path: Path) -> list[Row]:
    """The rows of a .csv, .parquet, .jsonl, .npy or .npz file: objects where columns have names, else lists or values.

    A missing value is None. Rows with an infinite number, which JSON cannot carry, are left out.

    Raises:
        SkerryError: it cannot be read, or no row is left.
    """
    loaded = _read_lines(path) if path.suffix == ".jsonl" else _load(path)
    rows = [row for row in (_to_json(row) for row in _listed(loaded)) if is_finite(row)]
    if not rows:
        raise BenchError(f"{path}: expected rows that JSON can carry; each has an infinite number")
    return rows


def _load(path: Path) -> Any:
    from skerry.export.data import load_rows  # it needs pandas, which a URL does not

    return load_rows(path)[0]


def _read_lines(path: Path) -> list[Row]:
    """A row in each line, of whatever form."""
    try:
        rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise FileError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{path}: expected JSON in each line: {error}") from None
    if not rows:
        raise FileError(f"{path}: expected at least one row, got none")
    return rows


def _listed(loaded: Any) -> list[Any]:
    """At most ``POOL`` rows, as Python has them."""
    index = np.linspace(0, len(loaded) - 1, min(len(loaded), POOL)).astype(int)
    if hasattr(loaded, "columns"):
        return loaded.iloc[index].astype(object).to_dict("records")
    return loaded[index].tolist() if isinstance(loaded, np.ndarray) else [loaded[place] for place in index]


def _to_json(value: Any) -> Any:
    """NumPy's scalars as Python's, missing values as None, everything inside likewise."""
    if isinstance(value, dict):
        return {str(name): _to_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_to_json(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and isnan(value)):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def is_finite(row: Row) -> bool:
    """Whether JSON can carry a row: no number in it is infinite."""
    if isinstance(row, dict | list):
        return all(is_finite(part) for part in (row.values() if isinstance(row, dict) else row))
    return not (isinstance(row, float) and isinf(row))


def make_rows(inputs: Sequence[TensorMetadata], size: int, *, seed: int = 0) -> list[Row]:
    """Rows of random values for a model of which only the metadata is known, for requests of ``size`` rows.

    Numbers are normal, integers from 0 to 9, texts are short words; a dimension of unknown length has 1.

    Raises:
        BenchError: a datatype is not known.
    """
    random = np.random.default_rng(seed)
    columns = [_made(spec, size, random) for spec in inputs]
    if len(inputs) == 1:
        return columns[0]
    return [dict(zip((spec.name for spec in inputs), row, strict=True)) for row in zip(*columns, strict=True)]


def _made(spec: TensorMetadata, size: int, random: np.random.Generator) -> list[Any]:
    """``MADE`` values of one input, or lists of them where it has several a row."""
    make = _MAKERS.get(spec.datatype.rstrip("0123456789"))
    if make is None:
        raise BenchError(f"input {spec.name!r}: no values can be made up for datatype {spec.datatype}; send --data")
    sizes = [abs(length) for length in spec.shape]
    width = prod(sizes[1:]) if spec.shape[:1] == [-1] else max(1, prod(sizes) // size)
    values = make(random, (MADE, width)).tolist()
    return [row[0] for row in values] if width == 1 else values


def _words(random: np.random.Generator, shape: tuple[int, int]) -> Any:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return np.array(["".join(word) for word in letters[random.integers(26, size=(prod(shape), 5))]], object).reshape(
        shape
    )


def _integers(random: np.random.Generator, shape: tuple[int, int]) -> Any:
    return random.integers(10, size=shape)


_MAKERS: dict[str, Any] = {
    "FP": lambda random, shape: random.normal(size=shape).round(3),
    "INT": _integers,
    "UINT": _integers,
    "BOOL": lambda random, shape: random.random(shape) < 0.5,
    "BYTES": _words,
}
"""Datatype, without its width → random values of it."""
