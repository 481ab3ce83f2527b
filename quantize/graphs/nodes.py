"""What a node reads, and the graphs inside it."""

from __future__ import annotations

from collections.abc import Iterator

import onnx


def read(node: onnx.NodeProto) -> Iterator[str]:
    """The values that a node and the graphs inside it read."""
    yield from node.input
    for graph in inner_graphs(node):
        yield from (name for inner in graph.node for name in read(inner))
        yield from (value.name for value in graph.output)


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        yield from [attribute.g] if attribute.HasField("g") else []
        yield from attribute.graphs
