"""Fewer columns for a linear model, and what is left weighed anew.

Columns are kept from which the teacher's sums are best recovered. Of those removed nothing stays in the graph: terms
leave the vocabulary, categories their encoder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.pruning.columns import (
    coefficients,
    cut_to,
    is_linear_model,
    size_of,
    with_columns,
    with_steps,
)
from skerry.quantize.pruning.narrowing import Steps
from skerry.quantize.pruning.recovery import ranked, refitted
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator
from skerry.runtime.manifest import Step

SHARES = (0.75, 0.5, 0.33, 0.2, 0.1, 0.05, 0.02)
"""Of the columns, those that candidates keep."""
MOST_ROWS = 20_000
"""Rows that columns are weighed by, at most."""

Refit = Literal["scores", "labels"]


def prune_linear(model: Any, X: Any, y: Any = None, *, keep: float = 0.5, seed: int = 0) -> Any:
    """The model with a share of the columns that its final estimator adds up.

    This changes answers, also those of columns that stay: of a TF-IDF's terms the norm is that of fewer, and categories
    that an encoder refused as unknown it ignores.

    Args:
        model: a fitted linear model, alone or at the end of a Pipeline.
        X: rows as it takes them.
        y: their truth; with it the final estimator is fitted again with its own settings, else to the teacher's sums.
        keep: the share of the columns that is kept, above 0 and at most 1; at least one is.
        seed: for the rows that are put aside to choose by.

    Raises:
        UnsupportedEstimator: it is no linear model, or none of its columns can be left out.
    """
    teacher = teacher_of(model)
    if not is_linear_model(teacher.final):
        raise UnsupportedEstimator(f"{type(teacher.final).__name__}: expected a linear model, whose weights are pruned")
    if not 0 < keep <= 1:
        raise ExportError(f"keep: expected a share above 0 and at most 1, got {keep}")
    rng = np.random.default_rng(seed)
    rows = TrainingRows(X, None if y is None else np.asarray(y), teacher.prepared(X), np.empty(0))
    sums = _sums(teacher, rows)
    steps, given = cut_to(teacher, _kept(teacher, _order(teacher, rows, sums), keep), lossy=True)
    if given.all() and keep < 1:
        raise UnsupportedEstimator(
            f"{type(teacher.final).__name__}: none of its columns can be left out of {_text(teacher.steps)}"
        )
    return with_steps(
        teacher, steps, _fitted(teacher, rows, sums, steps, given, "scores" if y is None else "labels", rng)
    )


def weight_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """Linear models of fewer and fewer columns, each fitted to the teacher's sums, and to the truth where it is known."""
    if not is_linear_model(teacher.final):
        return
    sums = _sums(teacher, rows)
    order = _order(teacher, rows, sums)
    before = len(coefficients(teacher.final))
    for share in SHARES:
        steps, given = cut_to(teacher, _kept(teacher, order, share), lossy=True)
        if given.sum() == before:
            continue
        before = given.sum()
        for refit in ("scores", "labels") if _has_truth(teacher, rows) else ("scores",):
            final = _fitted(teacher, rows, sums, steps, given, refit, rng)
            detail = {"columns": f"{given.sum()} of {len(given)}", "refit": refit}
            model = with_steps(teacher, steps, final)
            yield Candidate(model, (Step(arrow="prune", detail=detail),), size_of(final))


def _sums(teacher: Teacher, rows: TrainingRows) -> Array:
    """``X @ coef_.T + intercept_``: float (rows, sums)."""
    return np.asarray(_matrix(rows.prepared) @ coefficients(teacher.final) + teacher.final.intercept_)


def _order(teacher: Teacher, rows: TrainingRows, sums: Array) -> Array:
    """The columns that count, in the order in which they are worth keeping."""
    weights = coefficients(teacher.final)
    count = max(round(SHARES[0] * len(weights)), 1)
    return ranked(_matrix(rows.prepared)[:MOST_ROWS], sums[:MOST_ROWS], weights, count)


def _kept(teacher: Teacher, order: Array, share: float) -> Array:
    """The best share of the columns, at least one: bool (columns)."""
    width = len(coefficients(teacher.final))
    keep = np.zeros(width, bool)
    keep[order[: max(round(share * width), 1)]] = True
    return keep


def _fitted(
    teacher: Teacher,
    rows: TrainingRows,
    sums: Array,
    steps: Steps,
    given: Array,
    refit: str,
    rng: np.random.Generator,
) -> Any:
    """The final estimator on the columns that the steps give: weighed anew by the teacher's sums, or fitted again."""
    X = rows.X
    for _, step in steps:
        X = step.transform(X)
    if refit == "labels":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return clone(teacher.final).fit(X, rows.y)
    smaller = with_columns(teacher.final, given)
    start = coefficients(smaller).astype(float)
    weights, intercept = refitted(_matrix(X)[:MOST_ROWS], sums[:MOST_ROWS], start, rng)
    single = np.ndim(teacher.final.coef_) == 1
    dtype = np.asarray(teacher.final.intercept_).dtype
    smaller.coef_ = np.asarray(weights[:, 0] if single else weights.T, coefficients(teacher.final).dtype)
    smaller.intercept_ = intercept.astype(dtype)[0] if single else intercept.astype(dtype)
    return smaller


def _has_truth(teacher: Teacher, rows: TrainingRows) -> bool:
    """Whether there are labels, and of every class."""
    if rows.y is None or teacher.task == "regression":
        return rows.y is not None
    return np.array_equal(np.unique(rows.y), teacher.classes)


def _matrix(rows: Any) -> Any:
    return rows.tocsr() if sparse.issparse(rows) else np.asarray(rows, float)


def _text(steps: Steps) -> str:
    return ", ".join(type(step).__name__ for _, step in steps)
