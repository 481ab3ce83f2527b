"""Columns that no weight of the final estimator uses: removed, with all that makes them; its answers stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.pruning.narrowing import Steps, narrowed
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.errors import UnsupportedEstimator
from skerry.runtime.manifest import Step


def prune_columns(model: Any) -> Any:
    """The model without the columns that none of its weights uses: terms, categories, columns of a scaler.

    The answers stay the same, but for the rounding of a sum that has fewer terms. A column that changes others stays:
    a term of a vocabulary whose rows are divided by a norm, a category of an encoder that refuses unknown ones.

    Args:
        model: fitted; a linear model or a multilayer perceptron, alone or at the end of a Pipeline.

    Returns:
        The model itself where there is nothing to remove.

    Raises:
        UnsupportedEstimator: its final estimator has no weights of columns.
    """
    teacher = teacher_of(model)
    if not (is_linear_model(teacher.final) or type(teacher.final) in (MLPClassifier, MLPRegressor)):
        raise UnsupportedEstimator(
            f"{type(teacher.final).__name__}: expected a linear model or a multilayer perceptron, whose weights say which "
            "columns are used"
        )
    return _without_unused(teacher) or model


def column_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """The same answers without the columns that no weight uses; at most one."""
    if not (is_linear_model(teacher.final) or type(teacher.final) in (MLPClassifier, MLPRegressor)):
        return
    smaller = _without_unused(teacher)
    if smaller is not None:
        final = teacher_of(smaller).final
        detail = {"columns": f"{_width(final)} of {_width(teacher.final)}, those that are used"}
        yield Candidate(smaller, (Step(arrow="prune", detail=detail),), size_of(final))


def is_linear_model(estimator: Any) -> bool:
    """Whether it answers from ``X @ coef_.T + intercept_``."""
    module, name = type(estimator).__module__, type(estimator).__name__
    known = module.startswith("sklearn.linear_model.") or name in ("LinearSVC", "LinearSVR")
    return known and hasattr(estimator, "coef_") and hasattr(estimator, "intercept_")


def cut_to(teacher: Teacher, keep: Array, *, lossy: bool) -> tuple[Steps, Array]:
    """The steps before the final estimator, giving it the columns ``keep``, and which they give: bool (columns)."""
    names = getattr(teacher.model, "feature_names_in_", None)
    return narrowed(teacher.steps, keep, lossy=lossy, names=names)


def with_steps(teacher: Teacher, steps: Steps, final: Any) -> Any:
    """The model of other steps and another final estimator."""
    as_taught = Teacher(teacher.model, steps, final, teacher.task, teacher.classes, teacher.methods)
    return as_taught.with_final(final)


def coefficients(estimator: Any) -> Array:
    """A linear model's weights, float (columns, sums)."""
    coef = estimator.coef_.toarray() if sparse.issparse(estimator.coef_) else np.asarray(estimator.coef_)
    return np.atleast_2d(coef).T


def with_columns(estimator: Any, given: Array) -> Any:
    """The final estimator on those of its columns that are still given."""
    smaller = copy(estimator)
    if hasattr(estimator, "coefs_"):
        smaller.coefs_ = [estimator.coefs_[0][given], *estimator.coefs_[1:]]
        vars(smaller).pop("_optimizer", None)  # it holds the weights of all columns
    else:
        smaller.coef_ = (
            estimator.coef_[..., given] if not sparse.issparse(estimator.coef_) else estimator.coef_[:, given]
        )
    smaller.n_features_in_ = int(given.sum())
    vars(smaller).pop("feature_names_in_", None)  # what comes before gives it an array
    return smaller


def size_of(estimator: Any) -> int:
    """How many numbers a linear model or a perceptron has learned."""
    if hasattr(estimator, "coefs_"):
        return sum(part.size for part in (*estimator.coefs_, *estimator.intercepts_))
    return int(coefficients(estimator).size + np.size(estimator.intercept_))


def _without_unused(teacher: Teacher) -> Any:
    weights = teacher.final.coefs_[0] if hasattr(teacher.final, "coefs_") else coefficients(teacher.final)
    used = (weights != 0).any(axis=1)
    if used.all():
        return None
    used[0] |= not used.any()  # a model needs a column
    steps, given = cut_to(teacher, used, lossy=False)
    return None if given.all() else with_steps(teacher, steps, with_columns(teacher.final, given))


def _width(estimator: Any) -> int:
    return len(estimator.coefs_[0]) if hasattr(estimator, "coefs_") else len(coefficients(estimator))
