"""What the protocol says of the server and of a model: metadata, and Triton's model configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from skerry.runtime.manifest import Manifest
from skerry.runtime.provider import Placement
from skerry.runtime.tensors import TensorSpec

PLATFORM = "onnx_onnxv1"
EXTENSIONS: tuple[str, ...] = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "statistics",
)
"""What this server does beyond the protocol's core, under Triton's names."""


def server_metadata(version: str, extensions: Sequence[str] = EXTENSIONS) -> bytes:
    return msgspec.json.encode({"name": "skerry", "version": version, "extensions": extensions})


def model_metadata(manifest: Manifest, versions: Sequence[int]) -> bytes:
    return msgspec.json.encode(
        {
            "name": manifest.name,
            "versions": [str(version) for version in versions],
            "platform": PLATFORM,
            "inputs": [_metadata(spec) for spec in manifest.inputs],
            "outputs": [_metadata(spec) for spec in manifest.outputs],
        }
    )


def model_config(manifest: Manifest, max_batch_size: int, placement: Placement | None = None) -> bytes:
    """The model configuration: the dimensions are those of one row, of which a request has up to ``max_batch_size``.
    Its parameters have where the nodes run.

    Source: Triton, docs/protocol/extension_model_configuration.md and model_config.proto.
    """
    return msgspec.json.encode(
        {
            "name": manifest.name,
            "platform": "onnxruntime_onnx",
            "backend": "onnxruntime",
            "max_batch_size": max_batch_size,
            "input": [_config(spec) for spec in manifest.inputs],
            "output": [_config(spec) for spec in manifest.outputs],
        }
        | ({} if placement is None else _instances(placement))
    )


def _instances(placement: Placement) -> dict[str, Any]:
    """One session, on a device; a parameter is a string in Triton's configuration."""
    kind = "KIND_GPU" if "cuda" in placement.nodes else "KIND_CPU"
    texts = {"placement": str(placement), "nodes": msgspec.json.encode(placement.nodes).decode()}
    parameters = {name: {"string_value": text} for name, text in texts.items()}
    return {"instance_group": [{"kind": kind, "count": 1}], "parameters": parameters}


def _metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _config(spec: TensorSpec) -> dict[str, Any]:
    """A tensor of one value a row has no dimension; the configuration says so with a ``reshape``."""
    data_type = "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"
    config: dict[str, Any] = {"name": spec.name, "data_type": data_type, "dims": spec.shape[1:] or (1,)}
    return config if spec.shape[1:] else config | {"reshape": {"shape": ()}}
