"""What the tests of pruning share: rows in two halves, and the check that a pruned model is exported exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_friedman1

from skerry.export import export
from skerry.export.oracle import call
from skerry.quantize.candidate import TrainingRows
from skerry.quantize.teacher import Teacher
from skerry.runtime.artifact import Artifact
from skerry.runtime.model import load

Halves = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Rows and truth to learn from, and rows and truth to judge by."""


@pytest.fixture
def classes() -> Halves:
    """1,200 rows of 8 numbers in three classes."""
    X, y = make_classification(1200, 8, n_informative=6, n_classes=3, class_sep=1.5, random_state=0)
    return X[:800], np.array(["ash", "elm", "oak"])[y[:800]], X[800:], np.array(["ash", "elm", "oak"])[y[800:]]


@pytest.fixture
def two_classes(classes: Halves) -> Halves:
    X, y, unseen, truth = classes
    return X, y == "elm", unseen, truth == "elm"


@pytest.fixture
def numbers() -> Halves:
    """1,000 rows of Friedman's first function, whose values have a deviation of 1."""
    X, y = make_friedman1(1000, noise=0.5, random_state=0)
    y = (y - y.mean()) / y.std()
    return X[:700], y[:700], X[700:], y[700:]


@pytest.fixture
def exported(tmp_path: Path) -> Callable[[Any, Any], Artifact]:
    """Export a model, whose gate compares it with scikit-learn, and compare all methods once more on the rows."""

    def check(model: Any, X: Any) -> Artifact:
        artifact = export(model, X, name="model", to=tmp_path)
        loaded = load(artifact)
        for method in artifact.manifest.methods:
            expected, got = call(model, method, X), call(loaded, method, X)
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(got, expected)
        return artifact

    return check


@pytest.fixture
def rows_of() -> Callable[[Teacher, Any, Any], TrainingRows]:
    return lambda teacher, X, y: TrainingRows(X, y, teacher.prepared(X), teacher.scores(X))
