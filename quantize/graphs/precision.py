"""``single``: a graph that computes in float64 → the same graph in float32, with the same inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from skerry.quantize.graphs.nodes import inner_graphs, read
from skerry.quantize.graphs.wide import MOVES, wide_nodes
from skerry.runtime.errors import NoGain

Array = np.ndarray
DOUBLE, FLOAT = TensorProto.DOUBLE, TensorProto.FLOAT

FARTHEST = 2.0**60
"""Numbers beyond it are brought to it before they become float32, so that a square does not become infinite."""

LOWEST, HIGHEST = "float32_lowest", "float32_highest"
"""The constants that say so."""

LIMITS = {"Clip", "Max", "Min", "Where"}
"""Operators for which a number beyond float32's range means no limit, not a quantity."""


def single(model: onnx.ModelProto) -> onnx.ModelProto:
    """The computation in float32, in half of the memory and about half of the time.

    A few cheap parts stay in float64 (``wide_nodes``), so that large numbers are scaled before they are rounded, and the
    same rows are refused. Thresholds of trees become the largest float32 not above them, so that rows of float32 take
    the same ways; a row of float64 that lies within rounding of a threshold may take another.

    Raises:
        NoGain: a constant is beyond float32's range.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    types = {value.name: value.type.tensor_type.elem_type for value in _values(inferred.graph)}
    types |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    graph = model.graph
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.CopyFrom(_Split(graph, types, wide_nodes(graph), _unused_mark(graph)).graph())
    return made


@dataclass(frozen=True)
class _Split:
    """A graph of which the nodes ``wide`` (by place) stay in float64; ``types`` are the elements' of its values, and what
    is made of a value is called so with ``mark`` behind it."""

    source: onnx.GraphProto
    types: dict[str, int]
    wide: frozenset[int]
    mark: str

    def graph(self) -> onnx.GraphProto:
        source, made = self.source, onnx.GraphProto()
        made.CopyFrom(source)
        for part in ("node", "initializer", "value_info"):
            made.ClearField(part)
        made.initializer.extend(self._constants())
        for name in (value.name for value in source.input):
            made.node.extend(self._narrowed(name))
        for place, node in enumerate(source.node):
            made.node.append(self._kept(node) if place in self.wide else _in_single(node, self._single))
            for name in node.output:
                made.node.extend(self._narrowed(name) if place in self.wide else self._widened(name))
        if any(LOWEST in node.input for node in made.node):
            made.initializer.append(numpy_helper.from_array(np.array(-FARTHEST), LOWEST))
            made.initializer.append(numpy_helper.from_array(np.array(FARTHEST), HIGHEST))
        return made

    @cached_property
    def homes(self) -> set[str]:
        """Values that are float64: inputs, and what wide nodes make."""
        made = {name for place in self.wide for name in self.source.node[place].output}
        return made | {value.name for value in self.source.input}

    def _constants(self) -> Iterator[TensorProto]:
        for tensor in self.source.initializer:
            if tensor.data_type != DOUBLE or tensor.name in self._wide_reads:
                yield tensor
            if tensor.data_type == DOUBLE and tensor.name in self._narrow_reads:
                name = self._single(tensor.name)
                yield _rounded(tensor, name, _limits(self.source, tensor.name))

    @cached_property
    def _narrow_reads(self) -> set[str]:
        return {name for place, node in enumerate(self.source.node) if place not in self.wide for name in read(node)}

    @cached_property
    def _wide_reads(self) -> set[str]:
        return {name for place in self.wide for name in read(self.source.node[place])}

    def _single(self, name: str) -> str:
        """What the float32 nodes call a value."""
        return f"{name}{self.mark}" if self.types.get(name) == DOUBLE and name in self._known else name

    @cached_property
    def _known(self) -> set[str]:
        """Values that float64 nodes call as the source does: float64 ones, outputs and constants."""
        return self.homes | self._outputs | {tensor.name for tensor in self.source.initializer}

    @cached_property
    def _outputs(self) -> set[str]:
        return {value.name for value in self.source.output}

    def _narrowed(self, name: str) -> Iterator[onnx.NodeProto]:
        """A float64 value as the float32 nodes read it."""
        if self.types.get(name) != DOUBLE or name not in self._narrow_reads:
            return
        source = name
        if not _only_compared(self.source, name, self.wide):
            source = f"{name}{self.mark}_limited"
            yield helper.make_node("Clip", [name, LOWEST, HIGHEST], [source])
        yield helper.make_node("Cast", [source], [self._single(name)], to=FLOAT)

    def _widened(self, name: str) -> Iterator[onnx.NodeProto]:
        """A float32 value as an output gives it, and as float64 nodes read it."""
        if self.types.get(name) == DOUBLE and (name in self._outputs or name in self._wide_reads):
            made = name if name in self._outputs else f"{name}{self.mark}_double"
            yield helper.make_node("Cast", [self._single(name)], [made], to=DOUBLE)

    def _kept(self, node: onnx.NodeProto) -> onnx.NodeProto:
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.input[:] = [
            f"{name}{self.mark}_double" if self.types.get(name) == DOUBLE and name not in self._known else name
            for name in node.input
        ]
        return made


def _unused_mark(graph: onnx.GraphProto) -> str:
    """Columns may be called anything: no name ends with it."""
    mark = "_single"
    names = {value.name for value in graph.input} | {name for node in graph.node for name in node.output}
    while any(mark in name for name in names):
        mark += "_"
    return mark


def _values(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    yield from (*graph.input, *graph.value_info, *graph.output)


def _in_single(node: onnx.NodeProto, rename: Callable[[str], str]) -> onnx.NodeProto:
    """A node whose numbers are float32, and whose values are called as ``rename`` says."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.input[:] = map(rename, node.input)
    made.output[:] = map(rename, node.output)
    for attribute in made.attribute:
        if attribute.name in ("to", "dtype") and attribute.i == DOUBLE:
            attribute.i = FLOAT
        if attribute.t.data_type == DOUBLE:
            attribute.t.CopyFrom(_attribute(attribute.name, attribute.t))
        for tensor in attribute.tensors:
            if tensor.data_type == DOUBLE:
                tensor.CopyFrom(_rounded(tensor, tensor.name))
    for graph in inner_graphs(made):
        _to_single(graph, rename)
    return made


def _to_single(graph: onnx.GraphProto, rename: Callable[[str], str]) -> None:
    """A graph inside a node, in place; what it takes from outside is called as ``rename`` says."""
    for value in _values(graph):
        if value.type.tensor_type.elem_type == DOUBLE:
            value.type.tensor_type.elem_type = FLOAT
        sequence = value.type.sequence_type.elem_type.tensor_type
        if sequence.elem_type == DOUBLE:
            sequence.elem_type = FLOAT
        if value.name not in {name for node in graph.node for name in node.output}:
            value.name = rename(value.name)
    for tensor in graph.initializer:
        if tensor.data_type == DOUBLE:
            tensor.CopyFrom(_rounded(tensor, tensor.name, _limits(graph, tensor.name)))
    own = {tensor.name for tensor in graph.initializer} | {name for node in graph.node for name in node.output}
    own |= {value.name for value in graph.input}
    for node in graph.node:
        node.CopyFrom(_in_single(node, lambda name: name if name in own else rename(name)))


def _attribute(name: str, tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    if name == "nodes_splits":
        return numpy_helper.from_array(rounded_down(values), tensor.name)
    made = _rounded(tensor, tensor.name)
    if name == "membership_values" and not np.array_equal(numpy_helper.to_array(made), values, equal_nan=True):
        raise NoGain("float32: categories of a tree are numbers that it does not hold exactly")
    return made


def rounded_down(thresholds: Array) -> Array:
    """The largest float32 numbers that are not above the thresholds."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
        return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _limits(graph: onnx.GraphProto, name: str) -> set[str]:
    """The kinds of nodes that read a constant, where all take it for a limit."""
    kinds = {node.op_type for node in graph.node if name in read(node)}
    return kinds if kinds <= LIMITS else set()


def _rounded(tensor: TensorProto, name: str, limits: Iterable[str] = ()) -> TensorProto:
    """A constant in float32; what is too small for it becomes the smallest normal number, so that nothing is divided by 0."""
    values = np.asarray(numpy_helper.to_array(tensor))
    if "Clip" in limits:
        values = np.clip(values, -FARTHEST, FARTHEST)
    elif limits:
        values = np.clip(
            values, *np.array([-1, 1]) * np.finfo(np.float32).max, where=np.isfinite(values), out=values.copy()
        )
    with np.errstate(over="ignore", under="ignore"):
        rounded = values.astype(np.float32)
    if (beyond := np.isinf(rounded) & np.isfinite(values)).any():
        raise NoGain(f"float32: a constant of the model is {values[beyond][0]:.3g}, beyond its range")
    smallest = np.finfo(np.float32).tiny
    rounded = np.where((rounded == 0) & (values != 0), np.copysign(smallest, values), rounded).astype(np.float32)
    return numpy_helper.from_array(rounded, name)


def _only_compared(graph: onnx.GraphProto, name: str, wide: frozenset[int]) -> bool:
    """Whether all that float32 nodes do with a value is to compare it in trees, where an infinity is as good as a number."""
    readers = [node for place, node in enumerate(graph.node) if place not in wide and name in read(node)]
    return all(
        node.op_type == "TreeEnsemble"
        or (node.op_type in MOVES and all(_only_compared(graph, made, wide) for made in node.output))
        for node in readers
    )
