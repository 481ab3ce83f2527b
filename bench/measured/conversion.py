"""``Conversion``: an estimator converted as ``export`` does it, without the gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skerry.export.converters.scope import Scope
from skerry.export.estimators import convert
from skerry.export.graph import Features, Graph, Outputs
from skerry.export.signature import Signature, read_signature


@dataclass(frozen=True)
class Conversion:
    """The graph of a fitted estimator for rows of the form that it was fitted on, and its outputs in it."""

    signature: Signature
    features: Features
    graph: Graph
    outputs: Outputs

    @classmethod
    def of(cls, estimator: Any, rows: Any) -> Conversion:
        signature, given = read_signature(estimator, rows)
        graph = Graph(given)
        features = signature.features(graph)
        outputs = convert(estimator, features, Scope(graph, convert, rows=lambda rows: rows))
        return cls(signature, features, graph, outputs)

    def content(self, methods: Iterable[str]) -> bytes:
        """The ONNX model that has these methods, and the guards."""
        values = {method: self.outputs[method] for method in methods}
        shown = {
            name: self.graph.matrix(value) if isinstance(value, Features) else value for name, value in values.items()
        }
        guards = {f"guard_{index}": guard.tensor for index, guard in enumerate(self.graph.guards)}
        return self.graph.model(shown | guards)
