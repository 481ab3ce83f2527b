"""``packed``: a model as bytes, with its lists of integers as short as ``skerry.export`` writes them."""

from __future__ import annotations

import numpy as np
import onnx

from skerry.export.wire import GRAPH_NODE, MODEL_GRAPH, NODE_ATTRIBUTE, field_bytes, integers_attribute

LONG = 8
"""Lists of integers up to so long are left to protobuf."""


def packed(model: onnx.ModelProto) -> bytes:
    """The model serialised; protobuf alone writes a tag before each integer of a tree."""
    shell, graph = onnx.ModelProto(), onnx.GraphProto()
    shell.CopyFrom(model)
    shell.ClearField("graph")
    graph.CopyFrom(model.graph)
    graph.ClearField("node")
    nodes = b"".join(field_bytes(GRAPH_NODE, _written(node)) for node in model.graph.node)
    return shell.SerializeToString() + field_bytes(MODEL_GRAPH, graph.SerializeToString() + nodes)


def _written(node: onnx.NodeProto) -> bytes:
    lists = {
        attribute.name: np.asarray(attribute.ints, np.int64)
        for attribute in node.attribute
        if len(attribute.ints) > LONG and min(attribute.ints) >= 0
    }
    if not lists:
        return node.SerializeToString()
    rest = onnx.NodeProto()
    rest.CopyFrom(node)
    rest.ClearField("attribute")
    rest.attribute.extend(attribute for attribute in node.attribute if attribute.name not in lists)
    written = (field_bytes(NODE_ATTRIBUTE, integers_attribute(name, values)) for name, values in lists.items())
    return rest.SerializeToString() + b"".join(written)
