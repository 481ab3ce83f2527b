"""Distances to training rows, and the nearest of them.

Euclidean neighbours are found by one matrix product, ``|y|² - 2xy``, which ranks the training rows but for its rounding.
So a few more than are wanted are taken, and measured again as ``Σ(x - y)²``, which is right to the last bits also
next to a training row. Where the rounding may have hidden a neighbour among those not taken, which a bound tells,
all training rows are measured: rows with many near duplicates, and rows far out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import helper
from scipy.spatial.distance import cdist
from sklearn.metrics._pairwise_distances_reduction import ArgKmin
from sklearn.preprocessing import normalize

from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, TIE
from skerry.export.graph import BOOL, FLOAT64, INT64, Array, Features, Graph, Tensor, element_type

SPARE = 8
"""Candidates taken beyond the neighbours wanted."""
LARGEST = 1e140
"""Numbers in training rows whose squares are far from overflowing."""
EPSILON = float(np.finfo(np.float64).eps)

METRICS = ("euclidean", "manhattan", "chebyshev", "minkowski", "cosine", "precomputed")
_NAMES = {"l1": "manhattan", "cityblock": "manhattan"}


@dataclass(frozen=True)
class Metric:
    """How scikit-learn measures rows against ``training``, (count, columns); ``by`` says with which of its algorithms.

    Trees, and the pairwise reductions of ``algorithm="brute"``, rank by a monotone function of the distance (its
    square), and where that overflows they name the first training row. The reductions of float32 rows round each
    distance to float32. What neither takes, such as cosine distances, comes from ``pairwise_distances``.
    """

    name: str
    by: str  # "tree", "reduction" or "pairwise"
    dtype: np.dtype
    training: Array
    p: float = 2.0
    w: Array | None = None

    @classmethod
    def of(cls, neighbors: Any, features: Features, scope: Scope) -> Metric:
        """That of a fitted ``NeighborsBase``, or ``UnsupportedEstimator``."""
        given, training = neighbors.effective_metric_, neighbors._fit_X
        name = _NAMES.get(given, given) if isinstance(given, str) else ""
        if name not in METRICS:
            raise scope.refuse(neighbors, f"metric={given!r} is not converted")
        if not isinstance(training, np.ndarray):
            raise scope.refuse(neighbors, "it was fitted on a sparse matrix")
        if name == "euclidean" and neighbors._fit_method == "brute" and float(np.abs(training).max()) > LARGEST:
            raise scope.refuse(neighbors, "squares of its training rows overflow")
        dtype = features.float_dtype
        reduced = ArgKmin.is_usable_for(np.empty((1, 1), features.dtype), training, name)
        by = "tree" if neighbors._fit_method != "brute" else "reduction" if reduced else "pairwise"
        if name in _MATRICES and dtype == training.dtype == np.float32:
            scope.graph.tolerance = max(scope.graph.tolerance, ROUNDED)
        parameters = neighbors.effective_metric_params_
        w = parameters.get("w")
        return cls(
            name, by, dtype, training, float(parameters.get("p", 2)), None if w is None else np.asarray(w, float)
        )

    @property
    def rounds(self) -> bool:
        """Whether distances are rounded to float32."""
        return self.by == "reduction" and self.dtype == np.float32

    def surrogates(self, graph: Graph, X: Tensor, rows: Tensor) -> Tensor:
        """What is ranked, for ``rows`` (..., columns) against ``X`` that broadcasts with it: (...)."""
        narrow = self.rounds and self.name != "euclidean"
        dtype = X.dtype if narrow else FLOAT64
        difference = graph.cast(graph.op("Sub", graph.cast(rows, dtype), graph.cast(X, dtype)), FLOAT64)
        found = _SURROGATES[self.name](self, graph, difference)
        return graph.cast(graph.cast(found, np.float32), FLOAT64) if narrow else found

    def distances(self, graph: Graph, surrogates: Tensor) -> Tensor:
        """Distances, of what was ranked: float64, to float32's precision where scikit-learn rounds."""
        if self.by == "reduction":
            surrogates = graph.op("Min", surrogates, np.array(np.finfo(float).max))
        if self.rounds:
            surrogates = graph.cast(surrogates, np.float32)
        if self.name == "euclidean":
            surrogates = graph.op("Sqrt", surrogates)
        elif self.name == "minkowski":
            roots = graph.op("Pow", graph.cast(surrogates, FLOAT64), np.array(1 / self.p))
            surrogates = graph.cast(roots, surrogates.dtype)
        return graph.cast(surrogates, FLOAT64)

    def all_surrogates(self, graph: Graph, X: Tensor) -> Tensor:
        """What is ranked, against all training rows, one of ``X`` at a time: (rows, training rows)."""
        if self.name in _MATRICES:
            return _MATRICES[self.name](self, graph, X)
        (found,) = each_row(graph, X, lambda body, row: [self.surrogates(body, row, _training(self, body))])
        return graph.width_of(found, len(self.training))

    def surrogate(self, distance: float) -> float:
        """What is ranked, at a distance."""
        return float(distance**self.surrogate_power)

    def exact(self, X: Array) -> Array:
        """What is ranked, as exactly as float64 tells: (rows, training rows)."""
        if self.name == "precomputed":
            return np.asarray(X, float)
        named = {"manhattan": "cityblock"}.get(self.name, self.name)
        weighted = {"p": self.p, "w": self.w} if self.name == "minkowski" else {}
        with np.errstate(all="ignore"):
            found = cdist(np.asarray(X, float), self.training.astype(float), named, **weighted)
            return np.asarray(found**self.surrogate_power)

    @property
    def surrogate_power(self) -> float:
        return {"euclidean": 2.0, "minkowski": self.p}.get(self.name, 1.0)

    @property
    def rounding(self) -> float:
        """How much of a distance, relatively, is rounding."""
        narrow = self.rounds or (self.by == "pairwise" and self.name in _MATRICES and self.dtype == np.float32)
        return float(np.finfo(np.float32).eps) if narrow else TIE

    def noise(self, X: Array) -> Array:
        """How far scikit-learn's own squared distances may be off, for each row."""
        if self.name == "cosine":
            return np.full(len(X), (X.shape[1] + 8) * EPSILON)
        if self.name != "euclidean" or self.by == "tree":
            return np.zeros(len(X))
        return squared_noise(X, self.training)


def _minkowski(metric: Metric, graph: Graph, difference: Tensor) -> Tensor:
    powers = graph.op("Pow", graph.op("Abs", difference), np.array(metric.p))
    if metric.w is not None:
        powers = graph.op("Mul", powers, metric.w)
    return _reduced(graph, "ReduceSum", powers)


def _reduced(graph: Graph, kind: str, values: Tensor) -> Tensor:
    return graph.op(kind, values, np.array([-1]), keepdims=0, width=None)


_SURROGATES: dict[str, Callable[[Metric, Graph, Tensor], Tensor]] = {
    "euclidean": lambda _, graph, difference: _reduced(graph, "ReduceSumSquare", difference),
    "manhattan": lambda _, graph, difference: _reduced(graph, "ReduceSum", graph.op("Abs", difference)),
    "chebyshev": lambda _, graph, difference: _reduced(graph, "ReduceMax", graph.op("Abs", difference)),
    "minkowski": _minkowski,
}


def _cosine(metric: Metric, graph: Graph, X: Tensor) -> Tensor:
    """``clip(1 - cos, 0, 2)`` in the wider dtype; a row of zeros, or nearly so, is not normalized."""
    dtype = np.result_type(X.dtype, metric.training.dtype, np.float32)
    X = graph.cast(X, dtype)
    norms = graph.op("Sqrt", graph.op("ReduceSumSquare", X, np.array([1]), width=1, keepdims=1))
    tiny = graph.op("Less", norms, np.array(10 * np.finfo(dtype).eps, dtype), dtype=BOOL)
    norms = graph.op("Where", tiny, np.array(1, dtype), norms, dtype=dtype)
    training = normalize(metric.training.astype(dtype)).T
    similar = graph.op("MatMul", graph.op("Div", X, norms), training, width=training.shape[1])
    return graph.op("Clip", graph.op("Sub", np.array(1, dtype), similar), np.array(0, dtype), np.array(2, dtype))


_MATRICES: dict[str, Callable[[Metric, Graph, Tensor], Tensor]] = {"cosine": _cosine, "precomputed": lambda _, __, X: X}
"""Distances to all training rows that are cheap to have at once."""


@dataclass(frozen=True)
class Nearest:
    """The nearest training rows of each row, the nearest first: float64 and INT64 (rows, count)."""

    distances: Tensor
    indices: Tensor


def nearest(metric: Metric, graph: Graph, X: Tensor, count: int) -> Nearest:
    """The ``count`` nearest training rows of each of ``X``, (rows, columns); of those tied the first."""
    if metric.name in _MATRICES:
        return Nearest(*smallest(graph, _MATRICES[metric.name](metric, graph, X), count))
    search = _by_product if metric.name == "euclidean" else _one_by_one
    surrogates, indices = search(metric, graph, X, count)
    if metric.by != "pairwise":  # a distance that overflows is never put among the nearest: there the first row stands
        far = graph.op("IsInf", surrogates, dtype=BOOL)
        indices = graph.op("Where", far, np.array(0), indices, dtype=INT64, width=count)
    return Nearest(metric.distances(graph, surrogates), indices)


def squared_distances(graph: Graph, X: Tensor, rows: Array) -> Tensor:
    """``|x|² - 2xy + |y|²`` in float64, not below zero: (rows of X, rows)."""
    wide, others = graph.cast(X, FLOAT64), rows.astype(float)
    squares = graph.op("ReduceSumSquare", wide, np.array([1]), width=1, keepdims=1)
    products = graph.op("MatMul", wide, -2 * others.T, width=len(rows))
    total = graph.op("Add", graph.op("Add", products, squares), (others * others).sum(axis=1))
    return graph.op("Max", total, np.array(0.0))


def squared_noise(X: Array, rows: Array) -> Array:
    """How far ``squared_distances``, scikit-learn's own included, may be off for each of ``X``."""
    with np.errstate(over="ignore"):
        reach = np.linalg.norm(np.asarray(X, float), axis=1) + np.linalg.norm(rows.astype(float), axis=1).max()
    return np.asarray((X.shape[1] + 8) * EPSILON * reach**2)


def smallest(graph: Graph, values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest values along the last axis, ascending, and where they stand; of equal ones the first."""
    names = graph.fresh("smallest"), graph.fresh("places")
    inputs = [values.name, graph.constant(np.array([count]))]
    graph.nodes.append(helper.make_node("TopK", inputs, list(names), axis=-1, largest=0))
    return Tensor(names[0], values.dtype, count), Tensor(names[1], INT64, count)


def each_row(graph: Graph, X: Tensor, compute: Callable[[Graph, Tensor], Sequence[Tensor]]) -> list[Tensor]:
    """What ``compute`` makes of one row, (columns,), for all rows one after the other.

    For what would not fit into memory for many rows at once, or not into the cache. Constants are those of ``graph``.
    """
    body = _body(graph)
    row = Tensor(body.fresh("row"), X.dtype, None)
    made = compute(body, row)
    graph._count = body._count
    declared = [helper.make_tensor_value_info(tensor.name, element_type(tensor.dtype), None) for tensor in (row, *made)]
    names = [graph.fresh("scan") for _ in made]
    proto = helper.make_graph(body.nodes, "row", declared[:1], declared[1:])
    graph.nodes.append(helper.make_node("Scan", [X.name], names, body=proto, num_scan_inputs=1))
    return [Tensor(name, tensor.dtype, tensor.width) for name, tensor in zip(names, made, strict=True)]


def each_block(graph: Graph, X: Tensor, size: int, compute: Callable[[Graph, Tensor], Tensor]) -> Tensor:
    """What ``compute`` makes of up to ``size`` rows, as many rows, for all rows one block after the other."""
    body = _body(graph)
    block = Tensor(body.fresh("block"), X.dtype, X.width)
    made = compute(body, block)
    graph._count = body._count
    declared = [
        helper.make_tensor_value_info(tensor.name, element_type(tensor.dtype), None) for tensor in (block, made)
    ]
    proto = helper.make_graph(body.nodes, "block", declared[:1], declared[1:])
    blocks, results = graph.fresh("blocks"), graph.fresh("blocks")
    split = [X.name, graph.constant(np.array(size))]
    graph.nodes.append(helper.make_node("SplitToSequence", split, [blocks], axis=0))
    graph.nodes.append(helper.make_node("SequenceMap", [blocks], [results], body=proto))
    return graph.op("ConcatFromSequence", Tensor(results, made.dtype, made.width), axis=0)


def _body(graph: Graph) -> Graph:
    """A graph inside a node. It shares the constants, and may take what was made outside, but not the other way round."""
    return replace(graph, inputs=[], nodes=[], _made=dict(graph._made))


def _training(metric: Metric, graph: Graph) -> Tensor:
    """The training rows; what is computed from them alone is computed when the model is loaded."""
    return Tensor(graph.constant(metric.training), metric.training.dtype, metric.training.shape[1])


def _one_by_one(metric: Metric, graph: Graph, X: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The smallest of what is ranked, and whose: float64 and INT64 (rows, count)."""

    def one(body: Graph, row: Tensor) -> Sequence[Tensor]:
        return smallest(body, metric.surrogates(body, row, _training(metric, body)), count)

    values, indices = each_row(graph, X, one)
    return values, indices


def _by_product(metric: Metric, graph: Graph, X: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As ``_one_by_one``, of Euclidean distances."""
    total = len(metric.training)
    taken = min(total, count + SPARE)
    training = graph.cast(_training(metric, graph), FLOAT64)
    X = graph.cast(X, FLOAT64)
    centre = metric.training.astype(float).mean(axis=0)
    reduced, centred = graph.op("Sub", training, centre), graph.op("Sub", X, centre)
    ranks = graph.op(
        "Gemm", centred, reduced, _reduced(graph, "ReduceSumSquare", reduced), alpha=-2.0, transB=1, width=total
    )
    scores, candidates = smallest(graph, ranks, taken)
    rows = graph.op("Gather", training, candidates, dtype=FLOAT64, axis=0)
    alone = graph.op("Unsqueeze", X, np.array([1]))
    values, places = smallest(graph, metric.surrogates(graph, alone, rows), count)
    indices = graph.op("GatherElements", candidates, places, axis=1, width=count)
    if taken == total:
        return values, indices
    hidden = _hidden(metric, graph, centred, scores, values)
    return _mended(metric, graph, X, hidden, values, indices)


def _hidden(metric: Metric, graph: Graph, centred: Tensor, scores: Tensor, values: Tensor) -> Tensor:
    """Where rounding of the product, ``scores``, may hide a neighbour: BOOL (rows,).

    The next training row has at least the last score. Its error is at most ``(columns + 8) ε (|x| + max |y|)²``, and
    to be that far off must matter: it does not among neighbours that are tied.
    """
    training = metric.training.astype(float)
    with np.errstate(over="ignore"):
        largest = np.linalg.norm(training - training.mean(axis=0), axis=1).max()
    squares = graph.op("ReduceSumSquare", centred, np.array([1]), width=1, keepdims=1)
    reach = graph.op("Add", graph.op("Sqrt", squares), np.array(largest))
    bound = graph.op("Mul", graph.op("Mul", reach, reach), np.array((training.shape[1] + 8) * EPSILON))
    next_one, last = graph.columns(scores, [(scores.width or 1) - 1]), graph.columns(values, [(values.width or 1) - 1])
    beyond = graph.op("Greater", graph.op("Sub", graph.op("Add", next_one, squares), bound), last, dtype=BOOL)
    tied = graph.op("Less", bound, graph.op("Mul", last, np.array(TIE)), dtype=BOOL)
    return graph.flatten(graph.op("Not", graph.op("Or", beyond, tied)))


def _mended(
    metric: Metric, graph: Graph, X: Tensor, hidden: Tensor, values: Tensor, indices: Tensor
) -> tuple[Tensor, Tensor]:
    """``values`` and ``indices``, measured anew in the rows marked."""

    def anew(body: Graph) -> Sequence[Tensor]:
        where = body.op("Transpose", body.op("NonZero", hidden, dtype=INT64))
        measured = _one_by_one(metric, body, body.op("Compress", X, hidden, axis=0), values.width or 1)
        return [body.op("ScatterND", old, where, new) for old, new in zip((values, indices), measured, strict=True)]

    some = graph.op("ReduceMax", graph.cast(hidden, np.int32), np.array([0]), dtype=np.int32, width=None, keepdims=0)
    first, second = either(
        graph, graph.cast(some, bool), anew, lambda body: [body.op("Identity", values), body.op("Identity", indices)]
    )
    return first, second


def either(
    graph: Graph,
    condition: Tensor,
    then: Callable[[Graph], Sequence[Tensor]],
    otherwise: Callable[[Graph], Sequence[Tensor]],
) -> list[Tensor]:
    """What one of the two computes, by a BOOL scalar."""
    protos = []
    for branch in (then, otherwise):
        body = _body(graph)
        made = branch(body)
        graph._count = body._count
        declared = [helper.make_tensor_value_info(tensor.name, element_type(tensor.dtype), None) for tensor in made]
        protos.append(helper.make_graph(body.nodes, "branch", [], declared))
    names = [graph.fresh("either") for _ in made]
    graph.nodes.append(helper.make_node("If", [condition.name], names, then_branch=protos[0], else_branch=protos[1]))
    return [Tensor(name, tensor.dtype, tensor.width) for name, tensor in zip(names, made, strict=True)]
