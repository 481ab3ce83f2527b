"""LightGBM: float64 comparisons and sums, read from the booster's text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.converters.categories import coded, declared_categories, whole_numbers
from skerry.export.converters.hist_gradient_boosting import set_bits
from skerry.export.converters.labels import binary_probabilities, highest, label_of, sigmoid, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import LEAF, TreeArrays, constant_tree, splits_above, tree_ensemble
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor

ZERO = float(np.float32(1e-35))
"""What is no further from 0 is 0 to LightGBM (kZeroThreshold)."""

CATEGORICAL, DEFAULT_LEFT = 1, 2
CATEGORY, ZEROS_MISSING = -1, 1
"""Bits of ``decision_type``; and kinds of splits: of categories, or by the bits above, where a zero is a missing value
(include/LightGBM/tree.h)."""


def lightgbm_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """LGBMRegressor and LGBMRanker."""
    _, value = _raw_and_value(estimator, features, scope)
    return {"predict": value}


def lightgbm_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    raw, value = _raw_and_value(estimator, features, scope)
    probabilities = binary_probabilities(graph, value) if value.width is None else value
    return {
        "predict": label_of(graph, highest(graph, probabilities), estimator.classes_),
        "predict_proba": probabilities,
        "decision_function": raw,
    }


def _exp(graph: Graph, raw: Tensor, parameter: float) -> Tensor:
    return graph.op("Exp", raw)


def _same(graph: Graph, raw: Tensor, parameter: float) -> Tensor:
    return raw


def _sigmoid(graph: Graph, raw: Tensor, slope: float) -> Tensor:
    return sigmoid(graph, raw if slope == 1 else graph.op("Mul", raw, np.array(slope)))


def _softmax(graph: Graph, raw: Tensor, parameter: float) -> Tensor:
    return softmax(graph, raw)


def _softplus(graph: Graph, raw: Tensor, parameter: float) -> Tensor:
    return graph.op("Log", graph.op("Add", graph.op("Exp", raw), np.array(1.0)))


def _signed_square(graph: Graph, raw: Tensor, parameter: float) -> Tensor:
    return graph.op("Mul", graph.op("Mul", graph.op("Sign", raw), raw), raw)


OBJECTIVES: dict[str, Callable[[Graph, Tensor, float], Tensor]] = {
    "binary": _sigmoid,
    "cross_entropy": _sigmoid,
    "cross_entropy_lambda": _softplus,
    "fair": _same,
    "gamma": _exp,
    "huber": _same,
    "lambdarank": _same,
    "mape": _same,
    "multiclass": _softmax,
    "multiclassova": _sigmoid,
    "poisson": _exp,
    "quantile": _same,
    "rank_xendcg": _same,
    "regression": _same,
    "regression_l1": _same,
    "tweedie": _exp,
}
"""Objective → from the sum of the trees (and the objective's slope) to the answer."""


@dataclass(frozen=True)
class _Booster:
    """The text of a model: what it says of itself, and of each tree."""

    fields: dict[str, str]
    trees: list[dict[str, str]]

    @classmethod
    def of(cls, estimator: Any) -> _Booster:
        """Up to the best iteration, where training stopped early."""
        text = estimator.booster_.model_to_string().partition("\nend of trees")[0]
        head, *trees = (_fields(block) for block in text.split("\nTree="))
        return cls(head, trees)


def _fields(block: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.splitlines())}


def _raw_and_value(estimator: Any, features: Features, scope: Scope) -> tuple[Tensor, Tensor]:
    """The sums of the trees, and what the objective makes of them: float64 (rows,) or (rows, classes)."""
    graph, booster = scope.graph, _Booster.of(estimator)
    targets = int(booster.fields["num_tree_per_iteration"])
    objective, *settings = booster.fields.get("objective", "custom").split()
    _refuse(estimator, booster, objective, scope)
    trees = [_Tree.of(fields, index % targets) for index, fields in enumerate(booster.trees)]
    X = _rows(estimator, booster, trees, features, scope)
    arrays = [tree.arrays for tree in trees] or [constant_tree(0.0)]
    raw = tree_ensemble(graph, X, arrays, targets=targets)
    raw = graph.flatten(raw) if targets == 1 else raw
    mean = graph.op("Div", raw, np.array(len(arrays) / targets)) if "average_output" in booster.fields else raw
    slope = next((float(text.partition(":")[2]) for text in settings if text.startswith("sigmoid:")), 1.0)
    answer = _signed_square if "sqrt" in settings else OBJECTIVES[objective]
    return raw, answer(graph, mean, slope)


def _refuse(estimator: Any, booster: _Booster, objective: str, scope: Scope) -> None:
    if objective not in OBJECTIVES:
        raise scope.refuse(estimator, f"objective={estimator.objective!r} is not converted")
    if any(fields.get("is_linear") == "1" for fields in booster.trees):
        raise scope.refuse(estimator, "linear_tree=True is not converted")
    if estimator.get_params().get("pred_early_stop"):
        raise scope.refuse(estimator, "pred_early_stop=True is not converted")


def trees_of(estimator: Any) -> list[TreeArrays]:
    """Iteration by iteration, one for each target, up to the best iteration; of zeros that are missing nothing is said."""
    booster = _Booster.of(estimator)
    targets = int(booster.fields["num_tree_per_iteration"])
    return [_Tree.of(fields, index % targets).arrays for index, fields in enumerate(booster.trees)]


@dataclass(frozen=True)
class _Tree:
    """A tree; at its split ``nodes`` (all others are leaves) LightGBM compares a value as ``kinds`` says."""

    arrays: TreeArrays
    kinds: np.ndarray

    @classmethod
    def of(cls, fields: dict[str, str], target: int) -> _Tree:
        feature, decision = _numbers(fields, "split_feature", int), _numbers(fields, "decision_type", int)
        threshold = _numbers(fields, "threshold", float)
        categorical = (decision & CATEGORICAL).astype(bool)
        kinds = np.where(categorical, CATEGORY, decision >> 2)
        borders = _numbers(fields, "cat_boundaries", int)
        words = _numbers(fields, "cat_threshold", np.uint32)
        members = {
            int(node): set_bits(words[borders[place] : borders[place + 1]])
            for node, place in zip(np.flatnonzero(categorical), threshold[categorical].astype(int), strict=True)
        }
        default_left = (decision & DEFAULT_LEFT).astype(bool)
        missing_left = np.where(kinds > 0, default_left, (threshold >= 0) & ~categorical)  # else NaN is 0
        value = _numbers(fields, "leaf_value", float)
        splits, leaves = len(feature), np.full(len(value), LEAF)
        left, right = (_children(fields, side, splits) for side in ("left_child", "right_child"))
        arrays = TreeArrays(
            feature=np.concatenate([feature, np.zeros(len(value), int)]),
            threshold=np.concatenate([_without_tiny(threshold), np.zeros(len(value))]),
            left=np.concatenate([left, leaves]),
            right=np.concatenate([right, leaves]),
            missing_left=np.concatenate([missing_left, np.zeros(len(value), bool)]),
            value=np.concatenate([np.zeros(splits), value]),
            target=target,
            members=members,
        )
        return cls(arrays, kinds)


def _numbers(fields: dict[str, str], name: str, dtype: Any) -> np.ndarray:
    return np.array(fields.get(name, "").split(), dtype)


def _children(fields: dict[str, str], side: str, splits: int) -> np.ndarray:
    """Leaf ``i`` is ``~i`` in the text, and the node after all splits and ``i`` leaves in the arrays."""
    nodes = _numbers(fields, side, int)
    return np.where(nodes < 0, splits + ~nodes, nodes)


def _without_tiny(threshold: np.ndarray) -> np.ndarray:
    """Thresholds for rows as they are: LightGBM takes what is no further than ``ZERO`` from 0 for 0."""
    inside = (threshold >= -ZERO) & (threshold < ZERO)
    return np.where(inside, np.where(threshold < 0, np.nextafter(-ZERO, -1), ZERO), threshold)


def _rows(estimator: Any, booster: _Booster, trees: list[_Tree], features: Features, scope: Scope) -> Tensor:
    """The rows as LightGBM compares them: float64, categories as numbers. Where zeros are missing they are NaN."""
    learned = _learned(estimator, scope)
    X = coded(features, learned, FLOAT64, scope) if learned else _plain(features, scope)
    splits = [tree.arrays.feature[: len(tree.kinds)] for tree in trees] or [np.empty(0, int)]
    thresholds = [tree.arrays.threshold[: len(tree.kinds)] for tree in trees] or [np.empty(0)]
    feature, threshold = np.concatenate(splits), np.concatenate(thresholds)
    kinds = np.concatenate([tree.kinds for tree in trees] or [np.empty(0, int)])
    compared = (kinds != CATEGORY) & ~np.isin(feature, list(learned))
    scope.compares(features, feature[compared], threshold[compared], above=_above(trees, set(learned)))
    categorical, zeros = np.unique(feature[kinds == CATEGORY]), np.unique(feature[kinds == ZEROS_MISSING])
    _refuse_mixed(estimator, feature, kinds, scope)
    if len(zeros):
        X = _zeros_missing(X, zeros, scope)
    if len(categorical):
        highest_member = max(members.max() for tree in trees for members in (tree.arrays.members or {}).values())
        X = whole_numbers(X, categorical, -1, int(highest_member), scope)
    _know_numbers(booster, categorical, set(learned), features, scope)
    return X


def _above(trees: list[_Tree], learned: set[int]) -> np.ndarray:
    """``trees.splits_above`` of the splits that compare numbers."""
    return splits_above(
        (
            tree.arrays.left,
            tree.arrays.right,
            np.pad(tree.kinds != CATEGORY, (0, len(tree.arrays.left) - len(tree.kinds)))
            & ~np.isin(tree.arrays.feature, list(learned)),
        )
        for tree in trees
    )


def _plain(features: Features, scope: Scope) -> Tensor:
    """float64; but whole numbers in an array LightGBM first rounds to float32, and in a frame not."""
    graph = scope.graph
    example = scope.example
    if isinstance(example, np.ndarray) and example.dtype.kind in "iub":
        return graph.cast(graph.matrix(features, np.float32), FLOAT64)
    return graph.matrix(features, FLOAT64)


def _learned(estimator: Any, scope: Scope) -> dict[int, dict[Any, int]]:
    """The numbers of the categories of the columns of pandas' ``category`` dtype, in training."""
    declared = declared_categories(scope.example)
    learned = estimator.booster_.pandas_categorical or []
    if len(learned) != len(declared):
        raise scope.refuse(
            estimator, f"expected {len(learned)} columns of categories, as in training, got {len(declared)}"
        )
    return {
        place: {category: number for number, category in enumerate(categories)}
        for place, categories in zip(declared, learned, strict=True)
    }


def _refuse_mixed(estimator: Any, feature: np.ndarray, kinds: np.ndarray, scope: Scope) -> None:
    """Of one feature, training makes splits of one kind; a model continued on other data may have several."""
    prepared = np.where(np.isin(kinds, (CATEGORY, ZEROS_MISSING)), kinds, 0)  # the others take the rows as they are
    pairs = np.unique(np.stack([feature, prepared]), axis=1)
    if len(np.unique(pairs[0])) < pairs.shape[1]:
        raise scope.refuse(estimator, "a feature whose missing values are of several kinds")


def _zeros_missing(X: Tensor, columns: np.ndarray, scope: Scope) -> Tensor:
    graph = scope.graph
    tiny = graph.op("LessOrEqual", graph.op("Abs", X), np.array(ZERO), dtype=BOOL)
    masked = graph.op("And", tiny, np.isin(np.arange(X.width or 0), columns))
    return graph.op("Where", masked, np.array(np.nan), X, dtype=FLOAT64)


def _know_numbers(
    booster: _Booster, categorical: np.ndarray, coded_columns: set[int], features: Features, scope: Scope
) -> None:
    """Numbers that are categories: ``feature_infos`` lists those of training."""
    infos = booster.fields["feature_infos"].split()
    places = [int(place) for place in categorical if place not in coded_columns]
    scope.knows(
        features.select(np.array(places, int)), [np.array(infos[place].split(":"), float).tolist() for place in places]
    )
