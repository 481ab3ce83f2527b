"""Support vector machines as libsvm answers: in float64, class against class, votes counted pair by pair."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from sklearn.metrics.pairwise import pairwise_kernels

from skerry.export.converters import kernels
from skerry.export.converters.labels import highest, label_of, not_negative, pairwise_decision, positive, sigmoid
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import NOISE, ROUNDED
from skerry.export.graph import BOOL, FLOAT64, INT64, Array, Features, Graph, Outputs, Tensor

DOUBTFUL = 1e-10
"""What rounding may add to a decision, relative above 1, before a row counts as tied."""

ITERATIONS = 100
LEAST = 1e-7
"""libsvm's limits: sweeps over the coupled probabilities, and how close to 0 and 1 a pair's may come."""


def support_vector_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """SVC, NuSVC. A decision of two classes is above 0 for the first to libsvm, for the second to scikit-learn."""
    graph, count = scope.graph, len(estimator.classes_)
    if estimator.break_ties and estimator.decision_function_shape == "ovo":
        raise scope.refuse(estimator, "break_ties with decision_function_shape='ovo': it cannot predict")
    decisions = _decisions(estimator, features, scope)
    shown = graph.op("Neg", graph.flatten(decisions)) if count == 2 else decisions
    if count > 2 and estimator.decision_function_shape == "ovr":
        lost = graph.op("Less", decisions, np.array(0.0), dtype=BOOL)
        shown = class_decision(graph, lost, decisions, count)
    index = _winner(graph, graph.flatten(decisions) if count == 2 else decisions, count)
    if estimator.break_ties and count > 2:
        index = highest(graph, shown)
    outputs: Outputs = {"decision_function": shown, "predict": label_of(graph, index, estimator.classes_)}
    if len(estimator._probA):
        outputs["predict_proba"] = _probabilities(estimator, decisions, scope)
    return outputs


def support_vector_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": scope.graph.flatten(_decisions(estimator, features, scope))}


def one_class(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """OneClassSVM: 1 where the decision is above 0, else -1."""
    graph = scope.graph
    decision = graph.flatten(_decisions(estimator, features, scope))
    return {
        "predict": label_of(graph, positive(graph, decision), np.array([-1, 1])),
        "decision_function": decision,
        "score_samples": graph.op("Add", decision, np.asarray(estimator.offset_, float)),
    }


def sgd_one_class(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """SGDOneClassSVM: linear, and 1 from 0 on; added in float64 and rounded to the dtype of the data."""
    graph, coefficients, offset = scope.graph, estimator.coef_, np.asarray(estimator.offset_)
    X = scope.finite(features)
    dtype = np.result_type(X.dtype, coefficients.dtype)
    if dtype == np.float32:
        scope.ties(lambda rows: _is_imprecise(estimator, rows), within=NOISE[np.dtype(np.float32)])
        graph.tolerance = max(graph.tolerance, ROUNDED)
    sums = graph.op("MatMul", graph.cast(X, FLOAT64), coefficients.T.astype(float), width=1)
    sums = graph.cast(graph.flatten(sums), np.result_type(dtype, offset.dtype))
    decision = graph.op("Sub", sums, offset.astype(sums.dtype))
    return {
        "predict": label_of(graph, not_negative(graph, decision), np.array([-1, 1], np.int32)),
        "decision_function": decision,
        "score_samples": graph.op("Add", decision, offset.astype(sums.dtype)),
    }


def _is_imprecise(estimator: Any, rows: Any) -> Array:
    """Rows whose float32 decision strays from the exact one, or is 0 within rounding."""
    exact = (np.asarray(rows, float) @ estimator.coef_.T.astype(float) - estimator.offset_).ravel()
    off = np.abs(estimator.decision_function(rows) - exact)
    return np.asarray((off > ROUNDED / 2) | (np.abs(exact) <= off))


def _decisions(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """libsvm's decision values: (rows, pairs of classes), or (rows, 1)."""
    graph = scope.graph
    X = graph.cast(scope.finite(features), FLOAT64)
    vectors, weights = kernels.dense(estimator.support_vectors_), _pair_weights(estimator)
    if callable(estimator.kernel):
        raise scope.refuse(estimator, "a kernel of one's own (a callable) is not converted")
    scope.ties(lambda rows: _is_noise(estimator, np.asarray(rows, float), vectors, weights), within=NOISE[FLOAT64])
    if estimator.kernel == "linear":
        return graph.op("Gemm", X, vectors.T @ weights, estimator._intercept_, width=weights.shape[1])
    if estimator.kernel == "poly" and weights.shape[1] > 1:
        return graph.op("Add", _class_sums(estimator, X, vectors, weights, scope), estimator._intercept_)
    kernel = _kernel(estimator, X, vectors, scope)
    return graph.op("Gemm", kernel, weights, estimator._intercept_, width=weights.shape[1])


def _kernel(estimator: Any, X: Tensor, vectors: Array, scope: Scope) -> Tensor:
    graph, gamma = scope.graph, estimator._gamma
    if estimator.kernel == "precomputed":
        return graph.columns(X, estimator.support_)
    if estimator.kernel == "rbf":
        return kernels.radial(graph, X, vectors, gamma)
    if estimator.kernel == "sigmoid":
        return kernels.sigmoid(graph, X, vectors, gamma, estimator.coef0)
    return kernels.polynomial(graph, X, vectors, gamma, estimator.degree, estimator.coef0)


def _is_noise(estimator: Any, X: Array, vectors: Array, weights: Array) -> Array:
    """Rows far out, whose kernels are so large that what libsvm rounds, adding them up, shows in a decision, or makes one."""
    parameters = {"gamma": estimator._gamma, "degree": max(estimator.degree, 1), "coef0": estimator.coef0}
    if estimator.kernel == "precomputed":
        K = X[:, estimator.support_]
    else:
        K = pairwise_kernels(X, vectors, estimator.kernel, filter_params=True, **parameters)
    noise = np.finfo(float).eps * np.abs(K) @ np.abs(weights)
    size = np.abs(K @ weights + estimator._intercept_)
    return np.asarray(((noise > DOUBTFUL * np.maximum(1, size)) | (noise >= size)).any(axis=1))


def _pair_weights(estimator: Any) -> Array:
    """(vectors, pairs of classes): each pair's coefficients, 0 for the vectors of other classes."""
    coefficients = kernels.dense(estimator._dual_coef_)
    if len(coefficients) == 1:
        return coefficients.T
    owner = np.repeat(np.arange(len(coefficients) + 1), estimator.n_support_)
    pairs = combinations(range(len(coefficients) + 1), 2)
    return np.column_stack(
        [np.where(owner == i, coefficients[j - 1], np.where(owner == j, coefficients[i], 0.0)) for i, j in pairs]
    )


def _class_sums(estimator: Any, X: Tensor, vectors: Array, weights: Array, scope: Scope) -> Tensor:
    """``kernel @ weights`` where kernels may be inf: no pair adds another class's vectors, as 0 times inf is NaN."""
    graph, count = scope.graph, len(estimator.classes_)
    ends = np.cumsum(estimator.n_support_)
    parts, used = [], np.abs(_signs(count)) > 0
    for start, end, pairs in zip(ends - estimator.n_support_, ends, used.T, strict=True):
        own = _kernel(estimator, X, vectors[start:end], scope)
        parts.append(graph.affine(own, weights[start:end, pairs]))
    first, second = _halves(count)
    sums = graph.concat(parts)
    return graph.op("Add", graph.columns(sums, first), graph.columns(sums, second))


def _halves(count: int) -> tuple[list[int], list[int]]:
    """Where the sums of the first and of the second class of each pair are: a class has one for each other class."""
    pairs, others = list(combinations(range(count), 2)), count - 1
    return [i * others + j - 1 for i, j in pairs], [j * others + i for i, j in pairs]


def _signs(count: int) -> Array:
    """(pairs, classes): 1 for the first class of a pair, -1 for the second."""
    pairs = np.array(list(combinations(range(count), 2)))
    classes = np.arange(count)
    return (pairs[:, :1] == classes).astype(float) - (pairs[:, 1:] == classes)


def _winner(graph: Graph, decisions: Tensor, count: int) -> Tensor:
    """libsvm's class: a pair above 0 is won by its first class, the most pairs by the first that won so many."""
    wins = graph.op("Greater", decisions, np.array(0.0), dtype=BOOL)
    if count == 2:
        return graph.cast(graph.op("Not", wins), INT64)
    return highest(graph, _votes(graph, wins, count))


def _votes(graph: Graph, wins: Tensor, count: int) -> Tensor:
    """(rows, classes): how many pairs each class wins."""
    signs = _signs(count)
    return graph.op("Gemm", graph.cast(wins, FLOAT64), signs, (signs < 0).sum(axis=0).astype(float), width=count)


def class_decision(graph: Graph, second: Tensor, margins: Tensor, count: int) -> Tensor:
    """scikit-learn's decisions of classes from those of pairs: float64 (rows, classes).

    ``second`` says which pairs their second class wins, ``margins`` how clearly their first does.
    """
    votes = _votes(graph, graph.op("Not", second), count)
    return pairwise_decision(graph, votes, graph.op("MatMul", margins, _signs(count), width=count))


def _probabilities(estimator: Any, decisions: Tensor, scope: Scope) -> Tensor:
    """Platt's probability of each pair, then coupled: (rows, classes)."""
    graph, count = scope.graph, len(estimator.classes_)
    exponent = graph.op("Mul", decisions, -np.asarray(estimator._probA))
    first = sigmoid(graph, graph.op("Sub", exponent, np.asarray(estimator._probB)))
    for kind, limit in (("Greater", np.array(LEAST)), ("Less", np.array(1 - LEAST))):  # NaN becomes the least
        first = graph.op("Where", graph.op(kind, first, limit, dtype=BOOL), first, limit, dtype=FLOAT64)
    return _coupled(graph, first, count)


def _coupled(graph: Graph, first: Tensor, count: int) -> Tensor:
    """Probabilities of classes from those of pairs, by Wu, Lin and Weng's second method as libsvm stops it."""
    zeros = graph.op("Mul", graph.columns(first, [0]), np.zeros(count), width=count)
    start = graph.op("Add", zeros, np.array(1 / count))
    return _repeat(graph, start, _Sweep(graph, _coupling_matrix(graph, first, count), count))


def _coupling_matrix(graph: Graph, first: Tensor, count: int) -> Tensor:
    """(rows, classes, classes): ``-r_ij r_ji`` beside the diagonal, and on it the sum over the others' ``r_ji²``."""
    second = graph.op("Sub", np.array(1.0), first)
    both = graph.concat([first, second, graph.op("Mul", graph.columns(first, [0]), np.array(0.0))])
    pairs = {pair: index for index, pair in enumerate(combinations(range(count), 2))}
    beaten = [[_index(pairs, j, i) for j in range(count)] for i in range(count)]
    lost = graph.op("Gather", both, np.array(beaten), axis=1, width=count)
    won = graph.op("Transpose", lost, perm=[0, 2, 1])
    squares = graph.op("ReduceSumSquare", lost, np.array([2]), keepdims=1)
    return graph.op("Sub", graph.op("Mul", squares, np.eye(count), width=count), graph.op("Mul", lost, won))


def _index(pairs: dict[tuple[int, int], int], i: int, j: int) -> int:
    """The column of class i's probability against class j among first, second and 0."""
    if i == j:
        return 2 * len(pairs)
    return pairs[i, j] if i < j else pairs[j, i] + len(pairs)


class _Sweep:
    """One sweep over the classes, which moves one probability after the other to where ``p·Qp`` is least.

    libsvm scales the probabilities to sum to 1 after each move; here they keep their ``total`` until the end.
    """

    def __init__(self, graph: Graph, matrix: Tensor, count: int) -> None:
        self.matrix, self.count = matrix, count
        diagonal = graph.op("ReduceSum", graph.op("Mul", matrix, np.eye(count)), np.array([2]), keepdims=1)
        parts = (graph.op("Div", np.eye(count), diagonal), graph.op("Div", matrix, diagonal))
        self.moves = graph.op("Concat", *parts, axis=2, width=2 * count)

    def append(self, graph: Graph, start: Tensor) -> tuple[Tensor, Tensor]:
        """The probabilities after a sweep, and which rows needed it: those that had not converged."""
        count = self.count
        column = graph.op("Unsqueeze", start, np.array([2]))
        slopes = graph.op("Squeeze", graph.op("MatMul", self.matrix, column), np.array([2]), width=count)
        value = graph.op("ReduceSum", graph.op("Mul", start, slopes), np.array([1]), width=1, keepdims=1)
        error = graph.op("ReduceMax", graph.op("Abs", graph.op("Sub", slopes, value)), np.array([1]), width=1)
        needed = graph.op("GreaterOrEqual", error, np.array(0.005 / count), dtype=BOOL)
        state = graph.concat([start, slopes])
        total: Tensor | Array = np.array(1.0)
        for index in range(count):
            state, value, total = self._move(graph, state, value, total, index)
        after = graph.op("Div", graph.columns(state, np.arange(count)), total)
        return graph.op("Where", needed, after, start, dtype=FLOAT64, width=count), needed

    def _move(
        self, graph: Graph, state: Tensor, value: Tensor, total: Tensor | Array, index: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        level = graph.op("Div", value, total)
        slope = graph.columns(state, [self.count + index])
        row = graph.op("Gather", self.moves, np.array(index), axis=1)
        change = graph.op("Mul", graph.op("Sub", level, slope), row, width=2 * self.count)
        step = graph.columns(change, [index])
        total = graph.op("Add", step, total)
        value = graph.op("Add", value, graph.op("Mul", step, graph.op("Add", level, slope)))
        return graph.op("Add", state, change), value, total


def _repeat(graph: Graph, start: Tensor, sweep: _Sweep) -> Tensor:
    """Sweep until every row has converged; a Loop whose body is drawn as a graph of its own."""
    body = Graph(_count=graph._count)
    names = [body.fresh(name) for name in ("iteration", "running", "probabilities")]
    after, needed = sweep.append(body, Tensor(names[2], FLOAT64, sweep.count))
    running = body.op("ReduceMax", body.cast(needed, INT64), keepdims=0, width=None)
    running = body.cast(running, BOOL)
    graph._count = body._count
    inputs = [
        helper.make_tensor_value_info(names[0], TensorProto.INT64, []),
        helper.make_tensor_value_info(names[1], TensorProto.BOOL, []),
        helper.make_tensor_value_info(names[2], TensorProto.DOUBLE, None),
    ]
    outputs = [
        helper.make_tensor_value_info(running.name, TensorProto.BOOL, []),
        helper.make_tensor_value_info(after.name, TensorProto.DOUBLE, None),
    ]
    drawn = helper.make_graph(body.nodes, "sweep", inputs, outputs, list(body.initializers.values()))
    limit = np.array(max(ITERATIONS, sweep.count))
    return graph.op("Loop", limit, np.array(True), start, body=drawn, dtype=FLOAT64, width=sweep.count)
