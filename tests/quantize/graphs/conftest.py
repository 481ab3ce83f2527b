"""What the tests of rewritten graphs share: small exported models, and graphs made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from skerry.export import export
from skerry.runtime.artifact import MODEL, Artifact
from skerry.runtime.model import Model
from skerry.runtime.session import Session
from skerry.runtime.structure import check_structure

Array = np.ndarray


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]:
    """A fitted estimator's graph, and what loads another graph in its place."""

    def export_one(estimator: Any, X: Any, **options: Any) -> tuple[onnx.ModelProto, Callable[[bytes], Model]]:
        artifact: Artifact = export(estimator, X, name="model", to=tmp_path, **options)

        def load(content: bytes) -> Model:
            check_structure(content)
            return Model(artifact.manifest, Session(content))

        return onnx.load_from_string(artifact.read()[MODEL]), load

    return export_one


@pytest.fixture
def constant_model() -> Callable[..., bytes]:
    """A model whose output ``y`` is its only constant, whatever ``x`` is."""

    def build(tensors: Any, nodes: Any, name: str, dtype: Any) -> bytes:
        element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        graph = helper.make_graph(
            [*nodes, helper.make_node("Identity", [name], ["y"]), helper.make_node("Identity", ["x"], ["z"])],
            "test",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows"])],
            [helper.make_tensor_value_info("y", element, None), helper.make_tensor_value_info("z", 1, ["rows"])],
            list(tensors),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        return bytes(model.SerializeToString())

    return build
