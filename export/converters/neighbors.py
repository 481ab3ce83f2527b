"""Estimators that answer from the training rows near a row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import numpy as np

from skerry.export.converters.distances import Metric, Nearest, nearest
from skerry.export.converters.labels import highest, label_of
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import tied_probabilities
from skerry.export.graph import BOOL, FLOAT64, INT64, Array, Features, Graph, Outputs, Tensor, make_tensor

METRICS_CONVERTED = (
    "no metric but euclidean, manhattan, chebyshev, minkowski, cosine and precomputed; no weights of one's own; none "
    "fitted on a sparse matrix; of neighbours at exactly the same distance others may be chosen, which counts as a tie"
)


def k_neighbors_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    weighs = _weighs(estimator, scope)
    found = k_nearest(estimator, estimator.n_neighbors, features, scope, measured=weighs)
    weights = _weights(graph, found) if weighs else None
    if weights is not None:
        weightless = graph.op("Equal", row_sums(graph, weights), np.array(0, weights.dtype), dtype=BOOL)
        graph.guard(weightless, [], "expected a row with a neighbour that is not infinitely far")
        scope.ties(lambda X: tied_probabilities(estimator, X))
    probabilities = []
    for labels, classes in zip(_targets(estimator), _classes(estimator), strict=True):
        near = graph.op("Gather", labels, found.indices, dtype=INT64, axis=0)
        votes = _votes(graph, near, weights, len(classes))
        probabilities.append(graph.op("Div", votes, row_sums(graph, votes)))
    return _classified(estimator, probabilities, [highest(graph, shares) for shares in probabilities], scope)


def k_neighbors_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    weighs = _weighs(estimator, scope)
    found = k_nearest(estimator, estimator.n_neighbors, features, scope, measured=weighs)
    targets = estimator._y.reshape(len(estimator._y), -1)
    targets = targets.astype(np.float32 if targets.dtype == np.float32 and not weighs else float)
    near = graph.op("Gather", targets, found.indices, dtype=targets.dtype, axis=0)
    if weighs:
        weights = _weights(graph, found)
        products = graph.op("Mul", near, graph.op("Unsqueeze", graph.cast(weights, FLOAT64), np.array([2])))
        sums = graph.op("ReduceSum", products, np.array([1]), width=targets.shape[1], keepdims=0)
        means = graph.op("Div", sums, graph.cast(row_sums(graph, weights), FLOAT64))
    else:
        means = graph.op("ReduceMean", near, np.array([1]), width=targets.shape[1], keepdims=0)
    return {"predict": graph.flatten(means) if estimator._y.ndim == 1 else means}


def k_neighbors_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """The graph of neighbours, a column for each training row; with distances there is one neighbour more."""
    graph = scope.graph
    measured = estimator.mode == "distance"
    found = k_nearest(estimator, estimator.n_neighbors + measured, features, scope, measured=measured)
    edges = found.distances if measured else graph.op("GreaterOrEqual", found.indices, np.array(0), dtype=BOOL)
    return {"transform": Features.of(_scattered(graph, found.indices, edges, estimator.n_samples_fit_))}


def radius_neighbors_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    weighing = _radius_weights(estimator, scope)
    metric = Metric.of(estimator, features, scope)
    if weighing is _alike and metric.by == "reduction" and metric.name != "euclidean" and not estimator.outputs_2d_:
        raise scope.refuse(estimator, "of these settings scikit-learn also takes rows that are not numbers")
    weights = _within(estimator, features, scope, weighing)
    alone = graph.op("Equal", row_sums(graph, weights), np.array(0.0), dtype=BOOL)
    strange = estimator.outlier_label_ or [None] * len(_classes(estimator))
    if estimator.outlier_label_ is None:
        graph.guard(alone, [], "expected rows with neighbours within the radius")
    probabilities, labels = [], []
    for targets, classes, label in zip(_targets(estimator), _classes(estimator), strange, strict=True):
        votes = graph.op("MatMul", weights, np.eye(len(classes))[targets], width=len(classes))
        shares = graph.op("Div", votes, graph.op("Where", alone, np.array(1.0), row_sums(graph, votes), dtype=FLOAT64))
        given = (classes == label).astype(float)
        shares = graph.op("Where", alone, given.reshape(1, -1), shares, dtype=FLOAT64, width=len(classes))
        best = highest(graph, shares)
        if estimator.outlier_label_ is not None:
            best = graph.op("Where", graph.flatten(alone), np.array(len(classes)), best, dtype=INT64)
        probabilities.append(shares)
        labels.append(best)
    return _classified(estimator, probabilities, labels, scope, strange)


def radius_neighbors_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    if estimator._y.dtype.kind != "f":
        raise scope.refuse(estimator, "the dtype of its answers hangs on the rows, as its targets are whole numbers")
    weights = _within(estimator, features, scope, _radius_weights(estimator, scope))
    targets = estimator._y.reshape(len(estimator._y), -1)
    total = row_sums(graph, weights)
    means = graph.op("Div", graph.op("MatMul", weights, targets.astype(float), width=targets.shape[1]), total)
    alone = graph.op("Equal", total, np.array(0.0), dtype=BOOL)
    means = graph.op("Where", alone, np.array(np.nan), means, dtype=FLOAT64, width=targets.shape[1])
    return {"predict": graph.flatten(means) if estimator._y.ndim == 1 else means}


def radius_neighbors_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"transform": Features.of(_within(estimator, features, scope, _EDGES[estimator.mode]))}


def local_outlier_factor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """For ``novelty=True``: how dense it is around a row, against around its neighbours."""
    graph = scope.graph
    count, dtype = estimator.n_neighbors_, features.float_dtype
    found = k_nearest(estimator, count, features, scope, measured=True)
    reach = estimator._distances_fit_X_[:, count - 1]
    wide = np.result_type(reach.dtype, dtype)
    theirs = graph.op("Gather", reach.astype(wide), found.indices, dtype=wide, axis=0)
    reached = graph.op("Max", graph.cast(graph.cast(found.distances, dtype), wide), theirs)
    mean = graph.op("ReduceMean", reached, np.array([1]), width=1, keepdims=1)
    density = graph.op("Div", np.array(1, wide), graph.op("Add", mean, np.array(1e-10, wide)))
    widest = np.result_type(estimator._lrd.dtype, wide)
    ratios = graph.op("Gather", estimator._lrd.astype(widest), found.indices, dtype=widest, axis=0)
    ratios = graph.op("Div", ratios, graph.cast(density, widest))
    scores = graph.op("Neg", graph.op("ReduceMean", ratios, np.array([1]), width=None, keepdims=0))
    decided = (np.empty(0, widest) - estimator.offset_).dtype
    decision = graph.op("Sub", graph.cast(scores, decided), np.array(estimator.offset_, decided))
    outlying = graph.op("Less", decision, np.array(0, decided), dtype=BOOL)
    labels = graph.op("Where", outlying, np.array(-1), np.array(1), dtype=INT64)
    return {"score_samples": scores, "decision_function": decision, "predict": labels}


def neighborhood_components(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, components = scope.graph, estimator.components_.T
    X = scope.finite(features)
    dtype = np.result_type(X.dtype, components.dtype)
    projected = graph.op("MatMul", graph.cast(X, dtype), components.astype(dtype), width=components.shape[1])
    return {"transform": Features.of(projected)}


def _radius_weights(estimator: Any, scope: Scope) -> Weighing:
    return _inverse if _weighs(estimator, scope) else _alike


def k_nearest(neighbors: Any, count: int, features: Features, scope: Scope, *, measured: bool) -> Nearest:
    """The nearest training rows; ``measured`` says that their distances matter, not only which they are."""
    metric = Metric.of(neighbors, features, scope)
    if measured and metric.name == "cosine" and metric.dtype == np.float32:
        raise scope.refuse(neighbors, "cosine distances in float32 are mostly rounding")
    X = _accepted(metric, features, scope)
    scope.ties(lambda X: _tied(neighbors, metric, count, np.asarray(X), measured=measured))
    return nearest(metric, scope.graph, X, count)


def _accepted(metric: Metric, features: Features, scope: Scope) -> Tensor:
    X = scope.finite(features)
    if metric.name == "precomputed":
        negative = scope.graph.op("Less", X, np.array(0, X.dtype), dtype=BOOL)
        scope.graph.guard(negative, [], "expected distances, which are not negative")
    else:
        scope.keeps(features, metric.training)
    return X


def _tied(neighbors: Any, metric: Metric, count: int, X: Array, *, measured: bool) -> Array:
    """Where the last neighbour and the next training row are as near, but for rounding, or the distances themselves
    are mostly rounding, which ``algorithm="brute"`` makes of those of near duplicates."""
    found, _ = neighbors.kneighbors(X, min(count + 1, neighbors.n_samples_fit_))
    squares = np.asarray(found, float) ** (2 if metric.name == "euclidean" else 1)
    noise = metric.noise(X)
    tied = np.zeros(len(X), bool)
    if squares.shape[1] > count:
        gap = squares[:, count] - squares[:, count - 1]
        tied |= ~(gap > np.maximum(noise, 4 * metric.rounding * squares[:, count]))
    if measured:
        tied |= (noise[:, None] > 1e-10 * squares[:, :count]).any(axis=1)
    return tied


def _weighs(estimator: Any, scope: Scope) -> bool:
    """Whether neighbours count by the inverse of their distance, not all alike."""
    if callable(estimator.weights):
        raise scope.refuse(estimator, "weights computed by a function of one's own are not converted")
    return bool(estimator.weights == "distance")


def _weights(graph: Graph, found: Nearest) -> Tensor:
    """``1 / distance``, (rows, neighbours); beside neighbours at no distance the others count nothing."""
    inverse = graph.op("Div", np.array(1, found.distances.dtype), found.distances)
    infinite = graph.op("IsInf", inverse, dtype=BOOL)
    ones = graph.cast(infinite, inverse.dtype)
    any_infinite = graph.op("Greater", row_sums(graph, ones), np.array(0, inverse.dtype), dtype=BOOL)
    return graph.op("Where", any_infinite, ones, inverse, dtype=inverse.dtype, width=inverse.width)


def row_sums(graph: Graph, values: Tensor) -> Tensor:
    return graph.op("ReduceSum", values, np.array([1]), width=1, keepdims=1)


def _targets(estimator: Any) -> Array:
    """The indices of the training rows' classes: (targets, training rows)."""
    targets: Array = estimator._y.reshape(len(estimator._y), -1).T
    return targets


def _classes(estimator: Any) -> list[Array]:
    return estimator.classes_ if estimator.outputs_2d_ else [estimator.classes_]


def _votes(graph: Graph, near: Tensor, weights: Tensor | None, count: int) -> Tensor:
    """The weight of each class among the classes of the neighbours: (rows, neighbours) → float64 (rows, count)."""
    held = graph.op("Equal", graph.op("Unsqueeze", near, np.array([2])), np.arange(count), dtype=BOOL)
    held = graph.cast(held, FLOAT64)
    if weights is not None:
        held = graph.op("Mul", held, graph.op("Unsqueeze", graph.cast(weights, FLOAT64), np.array([2])))
    return graph.op("ReduceSum", held, np.array([1]), width=count, keepdims=0)


def _classified(
    estimator: Any, probabilities: list[Tensor], best: list[Tensor], scope: Scope, others: Any = ()
) -> Outputs:
    """Labels and probabilities of one target, or of each of several. ``others`` are labels that follow the classes."""
    graph = scope.graph
    known = [
        classes if label is None else np.append(classes, np.asarray([label]).astype(classes.dtype))
        for classes, label in zip_longest(_classes(estimator), others)
    ]
    labels = [label_of(graph, index, classes) for index, classes in zip(best, known, strict=True)]
    if not estimator.outputs_2d_:
        return {"predict": labels[0], "predict_proba": probabilities[0]}
    outputs: Outputs = {f"predict_proba_{target}": shares for target, shares in enumerate(probabilities)}
    return outputs | {"predict": graph.concat([graph.column(label) for label in labels])}


def _scattered(graph: Graph, indices: Tensor, values: Tensor, width: int) -> Tensor:
    """``values`` in the columns ``indices``, zero in the others: float64 (rows, width)."""
    rows = graph.op("Shape", indices, dtype=INT64, width=None, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([width]), width=None, axis=0)
    zeros = graph.op("ConstantOfShape", shape, dtype=FLOAT64, width=width, value=make_tensor(np.zeros(1)))
    return graph.op("ScatterElements", zeros, indices, graph.cast(values, FLOAT64), axis=1, reduction="add")


Weighing = Callable[[Graph, Tensor, Tensor], Tensor]
"""From distances to all training rows, and a mask of those within the radius, to what each counts."""


def _within(neighbors: Any, features: Features, scope: Scope, weighing: Weighing) -> Tensor:
    """What each training row counts, by its distance: float64 (rows, training rows), zero outside the radius."""
    graph = scope.graph
    metric = Metric.of(neighbors, features, scope)
    X = _accepted(metric, features, scope)
    measured = weighing is not _alike
    scope.ties(lambda X: _on_the_radius(metric, neighbors.radius, np.asarray(X), measured=measured))
    surrogates = metric.all_surrogates(graph, X)
    inside = graph.op(
        "LessOrEqual", surrogates, np.array(metric.surrogate(neighbors.radius)).astype(surrogates.dtype), dtype=BOOL
    )
    return weighing(graph, graph.cast(metric.distances(graph, surrogates), FLOAT64), inside)


def _on_the_radius(metric: Metric, radius: float, X: Array, *, measured: bool) -> Array:
    """Where a training row is as far as the radius, but for rounding, or the distances are mostly rounding."""
    squares = metric.exact(X)
    noise, limit = metric.noise(X)[:, None], metric.surrogate(radius)
    tied = np.abs(squares - limit) <= np.maximum(noise, 4 * metric.rounding * limit)
    if measured:
        tied |= (noise > 1e-10 * squares) & (squares <= limit)
    return tied.any(axis=1)


def _alike(graph: Graph, distances: Tensor, inside: Tensor) -> Tensor:
    return graph.cast(inside, FLOAT64)


def _inverse(graph: Graph, distances: Tensor, inside: Tensor) -> Tensor:
    """``1 / distance``; beside training rows at no distance the others count nothing."""
    same = graph.cast(graph.op("Equal", distances, np.array(0.0), dtype=BOOL), FLOAT64)
    some = graph.op("Greater", row_sums(graph, same), np.array(0.0), dtype=BOOL)
    inverse = _measured(graph, graph.op("Div", np.array(1.0), distances), inside)
    return graph.op("Where", some, same, inverse, dtype=FLOAT64, width=distances.width)


def _measured(graph: Graph, distances: Tensor, inside: Tensor) -> Tensor:
    return graph.op("Where", inside, distances, np.array(0.0), dtype=FLOAT64, width=distances.width)


_EDGES: dict[str, Weighing] = {"connectivity": _alike, "distance": _measured}
