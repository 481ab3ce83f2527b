"""``serving``: ``skerry serve`` in a process of its own, while a block runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from skerry.bench.benchmarks.running import pin
from skerry.bench.http.generator import Address
from skerry.runtime.errors import BenchError


class Served(NamedTuple):
    """A server's process, and where it listens."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)


@contextmanager
def serving(repository: Path, *options: str, core: int | None = None, module: str = "skerry.cli") -> Iterator[Served]:
    """``skerry serve`` with these options, on ``core`` (any, if None); ready when the block begins, ended after it.

    ``module`` may be another that serves like it and says where.
    """
    program = [sys.executable, "-m", module, "serve", str(repository), "--port", "0", *options]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, preexec_fn=pin(core)) as process:
        try:
            assert process.stdout is not None
            announced = re.search(r"http://[\d.]+:(\d+)", process.stdout.readline())
            if announced is None:
                raise BenchError(f"{repository}: the server does not start")
            yield Served(process, int(announced[1]))
        finally:
            process.kill()
