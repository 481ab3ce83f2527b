"""``read_trees``: the trees of every family that Skerry can prune, as one ``Structure``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._gb import _init_raw_predictions

from skerry.export.converters import hist_gradient_boosting, lightgbm_trees, xgboost_trees
from skerry.export.converters.trees import LEAF, TreeArrays
from skerry.quantize.pruning.structures import Structure
from skerry.quantize.teacher import Array
from skerry.runtime.errors import UnsupportedEstimator


@dataclass(frozen=True)
class Ensemble:
    """The trees of a fitted estimator. ``additive``: their sums, and of a classifier the softmax of them, are what it
    predicts; else their values are zero, and only their splits are known. ``allow_nan``: it takes rows with NaN, and
    ``allow_inf`` with infinities."""

    structure: Structure
    additive: bool
    allow_nan: bool = True
    allow_inf: bool = False


def read_trees(estimator: Any) -> Ensemble | None:
    """The trees of a fitted estimator; None where it is of no family known here.

    Raises:
        UnsupportedEstimator: it is, but has something that cannot be pruned.
    """
    kind = type(estimator)
    read = FAMILIES.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
    return None if read is None else read(estimator)


def _forest(estimator: Any) -> Ensemble:
    """One decision tree, or the mean of several."""
    trees = [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
    if not is_classifier(estimator):
        values = [tree.value[:, :, 0] / len(trees) for tree in trees]
        arrays = [_sklearn_tree(tree, value) for tree, value in zip(trees, values, strict=True)]
        return Ensemble(Structure.of(arrays, np.zeros(estimator.n_outputs_), shared=True), additive=True)
    if estimator.n_outputs_ > 1:
        raise _refused(estimator, "classes of several targets at once")
    columns = _columns(estimator)
    arrays = [_sklearn_tree(tree, np.zeros((tree.node_count, columns))) for tree in trees]
    return Ensemble(Structure.of(arrays, np.zeros(columns), shared=True), additive=False)


def _gradient_boosting(estimator: Any) -> Ensemble:
    if not isinstance(estimator.init_, str | DummyClassifier | DummyRegressor):
        raise _refused(estimator, f"init={estimator.init!r:.60}")
    columns, trees = estimator.n_trees_per_iteration_, [tree.tree_ for tree in estimator.estimators_.ravel()]
    slope = 2.0 if getattr(estimator, "loss", "") == "exponential" else 1.0
    arrays = [
        _sklearn_tree(tree, slope * estimator.learning_rate * tree.value[:, 0, 0], place % columns)
        for place, tree in enumerate(trees)
    ]
    start = np.zeros(columns)
    if not isinstance(estimator.init_, str):
        row = np.zeros((1, estimator.n_features_in_), np.float32)
        start = _init_raw_predictions(row, estimator.init_, estimator._loss, is_classifier(estimator)).ravel()
    return Ensemble(Structure.of(arrays, slope * start, shared=False), additive=True, allow_nan=False)


def _hist_gradient_boosting(estimator: Any) -> Ensemble:
    additive = is_classifier(estimator) or type(estimator._loss.link).__name__ == "IdentityLink"
    trees = hist_gradient_boosting.trees_of(estimator)
    return _boosted(estimator, trees, estimator._baseline_prediction.ravel(), additive=additive, allow_inf=True)


def _lightgbm(estimator: Any) -> Ensemble:
    trees = lightgbm_trees.trees_of(estimator)
    plain = estimator.objective_ in ("binary", "multiclass", "regression")
    additive = plain and estimator.boosting_type != "rf"
    return _boosted(estimator, trees, np.zeros(_columns(estimator)), additive=additive, allow_inf=True)


def _xgboost(estimator: Any) -> Ensemble:
    if not np.isnan(estimator.missing):
        raise _refused(estimator, f"missing={estimator.missing}")
    trees, start = xgboost_trees.trees_of(estimator)
    if start is None:
        return _boosted(estimator, trees, np.zeros(_columns(estimator)), additive=False)
    return _boosted(estimator, trees, start.astype(float), additive=True)


def _boosted(
    estimator: Any, trees: list[TreeArrays], baseline: Array, *, additive: bool, allow_inf: bool = False
) -> Ensemble:
    if not trees:
        raise _refused(estimator, "expected trees, got none")
    if any(tree.members for tree in trees):
        raise _refused(estimator, "splits by sets of categories")
    structure = Structure.of(trees, baseline, shared=False)
    return Ensemble(structure, additive, allow_inf=allow_inf)


def _scored(estimator: Any) -> Ensemble | None:
    return None if estimator.link is None else read_trees(estimator.regressor_)


def _sklearn_tree(tree: Any, value: Array, target: int = 0) -> TreeArrays:
    leaf = tree.children_left < 0
    return TreeArrays(
        feature=np.maximum(tree.feature, 0),
        threshold=_not_above(tree.threshold),
        left=np.where(leaf, LEAF, tree.children_left),
        right=np.where(leaf, LEAF, tree.children_right),
        missing_left=tree.missing_go_to_left.astype(bool),
        value=value,
        target=target,
    )


def _not_above(thresholds: Array) -> Array:
    """The largest float32 that are not above the thresholds: rows of float32 are split alike."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _columns(estimator: Any) -> int:
    """Columns of scores: of two classes one."""
    if not is_classifier(estimator):
        return 1
    classes = len(estimator.classes_)
    return 1 if classes == 2 else classes


def _refused(estimator: Any, what: str) -> UnsupportedEstimator:
    return UnsupportedEstimator(f"{type(estimator).__name__}: {what} cannot be pruned")


FAMILIES: dict[str, Callable[[Any], Ensemble | None]] = {
    "lightgbm.LGBMClassifier": _lightgbm,
    "lightgbm.LGBMRegressor": _lightgbm,
    "skerry.ScoredClassifier": _scored,
    "sklearn.DecisionTreeClassifier": _forest,
    "sklearn.DecisionTreeRegressor": _forest,
    "sklearn.ExtraTreeClassifier": _forest,
    "sklearn.ExtraTreeRegressor": _forest,
    "sklearn.ExtraTreesClassifier": _forest,
    "sklearn.ExtraTreesRegressor": _forest,
    "sklearn.GradientBoostingClassifier": _gradient_boosting,
    "sklearn.GradientBoostingRegressor": _gradient_boosting,
    "sklearn.HistGradientBoostingClassifier": _hist_gradient_boosting,
    "sklearn.HistGradientBoostingRegressor": _hist_gradient_boosting,
    "sklearn.RandomForestClassifier": _forest,
    "sklearn.RandomForestRegressor": _forest,
    "xgboost.XGBClassifier": _xgboost,
    "xgboost.XGBRegressor": _xgboost,
    "xgboost.XGBRFClassifier": _xgboost,
    "xgboost.XGBRFRegressor": _xgboost,
}
"""Package and class → what reads its trees."""
