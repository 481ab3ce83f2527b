"""Load time, first call and memory come from a process that has done nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skops import io as skops

from skerry.bench.contenders import ArtifactContender, EstimatorContender, StockContender
from skerry.bench.footing import Footing, stand
from skerry.runtime import Artifact
from skerry.runtime.errors import BenchError

METHODS = ("predict", "predict_proba")


def is_sane(footing: Footing) -> bool:
    return 0 < footing.load < 60 and 0 < footing.first_call < 60 and footing.resident_memory >= 0


def test_an_artifact_prints_its_footing(iris_artifact: Artifact) -> None:
    command = [sys.executable, "-m", "skerry.bench.footing", str(iris_artifact.directory)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert sorted(found) == ["first_call", "load", "resident_memory"]
    assert found["resident_memory"] > 0


def test_every_kind_of_contender_stands(
    iris_artifact: Artifact, iris_estimator: Any, iris_rows: np.ndarray, tmp_path: Path
) -> None:
    skops.dump(iris_estimator, tmp_path / "iris.skops")
    row = iris_rows[:1]
    stock = StockContender.of(iris_estimator, row, METHODS)
    artifact = ArtifactContender.of(iris_artifact)
    original = EstimatorContender(iris_estimator, METHODS, tmp_path / "iris.skops")
    for arguments, prepared in (
        (artifact.footing(tmp_path), {"X": row}),
        (stock.footing(tmp_path), {"X": row}),
        (original.footing(tmp_path) or [], row),
    ):
        assert is_sane(stand(arguments, prepared))


def test_what_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"{tmp_path}: cannot be loaded in a process of its own: .*not an artifact"):
        stand([str(tmp_path)], None)
