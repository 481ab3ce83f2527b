"""``Grid``: a table of text, and the columns that it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from skerry.bench.units import Amount, Unit, amount, unit_for


@dataclass(frozen=True)
class Column:
    """Cells as text; numbers stand to the right. What is not ``needed`` goes where there is no room."""

    name: str
    cells: tuple[str, ...]
    is_number: bool = True
    needed: bool = True


@dataclass(frozen=True)
class Grid:
    """A table: columns of equal length, and a note on how to read it."""

    title: str
    columns: tuple[Column, ...]
    note: str = ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells line by line."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def markdown(grid: Grid) -> str:
    """``grid`` as a Markdown table, ends with a newline."""
    head = [column.name for column in grid.columns]
    rule = ["---:" if column.is_number else "---" for column in grid.columns]
    lines = [head, rule, *grid.rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def number_column(name: str, cells: Sequence[str]) -> Column:
    return Column(printable(name), tuple(map(printable, cells)))


def text_column(name: str, cells: Sequence[str]) -> Column:
    return replace(number_column(name, cells), is_number=False)


def described_column(texts: Sequence[str], name: str = "what it is") -> tuple[Column, ...]:
    return (text_column(name, texts),) if any(texts) else ()


def amount_columns(
    name: str, values: Sequence[Amount], units: tuple[Unit, ...], *, needed: bool = True
) -> tuple[Column, ...]:
    """A column in the unit that fits its values; none where there is no value."""
    if all(value is None for value in values):
        return ()
    unit = unit_for(values, units)
    title = f"{name}, {unit.name}" if unit.name else name
    return (Column(title, tuple(amount(value, unit) for value in values), needed=needed),)


def count_columns(name: str, values: Sequence[int | None], *, needed: bool = True) -> tuple[Column, ...]:
    if all(value is None for value in values):
        return ()
    return (Column(name, tuple("–" if value is None else f"{value:,}" for value in values), needed=needed),)


def levels_of(values: Iterable[float]) -> str:
    """Levels of confidence: ``95 %``, or from which to which."""
    levels = sorted({f"{100 * value:.0f} %" for value in values if value})
    return levels[0] if len(levels) == 1 else f"{levels[0]} to {levels[-1]}" if levels else "unknown"


def printable(text: str) -> str:
    """``text`` without what could move the cursor of a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def short(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters: names differ at their ends, so the middle goes."""
    if len(text) <= length:
        return text
    kept = length - 1
    return text[: kept - kept // 2] + "…" + text[len(text) - kept // 2 :]
