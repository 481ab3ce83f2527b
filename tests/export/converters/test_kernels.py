"""Kernels in the graph, against the same in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from skerry.export.converters import kernels
from skerry.export.graph import FLOAT64, Graph, Tensor

X = np.random.default_rng(6).normal(size=(9, 5))
Y = np.random.default_rng(7).normal(size=(7, 5))


def _run(draw: Callable[[Graph, Tensor], Tensor], rows: np.ndarray) -> np.ndarray:
    graph = Graph()
    x = graph.input("x", FLOAT64, rows.shape[1])
    model = graph.model({"y": draw(graph, x)})
    return np.asarray(onnxruntime.InferenceSession(model).run(None, {"x": rows})[0])


def _squares(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.asarray(((rows[:, None] - known) ** 2).sum(axis=2))


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_distances_are_seen_from_the_middle(offset: float) -> None:
    got = _run(lambda graph, x: kernels.squared_distances(graph, x, Y + offset), X + offset)
    np.testing.assert_allclose(got, _squares(X + offset, Y + offset), rtol=1e-14)


def test_no_infinity_cancels_another() -> None:
    rows = np.array([[1e300, 0, 0, 0, 0], [-1.7e308, 1.7e308, 0, 0, 0]])
    np.testing.assert_array_equal(
        _run(lambda graph, x: kernels.radial(graph, x, 1e6 * Y, 1e-13), rows), np.zeros((2, 7))
    )


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_row_beside_a_known_one_keeps_its_distance(scale: float) -> None:
    known = Y * scale
    rows = known + 1e-3
    got = _run(lambda graph, x: kernels.radial(graph, x, known, 10.0), rows)
    np.testing.assert_allclose(got, np.exp(-10.0 * _squares(rows, known)), rtol=0, atol=1e-13)


def test_only_rows_far_apart_are_spread() -> None:
    assert kernels.is_spread(1e3 * Y, 1.0)
    assert not kernels.is_spread(Y, 1.0)
    assert not kernels.is_spread(Y + 1e9, 1.0)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 0.5, -2])
def test_powers_are_those_of_numpy(exponent: float) -> None:
    rows = np.abs(X)
    got = _run(lambda graph, x: kernels.power(graph, x, exponent), rows)
    np.testing.assert_allclose(got, rows**exponent, rtol=1e-15)
