"""``wide_nodes``: the parts of a graph that stay in float64 when the rest becomes float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto

from skerry.quantize.graphs.exact import exact_nodes
from skerry.quantize.graphs.nodes import inner_graphs

GUARD = "guard_"
"""What the outputs begin with that tell which rows scikit-learn would refuse (``skerry.export.exporter``)."""
LIGHT = 2**14
"""Rows and columns of at most so many numbers are no reason to compute in float32."""
MOVES = {"Concat", "Gather", "Identity", "Neg", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators that only move numbers: rounding before them and after them is the same."""
PREPARES = {"Add", "Clip", "Div", "Max", "Min", "Mul", "Sub"} | {
    *("Cast", "Equal", "Floor", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Where")
}
"""What scales, fills and compares columns. ``x - mean`` in float32 loses the digits that a small difference of large
numbers is made of, and near a limit ``x < limit`` becomes another answer."""


def wide_nodes(graph: onnx.GraphProto) -> frozenset[int]:
    """The places of the nodes that are cheap, and would lose what no rounding of the others does.

    They are what guards are made of, so that the same rows are refused; what prepares columns before they meet large
    matrices; tables whose keys are float64, of which two could become one; and what places in tables are computed from.
    """
    return frozenset(_guards(graph) | _preparation(graph) | _keyed(graph) | exact_nodes(graph))


def _is_light(graph: onnx.GraphProto) -> Callable[[onnx.NodeProto], bool]:
    heavy = {
        tensor.name
        for tensor in graph.initializer
        if np.prod(tensor.dims, dtype=np.int64) > LIGHT or sum(size > 1 for size in tensor.dims) > 1
    }
    return lambda node: (
        heavy.isdisjoint(node.input) and node.op_type != "TreeEnsemble" and not any(True for _ in inner_graphs(node))
    )


def _guards(graph: onnx.GraphProto) -> set[int]:
    """The nodes that guards are made of, where all of them are light."""
    light, makers = _is_light(graph), {name: place for place, node in enumerate(graph.node) for name in node.output}
    kept: set[int] = set()
    for output in graph.output:
        places = _above(graph, makers, output.name) if output.name.startswith(GUARD) else set()
        if all(light(graph.node[place]) for place in places):
            kept |= places
    return kept


def _above(graph: onnx.GraphProto, makers: dict[str, int], name: str) -> set[int]:
    found: set[int] = set()
    waiting = [name]
    while waiting:
        place = makers.get(waiting.pop())
        if place is not None and place not in found:
            found.add(place)
            waiting += graph.node[place].input
    return found


def _preparation(graph: onnx.GraphProto) -> set[int]:
    """The nodes that prepare columns before anything else is done with them; and those that lead there, or to an output."""
    constants = {tensor.name for tensor in graph.initializer}
    light = _is_light(graph)
    ready = {value.name for value in graph.input} | constants
    early = []
    for place, node in enumerate(graph.node):
        given = [name for name in node.input if name and name not in constants]
        alone = node.op_type in PREPARES and (len(given) == 1 or node.op_type == "Where")
        if (alone or node.op_type in MOVES) and given and ready.issuperset(given) and light(node):
            early.append(place)
            ready.update(node.output)
    kept: set[int] = set()
    wanted = {value.name for value in graph.output}
    for place in reversed(early):
        node = graph.node[place]
        if node.op_type in PREPARES or wanted.intersection(node.output):
            kept.add(place)
            wanted.update(node.input)
    return kept


def _keyed(graph: onnx.GraphProto) -> set[int]:
    """Tables that are looked into by float64 keys."""
    return {
        place
        for place, node in enumerate(graph.node)
        if node.op_type == "LabelEncoder"
        and any(attribute.t.data_type == TensorProto.DOUBLE for attribute in node.attribute)
    }
