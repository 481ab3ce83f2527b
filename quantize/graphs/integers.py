"""``integers``: products with large matrices, in integers of 8 bits.

``y = x @ W`` becomes ``scale(x) * step(W) * (q(x) @ q(W))``, where the last product is exact. Two decisions differ from
onnxruntime's own quantizer (``onnxruntime.quantization``), as a server puts the rows of many clients into one batch:

- Each row has a scale of its own, from its largest number. DynamicQuantizeLinear has one for all rows, so that a row's
  answer would hang on the rows beside it, and one far away would take all digits from the others.
- Weights have 7 bits. With 8, pairs of products exceed 16 bits, which kernels for processors without VNNI cut off
  (onnxruntime, "Quantize ONNX models", on U8S8): the same model would answer otherwise on another machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from skerry.quantize.graphs.exact import exact_values
from skerry.runtime.errors import NoGain

LARGE = 2**14
"""Matrices of fewer numbers are multiplied faster than their rows can be rounded."""
CODES, ZERO = 127, 128
"""The largest code of a row, and the code of 0 (uint8)."""
WEIGHTS = 63
"""The largest code of a weight (int8)."""
TINY = np.float32(1e-30)
"""A row whose numbers are all smaller is taken for zeros."""


def integers(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 model with its products with constant matrices of at least ``LARGE`` numbers in integers.

    Raises:
        NoGain: it has no such product.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    exact = exact_values(graph)
    chosen = {
        node.output[0]: node
        for node in graph.node
        if _is_large_product(node, constants) and node.output[0] not in exact
    }
    if not chosen:
        raise NoGain(f"int8 arithmetic: no product with a float32 matrix of at least {LARGE:,} numbers")
    return _with_parts(model, {name: _Product.of(node, constants) for name, node in chosen.items()})


@dataclass(frozen=True)
class _Product:
    """What a node becomes."""

    nodes: tuple[onnx.NodeProto, ...]
    constants: tuple[TensorProto, ...]

    @classmethod
    def of(cls, node: onnx.NodeProto, constants: dict[str, TensorProto]) -> _Product:
        name = node.output[0]
        weights = numpy_helper.to_array(constants[node.input[1]])
        step = np.maximum(np.abs(weights).max(axis=0, keepdims=True) / np.float32(WEIGHTS), TINY)
        codes = np.clip(np.rint(weights / step), -WEIGHTS, WEIGHTS).astype(np.int8)
        held = {f"{name}_weights": codes, f"{name}_zero": np.array(ZERO, np.uint8), f"{name}_step": step, **_ROW}
        tensors = tuple(numpy_helper.from_array(np.asarray(array), key) for key, array in held.items())
        return cls((*_by_row(node.input[0], name), *_multiplied(node, name)), tensors)


_ROW = {
    "int8_axis": np.array([1]),
    "int8_tiny": np.array([[TINY]], np.float32),
    "int8_codes": np.array([[CODES]], np.float32),
    "int8_zero": np.array([[ZERO]], np.float32),
    "int8_none": np.array([[0]], np.float32),
}
"""Constants of ``_by_row``."""


def _by_row(source: str, name: str) -> Iterator[onnx.NodeProto]:
    """``<name>_codes`` and ``<name>_scale`` (rows, 1), which is NaN where a number of the row is: integers have none."""
    yield helper.make_node("Abs", [source], [f"{name}_abs"])
    yield helper.make_node("ReduceMax", [f"{name}_abs", "int8_axis"], [f"{name}_largest"], keepdims=1)
    yield helper.make_node("Max", [f"{name}_largest", "int8_tiny"], [f"{name}_above"])
    yield helper.make_node("ReduceSum", [f"{name}_abs", "int8_axis"], [f"{name}_sum"], keepdims=1)
    yield helper.make_node("Mul", [f"{name}_sum", "int8_none"], [f"{name}_none"])
    yield helper.make_node("Add", [f"{name}_above", f"{name}_none"], [f"{name}_range"])
    yield helper.make_node("Div", [f"{name}_range", "int8_codes"], [f"{name}_scale"])
    yield helper.make_node("Div", [source, f"{name}_scale"], [f"{name}_scaled"])
    yield helper.make_node("Add", [f"{name}_scaled", "int8_zero"], [f"{name}_moved"])
    yield helper.make_node("Round", [f"{name}_moved"], [f"{name}_rounded"])
    yield helper.make_node("Cast", [f"{name}_rounded"], [f"{name}_codes"], to=TensorProto.UINT8)


def _multiplied(node: onnx.NodeProto, name: str) -> Iterator[onnx.NodeProto]:
    """The product, back in float32, and the bias of a Gemm."""
    inputs = [f"{name}_codes", f"{name}_weights", f"{name}_zero"]
    yield helper.make_node("MatMulInteger", inputs, [f"{name}_integers"])
    yield helper.make_node("Cast", [f"{name}_integers"], [f"{name}_sums"], to=TensorProto.FLOAT)
    has_bias = len(node.input) > 2 and bool(node.input[2])
    product = f"{name}_product" if has_bias else name
    yield helper.make_node("Mul", [f"{name}_sums", f"{name}_scale"], [f"{name}_steps"])
    yield helper.make_node("Mul", [f"{name}_steps", f"{name}_step"], [product])
    if has_bias:
        yield helper.make_node("Add", [product, node.input[2]], [name])


def _is_large_product(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> bool:
    if node.op_type not in ("Gemm", "MatMul") or node.input[0] in constants or node.input[1] not in constants:
        return False
    weights = constants[node.input[1]]
    plain = all(helper.get_attribute_value(attribute) == _PLAIN[attribute.name] for attribute in node.attribute)
    return (
        plain and weights.data_type == TensorProto.FLOAT and len(weights.dims) == 2 and np.prod(weights.dims) >= LARGE
    )


_PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
"""Attributes of a Gemm that is a product and a sum."""


def _with_parts(model: onnx.ModelProto, parts: dict[str, _Product]) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.ClearField("node")
    made.graph.ClearField("initializer")
    for node in model.graph.node:
        part = parts.get(node.output[0]) if node.output else None
        made.graph.node.extend(part.nodes if part else [node])
    used = {name for node in made.graph.node for name in node.input}
    added = {tensor.name: tensor for part in parts.values() for tensor in part.constants}
    kept = [
        tensor for tensor in model.graph.initializer if tensor.name in used or not _is_replaced(tensor, model, parts)
    ]
    made.graph.initializer.extend([*kept, *added.values()])
    return made


def _is_replaced(tensor: TensorProto, model: onnx.ModelProto, parts: dict[str, _Product]) -> bool:
    """Whether only products that have become integers read a constant."""
    return any(tensor.name == node.input[1] for node in model.graph.node if node.output and node.output[0] in parts)
