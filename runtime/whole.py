"""``written_whole``: a file that appears complete under its name, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.runtime.errors import FileError


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A path beside ``target`` to write to, which takes its place at the end; after an error nothing has changed.

    Raises:
        FileError: ``target`` is something else than a file, or cannot be written; or there was an error with another file meanwhile.
    """
    if target.exists() and not target.is_file():
        raise FileError(f"{target}: expected a file to write")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        where = target if error.filename in (None, str(partial)) else error.filename
        raise FileError(f"{where}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
