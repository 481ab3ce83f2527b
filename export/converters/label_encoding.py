"""LabelEncoder and LabelBinarizer: the place of each label among those learned, as a number or as a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Outputs, Tensor

UNKNOWN = -1


def label_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``transform``: labels (rows,) → places (rows,), int64; scikit-learn refuses any other label."""
    graph, classes = scope.graph, np.asarray(estimator.classes_)
    if classes.dtype.kind == "U":
        raise scope.refuse(
            estimator,
            f"it was fitted on strings of fixed width ({classes.dtype}), to which scikit-learn cuts longer labels off "
            "before it looks them up; fit it on an array of dtype object",
        )
    places = _places(estimator, features, scope)
    wrong = graph.op("Equal", places, np.array(UNKNOWN), dtype=BOOL)
    graph.guard(wrong, [], "expected a label known from training, got another")
    return {"transform": graph.flatten(places)}


def label_binarizer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``transform``: labels (rows,) → (rows, classes), in the labels' own dtype or int64; no column for any other label."""
    graph, count = scope.graph, len(estimator.classes_)
    if estimator.y_type_ != "multiclass":
        raise scope.refuse(
            estimator,
            "of fewer than three classes, how many columns it answers with hangs on the other rows of the batch",
        )
    places = graph.column(_places(estimator, features, scope))
    dtype = estimator.classes_.dtype if estimator.classes_.dtype.kind == "i" else INT64
    chosen = graph.op("Equal", places, np.arange(count)[None, :], dtype=BOOL, width=count)
    ends = np.array(estimator.pos_label, dtype), np.array(estimator.neg_label, dtype)
    return {"transform": Features.of(graph.op("Where", chosen, *ends, dtype=dtype, width=count))}


def _places(estimator: Any, features: Features, scope: Scope) -> Tensor:
    """Where each label is among ``classes_``: INT64; ``UNKNOWN`` for any other."""
    graph = scope.graph
    classes = np.asarray(estimator.classes_)
    if classes.dtype.kind == "U":
        classes = classes.astype(object)
    scope.knows(features, [classes])
    numeric = classes.dtype.kind != "O"
    if numeric and classes.dtype.kind in "iu" and np.abs(classes.astype(FLOAT64)).max() >= 2**53:
        raise scope.refuse(estimator, "integer labels of 2**53 and beyond are not converted")
    labels = graph.matrix(features)
    if numeric:
        labels = graph.cast(labels, classes.dtype)
    return graph.lookup(labels, classes.astype(FLOAT64) if numeric else classes, np.arange(len(classes)), UNKNOWN)
