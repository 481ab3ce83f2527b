"""Columns from which known sums are recovered: which to keep, and what each then counts.

A linear model adds up columns of its rows, a layer of a network the answers of its units, a support vector machine
kernels: each time ``columns @ weights + intercept`` of many columns. Some are dropped, and the rest takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import solve
from sklearn.linear_model import Ridge

from skerry.quantize.teacher import Array

DEPENDENT = 1e-8
"""What is left of a column's square, where those chosen before it explain all but rounding."""
WIDEST = 1500
"""Columns whose products with each other are still looked at to rank them; of more each is judged for itself."""
MOST = 3000
"""Dense columns, and ``WIDEST`` sparse ones, are weighed by one factorization; more of them step by step."""
RIDGES = (1e-9, 1e-6, 1e-4, 1e-2, 1.0)
"""How strongly weights are held to where they were, in mean squares of a column; chosen on a quarter of the rows."""


def ranked(columns: Any, sums: Array, weights: Array, count: int) -> Array:
    """The columns in the order in which they are worth keeping, at most ``count``: int (columns kept).

    Each next one is that which explains most of what of the sums is left: orthogonal least squares (Chen, Billings
    and Luo 1989). Of very many columns, those whose weight times spread is largest.

    Args:
        columns: float (rows, columns), dense or sparse.
        sums: float (rows, targets), what was made of the columns.
        weights: float (columns, targets), what each counted.
    """
    if columns.shape[1] > WIDEST:
        importance = _spread(columns) * np.linalg.norm(weights, axis=1)
        return np.argsort(-importance, kind="stable")[:count]
    gram, cross = _moments(columns, sums)
    return np.array(_greedy(gram, cross, count), int)


def refitted(
    columns: Any,
    sums: Array,
    start: Array,
    rng: np.random.Generator,
    *,
    importance: Array | None = None,
    centred: bool = True,
) -> tuple[Array, Array]:
    """Weights (columns, targets) and intercept (targets,) that recover the sums from these columns.

    Least squares, held to ``start``, what the columns counted before; how strongly, is chosen on rows put aside.
    ``importance`` is what each row counts, (rows,). Where not ``centred``, the intercept stays 0.
    """
    left = sums - columns @ start
    importance = np.ones(len(sums)) if importance is None else importance
    aside = rng.permutation(len(sums)) < len(sums) // 4
    best = RIDGES[-1]
    if aside.any():
        solved = _solver(columns[~aside], left[~aside], importance[~aside], centred=centred)
        errors = []
        for ridge in RIDGES:
            change, offset = solved(ridge)
            errors.append((importance[aside] @ ((columns[aside] @ change + offset - left[aside]) ** 2)).sum())
        best = RIDGES[int(np.argmin(errors))]
    change, offset = _solver(columns, left, importance, centred=centred)(best)
    return start + change, offset


Solver = Callable[[float], tuple[Array, Array]]
"""From a ridge to weights and intercept: the penalty is that many mean squares of a column."""


def _solver(columns: Any, sums: Array, importance: Array, *, centred: bool) -> Solver:
    """Ridge regressions of the sums."""
    if columns.shape[1] > (WIDEST if sparse.issparse(columns) else MOST):
        return partial(_stepwise, columns, sums, importance, centred)
    gram, cross = _moments(columns, sums, importance, centred=centred)
    scale = float(np.trace(gram)) / max(len(gram), 1) or 1.0
    means = _means(columns, importance) if centred else np.zeros(len(gram))
    middle = np.average(sums, axis=0, weights=importance) if centred else np.zeros(sums.shape[1])

    def solved(ridge: float) -> tuple[Array, Array]:
        weights = solve(gram + ridge * scale * np.eye(len(gram)), cross, assume_a="pos")
        return weights, middle - means @ weights

    return solved


def _stepwise(columns: Any, sums: Array, importance: Array, centred: bool, ridge: float) -> tuple[Array, Array]:
    penalty = ridge * float(np.mean(_spread(columns) ** 2)) * len(sums)
    model = Ridge(penalty, solver="sparse_cg", fit_intercept=centred).fit(columns, sums, importance)
    return np.reshape(model.coef_, (sums.shape[1], -1)).T, np.zeros(sums.shape[1]) + model.intercept_


def _greedy(gram: Array, cross: Array, count: int) -> list[int]:
    """Pivoted Cholesky of the columns' products, whose pivot is the column that explains most."""
    squares, cross = np.diag(gram).copy(), cross.copy()
    least = DEPENDENT * squares
    factor, chosen = np.zeros((len(gram), min(count, len(gram)))), []
    open_ = squares > 0
    for step in range(factor.shape[1]):
        open_ &= squares > least
        if not open_.any():
            break
        gain = np.where(open_, (cross**2).sum(axis=1) / np.where(open_, squares, 1), -1)
        best = int(gain.argmax())
        root = np.sqrt(squares[best])
        factor[:, step] = (gram[:, best] - factor[:, :step] @ factor[best, :step]) / root
        cross -= np.outer(factor[:, step], cross[best] / root)
        squares -= factor[:, step] ** 2
        open_[best] = False
        chosen.append(best)
    return chosen


def _moments(
    columns: Any, sums: Array, importance: Array | None = None, *, centred: bool = True
) -> tuple[Array, Array]:
    """Centred products of the columns with each other, and with the sums; a mean over rows counted by importance."""
    importance = np.ones(len(sums)) if importance is None else importance
    share = importance / importance.sum()
    mean, middle = centred * _means(columns, importance), centred * (share @ sums)
    weighted = (
        columns.multiply(share[:, None]).T.tocsr() if hasattr(columns, "multiply") else (columns * share[:, None]).T
    )
    gram = weighted @ columns
    gram = np.asarray(gram.toarray() if hasattr(gram, "toarray") else gram) - np.outer(mean, mean)
    return gram, np.asarray(weighted @ sums) - np.outer(mean, middle)


def _means(columns: Any, importance: Array) -> Array:
    return np.asarray(columns.T @ (importance / importance.sum())).ravel()


def _spread(columns: Any) -> Array:
    """The standard deviation of each column."""
    even = np.ones(columns.shape[0])
    squares = columns.multiply(columns) if hasattr(columns, "multiply") else columns**2
    return np.sqrt(np.maximum(_means(squares, even) - _means(columns, even) ** 2, 0))
