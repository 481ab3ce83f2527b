"""A page of docs/measured: the options of the script that makes it, its sections as they are measured, and its file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

Section = tuple[str, str, Iterable[str]]
"""A heading, what is measured there and how, and the lines found, which may take their time to come."""


def page_options(description: str | None) -> argparse.ArgumentParser:
    """The options of every page's script, to which more may be added."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser


def measure_page(title: str, sections: Iterable[Section], file: Path | None) -> None:
    """Print the lines of each section as they come, and keep all of them under ``title`` and the headings."""
    page = [title]
    for heading, text, lines in sections:
        page.append(f"## {heading}\n\n{text}\n")
        for line in lines:
            print(line, flush=True)
            page.append(line)
        page.append("")
    keep_page("\n".join(page), file)


def keep_page(text: str, file: Path | None) -> None:
    """``file`` has the page; without one it was printed only."""
    if file is not None:
        file.write_text(text, encoding="utf-8")
