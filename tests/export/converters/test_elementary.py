"""Functions that ONNX Runtime lacks in float64 are right to the last bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from scipy import special

from skerry.export.converters.elementary import erf, normal_level
from skerry.export.graph import FLOAT64, Graph, Tensor

VALUES = np.concatenate([np.linspace(-7, 7, 100_001), [0.0, -0.0, 1e-300, np.inf, -np.inf, 1e300, np.nan]])


def answered(function: Callable[[Graph, Tensor], Tensor]) -> np.ndarray:
    graph = Graph()
    model = graph.model({"y": function(graph, graph.input("x", FLOAT64, 1))})
    answer: np.ndarray = onnxruntime.InferenceSession(model).run(None, {"x": VALUES[:, None]})[0].ravel()
    return answer


def test_the_error_function() -> None:
    np.testing.assert_allclose(answered(erf), special.erf(VALUES), rtol=1e-15, atol=0)


def test_the_normal_distribution() -> None:
    np.testing.assert_allclose(answered(normal_level), special.ndtr(VALUES), rtol=0, atol=2.5e-16)
