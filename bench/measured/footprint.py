"""What serving costs before the first request: packages and bytes of a plain install, start time, memory.

    python -m skerry.bench.measured.footprint artifacts/iris --source .

Installs ``--source`` without extras into a fresh virtual environment, starts ``skerry serve`` from it
several times, and reports medians. Times depend on the machine; packages and bytes do not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import psutil

STARTS = 5
INSTALLERS = ("pip", "setuptools")
"""In every virtual environment, and needed by no server."""


@dataclass(frozen=True)
class Footprint:
    """Packages (with skerry itself) and bytes of the install; seconds to the first ready answer; resident bytes then."""

    packages: int
    install_size: int
    start_time: float
    resident_memory: int


def measure(repository: Path, source: str) -> Footprint:
    """Install, start and measure."""
    with tempfile.TemporaryDirectory() as folder:
        python = _install(Path(folder), source)
        starts = [_start(python, repository) for _ in range(STARTS)]
        packages = _packages(python)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if _counts(file))
    return Footprint(
        len(packages), size, median(seconds for seconds, _ in starts), int(median(memory for _, memory in starts))
    )


def _install(folder: Path, source: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", source]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return python


def _packages(python: Path) -> list[str]:
    command = [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [package["name"] for package in listed if package["name"] not in INSTALLERS]


def _counts(file: Path) -> bool:
    """A file of the install: no directory, no link, no compiled copy, nothing of pip's."""
    skipped = {"__pycache__", *INSTALLERS, "pkg_resources", "_distutils_hack"}
    parts = set(file.parts) | {part.split("-")[0] for part in file.parts if part.endswith(".dist-info")}
    return file.is_file() and not file.is_symlink() and "site-packages" in parts and not skipped & parts


def _start(python: Path, repository: Path) -> tuple[float, int]:
    """Seconds from the command to the first ready answer, and resident bytes after it."""
    began = perf_counter()
    command = [str(python.with_name("skerry")), "serve", str(repository), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        connection.request("GET", "/v2/health/ready")
        if connection.getresponse().status != 200:
            raise RuntimeError("the server is not ready")
        return perf_counter() - began, int(psutil.Process(process.pid).memory_info().rss)
    finally:
        process.terminate()
        process.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the footprint as a table, or as JSON."""
    parser = argparse.ArgumentParser(description="Packages, bytes, start time and memory of a serving install.")
    parser.add_argument("repository", type=Path, help="what to serve")
    parser.add_argument("--source", default=".", help="what pip installs (default: the project in this directory)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, in seconds and bytes")
    options = parser.parse_args(arguments)
    found = measure(options.repository, options.source)
    if options.json:
        print(json.dumps(asdict(found)))
        return
    print(f"packages         {found.packages}")
    print(f"install size     {found.install_size / 1e6:.0f} MB")
    print(f"start time       {found.start_time:.2f} s to the first ready answer (median of {STARTS})")
    print(f"resident memory  {found.resident_memory / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
