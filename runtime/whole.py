"""``written_whole`` and ``replace_file``: a file that appears complete under its name, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def replace_file(path: Path, content: bytes) -> None:
    """``path`` has ``content``, on disk; whoever reads it finds the old content or the new one, never a part.

    Raises OSError, and then the old file is still there.
    """
    descriptor, staging = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(staging, 0o644)  # mkstemp makes it private; a server may run as another user
        os.replace(staging, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(staging)
        raise
