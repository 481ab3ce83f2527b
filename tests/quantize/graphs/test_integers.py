"""Products in integers: near the float32 ones, and a row's answer never hangs on the rows beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skerry.quantize.graphs.integers import integers
from skerry.runtime.errors import NoGain
from skerry.runtime.session import Session
from skerry.runtime.structure import check_structure

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(200, 150)).astype(np.float32)
BIAS = RANDOM.normal(size=150).astype(np.float32)
ROWS = RANDOM.normal(size=(50, 200)).astype(np.float32)


def product(weights: np.ndarray = WEIGHTS, *, bias: bool = True, **attributes: Any) -> onnx.ModelProto:
    """``x @ weights + bias``."""
    inputs = ["x", "w", *(["b"] if bias else [])]
    node = helper.make_node("Gemm" if bias or attributes else "MatMul", inputs, ["y"], **attributes)
    constants = [numpy_helper.from_array(weights, "w"), *([numpy_helper.from_array(BIAS, "b")] if bias else [])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", None]) for name in ("x", "y")]
    graph = helper.make_graph([node], "test", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def run(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    content = model.SerializeToString()
    check_structure(content)
    with np.errstate(all="ignore"):
        return Session(content).run({"x": rows}, ["y"])[0]


@pytest.mark.parametrize("bias", [True, False])
def test_a_product_in_integers_is_near_the_float32_one(bias: bool) -> None:
    model = product(bias=bias)
    made = integers(model)
    assert any(node.op_type == "MatMulInteger" for node in made.graph.node)
    assert made.ByteSize() < 0.32 * model.ByteSize()
    expected = run(model, ROWS)
    assert np.abs(run(made, ROWS) - expected).max() < 0.05 * np.abs(expected).max()


def test_an_answer_does_not_hang_on_the_rows_beside_it() -> None:
    made = integers(product())
    far = np.vstack([ROWS, 1e6 * ROWS[:1]])
    np.testing.assert_allclose(run(made, far)[:-1], run(made, ROWS), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(run(made, ROWS[3:4])[0], run(made, ROWS)[3], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e15])
def test_rows_of_any_size_are_as_near(scale: float) -> None:
    model = product(bias=False)
    rows = (ROWS * scale).astype(np.float32)
    expected = run(model, rows)
    assert np.abs(run(integers(model), rows) - expected).max() < 0.05 * np.abs(expected).max()


def test_zeros_give_the_bias_and_gaps_give_none() -> None:
    rows = np.zeros((2, 200), np.float32)
    rows[1, 5] = np.nan
    got = run(integers(product()), rows)
    np.testing.assert_array_equal(got[0], BIAS)
    assert np.isnan(got[1]).all()


def test_columns_of_weights_on_different_scales_keep_their_digits() -> None:
    weights = (WEIGHTS * np.logspace(-6, 6, 150)).astype(np.float32)
    model = product(weights, bias=False)
    expected = run(model, ROWS)
    assert (np.abs(run(integers(model), ROWS) - expected).max(axis=0) < 0.05 * np.abs(expected).max(axis=0)).all()


@pytest.mark.parametrize(
    "model",
    [product(WEIGHTS[:, :10], bias=False), product(WEIGHTS.astype(float), bias=False), product(alpha=-2.0)],
    ids=["small", "float64", "scaled"],
)
def test_what_would_not_be_faster_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(NoGain, match="no product with a float32 matrix of at least 16,384 numbers"):
        integers(model)
