"""NumPy's order of summation, for sums whose rounding shows.

NumPy adds fewer than eight numbers one after the other, and up to 128 in eight running sums side by side. ONNX
Runtime's ReduceSum has an order of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import helper

from skerry.export.graph import Graph, Tensor

LANES, BLOCK = 8, 128


def numpy_sum(graph: Graph, terms: Tensor, count: int) -> Tensor:
    """``np.sum`` of rows that lie in memory one after the other: (count, ...) → (1, ...).

    To the last bit up to 128 terms; of more, which would be as many nodes, as ONNX Runtime adds them.
    """
    if count > BLOCK:
        return graph.op("ReduceSum", terms, np.array([0]), keepdims=1)
    return _added(graph, _split(graph, terms, count))


def _added(graph: Graph, terms: Sequence[Tensor]) -> Tensor:
    count = len(terms)
    if count < LANES:
        return _in_order(graph, terms)
    whole = count - count % LANES
    sums = [_in_order(graph, terms[lane:whole:LANES]) for lane in range(LANES)]
    while len(sums) > 1:
        sums = [graph.op("Add", left, right) for left, right in zip(sums[::2], sums[1::2], strict=True)]
    return _in_order(graph, [*sums, *terms[whole:]])


def _in_order(graph: Graph, terms: Sequence[Tensor]) -> Tensor:
    return graph.op("Sum", *terms) if len(terms) > 1 else terms[0]


def _split(graph: Graph, tensor: Tensor, count: int) -> list[Tensor]:
    """The parts of a tensor along its first axis, each (1, ...)."""
    if count == 1:
        return [tensor]
    names = [graph.fresh("part") for _ in range(count)]
    graph.nodes.append(helper.make_node("Split", [tensor.name], names, axis=0, num_outputs=count))
    return [Tensor(name, tensor.dtype, tensor.width) for name in names]
