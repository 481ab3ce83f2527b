"""An artifact in a few lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from skerry.cli.report import summary
from skerry.export import export
from skerry.quantize import quantize


def test_parity_says_what_an_artifact_was_compared_with(tmp_path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 16, size=(400, 8)).astype(float)
    exact = export(KNeighborsRegressor().fit(X, X[:, 0]), X, name="exact", to=tmp_path)
    shorter = quantize(exact, X, to=tmp_path, name="shorter", kind="lossless")
    assert "rows differ from scikit-learn" in summary(exact)
    assert "rows differ from the graph that was rewritten" in summary(shorter)
