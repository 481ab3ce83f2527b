"""Linear models: one matrix product, in the dtype of the data, as NumPy would give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from skerry.export.converters.labels import (
    INVERSE_LINKS,
    binary_probabilities,
    highest,
    label_of,
    logistic,
    positive,
    sigmoid,
    softmax,
)
from skerry.export.converters.members import answer, normalized
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import NOISE, cancelling, tied
from skerry.export.graph import Features, Graph, OneHot, Outputs, Piece, Sparse, Tensor


def linear_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": _scores(estimator, features, scope)}


def linear_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    scores = _scores(estimator, features, scope)
    if scores.width == 1:
        scores = graph.flatten(scores)
    index = positive(graph, scores) if scores.width is None else highest(graph, scores)
    scope.ties(lambda rows: _tied(estimator.decision_function(rows)))
    return {"decision_function": scores, "predict": label_of(graph, index, estimator.classes_)}


def _tied(scores: np.ndarray) -> np.ndarray:
    """Rows whose label hangs on the last bit: two classes alike, or a score of nothing."""
    return tied(scores if scores.ndim == 2 else np.column_stack([scores, np.zeros_like(scores)]))


def logistic_regression(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    outputs = linear_classifier(estimator, features, scope)
    scores = answer(outputs, "decision_function", estimator, scope)
    if len(estimator.classes_) <= 2:
        outputs["predict_proba"] = logistic(graph, scores)
    else:
        outputs["predict_proba"] = softmax(graph, scores)
    return outputs


def linear_discriminant(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """LinearDiscriminantAnalysis: probabilities as logistic regression's, and for two solvers a projection."""
    graph = scope.graph
    outputs = logistic_regression(estimator, features, scope)
    if estimator.solver != "lsqr":
        X = graph.floats(features)
        if estimator.solver == "svd":
            X = graph.op("Sub", X, estimator.xbar_.astype(X.dtype))
        scalings = estimator.scalings_[:, : estimator._max_components].astype(X.dtype)
        outputs["transform"] = Features.of(graph.op("MatMul", X, scalings, width=scalings.shape[1]))
    return outputs


def sgd_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """SGDClassifier: probabilities only of two losses, one class against the rest."""
    graph = scope.graph
    outputs = linear_classifier(estimator, features, scope)
    scores = answer(outputs, "decision_function", estimator, scope)
    if estimator.loss not in _PROBABILITIES:
        return outputs
    single = _PROBABILITIES[estimator.loss](graph, scores)
    outputs["predict_proba"] = (
        binary_probabilities(graph, single)
        if scores.width is None
        else normalized(graph, single, empty=1 / len(estimator.classes_))
    )
    return outputs


def generalized_linear_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Poisson, Gamma and Tweedie regression: a link around the linear model."""
    link = type(estimator._base_loss.link).__name__
    return {"predict": INVERSE_LINKS[link](scope.graph, _scores(estimator, features, scope))}


def _clipped(graph: Graph, scores: Tensor) -> Tensor:
    """``(clip(score, -1, 1) + 1) / 2``: the modified Huber loss's probability."""
    one, two = np.array(1, scores.dtype), np.array(2, scores.dtype)
    return graph.op("Div", graph.op("Add", graph.op("Clip", scores, -one, one), one), two)


_PROBABILITIES: dict[str, Callable[[Graph, Tensor], Tensor]] = {"log_loss": sigmoid, "modified_huber": _clipped}


def _scores(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """``X @ coef_.T + intercept_``: (rows,) where ``coef_`` has one dimension, else (rows, outputs)."""
    coefficients, intercept = np.asarray(estimator.coef_), np.asarray(estimator.intercept_)
    dtype = np.result_type(coefficients.dtype, features.float_dtype)  # NumPy promotes both before it multiplies
    scope.ties(lambda rows: cancelling(rows, coefficients.T, intercept, dtype), within=NOISE[dtype])
    return product(features, coefficients.T.astype(dtype), scope, bias=intercept.astype(dtype))


def product(features: Features, weights: np.ndarray, scope: Scope, *, bias: np.ndarray | None = None) -> Tensor:
    """``X @ weights + bias``, in the dtype of the weights: (rows,) where they have one dimension, else (rows, outputs).

    scikit-learn refuses NaN and ±inf; a product that overflows it answers. The columns of a one-hot and of
    a sparse piece are not made: their weights are looked up.
    """
    graph = scope.graph
    ends = np.cumsum([len(piece.indices) for piece in features.pieces])
    parts = list(zip(features.pieces, np.split(weights, ends[:-1]), strict=True))
    sums = []
    if dense := [(piece, rows) for piece, rows in parts if isinstance(piece.tensor, Tensor)]:
        X = graph.matrix(Features(tuple(piece for piece, _ in dense)), weights.dtype)
        scope.refuse_not_finite(X)
        sums.append(graph.affine(X, np.concatenate([rows for _, rows in dense]), bias))
    if coded := [(piece, rows) for piece, rows in parts if isinstance(piece.tensor, OneHot)]:
        sums.append(_looked_up(coded, graph))
        graph.note("one-hot columns", "weights looked up")
    sums += [
        _weighted(piece.tensor, piece.indices, rows, scope) for piece, rows in parts if isinstance(piece.tensor, Sparse)
    ]
    total = reduce(lambda left, right: graph.op("Add", left, right), sums)
    return total if dense or bias is None else graph.op("Add", total, bias)


def _looked_up(coded: Sequence[tuple[Piece, np.ndarray]], graph: Graph) -> Tensor:
    """The sum over one-hots of the weights of the column that each sets: a row of one table, whose blocks begin with
    zeros for codes that set none."""
    codes, blocks = [], []
    for piece, rows in coded:
        assert isinstance(piece.tensor, OneHot)
        block = np.zeros((1 + piece.tensor.width, *rows.shape[1:]), rows.dtype)
        np.add.at(block, 1 + piece.indices, rows)
        codes.append(piece.tensor.codes)
        blocks.append(block)
    starts = np.cumsum([1, *(len(block) for block in blocks[:-1])])
    table = np.concatenate(blocks)
    places = graph.op("Transpose", graph.op("Add", graph.concat(codes), starts), perm=[1, 0])
    found = graph.op("Gather", table, places, axis=0, dtype=table.dtype)  # (one-hots, rows, ...) is summed far faster
    return graph.op("ReduceSum", found, np.array([0]), width=_width(table), keepdims=0)


def _weighted(sparse: Sparse, indices: np.ndarray, weights: np.ndarray, scope: Scope) -> Tensor:
    """The sum over a row's values of the weights of their columns, times the values."""
    graph = scope.graph
    values = graph.cast(sparse.values, weights.dtype)
    if not sparse.finite:
        scope.refuse_values(values)
    table = np.zeros((sparse.width + 1, *weights.shape[1:]), weights.dtype)
    np.add.at(table, indices, weights)
    found = graph.op("Gather", table, sparse.codes, axis=0, dtype=table.dtype)
    if weights.ndim == 1:
        return graph.op("ReduceSum", graph.op("Mul", found, values), np.array([1]), width=None, keepdims=0)
    rows = graph.op("Unsqueeze", values, np.array([1]))
    return graph.op("Squeeze", graph.op("MatMul", rows, found), np.array([1]), width=weights.shape[1])


def _width(weights: np.ndarray) -> int | None:
    return None if weights.ndim == 1 else weights.shape[1]
