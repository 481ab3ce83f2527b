from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skerry.runtime.errors import ModelFailure, UnsafeModel
from skerry.runtime.session import Session, SessionConfig, available_cores, runtime_version


def build(opset: int = 21) -> bytes:
    """double = X + X, same = X; X is FP64 of shape (rows, 2)."""
    x, double, same = (
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows", 2]) for name in ("X", "double", "same")
    )
    nodes = [helper.make_node("Add", ["X", "X"], ["double"]), helper.make_node("Identity", ["X"], ["same"])]
    graph = helper.make_graph(nodes, "g", [x], [double, same])
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(build(), SessionConfig(intra_op_num_threads=1))


def test_inputs_and_outputs_are_the_graphs(session: Session) -> None:
    assert (session.inputs, session.outputs) == (("X",), ("double", "same"))


@pytest.mark.parametrize("outputs", [["double"], ["same", "double"], ["double", "same"]])
def test_outputs_come_in_the_order_asked_for(session: Session, outputs: list[str]) -> None:
    X = np.array([[1.5, -2.0], [np.nan, np.inf]])
    expected = {"double": X + X, "same": X}
    for got, name in zip(session.run({"X": X}, outputs), outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name], strict=True)


def test_threads_share_a_session(session: Session) -> None:
    rows = [np.full((3, 2), float(number)) for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda X: session.run({"X": X}, ["double"])[0], rows))
    np.testing.assert_array_equal(answers, np.array(rows) * 2)


@pytest.mark.parametrize("content", [b"", b"garbage", build(opset=9999), build()[:-20]])
def test_model_that_onnxruntime_refuses_is_unsafe(content: bytes) -> None:
    with pytest.raises(UnsafeModel, match=rf"^model\.onnx: onnxruntime {runtime_version()} refuses it: ."):
        Session(content)


def test_graph_that_contradicts_itself_is_unsafe() -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None]) for name in "XY")
    graph = helper.make_graph([helper.make_node("Identity", ["nowhere"], ["Y"])], "g", [x], [y])
    with pytest.raises(UnsafeModel):
        Session(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
        )


@pytest.mark.parametrize(
    "feeds",
    [
        {"X": np.ones((1, 2), np.float32)},
        {"X": np.ones((1, 3))},
        {"X": np.array([["a", "b"]], object)},
        {"Y": np.ones((1, 2))},
        {},
    ],
    ids=["dtype", "width", "texts", "name", "nothing"],
)
def test_failing_run_is_the_models_failure(session: Session, feeds: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelFailure, match=r"^the model failed on valid rows: ."):
        session.run(feeds, ["same"])


def test_node_that_fails_on_some_rows_is_the_models_failure() -> None:
    x = helper.make_tensor_value_info("X", TensorProto.INT64, ["rows"])
    y = helper.make_tensor_value_info("Y", TensorProto.DOUBLE, ["rows"])
    table: onnx.TensorProto = numpy_helper.from_array(np.arange(3.0), "table")
    graph = helper.make_graph([helper.make_node("Gather", ["table", "X"], ["Y"])], "g", [x], [y], [table])
    session = Session(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    )
    np.testing.assert_array_equal(session.run({"X": np.array([2, 0])}, ["Y"])[0], [2.0, 0.0])
    with pytest.raises(ModelFailure):
        session.run({"X": np.array([99])}, ["Y"])


def test_available_cores_are_at_least_one_and_no_more_than_there_are() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_telemetry_is_off() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
