"""schemathesis sends a real server what ``/openapi.json`` allows, and what it does not.

No answer is a fault of the server's own, has a status or media type that is not documented, or breaks its schema.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.runtime import Artifact

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def url(passengers_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a model with columns of every kind, which clients may change."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(passengers_artifact.directory, models / "passengers" / "1")
    command = [sys.executable, "-m", "skerry.cli", "serve", str(models), "--port", "0", "--admin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        try:
            assert found is not None
            yield found[0]
        finally:
            process.kill()


def run(url: str, *arguments: str) -> None:
    """Let schemathesis ask; fails with what it found."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", ",".join(CHECKS)]
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [*command, "--suppress-health-check", "all", "--warnings", "off", "--no-color", *arguments],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_inference_and_its_examples(url: str) -> None:
    only = "^(/predict|/models/passengers/predict|/v2/models/passengers/infer)$"
    run(url, "--include-path-regex", only, "--phases", "examples,fuzzing", "-n", "25", "--seed", "1", "--no-shrink")


def test_every_page(url: str) -> None:
    run(url, "--include-tag", "server", "--include-tag", "models", "--phases", "fuzzing", "-n", "3", "--seed", "1")


@pytest.mark.slow
def test_everything(url: str) -> None:
    run(url, "--phases", "examples,coverage,fuzzing", "-n", "100")
