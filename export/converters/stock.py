"""skl2onnx's converters, for classes whose authors registered one there: their nodes become part of our graph.

The parity gate decides whether what they give is right.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import onnx

from skerry.export.converters.scope import Scope
from skerry.export.graph import OPSETS, Features, Outputs, Tensor

TARGET_OPSET = {"": OPSETS[""], "ai.onnx.ml": 3}
"""ai.onnx.ml 3: the newest whose operators skl2onnx writes and version 5 still runs unchanged."""

_TYPES = {
    np.dtype(np.float64): "DoubleTensorType",
    np.dtype(np.float32): "FloatTensorType",
    np.dtype(np.int64): "Int64TensorType",
    np.dtype(object): "StringTensorType",
}
_CHANGED = {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}
"""Operators of ai.onnx.ml 3 that version 5 replaced."""

_NAMES = {
    "label": "predict",
    "output_label": "predict",
    "variable": "predict",
    "probabilities": "predict_proba",
    "output_probability": "predict_proba",
}


def is_registered(kind: type) -> bool:
    """Whether skl2onnx has a converter for a class. Whoever registers one has imported it; nobody else pays for that."""
    if "skl2onnx" not in sys.modules:
        return False
    from skl2onnx._supported_operators import sklearn_operator_name_map

    return kind in sklearn_operator_name_map


def stock(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Convert with skl2onnx, and inline the graph it gives."""
    tensor = _input(features, scope)
    model = _convert(estimator, tensor, scope)
    return _named(estimator, _inline(model, tensor, estimator, scope))


def _input(features: Features, scope: Scope) -> Tensor:
    tensor = scope.graph.matrix(features)
    return tensor if tensor.dtype in _TYPES else scope.graph.floats(features)


def _convert(estimator: Any, tensor: Tensor, scope: Scope) -> onnx.ModelProto:
    from skl2onnx import convert_sklearn
    from skl2onnx.common import data_types

    shape = [None] if tensor.width is None else [None, tensor.width]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return convert_sklearn(
                estimator,
                initial_types=[("X", getattr(data_types, _TYPES[tensor.dtype])(shape))],
                options=_options(estimator),
                target_opset=TARGET_OPSET,
            )
    except Exception as error:  # converters raise whatever they happen to hit
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise scope.refuse(estimator, f"skl2onnx cannot convert it: {reason}") from error


def _options(estimator: Any) -> dict[int, dict[str, Any]] | None:
    """Probabilities as a matrix, not as a dict for each row, where the converter has the choice."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import get_converter

    known = get_converter(sklearn_operator_name_map[type(estimator)]).get_allowed_options() or ()
    return {id(estimator): {"zipmap": False}} if "zipmap" in known else None


def _inline(model: onnx.ModelProto, tensor: Tensor, estimator: Any, scope: Scope) -> dict[str, Tensor]:
    """Add the model's nodes under fresh names; returns its outputs by the names skl2onnx gave them."""
    graph = scope.graph
    foreign = {node.op_type for node in model.graph.node if node.domain not in OPSETS or node.op_type in _CHANGED}
    if foreign:
        raise scope.refuse(
            estimator, f"its converter in skl2onnx gives operators that are not taken: {', '.join(sorted(foreign))}"
        )
    prefix = graph.fresh("stock") + "_"
    names = {model.graph.input[0].name: tensor.name, "": ""}
    for value in model.graph.initializer:
        names[value.name] = prefix + value.name
        copied = onnx.TensorProto()
        copied.CopyFrom(value)
        copied.name = names[value.name]
        graph.initializers[copied.name] = copied
    for node in model.graph.node:
        graph.nodes.append(_renamed(node, names, prefix))
    graph.stock.append(scope.where(estimator))
    return {value.name: _tensor(value, names[value.name]) for value in model.graph.output}


def _renamed(node: onnx.NodeProto, names: dict[str, str], prefix: str) -> onnx.NodeProto:
    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    copied.name = ""
    for name in node.output:
        names.setdefault(name, prefix + name)
    copied.input[:] = [names[name] for name in node.input]
    copied.output[:] = [names[name] for name in node.output]
    return copied


def _tensor(value: onnx.ValueInfoProto, name: str) -> Tensor:
    kind = value.type.tensor_type
    dtype = (
        np.dtype(object)
        if kind.elem_type == onnx.TensorProto.STRING
        else onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    )
    dims = kind.shape.dim
    return Tensor(name, np.dtype(dtype), dims[1].dim_value if len(dims) > 1 else None)


def _named(estimator: Any, found: dict[str, Tensor]) -> Outputs:
    """skl2onnx's outputs under the names of scikit-learn's methods."""
    if not hasattr(estimator, "predict"):
        return {"transform": Features.of(next(iter(found.values())))}
    outputs: Outputs = {_NAMES.get(name, name): tensor for name, tensor in found.items()}
    if "scores" in outputs:
        outputs["transform" if hasattr(estimator, "transform") else "decision_function"] = outputs.pop("scores")
    elif not hasattr(estimator, "predict_proba") and "predict_proba" in outputs:
        outputs["decision_function"] = outputs.pop("predict_proba")
    return outputs
