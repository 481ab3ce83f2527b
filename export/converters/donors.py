"""KNNImputer: a missing number becomes the mean of those of the nearest training rows that have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import nan_euclidean_distances

from skerry.export.converters.distances import EPSILON, TIED, either, smallest, squared_distances
from skerry.export.converters.neighbors import row_sums
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Array, Features, Graph, Outputs, Tensor
from skerry.runtime.feeds import is_missing


def knn_imputer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, training = scope.graph, estimator._fit_X
    if estimator.metric != "nan_euclidean" or callable(estimator.weights) or not is_missing(estimator.missing_values):
        raise scope.refuse(estimator, "only NaN is imputed, by nan_euclidean distances and no weights of one's own")
    X = graph.floats(features)
    if X.dtype != FLOAT64 or training.dtype != FLOAT64:
        raise scope.refuse(estimator, "in float32 the distances are mostly rounding")
    graph.guard(graph.op("IsInf", X, dtype=BOOL), [], "expected no infinite numbers")
    scope.ties(lambda X: _tied(estimator, np.asarray(X, float)))
    missing = graph.op("IsNaN", X, dtype=BOOL)
    distances = _distances(graph, X, missing, training)
    valid = estimator._valid_mask
    columns = [
        _imputed(estimator, graph, column, X, missing, distances) if valid[column] else _zeros(graph, X)
        for column in range(len(valid))
        if valid[column] or estimator.keep_empty_features
    ]
    result = Features.of(graph.concat(columns))
    if estimator.add_indicator and len(estimator.indicator_.features_):
        indicated = graph.columns(missing, np.asarray(estimator.indicator_.features_, int))
        result = Features.join([result, Features.of(graph.cast(indicated, FLOAT64))])
    return {"transform": result}


def _distances(graph: Graph, X: Tensor, missing: Tensor, training: Array) -> Tensor:
    """``nan_euclidean_distances``, by its own formula: (rows, training rows), NaN where no column is known of both."""
    absent = np.isnan(training)
    known = np.where(absent, 0, training)
    filled = graph.op("Where", missing, np.array(0.0), X, dtype=FLOAT64)
    unknown, count = graph.cast(missing, FLOAT64), len(training)
    squares = squared_distances(graph, filled, known)
    theirs = graph.op("MatMul", graph.op("Mul", filled, filled), absent.T.astype(float), width=count)
    ours = graph.op("MatMul", unknown, (known * known).T, width=count)
    squares = graph.op("Max", graph.op("Sub", graph.op("Sub", squares, theirs), ours), np.array(0.0))
    shared = graph.op("MatMul", graph.op("Sub", np.array(1.0), unknown), (~absent).T.astype(float), width=count)
    mean = graph.op("Div", squares, graph.op("Max", shared, np.array(1.0)))
    distances = graph.op("Sqrt", graph.op("Mul", mean, np.array(float(training.shape[1]))))
    alone = graph.op("Equal", shared, np.array(0.0), dtype=BOOL)
    return graph.op("Where", alone, np.array(np.nan), distances, dtype=FLOAT64, width=count)


def _imputed(estimator: Any, graph: Graph, column: int, X: Tensor, missing: Tensor, distances: Tensor) -> Tensor:
    """A column with its gaps filled; where no row has one, as it is."""
    gaps, values = graph.columns(missing, [column]), graph.columns(X, [column])

    def filled(body: Graph) -> Sequence[Tensor]:
        found = _mean_of_donors(estimator, body, column, distances)
        return [body.op("Where", gaps, found, values, dtype=FLOAT64)]

    some = graph.op("ReduceMax", graph.cast(gaps, np.int32), np.array([0, 1]), width=None, keepdims=0)
    (result,) = either(graph, graph.cast(some, bool), filled, lambda body: [body.op("Identity", values)])
    return graph.width_of(result, 1)


def _mean_of_donors(estimator: Any, graph: Graph, column: int, distances: Tensor) -> Tensor:
    """What stands in the column of the nearest training rows that know it: (rows, 1)."""
    given = estimator._fit_X[:, column]
    donors = np.flatnonzero(~np.isnan(given))
    away = graph.columns(distances, donors)
    unknown = graph.op("IsNaN", away, dtype=BOOL)
    away = graph.op("Where", unknown, np.array(np.inf), away, dtype=FLOAT64)
    nearest, places = smallest(graph, away, min(estimator.n_neighbors, len(donors)))
    weights = _weights(estimator, graph, nearest)
    values = graph.op("Gather", given[donors], places, dtype=FLOAT64, axis=0)
    total = row_sums(graph, weights)
    mean = graph.op("Div", row_sums(graph, graph.op("Mul", values, weights)), total)
    nobody = graph.op("Equal", total, np.array(0.0), dtype=BOOL)
    return graph.op("Where", nobody, np.array(given[donors].mean()), mean, dtype=FLOAT64)


def _weights(estimator: Any, graph: Graph, nearest: Tensor) -> Tensor:
    """What each donor counts; nothing where the distance is not known."""
    if estimator.weights != "distance":
        return graph.cast(graph.op("Not", graph.op("IsInf", nearest, dtype=BOOL)), FLOAT64)
    inverse = graph.op("Div", np.array(1.0), nearest)
    same = graph.cast(graph.op("IsInf", inverse, dtype=BOOL), FLOAT64)
    some = graph.op("Greater", row_sums(graph, same), np.array(0.0), dtype=BOOL)
    return graph.op("Where", some, same, inverse, dtype=FLOAT64, width=nearest.width)


def _zeros(graph: Graph, X: Tensor) -> Tensor:
    return graph.cast(graph.op("Less", graph.columns(X, [0]), np.array(-np.inf), dtype=BOOL), FLOAT64)


def _tied(estimator: Any, X: Array) -> Array:
    """Where in a column to fill the last donor is as far as the next, or distances are mostly rounding."""
    training = estimator._fit_X
    squares = nan_euclidean_distances(X, training, squared=True)
    reach = np.linalg.norm(np.nan_to_num(X), axis=1) + np.linalg.norm(np.nan_to_num(training), axis=1).max()
    noise = (X.shape[1] + 8) * EPSILON * reach**2 * X.shape[1]
    tied = np.zeros(len(X), bool)
    for column in np.flatnonzero(estimator._valid_mask):
        near = np.sort(squares[:, ~np.isnan(training[:, column])], axis=1)
        count = min(estimator.n_neighbors, near.shape[1])
        found = np.zeros(len(X), bool)
        if near.shape[1] > count:
            found |= near[:, count] - near[:, count - 1] <= np.maximum(noise, 4 * TIED * near[:, count])
        if estimator.weights == "distance":
            found |= (noise[:, None] > 1e-10 * near[:, :count]).any(axis=1)
        tied |= found & np.isnan(X[:, column])
    return tied
