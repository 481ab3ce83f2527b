"""Leaves on a grid: few numbers, each once in the file, and errors that cancel over the rows given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestClassifier

from skerry.quantize.graphs.leaves import leaves
from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.precision import single
from skerry.runtime.model import Model

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(600, 6))
Y = 50 + 10 * X[:, 0] * X[:, 1] + RANDOM.normal(size=600)
OTHERS = RANDOM.normal(size=(1_000, 6))


def weights(model: onnx.ModelProto) -> np.ndarray:
    (node,) = [node for node in model.graph.node if node.op_type == "TreeEnsemble"]
    return next(numpy_helper.to_array(each.t) for each in node.attribute if each.name == "leaf_weights")


def boosting() -> GradientBoostingRegressor:
    return GradientBoostingRegressor(n_estimators=80, random_state=0).fit(X, Y)


def test_leaves_are_multiples_of_a_power_of_two_and_each_lies_there_once(exported: Exported) -> None:
    graph, _ = exported(boosting(), X)
    found = weights(leaves(graph, 256))
    steps = found / np.abs(np.diff(found)).min()
    assert np.log2(np.abs(np.diff(found)).min()) % 1 == 0
    assert (steps == np.rint(steps)).all()
    assert len(np.unique(found)) == len(found) < 300 < len(weights(graph))


def test_the_file_becomes_shorter(exported: Exported) -> None:
    graph, _ = exported(boosting(), X)
    assert len(packed(leaves(graph, 256))) < 0.75 * len(packed(graph))
    assert len(packed(leaves(single(graph), 256))) < 0.55 * len(packed(graph))


@pytest.mark.parametrize("levels", [256, 4096])
def test_fed_back_errors_cancel(levels: int, exported: Exported) -> None:
    estimator = boosting()
    graph, load = exported(estimator, X)
    feeds = load(packed(graph)).feeds.from_rows(X)
    plain, fed = (load(packed(leaves(graph, levels, given))).predict(OTHERS) for given in (None, feeds))
    expected = estimator.predict(OTHERS)
    assert abs(np.mean(fed - expected)) < 0.1 * max(abs(np.mean(plain - expected)), 0.02)
    assert np.std(fed - expected) < 1.2 * np.std(plain - expected) < 0.01 * np.std(expected)


def test_missing_values_go_where_they_went(exported: Exported) -> None:
    gaps = np.where(RANDOM.random(X.shape) < 0.2, np.nan, X)
    estimator = HistGradientBoostingRegressor(max_iter=30).fit(gaps, Y)
    graph, load = exported(estimator, gaps)
    feeds = load(packed(graph)).feeds.from_rows(gaps)
    got = load(packed(leaves(graph, 256, feeds))).predict(gaps)
    assert np.abs(np.mean(got - estimator.predict(gaps))) < 0.01
    np.testing.assert_allclose(got, estimator.predict(gaps), atol=1.5)


def test_leaves_that_are_few_stay_as_they_are(exported: Exported) -> None:
    graph, _ = exported(RandomForestClassifier(10, random_state=0).fit(X, Y > 50), X)
    assert leaves(graph, 2**16) == graph


def test_a_model_without_trees_stays_as_it_is() -> None:
    model = helper.make_model(helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "test", [], []))
    assert leaves(model, 256) == model
