"""Ways to put a fault into a conversion: into a converter, what it reads, what it gives, its trees, or the bytes it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from onnx import numpy_helper

from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import TreeArrays
from skerry.export.estimators import ESTIMATORS, Converter
from skerry.export.graph import FLOAT64, Features, Graph, Outputs, Tensor

Injection = Callable[[], AbstractContextManager[Any]]
"""While the context is entered, conversion has the fault."""


def instead(owner: Any, name: str, make: Callable[[Any], Any]) -> Injection:
    """``make`` gets what ``owner`` calls ``name``, and gives what stands there instead."""
    return lambda: patch.object(owner, name, make(getattr(owner, name)))


def converting(name: str, make: Callable[[Converter], Converter]) -> Injection:
    """Another converter of an estimator, made of the right one."""

    def inject() -> AbstractContextManager[Any]:
        entry = ESTIMATORS[f"sklearn.{name}"]
        assert entry.convert is not None
        return patch.dict(ESTIMATORS, {f"sklearn.{name}": replace(entry, convert=make(entry.convert))})

    return inject


def reading(name: str, change: Callable[[Any], dict[str, Any]]) -> Injection:
    """The converter reads other attributes than the estimator has."""

    def make(right: Converter) -> Converter:
        def wrong(estimator: Any, features: Features, scope: Scope) -> Outputs:
            other = copy(estimator)
            vars(other).update(change(estimator))
            return right(other, features, scope)

        return wrong

    return converting(name, make)


def giving(name: str, method: str, change: Callable[[Graph, Tensor], Tensor]) -> Injection:
    """The converter's answer of a method is changed."""

    def make(right: Converter) -> Converter:
        def wrong(estimator: Any, features: Features, scope: Scope) -> Outputs:
            outputs = right(estimator, features, scope)
            value = outputs[method]
            is_features = isinstance(value, Features)
            changed = change(scope.graph, scope.graph.matrix(value) if isinstance(value, Features) else value)
            return {**outputs, method: Features.of(changed) if is_features else changed}

        return wrong

    return converting(name, make)


def fed(name: str, change: Callable[[Graph, Tensor], Tensor]) -> Injection:
    """The converter is fed something else."""

    def make(right: Converter) -> Converter:
        def wrong(estimator: Any, features: Features, scope: Scope) -> Outputs:
            changed = change(scope.graph, scope.graph.floats(features))
            return right(estimator, Features.of(changed, features.origins), scope)

        return wrong

    return converting(name, make)


def growing(module: Any, change: Callable[[TreeArrays], TreeArrays], only: slice = slice(None)) -> Injection:
    """Some trees of an ensemble are changed before they are written."""

    def make(right: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def wrong(graph: Graph, X: Tensor, trees: Sequence[TreeArrays], *, targets: int) -> Tensor:
            chosen = range(*only.indices(len(trees)))
            changed = [change(tree) if index in chosen else tree for index, tree in enumerate(trees)]
            return right(graph, X, changed, targets=targets)

        return wrong

    return instead(module, "tree_ensemble", make)


def rewriting(change: Callable[[onnx.GraphProto], None]) -> Injection:
    """The model's own bytes are changed, wherever they are written."""

    def make(right: Callable[..., bytes]) -> Callable[..., bytes]:
        def wrong(graph: Graph, outputs: dict[str, Tensor], **options: Any) -> bytes:
            model = onnx.load_from_string(right(graph, outputs, **options))
            change(model.graph)
            return model.SerializeToString()

        return wrong

    return instead(Graph, "model", make)


def nodes(kind: str, change: Callable[[onnx.NodeProto], None]) -> Injection:
    """Every node of one kind in the model's bytes."""

    def rewrite(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            if node.op_type == kind:
                change(node)

    return rewriting(rewrite)


def attribute(kind: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Injection:
    """A tensor, or a list of numbers, that nodes of one kind carry as an attribute."""

    def rewrite(node: onnx.NodeProto) -> None:
        for found in node.attribute:
            if found.name != name:
                continue
            if found.HasField("t"):
                found.t.CopyFrom(numpy_helper.from_array(change(np.array(numpy_helper.to_array(found.t)))))
            else:
                found.ints[:] = change(np.array(found.ints)).tolist()

    return nodes(kind, rewrite)


def float32(graph: Graph, tensor: Tensor) -> Tensor:
    """Rounded, as a step in float32 would have it."""
    return graph.cast(graph.cast(tensor, np.float32), FLOAT64)


def narrowed(values: Any) -> np.ndarray:
    return np.asarray(values).astype(np.float32).astype(float)
