"""Numbers by which something is looked up stay what they are, however a graph is rewritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

from skerry.quantize.graphs.exact import exact_nodes, exact_values
from skerry.quantize.graphs.leaves import leaves
from skerry.quantize.graphs.precision import single
from skerry.quantize.graphs.variants import VARIANTS, Variant
from skerry.runtime.errors import NoGain
from skerry.runtime.model import Model
from skerry.runtime.session import Session

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
X, Y = make_friedman1(1200, random_state=0)
CLASSES = np.digitize(Y, [10, 14, 18])
IDENTITIES = 20_000_001 + CLASSES  # float32 has no odd numbers there
CODES = IDENTITIES[:, None] + np.arange(3)

MODELS: dict[str, tuple[Any, Any, Any]] = {
    "leaves of several targets": (RandomForestRegressor(30, random_state=0), X, np.column_stack([Y, np.sin(9 * Y)])),
    "leaves of several classes": (RandomForestClassifier(10, min_samples_leaf=5, random_state=0), X, CLASSES),
    "leaves of a bag": (BaggingClassifier(DecisionTreeClassifier(min_samples_leaf=5), 12, random_state=0), X, CLASSES),
    "leaves as columns": (
        make_pipeline(RandomTreesEmbedding(5, max_depth=12, random_state=0), LogisticRegression()),
        X,
        CLASSES,
    ),
    "places among quantiles": (make_pipeline(QuantileTransformer(n_quantiles=600), Ridge()), X, Y),
    "places on a line": (IsotonicRegression(out_of_bounds="clip"), Y + np.sin(40 * Y), Y),
    "large labels": (AdaBoostClassifier(LogisticRegression(max_iter=20), n_estimators=3), X, IDENTITIES),
    "large categories": (make_pipeline(OrdinalEncoder(), LogisticRegression()), CODES.astype(float), CLASSES),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_rewritten_graph_looks_up_what_it_did(name: str, exported: Exported) -> None:
    estimator, rows, target = MODELS[name]
    graph, load = exported(estimator.fit(rows, target), rows)
    parent = load(graph.SerializeToString())
    feeds = parent.feeds.from_rows(rows)
    expected = parent.answer(feeds, ["predict"])[0]
    made = [content for variant in VARIANTS if (content := rewritten(variant, graph, feeds)) is not None]
    assert made
    for content in made:
        got = load(content).answer(feeds, ["predict"])[0]
        if expected.dtype.kind == "f":
            assert np.abs(got - expected).mean() < 0.01 * expected.std()
        else:
            assert (got == expected).mean() > 0.99


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("large")])
def test_numbers_of_leaves_and_places_are_not_rounded(name: str, exported: Exported) -> None:
    """They are all that the trees of these models say."""
    estimator, rows, target = MODELS[name]
    graph, _ = exported(estimator.fit(rows, target), rows)
    assert any(node.op_type == "TreeEnsemble" for node in graph.graph.node)
    assert leaves(graph, 2) == graph


def test_an_ensemble_in_parts_tells_the_same_leaves(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operator has some of the trees, and their sum the numbers of all leaves."""
    monkeypatch.setattr("skerry.export.converters.trees.CACHED_NODES", 500)
    estimator = BaggingClassifier(DecisionTreeClassifier(min_samples_leaf=2), 12, random_state=0).fit(X, CLASSES)
    graph, load = exported(estimator, X)
    assert sum(node.op_type == "TreeEnsemble" for node in graph.graph.node) > 1
    got = load(single(graph).SerializeToString()).predict_proba(X)
    assert (np.abs(got - estimator.predict_proba(X)).max(axis=1) < 1e-6).mean() > 0.99


def rewritten(variant: Variant, graph: onnx.ModelProto, feeds: Any) -> bytes | None:
    try:
        return variant.content(graph, feeds)
    except NoGain:
        return None


def numbered(first: float) -> onnx.ModelProto:
    """A stump that says ``first`` or the number after it, as an integer."""
    stump = helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["leaf"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=1,
        post_transform=0,
        tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.zeros(1, np.uint8)),
        nodes_featureids=[0],
        nodes_splits=numpy_helper.from_array(np.zeros(1)),
        nodes_truenodeids=[0],
        nodes_trueleafs=[1],
        nodes_falsenodeids=[1],
        nodes_falseleafs=[1],
        leaf_targetids=[0, 0],
        leaf_weights=numpy_helper.from_array(np.array([first, first + 1])),
    )
    graph = helper.make_graph(
        [stump, helper.make_node("Cast", ["leaf"], ["number"], to=TensorProto.INT64)],
        "test",
        [helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["rows", 1])],
        [helper.make_tensor_value_info("number", TensorProto.INT64, ["rows", 1])],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.mark.parametrize(("first", "wide"), [(0.0, set()), (2.0**24, {0, 1})])
def test_numbers_that_float32_does_not_hold_stay_in_float64(first: float, wide: set[int]) -> None:
    model = numbered(first)
    assert exact_values(model.graph) == {"leaf"}
    assert exact_nodes(model.graph) == wide
    session = Session(single(model).SerializeToString())
    (got,) = session.run({"X": np.array([[-1.0], [1.0]])}, ["number"])
    assert got.ravel().tolist() == [first, first + 1]


def test_leaves_that_are_numbers_of_something_are_not_rounded() -> None:
    model = numbered(7.0)
    assert leaves(model, 1) == model


def test_what_decides_is_where_it_ends() -> None:
    """A class is a place in a table, but the scores by which it is found need not be exact."""
    nodes = [
        helper.make_node("MatMul", ["X", "weights"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
        helper.make_node("Cast", ["best"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "wide"], ["code"]),
        helper.make_node("Floor", ["code"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["number"], to=TensorProto.INT64),
    ]
    graph = helper.make_graph(nodes, "test", [], [])
    assert exact_values(graph) == {"whole", "code", "table", "wide", "best"}
    assert exact_nodes(graph) == {2, 3, 4, 5}
