"""LatentDirichletAllocation: each row's topics, by its own iteration to its own end, in a Loop over all rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import NOISE, ROUNDED, imprecise
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor

EULER = 0.577215664901532860606512090082402431


def latent_dirichlet(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """What scikit-learn's Cython does for one row after the other; a row that has converged stays as it is."""
    graph = scope.graph
    X = graph.matrix(features, estimator.components_.dtype)
    if X.dtype == np.float32:  # rounding may decide when a row stops, and grows until then
        graph.tolerance = max(graph.tolerance, 10 * ROUNDED)
        scope.ties(lambda rows: imprecise(estimator, "transform", rows), within=NOISE[np.dtype(np.float32)])
    scope.refuse_not_finite(X)
    _refuse_negative(graph, X)
    topics = _repeat(graph, estimator, X)
    total = graph.op("ReduceSum", topics, np.array([1]), width=1, keepdims=1)
    return {"transform": Features.of(graph.op("Div", topics, total))}


def _repeat(graph: Graph, estimator: Any, X: Tensor) -> Tensor:
    """The Loop. Its state is each row's topics, and beside them a column that is 1 until the row has converged."""
    count = len(estimator.components_)
    body = Graph(_count=graph._count)
    names = [body.fresh(name) for name in ("iteration", "running", "state")]
    after = _step(body, estimator, X, Tensor(names[2], X.dtype, count + 1))
    running = body.cast(body.op("ReduceMax", body.columns(after, [count]), keepdims=0, width=None), BOOL)
    graph._count = body._count
    element = helper.np_dtype_to_tensor_dtype(X.dtype)
    kinds: list[tuple[int, list[int] | None]] = [(TensorProto.INT64, []), (TensorProto.BOOL, []), (element, None)]
    inputs = [helper.make_tensor_value_info(name, *kind) for name, kind in zip(names, kinds, strict=True)]
    outputs = [
        helper.make_tensor_value_info(running.name, TensorProto.BOOL, []),
        helper.make_tensor_value_info(after.name, element, None),
    ]
    drawn = helper.make_graph(body.nodes, "update", inputs, outputs, list(body.initializers.values()))
    rows = graph.op("Shape", X, dtype=INT64, width=None, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([count + 1]), width=None, axis=0)
    ones = graph.op("Expand", np.ones((1, 1), X.dtype), shape, dtype=X.dtype, width=count + 1)
    limit = np.array(estimator.max_doc_update_iter)
    state = graph.op("Loop", limit, np.array(True), ones, body=drawn, dtype=X.dtype, width=count + 1)
    return graph.columns(state, np.arange(count))


def _step(graph: Graph, estimator: Any, X: Tensor, state: Tensor) -> Tensor:
    """One update of the rows that have not converged."""
    words = estimator.exp_dirichlet_component_
    count = len(words)
    before, active = graph.columns(state, np.arange(count)), graph.columns(state, [count])
    weights = _expectation(graph, before)
    seen = graph.op("MatMul", weights, words, width=words.shape[1])
    seen = graph.op("Add", seen, np.array(np.finfo(X.dtype).eps, X.dtype))
    spread = graph.op("MatMul", graph.op("Div", X, seen), words.T, width=count)
    after = graph.op("Add", graph.op("Mul", weights, spread), np.array(estimator.doc_topic_prior_, X.dtype))
    change = graph.cast(graph.op("Abs", graph.op("Sub", before, after)), FLOAT64)
    mean = graph.op("ReduceMean", change, np.array([1]), width=1, keepdims=1)
    converged = graph.op("Less", mean, np.array(estimator.mean_change_tol, np.float64), dtype=BOOL)
    kept = graph.op("Where", graph.cast(active, BOOL), after, before, dtype=X.dtype, width=count)
    still = graph.op("Where", converged, np.array(0, X.dtype), active, dtype=X.dtype, width=1)
    return graph.concat([kept, still])


def _expectation(graph: Graph, topics: Tensor) -> Tensor:
    """``exp(E[log θ])`` of θ ~ Dirichlet(topics)."""
    total = graph.op("ReduceSum", topics, np.array([1]), width=1, keepdims=1)
    return graph.op("Exp", graph.op("Sub", _digamma(graph, topics), _digamma(graph, total)))


def _digamma(graph: Graph, values: Tensor) -> Tensor:
    """The digamma function as scikit-learn has it: raised to 6 or more by recurrence, then a short series; in float64."""
    given = x = graph.cast(values, FLOAT64)
    terms = []
    for _ in range(6):
        low = graph.cast(graph.op("Less", x, np.array(6.0), dtype=BOOL), FLOAT64)
        terms.append(graph.op("Div", low, x))
        x = graph.op("Add", x, low)
    inverse = graph.op("Div", np.array(1.0), x)
    halves = graph.op("Sub", graph.op("Log", x), graph.op("Mul", inverse, np.array(0.5)))
    raised = graph.op("Sub", halves, graph.op("Sum", *terms))
    result = graph.op("Sub", raised, _tail(graph, graph.op("Mul", inverse, inverse)))
    near_zero = graph.op("Sub", np.array(-EULER), graph.op("Div", np.array(1.0), given))
    tiny = graph.op("LessOrEqual", given, np.array(1e-6), dtype=BOOL)
    return graph.cast(graph.op("Where", tiny, near_zero, result, dtype=FLOAT64), values.dtype)


def _tail(graph: Graph, r: Tensor) -> Tensor:
    """``r (1/12 - r (1/120 - r/252))``."""
    total = graph.op("Sub", np.array(1 / 120), graph.op("Mul", r, np.array(1 / 252)))
    total = graph.op("Sub", np.array(1 / 12), graph.op("Mul", r, total))
    return graph.op("Mul", r, total)


def _refuse_negative(graph: Graph, X: Tensor) -> None:
    lowest = graph.op("ReduceMin", X, np.array([1]), width=1, keepdims=1)
    below = graph.op("Less", lowest, np.array(0, X.dtype), dtype=BOOL)
    graph.guard(below, [], "expected numbers that are not negative, got one that is")
