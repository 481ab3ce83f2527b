"""HistGradientBoosting: float64 comparisons, learned directions for missing values, native categories."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from skerry.export.converters.composition import transformed
from skerry.export.converters.labels import INVERSE_LINKS, boosted_classes, positive
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import LEAF, TreeArrays, constant_tree, imputed, splits_above, tree_ensemble
from skerry.export.graph import FLOAT64, Features, Outputs, Tensor


def hist_gradient_boosting_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    raw = _raw_scores(estimator, features, scope)
    return boosted_classes(scope.graph, raw, estimator.classes_, decide=positive)


def hist_gradient_boosting_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    link = type(estimator._loss.link).__name__
    if link not in INVERSE_LINKS:
        raise scope.refuse(estimator, f"loss={estimator.loss!r} is not converted")
    raw = scope.graph.flatten(_raw_scores(estimator, features, scope))
    return {"predict": INVERSE_LINKS[link](scope.graph, raw)}


def trees_of(estimator: Any) -> list[TreeArrays]:
    """Iteration by iteration, one for each target; the ``_baseline_prediction`` comes on top."""
    return [_tree(predictor, target) for trees in estimator._predictors for target, predictor in enumerate(trees)]


def _raw_scores(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """``_raw_predict``: float64 (rows, trees per iteration), summed baseline first, then tree by tree."""
    graph, rows = scope.graph, scope.rows
    if estimator._preprocessor is not None:  # encodes categories, and moves them to the front
        features = transformed(scope.convert("_preprocessor", _without_checks(estimator._preprocessor), features))
        rows = lambda X: estimator._preprocessor.transform(scope.rows(X))  # noqa: E731
    features, fills = graph.with_gaps(features)
    X = graph.matrix(features, FLOAT64)
    trees = [constant_tree(value, target) for target, value in enumerate(estimator._baseline_prediction.ravel())]
    trees += [imputed(tree, fills) for tree in trees_of(estimator)]
    _note_thresholds(trees, features, Scope(graph, scope.convert_estimator, rows, scope.path))
    return tree_ensemble(graph, X, trees, targets=estimator.n_trees_per_iteration_)


def _without_checks(preprocessor: Any) -> Any:
    """The preprocessor with its numerical part, a FunctionTransformer around ``check_array``, as what it does: nothing."""
    plain = copy(preprocessor)
    plain.transformers_ = [
        (name, FunctionTransformer() if name == "numerical" else part, columns)
        for name, part, columns in preprocessor.transformers_
    ]
    return plain


def _tree(predictor: Any, target: int) -> TreeArrays:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    categorical = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf)
    bitsets = predictor.raw_left_cat_bitsets
    sets = {int(node): set_bits(bitsets[nodes["bitset_idx"][node]]) for node in categorical}
    empty = [node for node, members in sets.items() if not len(members)]  # only what is missing goes left
    threshold = nodes["num_threshold"].copy()
    threshold[empty] = -1  # below all codes: ONNX Runtime knows no empty sets
    return TreeArrays(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=threshold,
        left=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
        right=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"],
        target=target,
        rows=nodes["count"],
        members={node: members for node, members in sets.items() if len(members)},
    )


def set_bits(bitset: np.ndarray) -> np.ndarray:
    """The numbers whose bits are set: bit ``i % 32`` of word ``i // 32`` (sklearn.utils._bitset)."""
    return np.flatnonzero(np.unpackbits(bitset.view(np.uint8), bitorder="little"))


def _note_thresholds(trees: list[TreeArrays], features: Features, scope: Scope) -> None:
    scope.compares(
        features,
        np.concatenate([tree.feature[tree.splits] for tree in trees]),
        np.concatenate([tree.threshold[tree.splits] for tree in trees]),
        above=splits_above((tree.left, tree.right, tree.is_split) for tree in trees),
    )
