"""ONNX messages in protobuf's wire format, where Python's own encoder would be slow or wasteful.

Lists of integers in a node's attributes are declared unpacked in onnx.proto: a tag for each element. Every protobuf
parser reads packed lists too (https://protobuf.dev/programming-guides/encoding/#packed), which are half as long;
and NumPy writes them a hundred times faster than Python.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray

MODEL_GRAPH, GRAPH_NODE, NODE_ATTRIBUTE = 7, 1, 5
"""Fields of ModelProto, GraphProto and NodeProto (onnx.proto)."""
_VARINT, _BYTES = 0, 2
"""Wire types."""
_NAME, _INTS, _TYPE = 1, 8, 20
"""Fields of AttributeProto."""
_INTS_TYPE = 7
"""AttributeProto.AttributeType.INTS."""


def field_bytes(number: int, content: bytes) -> bytes:
    """A field that holds bytes, a text or a message."""
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def integers_attribute(name: str, values: Array) -> bytes:
    """An AttributeProto of integers that are not negative, packed."""
    kind = _varint(_TYPE << 3 | _VARINT) + _varint(_INTS_TYPE)
    return field_bytes(_NAME, name.encode()) + kind + field_bytes(_INTS, varints(values))


def varints(values: Array) -> bytes:
    """Integers that are not negative, each seven bits to a byte, lowest first, the last without its high bit."""
    values = np.asarray(values, np.uint64)
    lengths = np.ones(len(values), np.int64)
    for bits in range(7, 64, 7):
        if not (longer := values >> np.uint64(bits) != 0).any():
            break
        lengths += longer
    ends = np.cumsum(lengths)
    starts = ends - lengths
    encoded = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    for place in range(int(lengths.max(initial=0))):
        present = np.flatnonzero(lengths > place)
        septets = (values[present] >> np.uint64(7 * place)).astype(np.uint8) & 0x7F
        encoded[starts[present] + place] = septets | np.where(lengths[present] > place + 1, 0x80, 0).astype(np.uint8)
    return encoded.tobytes()


def _varint(value: int) -> bytes:
    return varints(np.array([value]))
