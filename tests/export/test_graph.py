"""Graphs compute what NumPy computes; columns keep their order, their dtype and their origin."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from skerry.export.graph import (
    BOOL,
    FLOAT64,
    INT64,
    STRING,
    Features,
    Graph,
    OneHot,
    Piece,
    Tensor,
    element_type,
    make_tensor,
)
from skerry.runtime.session import Session

FLOAT32 = np.dtype(np.float32)


def run(graph: Graph, tensor: Tensor, **feeds: np.ndarray) -> np.ndarray:
    return Session(graph.model({"value": tensor})).run(feeds, ["value"])[0]


@pytest.fixture
def X() -> np.ndarray:
    return np.arange(12.0).reshape(3, 4)


def test_a_node_computes(X: np.ndarray) -> None:
    graph = Graph()
    tensor = graph.op("Mul", graph.op("Add", graph.input("X", FLOAT64, 4), np.array(1.0)), np.arange(4.0))
    assert (tensor.dtype, tensor.width) == (FLOAT64, 4)
    np.testing.assert_array_equal(run(graph, tensor, X=X), (X + 1) * np.arange(4))


def test_equal_constants_are_kept_once() -> None:
    graph = Graph()
    names = [graph.constant(array) for array in (np.ones(2), np.ones(2), np.ones(2, np.float32), np.ones((1, 2)))]
    assert names[0] == names[1]
    assert len(set(names)) == 3 == len(graph.initializers)
    assert graph.constant(np.array(["a"], object)) == graph.constant(np.array(["a"], object))
    assert graph.constant(np.array(["a"], object)) != graph.constant(np.array(["b"], object))


def test_neighbouring_columns_of_one_input_are_picked_together(X: np.ndarray) -> None:
    graph = Graph()
    whole, other = Features.of(graph.input("X", FLOAT64, 4), np.arange(4)), graph.input("Y", FLOAT64, 1)
    each = [whole.select(np.array([column])) for column in range(4)]
    assert graph.matrix(Features.join(each)).name == "X"
    mixed = Features.join([each[2], each[0], Features.of(other), each[3]])
    assert [piece.indices.tolist() for piece in mixed.pieces] == [[2, 0], [0], [3]]
    expected = np.column_stack([X[:, [2, 0]], X[:, 1], X[:, 3]])
    np.testing.assert_array_equal(run(graph, graph.matrix(mixed), X=X, Y=X[:, [1]]), expected)


def test_a_truth_value_that_was_counted_is_itself_again() -> None:
    graph = Graph()
    above = graph.op("Greater", graph.input("X", FLOAT64, 4), np.array(0.0), dtype=BOOL)
    assert graph.cast(graph.cast(above, INT64), BOOL) == above


def test_a_column_that_was_flattened_is_itself_again() -> None:
    graph = Graph()
    column = graph.input("X", FLOAT64, 1)
    assert graph.column(graph.flatten(column)) == column


def test_zeros_of_either_sign_are_two_constants() -> None:
    graph = Graph()
    assert graph.constant(np.array(0.0)) != graph.constant(np.array(-0.0))


def test_what_no_output_needs_is_left_out() -> None:
    graph = Graph()
    X = graph.input("X", FLOAT64, 2)
    graph.op("Add", X, np.array(7.0))
    model = onnx.load_from_string(graph.model({"value": graph.op("Mul", X, np.array(2.0))}))
    assert [node.op_type for node in model.graph.node] == ["Mul"]
    assert len(model.graph.initializer) == 1


def test_a_value_used_only_inside_of_a_loop_is_kept() -> None:
    graph = Graph()
    X = graph.input("X", FLOAT64, 2)
    outer = graph.op("Add", X, np.array(1.0))
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", [outer.name], ["inner"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info("inner", onnx.TensorProto.DOUBLE, None)],
    )
    condition = graph.fresh("condition")
    graph.initializers[condition] = make_tensor(np.array(True), condition)
    graph.nodes.append(onnx.helper.make_node("If", [condition], ["chosen"], then_branch=inner, else_branch=inner))
    rows = np.ones((2, 2))
    np.testing.assert_array_equal(run(graph, Tensor("chosen", FLOAT64, 2), X=rows), rows + 1)


def test_columns_are_selected_in_any_order(X: np.ndarray) -> None:
    graph = Graph()
    features = Features.of(graph.input("X", FLOAT64, 4), np.arange(4))
    picked = features.select(np.array([3, 1, 1]))
    assert picked.width == 3
    assert picked.origins.tolist() == [3, 1, 1]
    np.testing.assert_array_equal(run(graph, graph.matrix(picked), X=X), X[:, [3, 1, 1]])


def test_columns_of_several_tensors_are_selected_side_by_side(X: np.ndarray) -> None:
    graph = Graph()
    left, right = graph.input("left", FLOAT64, 4), graph.input("right", INT64, 2)
    whole = np.array([[10, 20], [30, 40], [50, 60]])
    features = Features.join([Features.of(left, np.array([0, 1, 4, 5])), Features.of(right, np.array([2, 3]))])
    picked = features.select(np.array([0, 5, 4, 2]))
    assert picked.origins.tolist() == [0, 3, 2, 4]
    assert picked.dtypes == [FLOAT64, INT64, INT64, FLOAT64]
    expected = np.column_stack([X, whole])[:, [0, 5, 4, 2]]
    np.testing.assert_array_equal(run(graph, graph.matrix(picked), left=X, right=whole), expected)


def test_selections_of_selections(X: np.ndarray) -> None:
    graph = Graph()
    features = (
        Features.of(graph.input("X", FLOAT64, 4), np.arange(4)).select(np.array([3, 2, 0])).select(np.array([2, 0]))
    )
    assert features.origins.tolist() == [0, 3]
    np.testing.assert_array_equal(run(graph, graph.matrix(features), X=X), X[:, [0, 3]])


def test_no_column_selected_is_no_feature() -> None:
    features = Features.of(Graph().input("X", FLOAT64, 4)).select(np.array([]))
    assert (features.width, features.origins.tolist(), features.dtypes) == (0, [], [])


def test_a_matrix_of_no_column_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        Graph().matrix(Features(()))


def test_a_piece_is_whole_only_with_all_columns_in_order() -> None:
    tensor = Tensor("X", FLOAT64, 3)
    pieces = [Piece(tensor, np.array(indices), np.array(indices)) for indices in ([0, 1, 2], [0, 2, 1], [0, 1])]
    assert [piece.whole for piece in pieces] == [True, False, False]


DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "uint16", "bool"]


@pytest.mark.parametrize("second", DTYPES)
@pytest.mark.parametrize("first", DTYPES)
def test_side_by_side_columns_have_the_dtype_numpy_gives_them(first: str, second: str) -> None:
    graph = Graph()
    features = Features.join(
        [Features.of(graph.input("a", np.dtype(first), 1)), Features.of(graph.input("b", np.dtype(second), 1))]
    )
    together = np.result_type(np.dtype(first), np.dtype(second))
    assert graph.matrix(features).dtype == together
    assert graph.floats(features).dtype == (together if together.kind == "f" else FLOAT64)


def test_casts_to_the_same_dtype_are_no_nodes() -> None:
    graph = Graph()
    tensor = graph.input("X", FLOAT32, 2)
    assert graph.cast(tensor, np.float32) is tensor
    assert graph.nodes == []
    assert graph.cast(tensor, np.float64).dtype == FLOAT64


def test_flattened_columns(X: np.ndarray) -> None:
    graph = Graph()
    tensor = graph.flatten(graph.columns(graph.input("X", FLOAT64, 4), [2]))
    assert tensor.width is None
    np.testing.assert_array_equal(run(graph, tensor, X=X), X[:, 2])


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "é", ""], object),
        np.array(["a", "日本"]),
        np.array([1.5]),
        np.array([True]),
        np.array([], np.int64),
    ],
    ids=repr,
)
def test_tensors_hold_what_they_were_made_of(array: Any) -> None:
    tensor = make_tensor(array, "name")
    found = onnx.numpy_helper.to_array(tensor)
    assert tensor.name == "name"
    values = [value.decode() if isinstance(value, bytes) else value for value in found.tolist()]
    assert values == array.tolist()


def test_element_types() -> None:
    assert element_type(STRING) == onnx.TensorProto.STRING
    assert element_type(FLOAT32) == onnx.TensorProto.FLOAT
    assert element_type(np.dtype(bool)) == onnx.TensorProto.BOOL


def test_the_columns_of_a_one_hot_are_made_where_they_are_needed() -> None:
    graph = Graph()
    one_hot = OneHot(graph.input("X", INT64, 1), FLOAT32, 3)
    features = Features.join([Features.of(one_hot), Features.of(one_hot).select(np.array([2, 0]))])
    assert (features.dtype, features.width, features.is_input) == (FLOAT32, 5, False)
    expected = np.array([[1, 0, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]], np.float32)
    value = run(graph, graph.matrix(features), X=np.array([[0], [2], [-1]]))
    np.testing.assert_array_equal(value, expected, strict=True)
