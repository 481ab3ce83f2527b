"""``Answering``: how teacher and results are asked for what a metric needs, and their truth in the same form."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.quantize.metrics import Metric
from skerry.quantize.teacher import Array
from skerry.runtime.errors import InvalidRows


@dataclass(frozen=True)
class Answering:
    """How models are asked for what ``metric`` needs: by ``method``, the teacher's and so the result's; ``classes`` are the
    teacher's, None in regression."""

    metric: Metric
    classes: Any
    method: str = "predict"

    def truth(self, y: Any) -> Array:
        """``y`` as the metric takes it: codes of classes, or values.

        Raises:
            InvalidRows: it holds what the teacher does not know, or too little to measure.
        """
        if self.metric.task == "regression":
            return numbers_of(np.asarray(y))
        return _codes(np.asarray(y), self.classes)

    def labels(self, codes: Array, y: Array) -> Array:
        """A truth as the teacher says it: of one target the labels are those of its classes, of their dtype."""
        if self.classes is None:
            return codes
        return y if isinstance(self.classes, tuple) else np.asarray(self.classes[codes])

    def ask(self, model: Any, X: Any) -> Array:
        """What ``model`` says of ``X``, as the metric takes it."""
        answers = np.asarray(getattr(model, self.method)(X))
        if self.metric.asks == "predict":
            return answers if self.metric.task == "regression" else _codes(answers, self.classes)
        two = self.method == "predict_proba" and self.metric.asks == "scores" and len(self.classes) == 2
        return answers[:, 1] if two else answers


def answering(metric: Metric, teacher: Any, classes: Any) -> Answering:
    """Raises InvalidRows: the teacher does not answer what the metric needs."""
    several = isinstance(classes, (list, tuple)) and bool(len(classes)) and np.ndim(classes[0]) > 0
    if several and metric.name != "accuracy":
        raise InvalidRows(f"metric: expected accuracy for a model of several targets, got {metric.name!r}")
    methods = {"predict": ["predict"], "predict_proba": ["predict_proba"]}.get(
        metric.asks, ["predict_proba", "decision_function"]
    )
    method = next((method for method in methods if hasattr(teacher, method)), None)
    if method is None:
        raise InvalidRows(f"metric: {metric.name} needs {' or '.join(methods)}, which the model does not have")
    if metric.classes == "two" and len(classes) != 2:
        raise InvalidRows(f"metric: {metric.name} is for two classes, the model has {len(classes)}")
    if method == "decision_function" and len(classes) > 2 and _is_of_pairs(teacher):
        raise InvalidRows(f"metric: {metric.name} needs scores of classes, those of the model are of pairs of them")
    if several:
        return Answering(metric, tuple(np.asarray(each) for each in classes))
    return Answering(metric, classes if classes is None else np.asarray(classes), method)


def _is_of_pairs(teacher: Any) -> bool:
    return getattr(getattr(teacher, "_final_estimator", teacher), "decision_function_shape", "ovr") == "ovo"


def _codes(labels: Array, classes: Any) -> Array:
    """Labels as places in ``classes``; of several targets (rows, targets)."""
    if isinstance(classes, tuple):
        if labels.ndim != 2 or labels.shape[1] != len(classes):
            raise InvalidRows(f"y: expected {len(classes)} targets for each row, got shape {labels.shape}")
        return np.column_stack([_codes(labels[:, place], each) for place, each in enumerate(classes)])
    if labels.ndim != 1:
        raise InvalidRows(f"y: expected one label for each row, got shape {labels.shape}")
    table = {label: code for code, label in enumerate(classes.tolist())}
    found = [table.get(label, -1) if isinstance(label, Hashable) else -1 for label in labels.tolist()]
    if -1 in found:
        unknown = labels.tolist()[found.index(-1)]
        raise InvalidRows(f"y: expected labels of the model, {_few(classes)}; got {unknown!r} in row {found.index(-1)}")
    return np.array(found)


def _few(classes: Array) -> str:
    shown = ", ".join(repr(label) for label in classes.tolist()[:5])
    return shown + (", ..." if len(classes) > 5 else "")


def numbers_of(y: Array) -> Array:
    """A truth of numbers as float64, of any shape.

    Raises:
        InvalidRows: one is none, or not finite.
    """
    try:
        values = y.astype(float)
    except (TypeError, ValueError):
        raise InvalidRows(f"y: expected numbers, as the model predicts them, got {y.dtype}") from None
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InvalidRows(f"y: expected finite numbers, got {values[row]} in row {row}")
    return values


def in_shape_of(answers: Array, y: Array) -> Array:
    """A truth of numbers in the shape that a model predicts: a column of one target may be given as (rows,), and so on.

    Raises:
        InvalidRows: it has more or fewer targets.
    """
    if y.size != answers.size:
        raise InvalidRows(f"y: expected {answers.size // len(answers)} targets for each row, got {y.size // len(y)}")
    return y.reshape(answers.shape)
