"""``progress``: one line on a terminal that says what is going on, and goes away."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Say = Callable[[str], None]


@contextmanager
def progress() -> Iterator[Say]:
    """What is said replaces what was said before, on stderr; where that is no terminal, nothing is."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    width = shutil.get_terminal_size().columns - 1
    try:
        yield lambda text: click.echo("\r" + text[:width].ljust(width), err=True, nl=False)
    finally:
        click.echo("\r" + " " * width + "\r", err=True, nl=False)
