"""``table``: a measurement in words and tables for a terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from skerry.bench.grid import Column, Grid, printable, short
from skerry.bench.results import Measurement
from skerry.bench.sentences import findings, machine_line, setting
from skerry.bench.tables import grids

WIDTH, NARROWEST = 100, 10
"""Columns of the terminal; characters that are left of a name at least."""
SENTENCES = 12
"""Findings that a terminal shows; the others are in the report."""


def table(measurement: Measurement, *, width: int = WIDTH) -> str:
    """All of ``measurement`` as text with at most ``width`` characters a line, but where numbers alone need more."""
    parts = [
        _heading(measurement, width),
        *(_text(grid, width) for grid in grids(measurement)),
        _sentences(findings(measurement), width),
        "\n".join(_wrapped(f"warning: {warning}", width) for warning in measurement.warnings),
        _wrapped(machine_line(measurement.machine), width),
    ]
    return "\n\n".join(filter(None, parts))


def _heading(measurement: Measurement, width: int) -> str:
    partial = (
        [] if measurement.complete else ["PARTIAL: broken off before its end; this is what was measured until then."]
    )
    lines = [printable(measurement.title), *partial, setting(measurement)]
    return "\n".join(_wrapped(line, width) for line in lines)


def _text(grid: Grid, width: int) -> str:
    columns = _fitted(grid.columns, width)
    widths = [_width_of(column) for column in columns]
    lines = [_line([column.name for column in columns], columns, widths)]
    lines.append("  ".join("─" * each for each in widths))
    lines += [_line(cells, columns, widths) for cells in zip(*(column.cells for column in columns), strict=True)]
    return "\n".join([grid.title, *lines, *([_wrapped(grid.note, width)] if grid.note else [])])


def _line(cells: Iterable[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = (
        " " * (width - _cells_of(cell)) + cell if column.is_number else cell + " " * (width - _cells_of(cell))
        for cell, column, width in zip(cells, columns, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _fitted(columns: Sequence[Column], width: int) -> list[Column]:
    """Names give way first, then the columns that are not needed."""
    fitted = list(columns)
    while (excess := _total(fitted) - width) > 0:
        texts = [column for column in fitted if not column.is_number and _width_of(column) > NARROWEST]
        spare = [column for column in fitted if not column.needed]
        if texts:
            widest = max(texts, key=_width_of)
            runner_up = max((_width_of(column) for column in texts if column is not widest), default=NARROWEST)
            length = max(_width_of(widest) - excess, min(runner_up, _width_of(widest) - 1), NARROWEST)
            fitted[fitted.index(widest)] = replace(widest, cells=tuple(_cut(cell, length) for cell in widest.cells))
        elif spare:
            fitted.remove(spare[0])
        else:
            break
    return fitted


def _cut(text: str, cells: int) -> str:
    length = len(text)
    while _cells_of(text) > cells:
        length -= 1
        text = short(text, length)
    return text


def _total(columns: Sequence[Column]) -> int:
    return sum(map(_width_of, columns)) + 2 * (len(columns) - 1)


def _width_of(column: Column) -> int:
    return max(map(_cells_of, (column.name, *column.cells)))


def _cells_of(text: str) -> int:
    """Cells of a terminal: Chinese, Japanese and Korean letters take two, marks over letters none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _sentences(sentences: Sequence[str], width: int) -> str:
    lines = [_wrapped(f"- {printable(sentence)}", width) for sentence in sentences[:SENTENCES]]
    more = len(sentences) - SENTENCES
    return "\n".join([*lines, *([f"- and {more} more in the report and in the JSON"] if more > 0 else [])])


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(printable(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
