"""``amount_of``: how much a fitted model has learned, in its own unit: nodes, vectors or weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.bench.measured.compression.records import Amount


def amount_of(model: Any) -> Amount:
    """Of the last step of a pipeline; of a classifier around a regressor, that regressor's.

    ``numbers`` are all that it needs: of vectors their values and weights, of a node one, as if it were a weight.

    Raises:
        TypeError: nobody has said how such a model is counted.
    """
    if hasattr(model, "steps"):
        return amount_of(model.steps[-1][1])
    for name, count in _COUNTS.items():
        if hasattr(model, name):
            return count(model)
    raise TypeError(f"{type(model).__name__}: how is it counted?")


def _nodes(count: int) -> Amount:
    return Amount(kind="nodes", count=count, numbers=count)


def _of_tree_sum(model: Any) -> Amount:
    return _nodes(len(model.feature_))


def _of_histograms(model: Any) -> Amount:
    return _nodes(sum(len(tree.nodes) for group in model._predictors for tree in group))


def _of_lightgbm(model: Any) -> Amount:
    return _nodes(len(model.booster_.trees_to_dataframe()))


def _of_xgboost(model: Any) -> Amount:
    return _nodes(len(model.get_booster().trees_to_dataframe()))


def _of_members(model: Any) -> Amount:
    """Trees of a forest, or one model for each of several targets."""
    members = model.estimators_
    parts = [amount_of(member) for member in (members.ravel() if isinstance(members, np.ndarray) else members)]
    return Amount(
        kind=parts[0].kind, count=sum(part.count for part in parts), numbers=sum(part.numbers for part in parts)
    )


def _of_tree(model: Any) -> Amount:
    return _nodes(model.tree_.node_count)


def _of_support_vectors(model: Any) -> Amount:
    return _vectors(model.support_vectors_, model.dual_coef_)


def _of_neighbours(model: Any) -> Amount:
    return _vectors(model._fit_X, model._y)


def _of_kernel(model: Any) -> Amount:
    return _vectors(model.X_fit_, model.dual_coef_)


def _vectors(vectors: Any, weights: Any) -> Amount:
    return Amount(kind="vectors", count=vectors.shape[0], numbers=int(np.prod(vectors.shape)) + int(np.size(weights)))


def _of_network(model: Any) -> Amount:
    return _weights(*model.coefs_, *model.intercepts_)


def _of_linear(model: Any) -> Amount:
    return _weights(model.coef_, model.intercept_)


def _weights(*arrays: Any) -> Amount:
    """Those that are not 0."""
    count = sum(int(np.count_nonzero(array)) for array in arrays)
    return Amount(kind="weights", count=count, numbers=count)


_COUNTS: dict[str, Callable[[Any], Amount]] = {
    "regressor_": lambda model: amount_of(model.regressor_),
    "roots_": _of_tree_sum,
    "_predictors": _of_histograms,
    "booster_": _of_lightgbm,
    "get_booster": _of_xgboost,
    "estimators_": _of_members,
    "tree_": _of_tree,
    "X_fit_": _of_kernel,
    "support_vectors_": _of_support_vectors,
    "_fit_X": _of_neighbours,
    "coefs_": _of_network,
    "coef_": _of_linear,
}
"""By what a fitted model has; the first that fits."""
