"""``narrow``: a graph → the same graph in a smaller file, which computes what it did, as fast, in as much memory.

A constant lies in the file in the shortest of several forms, and nodes beside it make it what it was. ONNX Runtime
runs these once, when the model is loaded (its constant folding), so a session never sees them. Loading takes memory for
what is between the form and the constant; it is free again at once, but the C library may keep it for the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from skerry.quantize.graphs.exact import exact_values
from skerry.quantize.graphs.forms import Array, Stored, exact_forms, half, levels, rounded, written_int64

Storage = Literal["exact", "float32", "float16", "int8"]
"""How a large constant of floats lies in the file: as it is, or rounded."""

WORTHWHILE = 64
"""Bytes that another form has to save."""
MANY = 256
"""Constants of fewer numbers are never rounded."""


def narrow(model: onnx.ModelProto, storage: Storage = "exact") -> onnx.ModelProto:
    """The model with its constants in their shortest forms.

    ``exact`` changes no bit of any of them. The others round the large matrices of floats and the large tables that
    are looked up (weights, support vectors, training rows), never what scales the columns, nor what places in tables are
    made of: to float32; to float16, with a power of two as scale; or, where that is shorter, to 256 levels for each row
    or column of a matrix, the level of 0 among them.
    Constants inside of branches and loops stay as they are.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.ClearField("initializer")
    made.graph.ClearField("node")
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    exact = exact_values(model.graph)
    for tensor in model.graph.initializer:
        allowed: Storage = "exact" if tensor.name in exact else storage
        stored = _shortest(tensor, allowed, is_table=tensor.name in tables)
        made.graph.initializer.extend(stored.tensors)
        made.graph.node.extend(stored.nodes)
    made.graph.node.extend(_with_short_lists(node) for node in model.graph.node)
    return made


def _shortest(tensor: TensorProto, storage: Storage, *, is_table: bool) -> Stored:
    plain = Stored((tensor,), ())
    if tensor.data_type == TensorProto.STRING or plain.size <= 2 * WORTHWHILE:
        return plain
    array = numpy_helper.to_array(tensor)
    forms = list(exact_forms(array, tensor.name))
    if _may_be_rounded(array, is_table=is_table):
        forms += _rounded_forms(array, tensor.name, storage)
    best = min([plain, *forms], key=lambda stored: stored.size)
    return best if best.size <= plain.size - WORTHWHILE else plain


def _may_be_rounded(array: Array, *, is_table: bool) -> bool:
    is_matrix = np.squeeze(array).ndim > 1
    return array.dtype.kind == "f" and array.size >= MANY and (is_matrix or is_table) and bool(np.isfinite(array).all())


def _rounded_forms(array: Array, name: str, storage: Storage) -> Iterator[Stored]:
    if storage == "float32":
        yield from exact_forms(rounded(array, np.float32), name)
    if storage in ("float16", "int8"):
        yield from half(array, name)
    if storage == "int8" and array.ndim > 1:
        yield levels(array, name)


def _with_short_lists(node: onnx.NodeProto) -> onnx.NodeProto:
    """Whole numbers in a node's tensors (what a LabelEncoder answers) take a byte or two instead of eight."""
    long = [
        attribute.name
        for attribute in node.attribute
        if attribute.t.data_type == TensorProto.INT64 and len(attribute.t.raw_data) > 2 * WORTHWHILE
    ]
    if not long:
        return node
    made = onnx.NodeProto()
    made.CopyFrom(node)
    for attribute in made.attribute:
        if attribute.name in long:
            shorter = written_int64(numpy_helper.to_array(attribute.t), attribute.t.name)
            if shorter.ByteSize() < attribute.t.ByteSize():
                attribute.t.CopyFrom(shorter)
    return made
