"""``leaves``: what trees add, rounded to few different numbers, of which each lies in the file once.

TreeEnsemble's splits refer to leaves, and may share them. The step between the numbers is a power of two, so sums of
them are exact also in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from skerry.export.wire import Array
from skerry.quantize.graphs.exact import exact_values
from skerry.quantize.graphs.probe import values_of

LESS_OR_EQUAL = 0
FEW = 4
"""The mean error of so many rows is halved before it is made up for: other rows of the leaf have errors of their own."""
OUTSIDE = 0.005
"""The share of leaves on each side that may lie beyond the ``levels``: few are far larger than the others, as those of a
baseline are."""


def leaves(model: onnx.ModelProto, levels: int, feeds: dict[str, Array] | None = None) -> onnx.ModelProto:
    """The model with the leaves of its trees on a grid of about ``levels`` different numbers (256 or 65,536).

    With ``feeds``, rows as the model is fed, each tree makes up for the errors of those before it: a leaf is rounded
    after the mean error so far of the rows that come to it is taken off (error feedback, as in noise shaping), less where
    they are few. Where there are no more leaves than levels, nothing changes; nor where trees say whole numbers that
    something is looked up by, such as those of their leaves.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    exact = exact_values(model.graph)
    for node in made.graph.node:
        if node.op_type != "TreeEnsemble" or node.output[0] in exact:
            continue
        ensemble = _Ensemble.of(node)
        if len(np.unique(ensemble.values)) > levels:
            rows = None if feeds is None else values_of(model, [node.input[0]], feeds)[0]
            _write(node, ensemble, _rounded(ensemble, levels, rows))
    return made


@dataclass(frozen=True)
class _Ensemble:
    """The trees of a node. A split's sides are numbers of splits or, where ``leaf``, of places in ``targets`` and ``values``:
    here each side has a leaf of its own."""

    attributes: dict[str, Any]
    sides: Array
    leaf: Array
    targets: Array
    values: Array

    @classmethod
    def of(cls, node: onnx.NodeProto) -> _Ensemble:
        attributes = {each.name: _value(each) for each in node.attribute}
        sides = np.stack([attributes[f"nodes_{side}nodeids"] for side in ("true", "false")])
        leaf = np.stack([attributes[f"nodes_{side}leafs"] for side in ("true", "false")]).astype(bool)
        used = sides[leaf]
        sides = sides.copy()
        sides[leaf] = np.arange(len(used))
        return cls(attributes, sides, leaf, attributes["leaf_targetids"][used], attributes["leaf_weights"][used])

    def leaves_of(self, X: Array) -> Array:
        """Which leaf each row comes to in each tree, (rows, trees)."""
        features, splits = self.attributes["nodes_featureids"], self.attributes["nodes_splits"]
        tracks = self.attributes.get("nodes_missing_value_tracks_true", np.zeros(len(features), int)).astype(bool)
        place = np.tile(self.attributes["tree_roots"], (len(X), 1))
        done = np.zeros(place.shape, bool)
        while not done.all():
            rows, trees = np.nonzero(~done)
            split = place[rows, trees]
            values = X[rows, features[split]]
            goes_true = (values <= splits[split]) | (np.isnan(values) & tracks[split])
            side = np.where(goes_true, 0, 1)
            place[rows, trees], done[rows, trees] = self.sides[side, split], self.leaf[side, split]
        return place

    @property
    def is_traced(self) -> bool:
        """Whether ``leaves_of`` knows all of its splits."""
        return bool((self.attributes["nodes_modes"] == LESS_OR_EQUAL).all())


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, list) or not isinstance(value, int) else value


def _rounded(ensemble: _Ensemble, levels: int, X: Array | None) -> Array:
    low, high = np.quantile(ensemble.values, [OUTSIDE, 1 - OUTSIDE]).astype(float)
    span = high - low or float(np.ptp(ensemble.values))
    step = 2.0 ** np.ceil(np.log2(span / (levels - 1)))
    if X is None or not len(X) or not ensemble.is_traced:
        return np.rint(ensemble.values / step) * step
    return _fed_back(ensemble, step, ensemble.leaves_of(X))


def _fed_back(ensemble: _Ensemble, step: float, reached: Array) -> Array:
    """Rounded tree by tree; ``reached`` (rows, trees) are the leaves that rows come to."""
    values = ensemble.values.astype(float)
    made = np.rint(values / step) * step
    rows = np.arange(len(reached))
    error = np.zeros((len(reached), int(ensemble.targets.max()) + 1))
    for leaf in reached.T:
        own, number, count = np.unique(leaf, return_inverse=True, return_counts=True)
        targets = ensemble.targets[leaf]
        before = np.bincount(number, weights=error[rows, targets]) / (count + FEW)
        made[own] = np.rint((values[own] - before) / step) * step
        error[rows, targets] += made[leaf] - values[leaf]
    return made


def _write(node: onnx.NodeProto, ensemble: _Ensemble, values: Array) -> None:
    """The leaves with their new values, equal ones shared, into the node."""
    known, numbers = np.unique(values, return_inverse=True)
    pairs, numbers = np.unique(ensemble.targets * len(known) + numbers, return_inverse=True)
    sides = ensemble.sides.copy()
    sides[ensemble.leaf] = numbers
    weights = known[pairs % len(known)].astype(ensemble.attributes["leaf_weights"].dtype)
    changed = {
        "nodes_truenodeids": sides[0].tolist(),
        "nodes_falsenodeids": sides[1].tolist(),
        "leaf_targetids": (pairs // len(known)).tolist(),
        "leaf_weights": numpy_helper.from_array(weights),
    }
    kept = [attribute for attribute in node.attribute if attribute.name not in changed]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in changed.items())])
