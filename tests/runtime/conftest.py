"""Models that no estimator is needed for."""

from __future__ import annotations

import msgspec
import pytest
from onnx import TensorProto, helper

from skerry.runtime import Artifact, Model
from skerry.runtime.session import Session
from skerry.runtime.tensors import TensorSpec


@pytest.fixture(scope="session")
def reciprocal_model(iris_artifact: Artifact) -> Model:
    """Layout matrix of one FP64 column that may be NaN: transform is [[x, 1 / x]], which is infinite for 0."""
    x = helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["rows", 1])
    y = helper.make_tensor_value_info("transform", TensorProto.DOUBLE, ["rows", 2])
    nodes = [
        helper.make_node("Reciprocal", ["X"], ["r"]),
        helper.make_node("Concat", ["X", "r"], ["transform"], axis=1),
    ]
    graph = helper.make_graph(nodes, "reciprocal", [x], [y])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    manifest = msgspec.structs.replace(
        iris_artifact.manifest,
        name="reciprocal",
        task="transformation",
        inputs=(TensorSpec(name="X", datatype="FP64", shape=(-1, 1), missing=True),),
        outputs=(TensorSpec(name="transform", datatype="FP64", shape=(-1, 2)),),
        guards=(),
        classes=None,
    )
    return Model(manifest, Session(content))
