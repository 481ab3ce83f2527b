"""GradientBoosting: float32 rows against float64 thresholds, a constant to start from, leaves scaled by the learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._gb import _init_raw_predictions

from skerry.export.converters.forest import rounded_rows, tree_arrays
from skerry.export.converters.labels import boosted_classes, not_negative
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import constant_tree, tree_ensemble
from skerry.export.graph import Features, Outputs, Tensor


def gradient_boosting_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    raw = _raw_scores(estimator, features, scope)
    slope = 1.0 if estimator.loss == "log_loss" else 2.0  # the exponential loss links probabilities to half their logit
    return boosted_classes(scope.graph, raw, estimator.classes_, decide=not_negative, slope=slope)


def gradient_boosting_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    return {"predict": scope.graph.flatten(_raw_scores(estimator, features, scope))}


def _raw_scores(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """``_raw_predict``: float64 (rows, trees per iteration); the constant first, then tree by tree."""
    trees = [tree.tree_ for tree in estimator.estimators_.ravel()]
    features, fills = scope.graph.with_gaps(features)
    if np.isnan(fills).all():  # NaN stands for nothing, and scikit-learn refuses it
        scope.finite(features)
    X = rounded_rows(estimator, trees, features, scope)
    targets = estimator.n_trees_per_iteration_
    arrays = [constant_tree(value, target) for target, value in enumerate(_constant(estimator, scope))]
    for index, tree in enumerate(trees):
        arrays.append(tree_arrays(tree, estimator.learning_rate * tree.value[:, 0, 0], index % targets, fills=fills))
    return tree_ensemble(scope.graph, X, arrays, targets=targets)


def _constant(estimator: Any, scope: Scope) -> np.ndarray:
    """What every row starts from, one value per tree of an iteration."""
    if isinstance(estimator.init_, str):  # "zero"
        return np.zeros(estimator.n_trees_per_iteration_)
    if type(estimator.init_) not in (DummyClassifier, DummyRegressor):
        raise scope.refuse(estimator, f"init={estimator.init!r:.60} is not converted")
    row = np.zeros((1, estimator.n_features_in_), np.float32)
    return np.asarray(_init_raw_predictions(row, estimator.init_, estimator._loss, is_classifier(estimator))).ravel()
