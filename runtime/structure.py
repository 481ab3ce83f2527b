"""What is in a model file, read without building it: the check before ONNX Runtime sees a byte.

Digests say that a file is the one that was written; this says that what was written is harmless.
Exported models are self-contained graphs of standard operators, so anything else is refused rather
than sanitised: external data (a path out of the artifact), other operator domains (code that is not
in the runtime), model-local functions, training information, sparse initializers.

The outline below is a view of onnx.proto (https://github.com/onnx/onnx, IR version 10) that names
only the fields it looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from skerry.runtime.errors import UnsafeModel

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
DEEPEST = 8
"""Graphs nested in attributes deeper than this are refused."""

_Field = tuple[int, str]
_OUTLINE: dict[str, dict[str, _Field]] = {
    "Model": {
        "graph": (7, "Graph"),
        "opset_import": (8, "Opset"),
        "training_info": (20, "Empty"),
        "functions": (25, "Empty"),
    },
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "Empty")},
    "Node": {"op_type": (4, "string"), "attribute": (5, "Attribute"), "domain": (7, "string")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse_tensor": (22, "Empty"),
        "sparse_tensors": (23, "Empty"),
    },
    "Tensor": {"external_data": (13, "Empty"), "data_location": (14, "int32")},
    "Opset": {"domain": (1, "string")},
    "Empty": {},
}
_SCALARS = {"string": 9, "int32": 5}  # descriptor.proto, FieldDescriptorProto.Type
_MESSAGE, _REPEATED = 11, 3


def check_structure(content: bytes) -> None:
    """Raise ``UnsafeModel`` unless ``content`` is a self-contained graph of standard operators."""
    try:
        model = _MODEL.FromString(content)
    except DecodeError:
        raise UnsafeModel("model.onnx: not an ONNX model") from None
    if not model.graph:
        raise UnsafeModel("model.onnx: it has no graph")
    if model.functions or model.training_info:
        raise UnsafeModel("model.onnx: it has model-local functions or training information")
    _check_domains(opset.domain for opset in model.opset_import)
    for graph in _graphs(model.graph):
        _check_graph(graph)


def _check_graph(graph: Any) -> None:
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    _check_domains(node.domain for node in graph.node)
    if graph.sparse_initializer or any(attribute.sparse_tensor or attribute.sparse_tensors for attribute in attributes):
        raise UnsafeModel("model.onnx: it has sparse tensors")
    tensors = [
        *graph.initializer,
        *(tensor for attribute in attributes for tensor in [*attribute.t, *attribute.tensors]),
    ]
    if any(tensor.external_data or any(tensor.data_location) for tensor in tensors):
        raise UnsafeModel("model.onnx: it refers to data outside the artifact")


def _check_domains(domains: Iterator[str] | Any) -> None:
    for name in _flatten(domains):
        if name not in DOMAINS:
            raise UnsafeModel(f"model.onnx: expected standard operators, got operators of domain {name!r}")


def _flatten(domains: Any) -> Iterator[str]:
    for domain in domains:
        yield from domain


def _graphs(roots: Any, depth: int = 0) -> Iterator[Any]:
    """``roots`` and every graph inside their nodes' attributes."""
    if depth > DEEPEST:
        raise UnsafeModel(f"model.onnx: graphs are nested more than {DEEPEST} deep")
    for graph in roots:
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                yield from _graphs([*attribute.g, *attribute.graphs], depth + 1)


def _outline() -> Any:
    """The message class of ``Model``. Every field is repeated: a file may say a thing twice, and each is looked at."""
    file = descriptor_pb2.FileDescriptorProto(name="skerry/outline.proto", package="skerry", syntax="proto2")
    for message, fields in _OUTLINE.items():
        description = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            field = description.field.add(name=name, number=number, label=_REPEATED, type=_SCALARS.get(kind, _MESSAGE))
            if kind not in _SCALARS:
                field.type_name = f".skerry.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("skerry.Model"))


_MODEL = _outline()
