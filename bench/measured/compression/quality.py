"""``judged``: a metric on unseen rows with its interval, and how much of it a smaller model loses.

A metric is taken apart into what each row adds to it (its influence function), so that the standard error of a value, or
of the difference of two models on the same rows, is that of a mean: exactly so for accuracy, by E. R. DeLong, D. M. DeLong
and D. L. Clarke-Pearson, 1988, for the area under the ROC curve, by linearisation for R². None of it is shared with the
search that is judged here, which leaves out groups of rows instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skerry.bench.measured.compression.data import Array
from skerry.bench.measured.compression.records import Estimate, Quality

WIDE = 1.959964
"""Standard errors to each side, for 95 %."""


def metric_of(y: Array) -> str:
    """What is measured: R² of numbers, the area under the ROC curve of two classes, else accuracy."""
    classes = len(np.unique(y))
    if y.dtype.kind == "f" and classes > 2:
        return "r2"
    return "roc_auc" if classes == 2 else "accuracy"


def answers_of(model: Any, X: Any, metric: str) -> Array:
    """What ``metric`` needs of an estimator or a loaded artifact: labels, values, or a score of the second class."""
    if metric != "roc_auc":
        return np.asarray(model.predict(X))
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X))[:, 1]
    return np.asarray(model.decision_function(X))


def judged(answers: Sequence[Array], y: Array, metric: str) -> list[Quality]:
    """The quality of each model's answers to the same rows; the first model is the teacher."""
    parts = [adding(answer, y, metric) for answer in answers]
    return [Quality(metric=metric, score=estimate(part), loss=estimate(parts[0] - part)) for part in parts]


def adding(answers: Array, y: Array, metric: str) -> Array:
    """What each row adds to the metric: (rows,), whose mean it is."""
    return _INFLUENCES[metric](answers, y)


def estimate(parts: Array) -> Estimate:
    """The mean of what each row adds, and its interval."""
    value = float(parts.mean())
    error = WIDE * float(parts.std(ddof=1)) / len(parts) ** 0.5
    return Estimate(value=value, low=value - error, high=value + error)


# What each row adds: answers (rows,), truth (rows,) -> (rows,)


def accuracy(labels: Array, y: Array) -> Array:
    return (labels == y).astype(float)


def r2(values: Array, y: Array) -> Array:
    squares, spread = (y - values) ** 2, (y - y.mean()) ** 2
    share = squares.mean() / spread.mean()
    return 1 - share - (squares - share * spread) / spread.mean()


def roc_auc(scores: Array, y: Array) -> Array:
    """Of a row, the share of those of the other class that are on the right side of it; equal scores count half."""
    is_second = y == np.unique(y)[1]
    parts = np.empty(len(y))
    parts[is_second] = _share_below(scores[is_second], scores[~is_second])
    parts[~is_second] = 1 - _share_below(scores[~is_second], scores[is_second])
    area = parts[is_second].mean()
    weight = np.where(is_second, is_second.mean(), 1 - is_second.mean())
    return area + (parts - area) / weight


def _share_below(scores: Array, others: Array) -> Array:
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return below / 2 / len(others)


_INFLUENCES: dict[str, Callable[[Array, Array], Array]] = {"accuracy": accuracy, "r2": r2, "roc_auc": roc_auc}
