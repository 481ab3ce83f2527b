"""``Environment``: a virtual environment with what one requirements file asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zlib
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from skerry.runtime.errors import BenchError

INSTALLERS = {"pip", "setuptools"}
"""In every virtual environment, and needed by no server."""
STAMP = "requirements.stamp"


@dataclass(frozen=True)
class Environment:
    """``folder`` has what ``requirements`` lists; a line ``.`` there is the project of the working directory."""

    folder: Path
    requirements: Path

    def program(self, name: str) -> Path:
        return (self.folder / ("Scripts" if sys.platform == "win32" else "bin") / name).absolute()

    def packages(self) -> dict[str, str]:
        """Versions by name of what was installed, without the installers."""
        return {one.name: one.version for one in self._installed()}

    def size(self) -> int:
        """Bytes of the files that were installed, without compiled copies."""
        paths = {
            Path(str(file.locate())) for one in self._installed() for file in one.files or () if file.suffix != ".pyc"
        }
        return sum(path.stat().st_size for path in paths if path.is_file())

    def _installed(self) -> list[Distribution]:
        found = distributions(path=[str(folder) for folder in self.folder.glob("**/site-packages")])
        return [one for one in found if one.name not in INSTALLERS]


def prepare(environment: Environment) -> bool:
    """Make ``environment`` unless it is up to date; says whether it had to. Raises BenchError with pip's last words."""
    stamp = environment.folder / STAMP
    wanted = stamp_of(environment.requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    shutil.rmtree(environment.folder, ignore_errors=True)
    for command in _commands(environment):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise BenchError(f"{environment.requirements}: cannot be installed: {_last_line(done.stderr)}")
    stamp.write_text(wanted)
    return True


def stamp_of(requirements: Path, project: Path = Path()) -> str:
    """What an environment must be made again for: the requirements, this Python, and where they ask for the project, it."""
    parts = [requirements.read_bytes(), sys.version.encode()]
    if "." in requirements.read_text().split():
        parts += [file.read_bytes() for file in _sources(project)]
    return str(zlib.crc32(b"\0".join(parts)))


def _sources(project: Path) -> list[Path]:
    """What the serving install is made of, in a fixed order."""
    return [
        project / "pyproject.toml",
        *sorted((project / "runtime").rglob("*.py")),
        *sorted((project / "cli").rglob("*.py")),
    ]


def _commands(environment: Environment) -> list[list[str]]:
    python, requirements = str(environment.program("python")), ["-r", str(environment.requirements)]
    if uv := shutil.which("uv"):
        fresh = ["--refresh-package", "skerry"]  # the project's version stays the same while its files change
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(environment.folder)],
            [uv, "pip", "install", "--quiet", "--python", python, *fresh, *requirements],
        ]
    return [
        [sys.executable, "-m", "venv", str(environment.folder)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
    ]


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")
