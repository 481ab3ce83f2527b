"""Files → what ``export`` takes: a fitted estimator, and rows with their target.

A pickle is a program: loading one runs whatever its author put in it. So .joblib and .pkl files are
loaded only for somebody who says that they trust them, and a .skops file only where it names no type
beyond those that skops knows to be harmless and those that were trusted by name. What a file is, is
decided by its content; its name must agree.
"""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning
from skops import io as skops

from skerry.runtime.errors import ExportError, FileError, InvalidRows, UntrustedInput, nearest

TRUSTED_TYPES = ("numpy.dtype",)
"""Types that skops asks about although they hold no code and no memory of their own."""


def load_estimator(path: Path, *, trust_pickle: bool = False, trusted_types: Sequence[str] = ()) -> Any:
    """The estimator in a .skops, .joblib or .pkl file.

    Raises:
        UntrustedInput: loading it could run code, and it was not said to be trusted.
        FileError: there is no such file.
        ExportError: it cannot be read, or another version of scikit-learn wrote it.
    """
    if path.suffix not in _LOADERS:
        raise ExportError(f"{path}: expected a model in {', '.join(_LOADERS)}, got {path.suffix or 'no suffix'!r}")
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    if zipfile.is_zipfile(path) != (path.suffix == ".skops"):
        raise ExportError(
            f"{path}: the content is not what the name says: skops files are zip archives, pickles are not"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return _LOADERS[path.suffix](path, trust_pickle, trusted_types)
        except InconsistentVersionWarning as warning:
            raise ExportError(
                f"{path}: fitted with scikit-learn {warning.original_sklearn_version}, here is {warning.current_sklearn_version}",
                hint=f"install scikit-learn=={warning.original_sklearn_version}, or fit the model again",
            ) from None


def load_rows(path: Path, target: str | None = None) -> tuple[Any, Any]:
    """Rows, and the target column if one is named, from .csv, .parquet, .jsonl, .npy or .npz.

    CSV is read as pandas reads it by default, as the training rows most likely were. An .npz holds an
    array ``X`` and, if it is to be the target, one of that name.

    Raises:
        FileError: there is no such file.
        InvalidRows: it cannot be read, or has no such column.
    """
    if path.suffix not in _READERS:
        raise InvalidRows(f"{path}: expected rows in {', '.join(_READERS)}, got {path.suffix or 'no suffix'!r}")
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    try:
        rows, truth = _READERS[path.suffix](path, target)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise InvalidRows(f"{path}: {_first_line(error)}") from None
    if getattr(rows, "shape", None) == () or not len(rows):
        raise InvalidRows(f"{path}: expected at least one row, got none")
    return rows, truth


def _load_skops(path: Path, trust_pickle: bool, trusted_types: Sequence[str]) -> Any:
    trusted = {*TRUSTED_TYPES, *trusted_types}
    try:
        unknown = [name for name in skops.get_untrusted_types(file=path) if name not in trusted]
        if unknown:
            raise UntrustedInput(
                f"{path}: it holds types that are not known to be harmless: {', '.join(unknown)}",
                hint="if you know where it comes from: " + " ".join(f"--trust-type {name}" for name in unknown),
            )
        return skops.load(path, trusted=sorted(trusted))
    except (UntrustedInput, InconsistentVersionWarning):
        raise
    except Exception as error:  # a damaged archive fails in any of skops's constructors
        raise ExportError(f"{path}: not a skops file that can be loaded: {_first_line(error)}") from None


def _load_pickle(path: Path, trust_pickle: bool, trusted_types: Sequence[str]) -> Any:
    if not trust_pickle:
        raise UntrustedInput(
            f"{path}: a pickle is a program, and loading it runs whatever its author put in it",
            hint="if you know where it comes from, add --trust-pickle; better, save models with skops.io.dump: what such a file holds is checked before it is loaded",
        )
    try:
        return joblib.load(path)
    except InconsistentVersionWarning:
        raise
    except Exception as error:  # a pickle can fail in any way
        raise ExportError(f"{path}: cannot be unpickled: {type(error).__name__}: {_first_line(error)}") from None


def _read_frame(read: Callable[[Path], pd.DataFrame]) -> Callable[[Path, str | None], tuple[Any, Any]]:
    def reader(path: Path, target: str | None) -> tuple[Any, Any]:
        frame = read(path)
        if target is None:
            return frame, None
        if target not in frame.columns:
            raise InvalidRows(f"{path}: it has no column {target!r}{nearest(target, map(str, frame.columns))}")
        return frame.drop(columns=target), frame[target].to_numpy()

    return reader


def _read_csv(path: Path) -> pd.DataFrame:
    with open(path, encoding="utf-8-sig", newline="") as lines:
        header = next(filter(None, csv.reader(lines)), [])
    if len(set(header)) != len(header):  # pandas would rename the second of a kind
        raise InvalidRows(f"{path}: expected distinct column names, got duplicates")
    return pd.read_csv(path, low_memory=False)


def _read_lines(path: Path, target: str | None) -> tuple[Any, Any]:
    """JSON Lines: a row in each line; of objects the target is a field."""
    with open(path, "rb") as lines:
        rows = [msgspec.json.decode(line) for line in lines if line.strip()]
    if target is None:
        return rows, None
    if lacking := [index for index, row in enumerate(rows) if not isinstance(row, dict) or target not in row]:
        raise InvalidRows(f"{path}: row {lacking[0]} has no field {target!r}")
    return rows, np.array([row.pop(target) for row in rows])


def _read_npy(path: Path, target: str | None) -> tuple[Any, Any]:
    if target is not None:
        raise InvalidRows(f"{path}: an array has no column {target!r}; put X and {target} into an .npz")
    return np.load(path, allow_pickle=False), None


def _read_npz(path: Path, target: str | None) -> tuple[Any, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        for name in ("X", *([target] if target else [])):
            if name not in arrays:
                raise InvalidRows(f"{path}: expected an array {name!r}, got {', '.join(arrays.files) or 'none'}")
        return arrays["X"], arrays[target] if target else None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


_LOADERS: dict[str, Callable[[Path, bool, Sequence[str]], Any]] = {
    ".skops": _load_skops,
    ".joblib": _load_pickle,
    ".pkl": _load_pickle,
}
_READERS: dict[str, Callable[[Path, str | None], tuple[Any, Any]]] = {
    ".csv": _read_frame(_read_csv),
    ".parquet": _read_frame(pd.read_parquet),
    ".jsonl": _read_lines,
    ".npy": _read_npy,
    ".npz": _read_npz,
}
