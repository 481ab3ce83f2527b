"""CatBoost: float32 borders, float64 sums, read from the model's JSON.

Every split compares one number of the row with a border: a float feature, a 0 or 1 for a category, or
the statistic of a category or of several together (a CTR). The last two depend on the categories
alone, so they are looked up in tables that are computed here.

A model knows its categories only by their hashes. The categories themselves are those of the rows
given to ``export``; where a hash of the model is of none of them, the estimator is refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skerry.export.converters.labels import binary_probabilities, highest, label_of, positive, sigmoid, softmax
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import LEAF, TreeArrays, tree_ensemble
from skerry.export.graph import BOOL, FLOAT64, INT64, STRING, Features, Outputs, Tensor

FLOAT32 = np.dtype(np.float32)
NO_KEY = 2**64 - 1
"""The key of an empty place in a hash map."""
MOST_COMBINATIONS = 2**20
"""Of categories in one table."""

BINARY = ("Logloss", "CrossEntropy")
SEVERAL = {"MultiClass": softmax, "MultiClassOneVsAll": sigmoid}
EXPONENTS = ("Poisson", "Tweedie")
REFUSED = ("RMSEWithUncertainty", "MultiLogloss", "MultiCrossEntropy")


def catboost_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """CatBoostRegressor and CatBoostRanker."""
    model = _Model.of(estimator, scope)
    raw = _raw_scores(estimator, model, features, scope)
    return {"predict": scope.graph.op("Exp", raw) if model.loss in EXPONENTS else raw}


def catboost_classifier(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph, model = scope.graph, _Model.of(estimator, scope)
    if model.loss not in (*BINARY, *SEVERAL):
        raise scope.refuse(estimator, f"loss_function={model.loss!r} is not converted")
    raw = _raw_scores(estimator, model, features, scope)
    if raw.width is None:
        if estimator.get_probability_threshold() != 0.5:
            raise scope.refuse(estimator, "a probability threshold of one's own is not converted")
        index, probabilities = positive(graph, raw), binary_probabilities(graph, sigmoid(graph, raw))
    else:
        index, probabilities = highest(graph, raw), SEVERAL[model.loss](graph, raw)
    return {"predict": label_of(graph, index, estimator.classes_), "predict_proba": probabilities}


@dataclass(frozen=True)
class _Model:
    """The model's JSON, with the hashes of all categories that are in ``rows``, those given to ``export``."""

    json: dict[str, Any]
    rows: Any

    @classmethod
    def of(cls, estimator: Any, scope: Scope) -> _Model:
        categorical = estimator.get_cat_feature_indices()
        rows = scope.rows(scope.graph.given) if categorical else None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            pool = import_module("catboost").Pool(rows, cat_features=categorical) if categorical else None
            estimator.save_model(str(path), format="json", pool=pool)
            return cls(json.loads(path.read_text("utf-8")), rows)

    def categories(self, column: int) -> list[Any]:
        """The distinct values of a column of the rows."""
        values = self.rows.iloc[:, column] if isinstance(self.rows, pd.DataFrame) else self.rows[:, column]
        return list(pd.unique(pd.Series(values).dropna()))

    @property
    def loss(self) -> str:
        return str(self.json["model_info"]["params"]["loss_function"]["type"])

    def features(self, kind: str) -> list[dict[str, Any]]:
        """Of ``float_features``, ``categorical_features`` or ``ctrs``."""
        return list(self.json["features_info"].get(kind, ()))

    def column(self, kind: str, index: int) -> int:
        """The column of the rows that a feature, numbered within its kind, is."""
        return next(
            int(known["flat_feature_index"]) for known in self.features(kind) if known["feature_index"] == index
        )


@dataclass(frozen=True)
class _Splits:
    """What splits compare: column ``columns[i]`` of ``X``, float64, with ``borders[i]``; ``missing_left[i]``: NaN is not above."""

    X: Tensor
    columns: np.ndarray
    borders: np.ndarray
    missing_left: np.ndarray


def _raw_scores(estimator: Any, model: _Model, features: Features, scope: Scope) -> Tensor:
    """Float64: (rows,), or (rows, dimensions): ``scale`` times the sum of the trees, plus the bias."""
    graph = scope.graph
    if model.loss in REFUSED or any(model.features(kind) for kind in ("text_features", "embedding_features")):
        raise scope.refuse(estimator, f"texts, embeddings and loss_function {', '.join(REFUSED)} are not converted")
    splits = _splits(estimator, model, features, scope)
    scale, bias = model.json["scale_and_bias"]
    sums = _sums(splits, _trees(model, splits), len(bias), scope)
    if scale != 1:
        sums = graph.op("Mul", sums, np.array(float(scale)))
    sums = graph.op("Add", sums, np.array(bias, float)) if any(bias) else sums
    return graph.flatten(sums) if len(bias) == 1 else sums


def _sums(splits: _Splits, trees: list[TreeArrays], dimensions: int, scope: Scope) -> Tensor:
    """Of several dimensions, each tree gives the number of its leaf, and a table the leaf's values."""
    graph = scope.graph
    if dimensions == 1:
        return tree_ensemble(graph, splits.X, trees, targets=1)
    table = np.concatenate([tree.value.reshape(-1, dimensions) for tree in trees])
    starts = np.cumsum([0, *(len(tree.left) for tree in trees)])
    numbered = [
        TreeArrays(
            tree.feature,
            tree.threshold,
            tree.left,
            tree.right,
            tree.missing_left,
            np.arange(start, start + len(tree.left), dtype=float),
            target,
        )
        for target, (tree, start) in enumerate(zip(trees, starts, strict=False))
    ]
    leaves = graph.cast(tree_ensemble(graph, splits.X, numbered, targets=len(trees)), INT64)
    values = graph.op("Gather", table, leaves, dtype=FLOAT64, axis=0)  # (rows, trees, dimensions)
    return graph.op("ReduceSum", values, np.array([1]), width=dimensions, keepdims=0)


def _trees(model: _Model, splits: _Splits) -> list[TreeArrays]:
    if "trees" in model.json:
        return [_branching(tree, splits) for tree in model.json["trees"]]
    return [_oblivious(tree, splits) for tree in model.json["oblivious_trees"]]


def _oblivious(tree: dict[str, Any], splits: _Splits) -> TreeArrays:
    """Every node of a level has the same split; the first split is the lowest bit of a leaf's number, so the last level."""
    order = np.array([split["split_index"] for split in tree["splits"] or ()], int)[::-1]
    leaves = 2 ** len(order)
    nodes = np.arange(2 * leaves - 1)
    inner = nodes < leaves - 1
    split = np.append(order, 0)[np.where(inner, np.log2(nodes + 1).astype(int), len(order))]
    values = np.array(tree["leaf_values"], float).reshape(leaves, -1)
    return _arrays(
        splits,
        split if len(order) else np.zeros(1, int),
        np.where(inner, 2 * nodes + 1, LEAF),
        np.where(inner, 2 * nodes + 2, LEAF),
        np.concatenate([np.zeros((leaves - 1, values.shape[1])), values]),
    )


def _branching(tree: dict[str, Any], splits: _Splits) -> TreeArrays:
    """A tree whose nodes each have a split of their own: the nodes in the order they are met."""
    nodes = [tree]
    children = []
    for node in nodes:  # grows
        children.append((len(nodes), len(nodes) + 1) if "split" in node else (LEAF, LEAF))
        nodes.extend([node["left"], node["right"]] if "split" in node else [])
    split = np.array([node["split"]["split_index"] if "split" in node else 0 for node in nodes])
    dimensions = np.size(next(node["value"] for node in nodes if "value" in node))
    values = np.array([np.broadcast_to(node.get("value", 0.0), dimensions) for node in nodes], float)
    left, right = np.array(children).T
    return _arrays(splits, split, left, right, values)


def _arrays(splits: _Splits, split: np.ndarray, left: np.ndarray, right: np.ndarray, values: np.ndarray) -> TreeArrays:
    if not len(splits.columns):
        split, splits = np.zeros(len(left), int), _Splits(splits.X, np.zeros(1, int), np.zeros(1), np.zeros(1, bool))
    return TreeArrays(
        feature=splits.columns[split],
        threshold=splits.borders[split],
        left=left,
        right=right,
        missing_left=splits.missing_left[split],
        value=values[:, 0] if values.shape[1] == 1 else values,
    )


def _splits(estimator: Any, model: _Model, features: Features, scope: Scope) -> _Splits:
    """All splits in the order of their numbers: of float features, of categories, of statistics."""
    graph = scope.graph
    floats, ctrs = model.features("float_features"), model.features("ctrs")
    X = (
        graph.matrix(features.select(np.array([known["flat_feature_index"] for known in floats], int)), FLOAT32)
        if floats
        else None
    )
    comparisons = [
        (column, border, known["nan_value_treatment"] != "AsTrue")
        for column, known in enumerate(floats)
        for border in known.get("borders") or ()
    ]
    tables = _Tables.of(estimator, model, features, scope) if model.features("categorical_features") else None
    columns = [] if X is None else [X]
    width = len(floats)
    if tables is not None:
        for known in model.features("categorical_features"):
            for value in known.get("values") or ():
                columns.append(tables.is_category(int(known["feature_index"]), int(value)))
                comparisons.append((width, 0.5, True))
                width += 1
        for ctr in ctrs:
            columns.append(tables.statistic(ctr, X))
            comparisons += [(width, border, True) for border in ctr["borders"]]
            width += 1
    places, borders, missing_left = (
        np.array(part) for part in (zip(*comparisons, strict=True) if comparisons else ([], [], []))
    )
    own = np.flatnonzero(places < len(floats))
    flat = np.array([known["flat_feature_index"] for known in floats], int)
    scope.compares(features, flat[places[own].astype(int)], borders[own], FLOAT32)
    return _Splits(
        graph.cast(graph.concat(columns), FLOAT64), places.astype(int), borders.astype(float), missing_left.astype(bool)
    )


@dataclass(frozen=True)
class _Tables:
    """Tables over categories. ``codes[i]``, INT64 (rows, 1), is the place of categorical feature ``i`` among
    ``hashes[i]``, and their number where it is of none of them."""

    estimator: Any
    model: _Model
    scope: Scope
    codes: dict[int, Tensor]
    hashes: dict[int, np.ndarray]

    @classmethod
    def of(cls, estimator: Any, model: _Model, features: Features, scope: Scope) -> _Tables:
        graph, codes, hashes = scope.graph, {}, {}
        known_hashes = {known["value"]: known["hash"] for known in model.json["features_info"]["cat_features_hash"]}
        for known in model.features("categorical_features"):
            index, place = int(known["feature_index"]), int(known["flat_feature_index"])
            column = graph.matrix(features.select(np.array([place])))
            values = model.categories(place)
            if any(str(value) not in known_hashes for value in values):
                raise scope.refuse(estimator, "categories that are neither strings nor whole numbers are not converted")
            scope.knows(features.select(np.array([place])), [values])
            keys = np.array(values, object if column.dtype == STRING else np.float64)
            codes[index] = graph.lookup(column, keys, np.arange(len(keys)), len(keys))
            hashes[index] = np.array([known_hashes[str(value)] for value in values], np.uint32)
        return cls(estimator, model, scope, codes, hashes)

    def is_category(self, index: int, value: int) -> Tensor:
        """1 where the category's hash is ``value``, else 0: float32 (rows, 1)."""
        known = np.append(self.hashes[index] == np.uint32(value % 2**32), False)
        if not known.any():
            raise self._unknown(index)
        return self.scope.graph.op("Gather", known.astype(FLOAT32), self.codes[index], dtype=FLOAT32, axis=0)

    def statistic(self, ctr: dict[str, Any], X: Tensor | None) -> Tensor:
        """A CTR's value for the categories, and other conditions, it is of: float32 (rows, 1)."""
        parts = [self._part(element, X) for element in ctr["elements"]]
        sizes = [len(values) for _, values, _ in parts]
        if np.prod(sizes, dtype=float) > MOST_COMBINATIONS:
            raise self.scope.refuse(
                self.estimator,
                f"statistics of more than {MOST_COMBINATIONS:,} combinations of categories; try max_ctr_complexity=1",
            )
        grid = np.indices(sizes).reshape(len(sizes), -1)
        keys = _combined_hashes([values[places] for (_, values, _), places in zip(parts, grid, strict=True)])
        known = np.all([found[places] for (_, _, found), places in zip(parts, grid, strict=True)], axis=0)
        table = self._values(ctr, keys, known)
        code, graph = parts[0][0], self.scope.graph
        for (part, _, _), size in zip(parts[1:], sizes[1:], strict=True):
            code = graph.op("Add", graph.op("Mul", code, np.array(size)), part)
        return graph.op("Gather", table, code, dtype=FLOAT32, axis=0)

    def _part(self, element: dict[str, Any], X: Tensor | None) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """One element of a combination: its code, and for each code the number to be hashed, and whether there is one."""
        graph, kind, both = self.scope.graph, element["combination_element"], np.array([0, 1], np.uint64)
        if kind == "float_feature":
            floats = [known["feature_index"] for known in self.model.features("float_features")]
            assert X is not None
            value = graph.columns(X, [floats.index(element["float_feature_index"])])
            above = graph.op("Greater", value, np.array(element["border"], FLOAT32), dtype=BOOL)
            return graph.cast(above, INT64), both, np.ones(2, bool)
        index = int(element["cat_feature_index"])
        if kind == "cat_feature_exact_value":
            return graph.cast(self.is_category(index, int(element["value"])), INT64), both, np.ones(2, bool)
        hashes = self.hashes[index].astype(np.int32).astype(np.int64).astype(np.uint64)  # with its sign
        return self.codes[index], np.append(hashes, np.uint64(0)), np.arange(len(hashes) + 1) < len(hashes)

    def _values(self, ctr: dict[str, Any], keys: np.ndarray, known: np.ndarray) -> np.ndarray:
        """For each key the CTR's value, in float32 as CatBoost computes it."""
        data = self.model.json["ctr_data"][ctr["identifier"]]
        entries = np.array(data["hash_map"], object).reshape(-1, data["hash_stride"])
        learned = entries[:, 0].astype(np.uint64)
        used = learned != NO_KEY
        learned, counts = learned[used], entries[used, 1:].astype(float)
        order = np.argsort(learned)
        if not np.isin(learned, keys[known]).all():
            raise self._unknown(int(ctr["elements"][0]["cat_feature_index"]))
        found = known & np.isin(keys, learned)
        rows = order[np.searchsorted(learned[order], keys[found])]
        hits, total = np.zeros(len(keys), FLOAT32), np.zeros(len(keys), FLOAT32)
        hits[found], total[found] = _counts(ctr, counts[rows])
        if ctr["ctr_type"] in ("Counter", "FeatureFreq"):
            total[:] = data["counter_denominator"]
        prior, weight = np.float32(ctr["prior_numerator"]), np.float32(ctr["prior_denomerator"])
        return ((hits + prior) / (total + weight) + np.float32(ctr["shift"])) * np.float32(ctr["scale"])

    def _unknown(self, index: int) -> Exception:
        known = next(known for known in self.model.features("categorical_features") if known["feature_index"] == index)
        return self.scope.refuse(
            self.estimator,
            f"column {known['feature_id'] or known['flat_feature_index']!r} has categories that the rows given to export have not; "
            "give it rows with every category, such as those of training",
        )


def _counts(ctr: dict[str, Any], counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each entry: how often the target was met, and how often the category."""
    kind, border = ctr["ctr_type"], int(ctr["target_border_idx"])
    if kind in ("Counter", "FeatureFreq"):
        return counts[:, 0], counts[:, 0]
    if kind in ("BinarizedTargetMeanValue", "FloatTargetMeanValue"):
        return counts[:, 0], counts[:, 1]
    hits = counts[:, border] if kind == "Buckets" else counts[:, border + 1 :].sum(axis=1)
    return hits, counts.sum(axis=1)


def _combined_hashes(parts: Sequence[np.ndarray]) -> np.ndarray:
    """CatBoost's hash of several numbers (CalcHash): uint64, which overflows."""
    factor = np.uint64(0x4906BA494954CB65)
    result: np.ndarray = np.zeros(len(parts[0]), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            result = factor * (result + factor * part)
    return result
