from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import UnsafeModel
from skerry.runtime.structure import DEEPEST, check_structure

FLOATS = np.arange(4, dtype=np.float32)


def graph(*nodes: onnx.NodeProto, constants: list[onnx.TensorProto] | None = None) -> onnx.GraphProto:
    """Y = X, and whatever else."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "XY")
    return helper.make_graph([helper.make_node("Identity", ["X"], ["Y"]), *nodes], "g", [x], [y], constants)


def model(*nodes: onnx.NodeProto, constants: list[onnx.TensorProto] | None = None) -> onnx.ModelProto:
    return helper.make_model(graph(*nodes, constants=constants), opset_imports=[helper.make_opsetid("", 21)])


def external() -> onnx.TensorProto:
    tensor = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def sparse() -> onnx.SparseTensorProto:
    values, indices = numpy_helper.from_array(FLOATS[:1], "W"), numpy_helper.from_array(np.zeros(1, np.int64), "i")
    return helper.make_sparse_tensor(values, indices, [4])


def nested(depth: int, inner: onnx.NodeProto) -> onnx.NodeProto:
    """``inner`` inside ``depth`` graphs, each in an If."""
    for _ in range(depth):
        branch = graph(inner)
        inner = helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    return inner


def _external_initializer() -> onnx.ModelProto:
    return model(constants=[external()])


def _location_without_data() -> onnx.ModelProto:
    return model(constants=[TensorProto(name="W", data_type=1, data_location=TensorProto.EXTERNAL)])


def _data_without_location() -> onnx.ModelProto:
    tensor = external()
    tensor.ClearField("data_location")
    return model(constants=[tensor])


def _external_attribute() -> onnx.ModelProto:
    return model(helper.make_node("Constant", [], ["W"], value=external()))


def _external_attribute_list() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["W"])
    node.attribute.add(name="values", type=onnx.AttributeProto.TENSORS, tensors=[external()])
    return model(node)


def _external_in_a_branch() -> onnx.ModelProto:
    return model(nested(3, helper.make_node("Constant", [], ["W"], value=external())))


def _external_in_a_list_of_graphs() -> onnx.ModelProto:
    node = helper.make_node("Identity", ["X"], ["Z"])
    node.attribute.add(name="gs", type=onnx.AttributeProto.GRAPHS, graphs=[graph(constants=[external()])])
    return model(node)


def _sparse_initializer() -> onnx.ModelProto:
    found = model()
    found.graph.sparse_initializer.append(sparse())
    return found


def _sparse_attribute() -> onnx.ModelProto:
    return model(helper.make_node("Constant", [], ["W"], sparse_value=sparse()))


def _custom_domain() -> onnx.ModelProto:
    return model(helper.make_node("Run", ["X"], ["Z"], domain="com.example"))


def _contributed_domain() -> onnx.ModelProto:
    return model(helper.make_node("Tokenizer", ["X"], ["Z"], domain="com.microsoft"))


def _imported_domain() -> onnx.ModelProto:
    found = model()
    found.opset_import.append(helper.make_opsetid("com.example", 1))
    return found


def _custom_domain_in_a_branch() -> onnx.ModelProto:
    return model(nested(2, helper.make_node("Run", ["X"], ["Z"], domain="com.example")))


def _function() -> onnx.ModelProto:
    node = helper.make_node("Identity", ["x"], ["y"])
    found = model()
    found.functions.append(helper.make_function("", "Relu", ["x"], ["y"], [node], [helper.make_opsetid("", 21)]))
    return found


def _training() -> onnx.ModelProto:
    found = model()
    found.training_info.add().algorithm.CopyFrom(graph())
    return found


def _deep() -> onnx.ModelProto:
    return model(nested(DEEPEST + 1, helper.make_node("Identity", ["X"], ["Z"])))


OUTSIDE = "it refers to data outside the artifact"
DOMAIN = "expected standard operators, got operators of domain "


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (_external_initializer, OUTSIDE),
        (_location_without_data, OUTSIDE),
        (_data_without_location, OUTSIDE),
        (_external_attribute, OUTSIDE),
        (_external_attribute_list, OUTSIDE),
        (_external_in_a_branch, OUTSIDE),
        (_external_in_a_list_of_graphs, OUTSIDE),
        (_sparse_initializer, "it has sparse tensors"),
        (_sparse_attribute, "it has sparse tensors"),
        (_custom_domain, DOMAIN + "'com.example'"),
        (_contributed_domain, DOMAIN + "'com.microsoft'"),
        (_imported_domain, DOMAIN + "'com.example'"),
        (_custom_domain_in_a_branch, DOMAIN + "'com.example'"),
        (_function, "it has model-local functions or training information"),
        (_training, "it has model-local functions or training information"),
        (_deep, f"graphs are nested more than {DEEPEST} deep"),
    ],
)
def test_what_no_exported_model_needs_is_refused(build: Callable[[], onnx.ModelProto], reason: str) -> None:
    with pytest.raises(UnsafeModel) as error:
        check_structure(build().SerializeToString())
    assert error.value.text == f"model.onnx: {reason}"


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Constant", [], ["W"], value=numpy_helper.from_array(FLOATS)),
        helper.make_node("LinearRegressor", ["X"], ["Z"], domain="ai.onnx.ml", coefficients=[1.0]),
        helper.make_node("Identity", ["X"], ["Z"], domain="ai.onnx"),
        nested(DEEPEST, helper.make_node("Identity", ["X"], ["Z"])),
    ],
    ids=["constant", "ai.onnx.ml", "ai.onnx", "nested"],
)
def test_self_contained_graph_of_standard_operators_is_accepted(node: onnx.NodeProto) -> None:
    check_structure(model(node, constants=[numpy_helper.from_array(FLOATS, "C")]).SerializeToString())


def test_exported_models_are_accepted(iris_artifact: Artifact, passengers_artifact: Artifact) -> None:
    for artifact in (iris_artifact, passengers_artifact):
        check_structure(artifact.read()["model.onnx"])


def test_a_second_graph_in_the_file_is_looked_at_too() -> None:
    """A reader merges what is written twice, so the outline must not see one of them only."""
    harmless = model().SerializeToString()
    with pytest.raises(UnsafeModel, match=OUTSIDE):
        check_structure(_external_initializer().SerializeToString() + harmless)
    with pytest.raises(UnsafeModel, match=OUTSIDE):
        check_structure(harmless + _external_initializer().SerializeToString())


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"garbage", b"<!doctype html>", b"\x80\x04\x95pickle.", b"PK\x03\x04", b"\xff" * 1000],
)
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(UnsafeModel, match=r"^model\.onnx: (not an ONNX model|it has no graph)$"):
        check_structure(content)


def test_domain_that_is_not_text_is_refused() -> None:
    opset = b"\x42\x04\x0a\x02\xff\xfe"  # opset_import { domain: <two bytes> }
    with pytest.raises(UnsafeModel, match="expected standard operators"):
        check_structure(model().SerializeToString() + opset)
