"""float32 in the place of float64: same inputs and outputs, the same refusals, and what must not be rounded is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.precision import rounded_down, single
from skerry.runtime.errors import InvalidInput, NoGain
from skerry.runtime.model import Model

Exported = Callable[..., tuple[onnx.ModelProto, Callable[[bytes], Model]]]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 6))
CLASSES = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 1)
NUMBERS = X @ RANDOM.normal(size=6) + 3
ROWS = RANDOM.normal(size=(300, 6))

MODELS: dict[str, Any] = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "perceptron": make_pipeline(StandardScaler(), MLPClassifier((20, 10), max_iter=20, random_state=0)),
    "support vectors": SVC(),
    "neighbours": KNeighborsClassifier(3),
    "bayes": GaussianNB(),
    "process": GaussianProcessRegressor(RBF(2.0), alpha=1e-2, optimizer=None),
    "clusters": KMeans(4, n_init=1, random_state=0),
    "forest": ExtraTreesClassifier(10, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=20, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=10),
    "bins": make_pipeline(KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"), Ridge()),
}


def _fitted(name: str) -> Any:
    estimator = MODELS[name]
    numbers = name in ("process", "boosting", "bins")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, NUMBERS if numbers else CLASSES)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_float32_answers_as_its_parent_does(name: str, exported: Exported) -> None:
    graph, load = exported(_fitted(name), X)
    parent, child = load(packed(graph)), load(packed(single(graph)))
    feeds = parent.feeds.from_rows(ROWS)
    for method in parent.manifest.methods:
        expected, got = (model.answer(feeds, [method])[0] for model in (parent, child))
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-5)
        else:
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["perceptron", "support vectors", "process", "neighbours"])
def test_large_constants_are_halved(name: str, exported: Exported) -> None:
    graph, _ = exported(_fitted(name), X)
    largest = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    made = {tensor.name: tensor for tensor in single(graph).graph.initializer}
    assert largest.name not in made
    assert made[f"{largest.name}_single"].data_type == TensorProto.FLOAT
    assert len(packed(single(graph))) < 0.75 * len(packed(graph))


def test_columns_are_scaled_before_they_are_rounded(exported: Exported) -> None:
    """Seconds since 1970 need more digits than float32 has; a day's difference of them does not."""
    seconds = 1.7e9 + RANDOM.uniform(0, 86_400, (200, 2))
    estimator = make_pipeline(StandardScaler(), Ridge()).fit(seconds, (seconds - 1.7e9) @ [1.0, 2.0])
    graph, load = exported(estimator, seconds)
    got = load(packed(single(graph))).predict(seconds)
    np.testing.assert_allclose(got, estimator.predict(seconds), rtol=1e-6)


def test_mixed_columns_with_gaps_and_categories(exported: Exported) -> None:
    frame = pd.DataFrame(
        {
            "amount": np.where(RANDOM.random(150) < 0.1, np.nan, RANDOM.normal(1e6, 10, 150)),
            "amount_single": RANDOM.normal(size=150),
            "city": RANDOM.choice(["Rome", "Oslo", "Bern"], 150),
            "code": RANDOM.choice([0.1, 0.1 + 1e-12, 7.0], 150),
        }
    )
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["amount", "amount_single"]),
        (OneHotEncoder(), ["city"]),
        (OrdinalEncoder(), ["code"]),
    )
    estimator = make_pipeline(prepared, LogisticRegression()).fit(frame, CLASSES)
    graph, load = exported(estimator, frame)
    child = load(packed(single(graph)))
    np.testing.assert_allclose(child.predict_proba(frame), estimator.predict_proba(frame), atol=1e-5)
    with pytest.raises(InvalidInput, match="city"):
        child.predict(frame.assign(city="Paris"))


def test_guards_refuse_the_same_rows(exported: Exported) -> None:
    graph, load = exported(make_pipeline(StandardScaler(), LogisticRegression()).fit(X * 1e-9, CLASSES), X * 1e-9)
    parent, child = load(packed(graph)), load(packed(single(graph)))
    for value in (1e39, 1e200, -1e290):
        row = np.where(np.arange(6) == 2, value, X[:1] * 1e-9)
        assert child.predict(row) == parent.predict(row)
    row = np.where(np.arange(6) == 2, 1e308, X[:1])
    for model in (parent, child):
        with pytest.raises(InvalidInput):
            model.predict(row)


@pytest.mark.parametrize("name", ["linear", "perceptron", "support vectors", "clusters", "neighbours"])
def test_numbers_beyond_float32_are_answered_with_numbers(name: str, exported: Exported) -> None:
    graph, load = exported(_fitted(name), X)
    child = load(packed(single(graph)))
    rows = np.where(np.arange(6) == RANDOM.integers(6, size=(20, 1)), 1e60, X[:20])
    for method in child.manifest.methods:
        assert np.isfinite(child.answer(child.feeds.from_rows(rows), [method])[0]).all()


def test_rows_of_float32_take_the_same_ways_at_every_threshold(exported: Exported) -> None:
    rows = X.astype(np.float32)
    tree = DecisionTreeRegressor(random_state=0).fit(X, np.arange(150.0))
    boosting = GradientBoostingRegressor(n_estimators=40, random_state=0).fit(X, NUMBERS)
    for estimator in (tree, boosting):
        graph, load = exported(estimator, rows)
        first = getattr(estimator, "estimators_", np.array([[estimator]]))[0, 0].tree_
        at = first.threshold[first.feature >= 0].astype(np.float32)[:, None] * np.ones((1, 6), np.float32)
        near = np.vstack([rows, at, np.nextafter(at, np.float32(9)), np.nextafter(at, np.float32(-9))])
        child = load(packed(single(graph)))
        np.testing.assert_allclose(child.predict(near), estimator.predict(near), rtol=1e-5)


def test_thresholds_are_rounded_down() -> None:
    thresholds = np.array([0.1, -0.1, 1.0, 3e39, -3e39, np.inf, 1e-50])
    rounded = rounded_down(thresholds)
    assert rounded.dtype == np.float32
    assert (rounded <= thresholds).all()
    with np.errstate(over="ignore"):
        assert (np.nextafter(rounded, np.float32(np.inf))[:-2] > thresholds[:-2]).all()
    assert rounded[-2] == np.inf


def _divided_by(value: float, kind: str = "Mul") -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.array([[value], [1.0]]), "w")
    matrix = helper.make_node("MatMul", ["X", "w"], ["product"])
    node = helper.make_node(kind, ["product", "v"], ["predict"])
    values = numpy_helper.from_array(np.array(value), "v")
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows", n]) for name, n in (("X", 2), ("predict", 1))
    ]
    graph = helper.make_graph([matrix, node], "test", ends[:1], ends[1:], [weights, values])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_a_constant_beyond_the_range_is_refused() -> None:
    with pytest.raises(NoGain, match=r"1e\+50, beyond its range"):
        single(_divided_by(1e50))


def test_a_constant_too_small_for_the_range_does_not_become_zero() -> None:
    made = single(_divided_by(1e-50, "Div"))
    values = [
        numpy_helper.to_array(tensor) for tensor in made.graph.initializer if tensor.data_type == TensorProto.FLOAT
    ]
    assert all((value != 0).all() for value in values)
