"""What other machines may answer: nothing else in float64, in float32 as much more as the model's sums cancel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from sklearn.linear_model import LinearRegression, Ridge

from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.tolerance import ROUGH, tolerance_of
from skerry.runtime.model import Model

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 30))


def test_the_arithmetic_decides(exported: Exported) -> None:
    graph, load = exported(Ridge().fit(X, X[:, 0]), X)
    parent = load(packed(graph))
    feeds = parent.feeds.from_rows(X)
    assert tolerance_of(parent, packed(graph), "as before", feeds) == parent.manifest.parity.tolerance
    assert 1e-6 <= tolerance_of(parent, packed(graph), "float32", feeds) < 1e-4
    assert tolerance_of(parent, packed(graph), "int8", feeds) == ROUGH


def test_sums_that_cancel_are_given_more_room(exported: Exported) -> None:
    twins = np.column_stack([X, X + 1e-6 * RANDOM.normal(size=X.shape)])
    graph, load = exported(
        LinearRegression().fit(twins, X[:, 0] + 0.1 * RANDOM.normal(size=200)), twins, tolerance=1e-3
    )
    parent = load(packed(graph))
    tolerance = tolerance_of(parent, packed(graph), "float32", parent.feeds.from_rows(twins))
    assert 1e-4 < tolerance <= ROUGH
