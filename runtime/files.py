"""Rows in files → answers in files, a batch at a time: what ``skerry predict`` does."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from skerry.runtime.errors import FileError, InvalidInput
from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.model import Model
from skerry.runtime.protocol.columns import answer_columns
from skerry.runtime.protocol.csv import read_csv
from skerry.runtime.tensors import TensorSpec
from skerry.runtime.whole import written_whole

BATCH = 10_000
"""Rows that are read, answered and written together."""

_ROW = re.compile(r" row (\d+)")
"""How an error names a row of its batch; a person wants the row of the file."""


def predict_file(
    model: Model,
    source: Path,
    target: Path,
    *,
    methods: Sequence[str],
    ignore: Sequence[str] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Answer the rows of ``source`` (.csv, .parquet, .jsonl, .npy, .npz) into ``target`` (.csv, .parquet); returns their number.

    Columns are found by name, or taken in order by a model without named columns; those in ``ignore`` are
    passed over. The target appears complete or not at all. ``progress`` gets the number of rows answered so far.

    Raises:
        FileError: a suffix is not known, or a file cannot be opened.
        InvalidInput: a row is not what the model takes; row numbers count from 0 after the header.
    """
    read, write = _choose(_READERS, source), _choose(_WRITERS, target)
    done = 0
    try:
        with written_whole(target) as partial:
            with write(partial) as answers:
                for feeds in read(source, model, ignore):
                    answers.add(answer_columns(model.manifest, methods, model.answer(feeds, methods)))
                    done += rows_of(feeds)
                    progress(done)
            if not done:
                raise InvalidInput("expected at least one row, got none")
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {_ROW.sub(lambda row: f' row {int(row[1]) + done}', error.text)}") from None
    return done


def _choose(table: dict[str, Any], path: Path) -> Any:
    if path.suffix not in table:
        raise FileError(f"{path}: expected a name that ends in {', '.join(table)}, got {path.suffix or 'none'!r}")
    return table[path.suffix]


def _named_inputs(model: Model, header: Sequence[str], ignore: Sequence[str]) -> list[TensorSpec]:
    """The columns to read: by name; or, for a model without names, as many as it takes."""
    for name in ignore:
        if name not in header or (model.manifest.layout == "columns" and name in model.feeds.names):
            raise InvalidInput(
                f"column {name!r}: expected one of the file's that the model does not take, to ignore it"
            )
    header = [name for name in header if name not in ignore]
    if model.manifest.layout == "columns":
        return list(model.manifest.inputs)
    spec = model.manifest.inputs[0]
    width = (spec.shape[1:] or (1,))[0]
    if len(header) != width:
        raise InvalidInput(
            f"expected {width} column{'s' * (width != 1)}, got {len(header)}: {', '.join(header[:6])}{', …' * (len(header) > 6)}"
        )
    return [msgspec.structs.replace(spec, name=name, shape=(-1, 1)) for name in header]


def _feeds(model: Model, columns: dict[str, Array]) -> Feeds:
    if model.manifest.layout == "columns":
        return model.feeds.from_columns({name: columns[name] for name in model.feeds.names})
    arrays = list(columns.values())
    return model.feeds.from_matrix(np.stack(arrays, axis=1) if model.manifest.layout == "matrix" else arrays[0])


def _read_csv(source: Path, model: Model, ignore: Sequence[str]) -> Iterator[Feeds]:
    try:
        with open(source, encoding="utf-8-sig", newline="") as lines:
            header = next(filter(None, csv.reader(lines)), [])
            inputs = _named_inputs(model, header, ignore)
            lines.seek(0)
            for columns in read_csv(lines, inputs, rows=BATCH):
                yield _feeds(model, columns)
    except UnicodeDecodeError:
        raise InvalidInput("expected UTF-8 text") from None


def _read_lines(source: Path, model: Model, ignore: Sequence[str]) -> Iterator[Feeds]:
    """JSON Lines: a row in each line, as Python and ``/predict`` take it."""
    if ignore and model.manifest.layout != "columns":
        raise InvalidInput("expected no columns to ignore: rows in JSON are whole")
    with open(source, "rb") as lines:
        rows = (line for line in lines if line.strip())
        while batch := list(islice(rows, BATCH)):
            yield model.feeds.from_rows([_decode_line(line, row, ignore) for row, line in enumerate(batch)])


def _decode_line(line: bytes, row: int, ignore: Sequence[str]) -> Any:
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"expected JSON in row {row}: {error}") from None
    if ignore and isinstance(content, dict):
        return {name: value for name, value in content.items() if name not in ignore}
    return content


def _read_parquet(source: Path, model: Model, ignore: Sequence[str]) -> Iterator[Feeds]:
    parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(source)
    except Exception as error:  # pyarrow's errors share no base but Exception
        raise FileError(f"{source}: {str(error).splitlines()[0][:160]}") from None
    with file:
        inputs = _named_inputs(model, file.schema_arrow.names, ignore)
        names = [spec.name for spec in inputs]
        if missing := [name for name in names if name not in file.schema_arrow.names]:
            raise InvalidInput(f"columns missing: {', '.join(map(repr, missing))}")
        for batch in file.iter_batches(BATCH, columns=names):
            yield _feeds(model, {name: batch.column(name).to_numpy(zero_copy_only=False) for name in names})


def _read_numpy(source: Path, model: Model, ignore: Sequence[str]) -> Iterator[Feeds]:
    array = np.atleast_1d(_load_array(source))
    for start in range(0, len(array), BATCH):
        yield model.feeds.from_rows(array[start : start + BATCH])


def _load_array(source: Path) -> Array:
    """The array in an .npy file, or the one named ``X`` in an .npz."""
    try:
        with open(source, "rb") as file:  # NumPy leaves a file open that it cannot read
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            if "X" in loaded:
                return loaded["X"]
            names = ", ".join(loaded.files)
    except Exception as error:  # zipfile, NumPy and zlib each have their own
        raise FileError(f"{source}: {(str(error).splitlines() or [type(error).__name__])[0][:160]}") from None
    raise FileError(f"{source}: expected an array named 'X', got {names or 'none'}")


def _pyarrow() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise FileError("Parquet needs pyarrow", hint="pip install pyarrow") from None
    return parquet


class _CsvWriter:
    def __init__(self, path: Path) -> None:
        self._file: IO[str] = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115 (closed by __exit__)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._started = False

    def __enter__(self) -> _CsvWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, columns: dict[str, Array]) -> None:
        if not self._started:
            self._writer.writerow(columns)
            self._started = True
        self._writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._parquet = _pyarrow()
        self._path = path
        self._writer: Any = None

    def __enter__(self) -> _ParquetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, columns: dict[str, Array]) -> None:
        import pyarrow

        table = pyarrow.table({name: pyarrow.array(column) for name, column in columns.items()})
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)


_READERS: dict[str, Callable[[Path, Model, Sequence[str]], Iterator[Feeds]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".jsonl": _read_lines,
    ".npy": _read_numpy,
    ".npz": _read_numpy,
}
_WRITERS: dict[str, Any] = {".csv": _CsvWriter, ".parquet": _ParquetWriter}
