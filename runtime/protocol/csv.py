"""CSV (RFC 4180): lines of text → columns typed by the model's inputs, never by what the text looks like; and back.

Missing is an empty cell, or one of the words that pandas reads as missing; in a string column they are
missing only where the model accepts that, and plain text elsewhere.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isinf

import msgspec
import numpy as np

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.protocol.columns import ColumnContract
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
_FIGURES = str.maketrans("", "", "0123456789+-.eE")
_DIGITS = str.maketrans("", "", "0123456789+-\n")
"""What plain numbers are written with; of texts of these alone, JSON's numbers and Python's ``int`` are what ours are."""
_floats = msgspec.json.Decoder(list[float])
_LONGEST = 20
"""Characters of a number of 64 bits at most, with its sign: Python refuses to read the longest integers at all."""


def decode_csv(body: bytes, contract: ColumnContract) -> Feeds:
    """Feeds from a table with a header line, in UTF-8.

    Raises:
        InvalidInput: it is no CSV, or not what the contract wants; rows are counted after the header.
        TooLarge: it has more rows than a request may have.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("expected CSV in UTF-8, got something else") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = _filled(reader)
        header = _header(lines)
        columns = contract.columns(header)
        batch = list(islice(lines, contract.limits.max_rows + 1))
    except csv.Error as error:
        raise InvalidInput(f"line {reader.line_num}: not CSV: {error}") from None
    contract.check_size(len(batch), len(header))
    _check_widths(batch, len(header))
    if contract.plain and batch and (matrix := _plain_matrix(batch, [column.place for column in columns])) is not None:
        return contract.matrix_feeds(matrix)
    cells = list(zip(*batch, strict=True)) or [()] * len(header)
    return contract.feeds(columns, [_column(cells[column.place], column.spec, column.name) for column in columns])


def encode_csv(columns: Mapping[str, Array]) -> bytes:
    """A line of names, and a line for each row; numbers are written so that they read back as they were."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue().encode()


def read_csv(lines: Iterable[str], inputs: Sequence[TensorSpec], *, rows: int) -> Iterator[dict[str, Array]]:
    """Batches of at most ``rows`` rows, as one array per input; other columns are passed over.

    The first line names the columns; a model without named columns takes them in the file's order.
    A missing string is None.

    Raises:
        InvalidInput: a column is missing, a line is too short or too long, a cell is not what its input takes;
            rows are counted within their batch.
    """
    reader = csv.reader(lines, strict=True)
    try:
        filled = _filled(reader)
        header = _header(filled)
        places = _places(header, inputs)
        while batch := list(islice(filled, rows)):
            _check_widths(batch, len(header))
            yield {spec.name: _column([line[place] for line in batch], spec, spec.name) for spec, place in places}
    except csv.Error as error:
        raise InvalidInput(f"line {reader.line_num}: not CSV: {error}") from None


def _filled(reader: Iterable[list[str]]) -> Iterator[list[str]]:
    return (line for line in reader if line)  # pandas, too, passes over blank lines


def _header(lines: Iterator[list[str]]) -> list[str]:
    header = next(lines, None)
    if not header:
        raise InvalidInput("expected a line that names the columns, got an empty file")
    return header


def _places(header: Sequence[str], inputs: Sequence[TensorSpec]) -> list[tuple[TensorSpec, int]]:
    if len(set(header)) != len(header):
        raise InvalidInput("expected distinct column names, got duplicates")
    missing = [spec.name for spec in inputs if spec.name not in header]
    if missing:
        raise InvalidInput(f"columns missing: {', '.join(map(repr, missing))}")
    return [(spec, header.index(spec.name)) for spec in inputs]


def _check_widths(batch: Sequence[Sequence[str]], width: int) -> None:
    if set(map(len, batch)) <= {width}:
        return
    row, got = next((row, len(line)) for row, line in enumerate(batch) if len(line) != width)
    raise InvalidInput(f"row {row}: expected {width} cells, got {got}")


def _plain_matrix(batch: Sequence[Sequence[str]], places: Sequence[int]) -> Array | None:
    """All cells at ``places`` at once, where each is a plain number."""
    cells = [line[place] for line in batch for place in places]
    try:
        return _plain_floats(cells, np.dtype(np.float64)).reshape(len(batch), len(places))
    except (ValueError, msgspec.DecodeError):
        return None


def _column(cells: Sequence[str], spec: TensorSpec, name: str) -> Array:
    """Cells as an array of the input's dtype, floats as float64; NaN or None where a cell is missing."""
    dtype = np.dtype(np.float64) if spec.is_float else spec.numpy_dtype
    try:
        return _PLAIN[dtype.kind](cells, dtype)
    except (ValueError, KeyError, OverflowError, msgspec.DecodeError):  # one of them needs a closer look
        return _one_by_one(cells, spec, name, dtype)


def _one_by_one(cells: Sequence[str], spec: TensorSpec, name: str, dtype: np.dtype) -> Array:
    read = _reader(spec)
    values = np.empty(len(cells), dtype)
    for index, cell in enumerate(cells):
        try:
            values[index] = read(cell)
        except (KeyError, ValueError):
            raise InvalidInput(
                f"input {name!r} row {index}: expected {_EXPECTED[spec.numpy_dtype.kind]}, got {cell!r:.60}"
            ) from None
    return values


def _plain_floats(cells: Sequence[str], dtype: np.dtype) -> Array:
    """Figures alone, as JSON has them too: msgspec reads a number in half the time that ``float`` takes."""
    text = ",".join(cells)
    if text.translate(_FIGURES) != "," * (len(cells) - 1):
        raise ValueError
    numbers = np.array(_floats.decode(f"[{text}]"), dtype)
    if len(numbers) != len(cells):  # one empty cell
        raise ValueError
    return numbers


def _plain_integers(cells: Sequence[str], dtype: np.dtype) -> Array:
    if "\n".join(cells).translate(_DIGITS) or max(map(len, cells), default=0) > _LONGEST:
        raise ValueError
    return np.array(list(map(int, cells)), dtype)


def _truths(cells: Sequence[str], dtype: np.dtype) -> Array:
    return np.array([_BOOLEANS[cell] for cell in cells], dtype)


def _plain_texts(cells: Sequence[str], dtype: np.dtype) -> Array:
    if not MISSING_WORDS.isdisjoint(cells) or MISSING in cells:
        raise ValueError
    return np.array(cells, dtype)


_PLAIN: dict[str, Callable[[Sequence[str], np.dtype], Array]] = {
    "f": _plain_floats,
    "i": _plain_integers,
    "u": _plain_integers,
    "b": _truths,
    "O": _plain_texts,
}
"""Kind of a dtype → whole columns at once, where no cell is missing or wrong."""


def _reader(spec: TensorSpec) -> Callable[[str], object]:
    """The value of one cell, or ``KeyError`` or ``ValueError``."""
    if spec.is_float:
        return _float
    if spec.is_integer:
        return _integer(spec.numpy_dtype)
    if spec.datatype == "BOOL":
        return _BOOLEANS.__getitem__
    return _text(spec)


def _float(cell: str) -> float:
    if cell in MISSING_WORDS:
        return np.nan
    number = float(cell) if _FLOAT.fullmatch(cell) else None
    if number is None or (isinf(number) and "f" not in cell):  # 1e400 is no infinity
        raise ValueError
    return number


def _integer(dtype: np.dtype) -> Callable[[str], int]:
    limits = np.iinfo(dtype)

    def read(cell: str) -> int:
        if not _INTEGER.fullmatch(cell) or len(cell) > _LONGEST or not limits.min <= int(cell) <= limits.max:
            raise ValueError
        return int(cell)

    return read


def _text(spec: TensorSpec) -> Callable[[str], str | None]:
    def read(cell: str) -> str | None:
        if cell == MISSING:
            raise ValueError
        return None if spec.missing and cell in MISSING_WORDS else cell

    return read


_EXPECTED = {
    "f": "a number",
    "i": "an integer of that range",
    "u": "an integer of that range",
    "b": "true or false",
    "O": "text",
}
