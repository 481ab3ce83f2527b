"""``exact_values``: what of a graph must not be rounded, as whole numbers are made of it.

A tree may answer with the number of its leaf, and a table then with what the leaf says; a column with the number of a
category. Rounded, it would be the number of another one, or of none.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from skerry.quantize.graphs.nodes import inner_graphs, read

PLACES = {TensorProto.INT32, TensorProto.INT64}
"""What a place in a table can be (``Gather`` and its like)."""
KEYED = {"LabelEncoder", "OneHotEncoder"}
"""Operators that look their input up among keys."""
DECIDES = {"ArgMax", "ArgMin", "NonZero", "Shape", "Size", "TopK", "TreeEnsemble"} | {
    *("And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor")
}
"""Operators that do not pass numbers on but decide by them: distances, scores and thresholds may be rounded."""
COUNTED = 2**24
"""Float32 holds every whole number up to this one."""


def exact_values(graph: onnx.GraphProto) -> frozenset[str]:
    """The values, constants among them, that become places in tables or are looked up among keys, and all that they are
    computed from, back to where something is decided: to the outputs of trees, whose leaves they are.

    Graphs inside of nodes are not looked into: what ``skerry.export`` writes there makes no whole numbers of floats.
    """
    makers = {name: node for node in graph.node for name in node.output}
    found: set[str] = set()
    waiting = [node.input[0] for node in graph.node if _looks_up(node)]
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if name not in found and node is not None and node.op_type not in DECIDES:
            waiting += filter(None, read(node))
        found.add(name)
    return frozenset(found)


def exact_nodes(graph: onnx.GraphProto) -> set[int]:
    """The places of the nodes that make these values of float64, and make whole numbers of them: float32 would round.

    Not among them are trees whose leaves float32 holds exactly, and what reads these alone.
    """
    exact = exact_values(graph)
    whole = {name for node in graph.node for name in node.output if name in exact and _has_whole_leaves(node)}

    def would_round(node: onnx.NodeProto) -> bool:
        if _looks_up(node):
            return node.input[0] not in whole
        is_exact = not exact.isdisjoint(node.output) and not any(True for _ in inner_graphs(node))
        return is_exact and (
            node.op_type not in DECIDES or (node.op_type == "TreeEnsemble" and node.output[0] not in whole)
        )

    return {place for place, node in enumerate(graph.node) if would_round(node)}


def _looks_up(node: onnx.NodeProto) -> bool:
    to_places = any(attribute.name == "to" and attribute.i in PLACES for attribute in node.attribute)
    return node.op_type in KEYED or (node.op_type == "Cast" and to_places)


def _has_whole_leaves(node: onnx.NodeProto) -> bool:
    """Trees that say whole numbers, each to a target of its own, so that none is a sum."""
    if node.op_type != "TreeEnsemble":
        return False
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    leaves = numpy_helper.to_array(attributes["leaf_weights"])
    is_alone = len(set(attributes["leaf_targetids"])) >= len(attributes["tree_roots"])
    return is_alone and bool((np.rint(leaves) == leaves).all() and (np.abs(leaves) <= COUNTED).all())
