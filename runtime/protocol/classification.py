"""The classification extension: the highest scores of each row, as "value:index:label".

Source: Triton, docs/protocol/extension_classification.md. Values have all the digits that JSON gives them; of equal ones
the lower index comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from skerry.runtime.feeds import Array
from skerry.runtime.manifest import Label, Manifest

_SCORES = re.compile(r"(?:predict_proba|decision_function)(?:_(?P<target>\d+))?")


def count_scores(manifest: Manifest, method: str) -> int:
    """How many scores a row of ``method`` has, 0 where it has none to choose from."""
    spec = manifest.output(method)
    return spec.shape[1] if len(spec.shape) == 2 and (spec.is_float or spec.is_integer) else 0


def labels_of(manifest: Manifest, method: str) -> tuple[Label, ...]:
    """The labels of the columns of ``method``; none where the columns are no classes."""
    found, classes = _SCORES.fullmatch(method), manifest.classes
    if not found or classes is None:
        return ()
    if found["target"] is not None:
        labels = classes[int(found["target"])]
        classes = labels if isinstance(labels, tuple) else ()
    flat = tuple(label for label in classes if not isinstance(label, tuple))
    return flat if len(flat) == count_scores(manifest, method) else ()


def classify(scores: Array, count: int, labels: Sequence[Label]) -> Array:
    """The ``count`` highest of ``scores``, (rows, classes), as strings in an array of objects, (rows, count)."""
    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :count]
    values = np.take_along_axis(scores, order, axis=1).astype(np.str_)
    endings = np.array([f":{index}" for index in range(scores.shape[1])], object)
    if labels:
        endings += np.array([f":{label}" for label in labels], object)
    return values.astype(object) + endings[order]
