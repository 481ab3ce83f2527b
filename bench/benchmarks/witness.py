"""``ask_wrk``: what wrk, a load generator of others, makes of the same requests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

SECONDS = 2
ERRORS = re.compile(r"Non-2xx|Socket errors")


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def ask_wrk(url: str, body: Path, script: Path, connections: int) -> float | None:
    """Requests per second; None where wrk saw errors, or none of its figures can be read."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"BODY": str(body)})
    return read_wrk(done.stdout)


def read_wrk(output: str) -> float | None:
    found = re.search(r"^Requests/sec:\s*([\d.]+)", output, re.MULTILINE)
    return float(found[1]) if found and not ERRORS.search(output) else None
