"""The Open Inference Protocol, version 2, in JSON: named tensors with datatype and shape.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import msgspec
import numpy as np

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.manifest import Manifest
from skerry.runtime.model import Model
from skerry.runtime.protocol.values import check_outputs, decode, json_type, to_json
from skerry.runtime.tensors import TensorSpec

PLATFORM = "onnx_onnxv1"
EXTENSIONS: tuple[str, ...] = ()
"""What this server does beyond the protocol's core."""

_NESTED = re.compile(rb"\s*\[\s*\[")

Parameters = dict[str, str | bool | int | float]


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the request; unknown fields are refused."""


class _Input(_Part):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: Parameters = {}


class _Output(_Part):
    name: str
    parameters: Parameters = {}


class _Body(_Part):
    inputs: list[_Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[_Output] = []


class InferenceRequest(msgspec.Struct, frozen=True):
    """Rows, ready for the model, the methods to answer with, and the id to echo."""

    feeds: Feeds
    methods: tuple[str, ...]
    id: str


class InferenceCodec:
    """Decodes and encodes inference requests for one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._specs = {spec.name: spec for spec in model.manifest.inputs}
        self._body = msgspec.json.Decoder(_Body)
        self._flat = {spec.name: msgspec.json.Decoder(list[json_type(spec)]) for spec in model.manifest.inputs}  # type: ignore[misc]
        self._nested = {spec.name: msgspec.json.Decoder(list[list[json_type(spec)]]) for spec in model.manifest.inputs}  # type: ignore[misc]
        self._encoder = msgspec.json.Encoder()

    def decode(self, body: bytes) -> InferenceRequest:
        """Raises ``InvalidInput``: it says which tensor, what was expected and what came."""
        request: _Body = decode(self._body, body, ())
        tensors = {tensor.name: tensor for tensor in request.inputs}
        if len(tensors) != len(request.inputs):
            raise InvalidInput("inputs: expected each tensor once, got one twice")
        self._model.feeds.check_names(tensors)
        arrays = {name: self._array(tensor) for name, tensor in tensors.items()}
        return InferenceRequest(self._feeds(arrays), self._methods(request.outputs), request.id)

    def encode(self, request: InferenceRequest, answers: Sequence[Array]) -> bytes:
        manifest = self._model.manifest
        body: dict[str, Any] = {"model_name": manifest.name, "model_version": str(manifest.version)}
        if request.id:
            body["id"] = request.id
        body["outputs"] = [
            {
                "name": method,
                "datatype": manifest.output(method).datatype,
                "shape": list(array.shape),
                "data": to_json(array, request.feeds, method, flat=True),
            }
            for method, array in zip(request.methods, answers, strict=True)
        ]
        return self._encoder.encode(body)

    def _feeds(self, arrays: dict[str, Array]) -> Feeds:
        builder = self._model.feeds
        return (
            builder.from_columns(arrays)
            if builder.layout == "columns"
            else builder.from_matrix(next(iter(arrays.values())))
        )

    def _array(self, tensor: _Input) -> Array:
        spec = self._specs[tensor.name]
        where = f"input {tensor.name!r}: "
        if tensor.datatype != spec.datatype:
            raise InvalidInput(f"{where}expected datatype {spec.datatype}, got {tensor.datatype!r:.40}")
        shape = _checked_shape(tensor.shape, spec)
        values = self._values(tensor, shape)
        if len(values) != prod(shape):
            raise InvalidInput(f"{where}expected {prod(shape)} values for shape {tensor.shape}, got {len(values)}")
        array = np.array(values, np.float64 if spec.is_float else spec.numpy_dtype)
        return array if self._model.feeds.layout == "columns" else array.reshape(-1, *spec.shape[1:])

    def _values(self, tensor: _Input, shape: Sequence[int]) -> list[Any]:
        """The data as a flat list; it may come flat or nested as the shape says."""
        where = f"input {tensor.name!r}: "
        if not _NESTED.match(tensor.data):
            return decode(self._flat[tensor.name], tensor.data, (), where)
        rows = decode(self._nested[tensor.name], tensor.data, (), where)
        if len(shape) != 2 or any(len(row) != shape[1] for row in rows):
            raise InvalidInput(f"{where}expected data flat or nested as shape {tensor.shape}")
        return [value for row in rows for value in row]

    def _methods(self, outputs: Sequence[_Output]) -> tuple[str, ...]:
        available = self._model.manifest.methods
        names = tuple(output.name for output in outputs)
        check_outputs(names, available)
        if len(set(names)) != len(names):
            raise InvalidInput("outputs: expected each once, got one twice")
        return names or available


def _checked_shape(shape: Sequence[int], spec: TensorSpec) -> tuple[int, ...]:
    """The shape of a request's tensor; one column of n rows may be [n, 1] or [n]."""
    fits = (
        len(shape) == len(spec.shape) and all(size >= 0 for size in shape) and list(shape[1:]) == list(spec.shape[1:])
    )
    if not fits and not (spec.shape == (-1, 1) and len(shape) == 1 and shape[0] >= 0):
        raise InvalidInput(f"input {spec.name!r}: expected shape {list(spec.shape)}, got {list(shape)!r:.80}")
    return tuple(shape)


def server_metadata(version: str) -> bytes:
    return msgspec.json.encode({"name": "skerry", "version": version, "extensions": EXTENSIONS})


def model_metadata(manifest: Manifest, versions: Sequence[int]) -> bytes:
    return msgspec.json.encode(
        {
            "name": manifest.name,
            "versions": [str(version) for version in versions],
            "platform": PLATFORM,
            "inputs": [_tensor_metadata(spec) for spec in manifest.inputs],
            "outputs": [_tensor_metadata(spec) for spec in manifest.outputs],
        }
    )


def _tensor_metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
