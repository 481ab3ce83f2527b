"""The Open Inference Protocol, version 2, as a client speaks it: a server's metadata, requests and answers.

In JSON, and with the binary tensor extension: the body is a JSON object, then the tensors back to back, little-endian and
row-major, each text with its length before it.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md;
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import msgspec
import numpy as np

from skerry.bench.http.exchange import SameJson, shown
from skerry.bench.units import plural
from skerry.runtime.errors import BenchError, nearest
from skerry.runtime.tensors import DTYPES

Row = Any
"""A row as JSON has it: an object, a list, a text, a number."""

HEADER_LENGTH = "Inference-Header-Content-Length"
_LENGTH = struct.Struct("<I")
_WIRE = {name: dtype.newbyteorder("<") for name, dtype in DTYPES.items() if name != "BYTES"} | {"FP16": np.dtype("<f2")}
"""Datatype → dtype of its bytes."""


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output as the server describes it; ``shape`` has -1 where it varies."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """What ``GET .../models/NAME`` says."""

    inputs: list[TensorMetadata] = []


@dataclass(frozen=True)
class Tensor:
    """Values in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]


def decode_metadata(body: bytes, *, where: str) -> ModelMetadata:
    """Raises ``BenchError`` if it is no metadata of a model."""
    try:
        return msgspec.json.decode(body, type=ModelMetadata)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BenchError(f"{where}: expected a model's metadata with its inputs, got {shown(body)}") from None


def to_tensors(rows: Sequence[Row], inputs: Sequence[TensorMetadata]) -> list[Tensor]:
    """One tensor for each of ``inputs``; the values of a row are found by name, or by order.

    Raises:
        BenchError: a row has no such value, or more or fewer than the input takes.
    """
    return [_to_tensor(_values(rows, place, inputs), spec, len(rows)) for place, spec in enumerate(inputs)]


def _to_tensor(values: list[Any], spec: TensorMetadata, rows: int) -> Tensor:
    shape = [rows, *spec.shape[1:]] if spec.shape[:1] == [-1] else list(spec.shape)
    if shape.count(-1) == 1:  # as long as the rows are
        shape[shape.index(-1)] = len(values) // max(1, prod(size for size in shape if size != -1))
    if prod(shape) != len(values):
        raise BenchError(
            f"input {spec.name!r}: expected values for shape {spec.shape}, got {len(values)} in {plural(rows, 'row')}"
        )
    return Tensor(spec.name, spec.datatype, tuple(shape), values)


def _values(rows: Sequence[Row], place: int, inputs: Sequence[TensorMetadata]) -> list[Any]:
    spec = inputs[place]
    if len(inputs) > 1:
        return [value for row in rows for value in _flat(_picked(row, place, inputs))]
    if spec.datatype == "BYTES" and prod(abs(size) for size in spec.shape[1:]) == 1:
        return [row if isinstance(row, str) else msgspec.json.encode(row).decode() for row in rows]
    return [value for row in rows for value in _flat(list(row.values()) if isinstance(row, dict) else row)]


def _picked(row: Row, place: int, inputs: Sequence[TensorMetadata]) -> Any:
    """What a row has for one of several inputs."""
    name = inputs[place].name
    if isinstance(row, dict):
        if name not in row:
            raise BenchError(f"input {name!r}: missing in the rows to be sent{nearest(name, row)}")
        return row[name]
    if not isinstance(row, list) or len(row) != len(inputs):
        got = f"{len(row)}" if isinstance(row, list) else "one"
        raise BenchError(f"expected rows of {len(inputs)} values, as the server has inputs, got {got}")
    return row[place]


def fits_binary(row: Row, inputs: Sequence[TensorMetadata]) -> bool:
    """Whether no value of a row is missing but numbers, which are then NaN."""
    return not any(
        value is None
        for place, spec in enumerate(inputs)
        if not spec.datatype.startswith("FP")
        for value in _values([row], place, inputs)
    )


def _flat(value: Any) -> list[Any]:
    return [single for part in value for single in _flat(part)] if isinstance(value, list) else [value]


def encode_json(tensors: Sequence[Tensor]) -> bytes:
    """A request for all outputs, in JSON."""
    return msgspec.json.encode({"inputs": [_described(tensor) | {"data": tensor.data} for tensor in tensors]})


def encode_binary(tensors: Sequence[Tensor]) -> tuple[int, bytes]:
    """A request with its tensors in binary, for all outputs in binary; returns the length of its JSON part and all of it.

    Raises:
        BenchError: a datatype has no binary form here, or a value does not fit it.
    """
    parts = [_to_bytes(tensor) for tensor in tensors]
    inputs = [
        _described(tensor) | {"parameters": {"binary_data_size": len(part)}}
        for tensor, part in zip(tensors, parts, strict=True)
    ]
    header = msgspec.json.encode({"inputs": inputs, "parameters": {"binary_data_output": True}})
    return len(header), b"".join([header, *parts])


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        if not all(isinstance(value, str) for value in tensor.data):
            raise BenchError(f"input {tensor.name!r}: expected texts, which the binary form cannot leave out")
        texts = [value.encode() for value in tensor.data]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    if tensor.datatype not in _WIRE:
        raise BenchError(f"input {tensor.name!r}: expected datatype {', '.join(_WIRE)} or BYTES, got {tensor.datatype}")
    try:
        # None is NaN to a float, and an error to an integer.
        return np.array(tensor.data, _WIRE[tensor.datatype]).tobytes()
    except (TypeError, ValueError, OverflowError) as error:
        raise BenchError(f"input {tensor.name!r}: expected values of {tensor.datatype}: {error}") from None


class _Output(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] | None = None


class _Answer(msgspec.Struct):
    outputs: list[_Output]


_answer = msgspec.json.Decoder(_Answer)


def decode_answer(body: bytes) -> dict[str, Tensor]:
    """The outputs of an answer, in JSON or with tensors in binary, by name.

    Raises:
        ValueError: it is none: what was expected, and what came.
    """
    answer, rest = _split(body)
    outputs = {}
    for output in answer.outputs:
        data, rest = _data(output, rest)
        if len(data) != prod(output.shape):
            raise ValueError(f"output {output.name!r}: expected values for shape {output.shape}, got {len(data)}")
        outputs[output.name] = Tensor(output.name, output.datatype, tuple(output.shape), data)
    if rest or not outputs:
        raise ValueError(
            f"expected no bytes after the outputs, got {len(rest)}" if rest else "expected outputs, got none"
        )
    return outputs


def _split(body: bytes) -> tuple[_Answer, bytes]:
    """The JSON part, and the bytes after it: its length is in a header, but an object shows where it ends."""
    try:
        return _answer.decode(body), b""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        _, end = _DECODER.raw_decode(body.decode("latin-1"))  # a character for each byte
        return _answer.decode(body[:end]), body[end:]
    except msgspec.ValidationError as error:
        raise ValueError(f"expected outputs with name, shape and datatype: {error}: {shown(body)}") from None
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise ValueError(f"expected JSON with outputs, got {shown(body)}") from None


_DECODER = json.JSONDecoder()


def _data(output: _Output, rest: bytes) -> tuple[list[Any], bytes]:
    size = (output.parameters or {}).get("binary_data_size")
    if size is None:
        if output.data is msgspec.UNSET:
            raise ValueError(f"output {output.name!r}: expected data, got none")
        return _flat(output.data), rest
    if not isinstance(size, int) or not 0 <= size <= len(rest):
        raise ValueError(f"output {output.name!r}: expected {size!r:.20} bytes, got {len(rest)}")
    return _from_bytes(output, rest[:size]), rest[size:]


def _from_bytes(output: _Output, content: bytes) -> list[Any]:
    if output.datatype == "BYTES":
        return _texts(output, content)
    dtype = _WIRE.get(output.datatype)
    if dtype is None or len(content) % dtype.itemsize:
        raise ValueError(
            f"output {output.name!r}: expected whole values of {output.datatype}, got {len(content)} bytes"
        )
    return np.frombuffer(content, dtype).tolist()


def _texts(output: _Output, content: bytes) -> list[str]:
    texts, place = [], 0
    while place < len(content):
        if len(content) < place + _LENGTH.size:
            raise ValueError(f"output {output.name!r}: expected the length of a text, got {len(content) - place} bytes")
        start = place + _LENGTH.size
        place = start + _LENGTH.unpack_from(content, place)[0]
        if place > len(content):
            raise ValueError(
                f"output {output.name!r}: expected a text of {place - start} bytes, got {len(content) - start}"
            )
        texts.append(content[start:place].decode("utf-8", "replace"))
    return texts


class RightOutputs:
    """The body must be an answer with outputs; those named in ``expected`` must have these values, in row-major order,
    and one of them must be there."""

    def __init__(self, expected: Mapping[str, list[Any]] | None = None) -> None:
        self._expected = {name: SameJson(values) for name, values in (expected or {}).items()}

    def __call__(self, body: bytes) -> str | None:
        try:
            outputs = decode_answer(body)
        except ValueError as error:
            return str(error)
        found = [name for name in self._expected if name in outputs]
        if self._expected and not found:
            return f"expected output {' or '.join(map(repr, self._expected))}, got {', '.join(map(repr, outputs))}"
        wrong = (self._expected[name].compare(outputs[name].data, name) for name in found)
        return next((text for text in wrong if text), None)
