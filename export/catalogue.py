"""The catalogue: every estimator that can infer, and whether it is exported, as text, JSON or Markdown.

python -m skerry.export.catalogue > docs/estimators.md
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from typing import Literal

import msgspec

from skerry.export.converters.ties import EXACT
from skerry.export.estimators import ESTIMATORS, Entry

Answers = Literal["exact", "close", "refused"]


class Line(msgspec.Struct, frozen=True):
    """An estimator: how it answers when it is exported, within which tolerance, and what of it is refused or why."""

    library: str
    estimator: str
    answers: Answers
    tolerance: float | None
    note: str

    @property
    def outcome(self) -> str:
        """``exact``, ``within 1e-06`` or ``refused``."""
        return f"within {self.tolerance:g}" if self.answers == "close" else self.answers


def read_catalogue() -> list[Line]:
    """The table of estimators: by library, in the table's order, and by the alphabet."""
    lines = [_line(name, entry) for name, entry in ESTIMATORS.items()]
    libraries = list(dict.fromkeys(line.library for line in lines))
    return sorted(lines, key=lambda line: (libraries.index(line.library), line.estimator.lower()))


def _line(name: str, entry: Entry) -> Line:
    library, _, estimator = name.partition(".")
    if entry.convert is None:
        return Line(library, estimator, "refused", None, entry.note)
    return Line(library, estimator, "exact" if entry.tolerance <= EXACT else "close", entry.tolerance, entry.note)


def write_json(lines: list[Line]) -> str:
    return msgspec.json.format(msgspec.json.encode(lines), indent=2).decode() + "\n"


def write_text(lines: list[Line]) -> str:
    """For a terminal: a block for each library."""
    width = max(len(line.estimator) for line in lines)
    return _blocks(lines, "{}", lambda line: f"  {line.estimator:<{width}}  {line.outcome:<12}  {line.note}".rstrip())


def write_markdown(lines: list[Line]) -> str:
    """docs/estimators.md."""
    head = "## {}\n\n| estimator | answers | note |\n| --- | --- | --- |"
    return _INTRODUCTION + _blocks(lines, head, lambda line: f"| {line.estimator} | {line.outcome} | {line.note} |")


_INTRODUCTION = f"""# Estimators

What `skerry export` does with each estimator that can infer; `skerry export --list` prints the same. This page is
written by `python -m skerry.export.catalogue`.

- exact: labels equal, scores within {EXACT:g}, relative above 1, absolute below. Where the rows, or what the model makes
  of them, are float32, the tolerance is 1e-06.
- within 1e-06: labels equal, scores within that.
- refused: there is no exact conversion; the note says why.

A note of an estimator that is not refused says which of its settings are. Whatever is exported has passed the
comparison with scikit-learn. A class that is not listed is refused, unless its author has registered a converter for it
in skl2onnx (`update_registered_converter`); the nodes of that converter are taken, and must pass the same comparison.

"""


def _blocks(lines: list[Line], head: str, text: Callable[[Line], str]) -> str:
    groups = groupby(lines, key=attrgetter("library"))
    return "\n\n".join("\n".join([head.format(library), *map(text, group)]) for library, group in groups) + "\n"


if __name__ == "__main__":
    print(write_markdown(read_catalogue()), end="")
