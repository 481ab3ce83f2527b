"""KNNImputer: a missing number becomes the mean of those of the nearest training rows that have it.

The nearest training rows of a row are found once for all its gaps, with some to spare, since not each of them has the
numbers that are missing. Of those that have one the first are its donors. For a gap that finds too few
among them, all training rows are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import nan_euclidean_distances

from skerry.export.converters.distances import (
    EPSILON,
    SPARE,
    each_block,
    each_row,
    either,
    smallest,
    squared_distances,
)
from skerry.export.converters.neighbors import row_sums
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import TIE
from skerry.export.graph import BOOL, FLOAT64, INT64, Array, Features, Graph, Outputs, Tensor
from skerry.runtime.feeds import is_missing

TINY = float(np.finfo(np.float64).tiny)
"""The least of squared distances: what is more than nothing is infinite, and not NaN, when divided by no columns."""
CELLS = 2**21
"""Distances that are had at once: more do not stay in the cache, and take much memory."""
MOST = 4
"""How many times the candidates that columns without gaps would need are taken at most."""


def knn_imputer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, valid = scope.graph, estimator._valid_mask
    if estimator.metric != "nan_euclidean" or callable(estimator.weights) or not is_missing(estimator.missing_values):
        raise scope.refuse(estimator, "only NaN is imputed, by nan_euclidean distances and no weights of one's own")
    X = graph.floats(features)
    if X.dtype != FLOAT64 or estimator._fit_X.dtype != FLOAT64:
        raise scope.refuse(estimator, "in float32 the distances are mostly rounding")
    graph.guard(graph.op("IsInf", X, dtype=BOOL), [], "expected no infinite numbers")
    scope.ties(lambda X: _tied(estimator, np.asarray(X, float)))
    missing = graph.op("IsNaN", X, dtype=BOOL)
    donors = Donors.of(estimator)
    rows = max(1, CELLS // len(donors.training))
    filled = each_block(graph, X, rows, lambda body, block: _filled(donors, body, block))
    if not valid.all():
        empty = graph.op("Where", valid[None], filled, np.array(0.0))
        filled = empty if estimator.keep_empty_features else graph.columns(filled, np.flatnonzero(valid))
    result = Features.of(filled)
    if estimator.add_indicator and len(estimator.indicator_.features_):
        indicated = graph.columns(missing, np.asarray(estimator.indicator_.features_, int))
        result = Features.join([result, Features.of(graph.cast(indicated, FLOAT64))])
    return {"transform": result}


@dataclass(frozen=True)
class Donors:
    """The training rows, (count, columns) with NaN, how many of them fill a gap, and whether near ones weigh more."""

    training: Array
    wanted: int
    weighted: bool

    @classmethod
    def of(cls, estimator: Any) -> Donors:
        training = estimator._fit_X
        return cls(training, min(estimator.n_neighbors, len(training)), estimator.weights == "distance")

    @cached_property
    def known(self) -> Array:
        return ~np.isnan(self.training)

    @cached_property
    def numbers(self) -> Array:
        return np.where(self.known, self.training, 0.0)

    @property
    def means(self) -> Array:
        """Of each column."""
        return np.asarray(self.numbers.sum(axis=0) / np.maximum(self.known.sum(axis=0), 1))

    @property
    def candidates(self) -> int:
        """How many of the nearest rows are searched for donors."""
        shares = self.known.mean(axis=0)
        share = max(shares[shares > 0].min(initial=1.0), 1 / MOST)
        return min(len(self.training), int(np.ceil((self.wanted + SPARE) / share)))


def _filled(donors: Donors, graph: Graph, X: Tensor) -> Tensor:
    """``X`` with its gaps filled; the others of its rows are not looked at."""
    gaps = graph.op("And", graph.op("IsNaN", X, dtype=BOOL), np.asarray(donors.known.any(axis=0, keepdims=True)))
    some = graph.op("ReduceMax", gaps, np.array([1]), keepdims=0, width=None)
    rows, gaps = graph.op("Compress", X, some, axis=0), graph.op("Compress", gaps, some, axis=0)
    ranks = _ranks(donors, graph, rows)
    pairs = _places(graph, gaps)
    owners, columns = graph.flatten(graph.columns(pairs, [0])), graph.columns(pairs, [1])
    near, places = (graph.op("Gather", each, owners, axis=0) for each in smallest(graph, ranks, donors.candidates))
    taken = _taken(donors, graph, columns, near, places)
    found = _mean(donors, graph, columns, near, places, taken)
    if donors.candidates < len(donors.training):
        found = _mended(donors, graph, pairs, ranks, found, _short(donors, graph, columns, near, taken))
    rows = graph.op("ScatterND", rows, pairs, graph.flatten(found))
    return graph.op("ScatterND", X, _places(graph, some), rows)


def _places(graph: Graph, mask: Tensor) -> Tensor:
    """Where a mask is true: INT64 (any, dimensions)."""
    return graph.op("Transpose", graph.op("NonZero", mask, dtype=INT64), width=1 if mask.width is None else 2)


def _ranks(donors: Donors, graph: Graph, X: Tensor) -> Tensor:
    """The mean of the squared differences in columns known of both: (rows, training rows), not a number or infinite
    where there are none. ``nan_euclidean_distances``, by whose own steps they are computed to round alike, are their
    roots but for a factor, which no mean of donors shows."""
    missing, count = graph.op("IsNaN", X, dtype=BOOL), len(donors.training)
    unknown = graph.cast(missing, FLOAT64)
    numbers = graph.op("Where", missing, np.array(0.0), X, dtype=FLOAT64, width=X.width)
    squares = squared_distances(graph, numbers, donors.numbers)
    theirs = graph.op("MatMul", graph.op("Mul", numbers, numbers), (~donors.known).T.astype(float), width=count)
    ours = graph.op("MatMul", unknown, (donors.numbers * donors.numbers).T, width=count)
    squares = graph.op("Max", graph.op("Sub", graph.op("Sub", squares, theirs), ours), np.array(TINY))
    shared = graph.op("MatMul", graph.op("Sub", np.array(1.0), unknown), donors.known.T.astype(float), width=count)
    return graph.op("Div", squares, shared)


def _taken(donors: Donors, graph: Graph, columns: Tensor, near: Tensor, places: Tensor) -> Tensor:
    """Which of the training rows at ``places``, (gaps, any), the nearest first, are donors: BOOL."""
    has = graph.op("Gather", donors.known.T.ravel(), _flat(donors, graph, columns, places), dtype=BOOL, axis=0)
    has = graph.op("And", has, graph.op("Less", near, np.array(np.inf), dtype=BOOL))
    order = graph.op("CumSum", graph.cast(has, FLOAT64), np.array(1))
    return graph.op("And", has, graph.op("LessOrEqual", order, np.array(float(donors.wanted)), dtype=BOOL))


def _flat(donors: Donors, graph: Graph, columns: Tensor, places: Tensor) -> Tensor:
    """Places of numbers among the columns of the training rows, one after the other."""
    return graph.op("Add", places, graph.op("Mul", columns, np.array(len(donors.training))))


def _mean(donors: Donors, graph: Graph, columns: Tensor, near: Tensor, places: Tensor, taken: Tensor) -> Tensor:
    """What the donors have in the columns, (gaps, 1), on average; that of all training rows where there are no donors."""
    weights = graph.cast(taken, FLOAT64)
    if donors.weighted:
        weights = _weights(graph, near, taken, weights)
    total = row_sums(graph, weights)
    values = graph.op("Gather", donors.numbers.T.ravel(), _flat(donors, graph, columns, places), dtype=FLOAT64, axis=0)
    mean = graph.op("Div", row_sums(graph, graph.op("Mul", values, weights)), total)
    nobody = graph.op("Equal", total, np.array(0.0), dtype=BOOL)
    everybody = graph.op("Gather", donors.means, columns, dtype=FLOAT64, axis=0)
    return graph.op("Where", nobody, everybody, mean, dtype=FLOAT64)


def _weights(graph: Graph, near: Tensor, taken: Tensor, ones: Tensor) -> Tensor:
    """What each donor counts: as much as it is near; where some are at no distance, only they."""
    nothing = graph.op("Less", near, np.array(2 * TINY), dtype=BOOL)
    distances = graph.op("Sqrt", graph.op("Where", nothing, np.array(0.0), near, dtype=FLOAT64, width=near.width))
    inverse = graph.op("Div", ones, distances)
    same = graph.cast(graph.op("And", graph.op("IsInf", inverse, dtype=BOOL), taken), FLOAT64)
    some = graph.op("Greater", row_sums(graph, same), np.array(0.0), dtype=BOOL)
    weights = graph.op("Where", some, same, inverse, dtype=FLOAT64, width=near.width)
    return graph.op("Where", taken, weights, np.array(0.0), dtype=FLOAT64)


def _short(donors: Donors, graph: Graph, columns: Tensor, near: Tensor, taken: Tensor) -> Tensor:
    """Gaps for which there are more donors than were found: BOOL (gaps,)."""
    wanted = np.minimum(donors.known.sum(axis=0), donors.wanted).astype(float)
    enough = graph.op("Gather", wanted, columns, dtype=FLOAT64, axis=0)
    few = graph.op("Less", row_sums(graph, graph.cast(taken, FLOAT64)), enough, dtype=BOOL)
    last = graph.columns(near, [donors.candidates - 1])
    return graph.flatten(graph.op("And", few, graph.op("Less", last, np.array(np.inf), dtype=BOOL)))


def _mended(donors: Donors, graph: Graph, pairs: Tensor, ranks: Tensor, found: Tensor, short: Tensor) -> Tensor:
    """``found``, anew for the gaps marked: of all training rows, one gap at a time, which takes no more memory."""

    def one(body: Graph, pair: Tensor) -> Sequence[Tensor]:
        row, column = (body.op("Gather", pair, np.array([[place]]), axis=0, width=1) for place in (0, 1))
        line = body.op("Gather", ranks, body.flatten(row), axis=0, dtype=FLOAT64)
        has = body.op("Gather", donors.known.T, body.flatten(column), axis=0, dtype=BOOL)
        line = body.op("Where", has, line, np.array(np.inf), dtype=FLOAT64)
        near, places = smallest(body, line, donors.wanted)
        taken = _taken(donors, body, column, near, places)
        return [body.flatten(_mean(donors, body, column, near, places, taken))]

    def anew(body: Graph) -> Sequence[Tensor]:
        (values,) = each_row(body, body.op("Compress", pairs, short, axis=0), one)
        return [body.op("ScatterND", found, _places(body, short), values)]

    some = graph.op("ReduceSum", graph.cast(short, np.int32), np.array([0]), width=None, keepdims=0)
    (result,) = either(graph, graph.cast(some, bool), anew, lambda body: [body.op("Identity", found)])
    return graph.width_of(result, 1)


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
            found |= near[:, count] - near[:, count - 1] <= np.maximum(noise, 4 * TIE * near[:, count])
        if estimator.weights == "distance":
            found |= (noise[:, None] > 1e-10 * near[:, :count]).any(axis=1)
        tied |= found & np.isnan(X[:, column])
    return tied
