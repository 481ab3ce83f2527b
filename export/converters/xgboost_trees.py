"""XGBoost: float32 rows, thresholds and sums, read from the booster's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from skerry.export.converters.categories import coded, declared_categories, refuse_unseen, whole_numbers
from skerry.export.converters.labels import binary_probabilities, highest, label_of, sigmoid, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import LEAF, TreeArrays, constant_tree, splits_above, tree_ensemble
from skerry.export.graph import BOOL, Features, Graph, Outputs, Tensor

FLOAT32 = np.dtype(np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    """``logf``, which rounds correctly; NumPy's own logarithm of float32 is at times a bit off."""
    return np.log(values.astype(np.float64)).astype(FLOAT32)


def _logit(probability: np.ndarray) -> np.ndarray:
    return -_log(np.float32(1) / probability - np.float32(1))


def _exp(graph: Graph, margin: Tensor) -> Tensor:
    return graph.op("Exp", margin)


def _same(graph: Graph, margin: Tensor) -> Tensor:
    return margin


def _step(graph: Graph, margin: Tensor) -> Tensor:
    return graph.cast(graph.op("Greater", margin, np.array(0, FLOAT32), dtype=BOOL), FLOAT32)


def _class(graph: Graph, margin: Tensor) -> Tensor:
    return graph.cast(highest(graph, margin), FLOAT32)


Link = tuple[Callable[[np.ndarray], np.ndarray], Callable[[Graph, Tensor], Tensor]]

OBJECTIVES: dict[str, Link] = {
    "binary:hinge": (np.asarray, _step),
    "binary:logistic": (_logit, sigmoid),
    "binary:logitraw": (np.asarray, _same),
    "count:poisson": (_log, _exp),
    "multi:softmax": (np.asarray, _class),
    "multi:softprob": (np.asarray, softmax),
    "rank:map": (np.asarray, _same),
    "rank:ndcg": (np.asarray, _same),
    "rank:pairwise": (np.asarray, _same),
    "reg:absoluteerror": (np.asarray, _same),
    "reg:gamma": (_log, _exp),
    "reg:logistic": (_logit, sigmoid),
    "reg:pseudohubererror": (np.asarray, _same),
    "reg:quantileerror": (np.asarray, _same),
    "reg:squarederror": (np.asarray, _same),
    "reg:squaredlogerror": (np.asarray, _same),
    "reg:tweedie": (_log, _exp),
    "survival:cox": (_log, _exp),
}
"""Objective → from ``base_score`` to the margin all trees are added to, and from the margin to the answer."""
ADDITIVE = ("binary:logistic", "multi:softprob", "reg:squarederror")
"""Objectives whose margin is the score that scikit-learn's own boosting has."""


def xgboost_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """XGBRegressor, XGBRFRegressor, XGBRanker."""
    _, value = _margin_and_value(estimator, features, scope)
    return {"predict": scope.graph.flatten(value) if value.width == 1 else value}


def xgboost_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """XGBClassifier, XGBRFClassifier: two classes where the probability is above one half, several by the highest."""
    graph = scope.graph
    margin, value = _margin_and_value(estimator, features, scope)
    if estimator.objective == "multi:softmax":
        return {"predict": value, "predict_proba": softmax(graph, margin)}
    if value.width == 1:
        value = graph.flatten(value)
        return {"predict": _above_half(graph, value), "predict_proba": binary_probabilities(graph, value)}
    if estimator.n_classes_ == 2:  # several labels, each of them there or not
        return {"predict": _above_half(graph, value), "predict_proba": value}
    return {"predict": label_of(graph, highest(graph, value), estimator.classes_), "predict_proba": value}


def _above_half(graph: Graph, value: Tensor) -> Tensor:
    return graph.cast(graph.op("Greater", value, np.array(0.5, FLOAT32), dtype=BOOL), np.int64)


def _margin_and_value(estimator: Any, features: Features, scope: Scope) -> tuple[Tensor, Tensor]:
    """What ``predict(output_margin=True)`` and ``predict`` of the booster give: float32 (rows, targets)."""
    learner = _learner(estimator)
    objective = learner["objective"]["name"]
    if callable(estimator.objective) or objective not in OBJECTIVES:
        raise scope.refuse(estimator, f"objective={estimator.objective!r} is not converted")
    model = learner["gradient_booster"]
    convert = _linear if model["name"] == "gblinear" else _trees
    margin = convert(estimator, model, _start(learner), features, scope)
    return margin, OBJECTIVES[objective][1](scope.graph, margin)


def _learner(estimator: Any) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    return learner


def _start(learner: dict[str, Any]) -> np.ndarray:
    """The margin of no tree: float32 (targets,)."""
    to_margin, _ = OBJECTIVES[learner["objective"]["name"]]
    shape = learner["learner_model_param"]
    scores = np.array(json.loads(shape["base_score"]), FLOAT32)
    targets = max(int(shape["num_class"]), int(shape["num_target"]), 1)
    return np.broadcast_to(to_margin(scores), targets).astype(FLOAT32)


def _linear(estimator: Any, model: dict[str, Any], start: np.ndarray, features: Features, scope: Scope) -> Tensor:
    """gblinear: a matrix product in which a missing value counts for nothing. All targets start from the first's score."""
    graph = scope.graph
    X = _missing(graph.matrix(features, FLOAT32), estimator, scope)
    graph.guard(graph.op("IsInf", X, dtype=BOOL), [], "expected numbers in the range of float32")
    present = graph.op("Where", graph.op("IsNaN", X, dtype=BOOL), np.array(0, FLOAT32), X, dtype=FLOAT32)
    *weights, bias = np.array(model["model"]["weights"], FLOAT32).reshape(-1, len(start))
    product = graph.op("MatMul", present, np.array(weights), width=len(start))
    return graph.op("Add", product, bias + start[0])


def _trees(estimator: Any, model: dict[str, Any], start: np.ndarray, features: Features, scope: Scope) -> Tensor:
    """gbtree and dart: the sum of the trees up to the best iteration, in their order, after the margin of no tree."""
    weights = model.get("weight_drop")
    model = model.get("gbtree", model)["model"]
    end = _end(estimator, model)
    offsets = np.zeros_like(start) if weights is None else start
    weights = np.ones(end, FLOAT32) if weights is None else np.array(weights, FLOAT32)
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in model["trees"]):
        raise scope.refuse(estimator, "multi_strategy='multi_output_tree' is not converted")
    trees = [constant_tree(value, target) for target, value in enumerate(start)]
    for tree, weight, target in zip(model["trees"][:end], weights, model["tree_info"], strict=False):
        trees.append(_tree(tree, weight, offsets[target], target))
    X = _rows(estimator, trees, model["cats"]["enc"], features, scope)
    return _sums_in_order(scope.graph, X, trees, len(start))


def trees_of(estimator: Any) -> tuple[list[TreeArrays], np.ndarray | None]:
    """The trees up to the best iteration, none of gblinear; and the margin of no tree, float32 (targets,), where sums of both
    are the score: a regression's value, or the logits of classes."""
    learner = _learner(estimator)
    start = _start(learner) if learner["objective"]["name"] in ADDITIVE else None
    booster = learner["gradient_booster"]
    weights = booster.get("weight_drop")
    model = booster.get("gbtree", booster).get("model", {})
    if "trees" not in model:
        return [], start
    end = _end(estimator, model)
    scales = np.ones(end, FLOAT32) if weights is None else np.array(weights, FLOAT32)
    told = zip(model["trees"][:end], scales, model["tree_info"], strict=False)
    return [_tree(tree, weight, np.float32(0), target) for tree, weight, target in told], start


def _sums_in_order(graph: Graph, X: Tensor, trees: list[TreeArrays], targets: int) -> Tensor:
    """The trees' sums, rounded to float32 after each tree, as XGBoost rounds them.

    Where ONNX Runtime sums, each thread takes some of the trees, and of hundreds the difference reaches 1e-6.
    So each tree has a target of its own, and CumSum adds them in order, which costs a third more.
    """
    place = np.zeros(targets, int)
    apart = []
    for tree in trees:
        target = int(tree.target)
        apart.append(replace(tree, target=place[target] * targets + target))
        place[target] += 1
    values = tree_ensemble(graph, X, apart, targets=len(trees))
    steps = graph.op("Reshape", values, np.array([-1, place[0], targets]))
    sums = graph.op("CumSum", steps, np.array(1))
    return graph.op("Gather", sums, np.array(place[0] - 1), axis=1, width=targets)


def _end(estimator: Any, model: dict[str, Any]) -> int:
    """How many trees answer: those up to the best iteration, where training stopped early, else all."""
    try:
        return int(model["iteration_indptr"][estimator.best_iteration + 1])
    except AttributeError:
        return len(model["trees"])


def _tree(tree: dict[str, Any], weight: np.float32, offset: np.float32, target: int) -> TreeArrays:
    """XGBoost sends ``x < threshold`` to the left: ``x <=`` the float32 before it. Members of a set go right in
    XGBoost, left in ``TreeArrays``, so at those nodes the sides change places. dart adds a leaf to the margin of no
    tree, its ``offset``, and takes that off again."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    missing_left = np.array(tree["default_left"], bool)
    conditions = np.array(tree["split_conditions"], FLOAT32)
    members = {
        node: np.array(tree["categories"][start : start + size])
        for node, start, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
        )
    }
    sets = np.isin(np.arange(len(left)), list(members))
    return TreeArrays(
        feature=np.array(tree["split_indices"]),
        threshold=np.nextafter(conditions, np.float32(-np.inf)),
        left=np.where(left < 0, LEAF, np.where(sets, right, left)),
        right=np.where(left < 0, LEAF, np.where(sets, left, right)),
        missing_left=missing_left ^ sets,
        value=((conditions + offset) - offset) * weight,
        target=target,
        members=members,
    )


def _rows(
    estimator: Any, trees: list[TreeArrays], encodings: list[dict[str, Any]], features: Features, scope: Scope
) -> Tensor:
    """The rows as XGBoost compares them: float32, categories as numbers, NaN where a value is missing."""
    declared = declared_categories(scope.example)
    if declared and max(declared) >= len(encodings):
        raise scope.refuse(estimator, "expected columns of categories only where there were some in training")
    if declared and not np.isnan(estimator.missing):
        raise scope.refuse(estimator, f"missing={estimator.missing} beside columns of categories")
    numbers = {place: _numbers(encodings[place], categories) for place, categories in declared.items()}
    if any(set(categories).difference(numbers[place]) for place, categories in declared.items()):
        raise scope.refuse(estimator, "a category that training had not: XGBoost takes it for another one, or fails")
    X = coded(features, numbers, FLOAT32, scope)
    refuse_unseen(estimator, features, X, list(numbers), scope)
    X = _missing(X, estimator, scope)
    _note_thresholds(trees, set(numbers), features, scope)
    sets = [(tree.feature[node], members.max()) for tree in trees for node, members in (tree.members or {}).items()]
    if not sets:
        return X
    columns, highest_members = np.array(sets).T
    return whole_numbers(X, np.unique(columns), -1e-45, int(highest_members.max()), scope)


def _missing(X: Tensor, estimator: Any, scope: Scope) -> Tensor:
    """NaN where the value is ``missing``; of sparse rows, also where there is none."""
    graph = scope.graph
    absent = [] if np.isnan(estimator.missing) else [estimator.missing]
    if sparse.issparse(scope.example):
        absent.append(0)
    for value in absent:
        X = graph.op(
            "Where",
            graph.op("Equal", X, np.array(value, FLOAT32), dtype=BOOL),
            np.array(np.nan, FLOAT32),
            X,
            dtype=FLOAT32,
        )
    return X


def _numbers(encoding: dict[str, Any], declared: list[Any]) -> dict[Any, int]:
    """The number of each category: its place among those of training. One that training had not is left out."""
    if "offsets" not in encoding:
        return {category: place for place, category in enumerate(encoding["values"])}
    learned = _cut(np.array(encoding["values"], int).astype(np.uint8).tobytes(), encoding["offsets"])
    places = {name: place for place, name in enumerate(learned)}
    given = _cut("".join(declared).encode(), np.cumsum([0, *map(len, declared)]))
    plain = {name.decode(): place for name, place in places.items() if name.isascii()}
    return plain | {category: places[name] for category, name in zip(declared, given, strict=True) if name in places}


def _cut(text: bytes, borders: Iterable[int]) -> list[bytes]:
    """Names out of their UTF-8. XGBoost counts the borders in characters, not in bytes, so after a letter outside of
    ASCII the names are shifted, the same way in training and in ``predict``."""
    return [text[start:end] for start, end in pairwise(borders)]


def _note_thresholds(trees: list[TreeArrays], categorical: set[int], features: Features, scope: Scope) -> None:
    indices = np.concatenate([tree.feature[tree.splits] for tree in trees])
    values = np.concatenate([tree.threshold[tree.splits] for tree in trees])
    numeric = ~np.isin(indices, list(categorical))
    above = splits_above(
        (tree.left, tree.right, tree.is_split & ~np.isin(tree.feature, list(categorical))) for tree in trees
    )
    scope.compares(features, indices[numeric], values[numeric], FLOAT32, above)
