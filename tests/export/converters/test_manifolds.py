"""Embeddings of new rows: by the shortest ways to the training rows, and by what makes a row of its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.manifold import Isomap, LocallyLinearEmbedding

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(90, 4))


@pytest.mark.parametrize(
    "embedding",
    [
        Isomap(n_neighbors=6),
        Isomap(n_neighbors=4, n_components=3, metric="manhattan"),
        LocallyLinearEmbedding(random_state=0),
        LocallyLinearEmbedding(n_neighbors=12, n_components=3, reg=1e-2, random_state=0),
        LocallyLinearEmbedding(n_neighbors=12, method="modified", random_state=0),
    ],
    ids=repr,
)
def test_new_rows_are_embedded(embedding: Any, X: np.ndarray, check_same: Same) -> None:
    rows = X[:8].copy()
    rows[np.arange(8), np.arange(8) % 4] = [1e3, -1e6, 1e300, np.nan, np.inf, 30, -30, 1e4]
    check_same(clone(embedding).fit(X), np.vstack([X[:20], X + 0.1]), rows, tolerance=1e-10)


@pytest.mark.parametrize(
    "embedding", [Isomap(n_neighbors=None, radius=3), Isomap(), LocallyLinearEmbedding(random_state=0)], ids=repr
)
def test_what_is_rounded_in_float32_is_refused(embedding: Any, X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator):
        export(clone(embedding).fit(X), X.astype(np.float32), name="model", to=tmp_path)
