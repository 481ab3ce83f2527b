"""LabelEncoder: the place of each label among those learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Outputs

UNKNOWN = -1


def label_encoder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """``transform``: labels (rows,) → places (rows,), int64; scikit-learn refuses any other label."""
    graph = scope.graph
    classes = np.asarray(estimator.classes_)
    if classes.dtype.kind == "U":
        raise scope.refuse(
            estimator,
            f"it was fitted on strings of fixed width ({classes.dtype}), to which scikit-learn cuts longer labels off "
            "before it looks them up; fit it on an array of dtype object",
        )
    scope.knows(features, [classes])
    numeric = classes.dtype.kind != "O"
    if numeric and classes.dtype.kind in "iu" and np.abs(classes.astype(FLOAT64)).max() >= 2**53:
        raise scope.refuse(estimator, "integer labels of 2**53 and beyond are not converted")
    labels = graph.matrix(features)
    if numeric:
        labels = graph.cast(labels, classes.dtype)
    places = graph.lookup(labels, classes.astype(FLOAT64) if numeric else classes, np.arange(len(classes)), UNKNOWN)
    wrong = graph.op("Equal", places, np.array(UNKNOWN), dtype=BOOL)
    graph.guard(wrong, [], "expected a label known from training, got another")
    return {"transform": graph.flatten(places)}
