"""CSV: lines of text → columns typed by the model's inputs, never by what the text looks like.

Missing is an empty cell, or one of the words that pandas reads as missing; in a string column they are
missing only where the model accepts that, and plain text elsewhere.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array
from skerry.runtime.tensors import MISSING, TensorSpec

MISSING_WORDS = frozenset(
    (
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    )
)
"""``pandas.read_csv``'s default ``na_values``."""

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|Infinity)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def read_csv(lines: Iterable[str], inputs: Sequence[TensorSpec], *, rows: int) -> Iterator[dict[str, Array]]:
    """Batches of at most ``rows`` rows, as one array per input; other columns are passed over.

    The first line names the columns; a model without named columns takes them in the file's order.

    Raises:
        InvalidInput: a column is missing, a line is too short or too long, a cell is not what its input takes;
            rows are counted within their batch.
    """
    reader = csv.reader(lines, strict=True)
    try:
        filled = (line for line in reader if line)  # pandas, too, passes over blank lines
        header = next(filled, None)
        if not header:
            raise InvalidInput("expected a line that names the columns, got an empty file")
        places = _places(header, inputs)
        while batch := list(islice(filled, rows)):
            _check_widths(batch, len(header))
            yield {spec.name: _column([line[place] for line in batch], spec) for spec, place in places}
    except csv.Error as error:
        raise InvalidInput(f"line {reader.line_num}: not CSV: {error}") from None


def _places(header: Sequence[str], inputs: Sequence[TensorSpec]) -> list[tuple[TensorSpec, int]]:
    if len(set(header)) != len(header):
        raise InvalidInput("expected distinct column names, got duplicates")
    missing = [spec.name for spec in inputs if spec.name not in header]
    if missing:
        raise InvalidInput(f"columns missing: {', '.join(map(repr, missing))}")
    return [(spec, header.index(spec.name)) for spec in inputs]


def _check_widths(batch: Sequence[Sequence[str]], width: int) -> None:
    for index, line in enumerate(batch):
        if len(line) != width:
            raise InvalidInput(f"row {index}: expected {width} cells, got {len(line)}")


def _column(cells: list[str], spec: TensorSpec) -> Array:
    """Cells as an array of the input's dtype; NaN or ``MISSING`` where a cell is missing."""
    parse = _parser(spec)
    values = np.empty(len(cells), np.float64 if spec.is_float else spec.numpy_dtype)
    for index, cell in enumerate(cells):
        value = parse(cell)
        if value is None:
            raise InvalidInput(
                f"input {spec.name!r} row {index}: expected {_EXPECTED[spec.numpy_dtype.kind]}, got {cell!r:.60}"
            )
        values[index] = value
    return values


def _parser(spec: TensorSpec) -> Callable[[str], object | None]:
    if spec.is_float:
        return lambda cell: float(cell) if _FLOAT.fullmatch(cell) else np.nan if cell in MISSING_WORDS else None
    if spec.is_integer:
        limits = np.iinfo(spec.numpy_dtype)
        return lambda cell: (
            int(cell) if _INTEGER.fullmatch(cell) and len(cell) < 21 and limits.min <= int(cell) <= limits.max else None
        )
    if spec.datatype == "BOOL":
        return _BOOLEANS.get
    return lambda cell: None if cell == MISSING else MISSING if spec.missing and cell in MISSING_WORDS else cell


_EXPECTED = {
    "f": "a number",
    "i": "an integer of that range",
    "u": "an integer of that range",
    "b": "true or false",
    "O": "text",
}
