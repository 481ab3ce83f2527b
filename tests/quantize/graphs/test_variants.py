"""The variants of a graph for a search: mild ones first, none longer, none twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import onnx
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier

from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.variants import graph_variants
from skerry.runtime.model import Model

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 40))


def test_a_wide_perceptron_in_every_variant(exported: Exported) -> None:
    estimator = MLPRegressor(hidden_layer_sizes=(400, 60), random_state=0, max_iter=1, solver="lbfgs", tol=1e9).fit(
        X, X[:, 0]
    )
    graph, load = exported(estimator, X)
    parent = load(packed(graph))
    feeds = parent.feeds.from_rows(X)
    found = list(graph_variants(packed(graph), feeds))
    assert [tuple(step.detail.values()) for step, _ in found] == [
        ("exact", "float32"),
        ("float32", "as before"),
        ("float16", "float32"),
        ("float16", "as before"),
        ("int8", "float32"),
        ("int8", "as before"),
        ("float16", "int8"),
    ]
    assert {step.arrow for step, _ in found} == {"quantize"}
    errors = [np.abs(load(content).predict(X) - estimator.predict(X)).mean() for _, content in found]
    assert all(before < 2 * after for before, after in pairwise(errors[::2]))
    assert max(errors) < 0.05 * np.std(estimator.predict(X))
    assert all(len(content) < len(packed(graph)) for _, content in found)


def test_what_has_nothing_to_gain_has_no_variants(exported: Exported) -> None:
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X[:, :2], X[:, 0] > 0)
    graph, _ = exported(tree, X[:, :2].astype(np.float32))
    assert list(graph_variants(packed(graph))) == []


def test_they_are_made_one_by_one(exported: Exported) -> None:
    graph, _ = exported(LogisticRegression().fit(X, RANDOM.integers(0, 9, 200)), X)
    step, content = next(graph_variants(packed(graph)))
    assert (step.detail["constants"], len(content) < len(packed(graph))) == ("exact", True)
