"""A model must not grow because it was read and written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper
from sklearn.ensemble import RandomForestClassifier

from skerry.quantize.graphs.packing import packed
from skerry.runtime.model import Model


def test_trees_are_as_short_as_they_were_exported(
    exported: Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]],
) -> None:
    X = np.random.default_rng(0).normal(size=(200, 5))
    estimator = RandomForestClassifier(10, random_state=0).fit(X, X[:, 0] + X[:, 1] > 0)
    graph, load = exported(estimator, X)
    content = packed(graph)
    assert len(content) < 0.8 * graph.ByteSize()
    for node, expected in zip(onnx.load_from_string(content).graph.node, graph.graph.node, strict=True):
        assert sorted(node.attribute, key=_name) == sorted(expected.attribute, key=_name)
    np.testing.assert_array_equal(load(content).predict(X), estimator.predict(X))


def _name(attribute: onnx.AttributeProto) -> str:
    return attribute.name


def test_negative_numbers_in_lists_are_kept() -> None:
    node = helper.make_node("Squeeze", ["x"], ["y"], axes=[*range(9), -1])
    model = helper.make_model(helper.make_graph([node], "test", [], []))
    assert onnx.load_from_string(packed(model)) == model
