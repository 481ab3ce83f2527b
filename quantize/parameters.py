"""``parameters_of``: how many numbers a fitted model has learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse


def parameters_of(model: Any) -> int | None:
    """Of trees their nodes, of other models the numbers they keep of training; of a pipeline those of its last step.
    None where that is not known."""
    for name, count in _COUNTED.items():
        if hasattr(model, name):
            return count(model)
    return None


def _numbers(*names: str) -> Callable[[Any], int]:
    return lambda model: sum(_size(getattr(model, name, ())) for name in names)


def _size(values: Any) -> int:
    if isinstance(values, list | tuple):
        return sum(map(_size, values))
    return int(values.nnz if sparse.issparse(values) else np.size(values))


def _all(model: Any) -> int | None:
    found = [parameters_of(member) for member in np.ravel(np.asarray(model.estimators_, object))]
    return None if None in found else sum(count for count in found if count is not None)


def _nodes(model: Any) -> int:
    return sum(len(tree.nodes) for trees in model._predictors for tree in trees)


_COUNTED: dict[str, Callable[[Any], int | None]] = {
    "steps": lambda model: parameters_of(model.steps[-1][1]),
    "regressor_": lambda model: parameters_of(model.regressor_),
    "_predictors": _nodes,
    "estimators_": _all,
    "tree_": lambda model: int(model.tree_.node_count),
    "coefs_": _numbers("coefs_", "intercepts_"),
    "support_vectors_": _numbers("support_vectors_", "dual_coef_", "intercept_"),
    "X_fit_": _numbers("X_fit_", "dual_coef_"),
    "_fit_X": _numbers("_fit_X", "_y"),
    "coef_": _numbers("coef_", "intercept_"),
}
"""What a fitted model has → how it is counted; the first that it has counts."""
