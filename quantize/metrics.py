"""``METRICS``: what can be lost: scikit-learn's metrics under their own names, and what one row weighs in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata
from sklearn import metrics

from skerry.quantize.teacher import Array, Task
from skerry.runtime.errors import InvalidRows, nearest

Asks = Literal["predict", "scores", "predict_proba"]
Measure = Callable[[Array, Array, int], float]
"""Of truth, answers and the number of classes."""


@dataclass(frozen=True)
class Metric:
    """A metric of scikit-learn's under its own name.

    ``value`` is given codes of classes, or values, and what ``asks`` says a model answers, and how many classes the model
    has; it is NaN where such rows say nothing. ``sign`` is 1 where more is better. ``weight`` is how much one changed row in n
    can change it, in n-ths, of truth, teacher's answers and number of classes.
    """

    name: str
    task: Task
    asks: Asks
    value: Measure
    weight: Measure
    sign: int = 1
    classes: Literal["any", "two"] = "any"


TENTH = 0.1
"""A changed row may cost as much as others cost the teacher, and at least this share of what a constant guess costs: also
a teacher without errors has students that make some."""


def _one(y: Array, answers: Array, classes: int) -> float:
    return 1.0


def _rarest(y: Array, answers: Array, classes: int) -> float:
    """A metric that is a mean over classes, or ranks two of them: a row of the smallest counts most. One that changes
    moves past half of the others."""
    counts = np.bincount(y)
    return float(len(y) / counts[counts > 0].min() / max(2, classes))


def _of_class(*, true: bool, told: bool) -> Measure:
    """A metric that is a share of a class's true rows, of those told to be of it, or of both; of two classes the second."""

    def weight(y: Array, labels: Array, classes: int) -> float:
        counts = np.mean([np.bincount(each, minlength=classes) for each in [y] * true + [labels] * told], axis=0)
        if classes == 2:
            return float(len(y) / max(1.0, counts[1]))
        return float(len(y) / max(1.0, counts[counts > 0].min()) / classes)

    return weight


def _positives(y: Array, scores: Array, classes: int) -> float:
    return float(len(y) / max(1, (y == 1).sum()))


def _errors(value: Measure, guess: Callable[[Array, int], Array]) -> Measure:
    """A metric that is a mean of errors: a row adds about as much as the mean."""
    return lambda y, answers, classes: max(value(y, answers, classes), TENTH * value(y, guess(y, classes), classes))


def _mean(y: Array, classes: int) -> Array:
    return np.broadcast_to(y.mean(axis=0), y.shape)


def _shares(y: Array, classes: int) -> Array:
    return np.tile(np.bincount(y, minlength=classes) / len(y), (len(y), 1))


def _plain(measure: Callable[[Array, Array], float]) -> Measure:
    """Of scikit-learn's, which takes two arguments."""
    return lambda y, answers, classes: float(measure(y, answers))


def _accuracy(y: Array, labels: Array, classes: int) -> float:
    """Of several targets all must be right."""
    return float((y == labels).reshape(len(y), -1).all(axis=1).mean())


def _averaged(measure: Callable[..., float]) -> Measure:
    """Of the second class where there are two, which some rows must be of, else the mean over the classes."""

    def value(y: Array, labels: Array, classes: int) -> float:
        if classes == 2:
            return float(measure(y, labels, average="binary", zero_division=0.0)) if y.any() else float("nan")
        return float(measure(y, labels, labels=np.arange(classes), average="macro", zero_division=0.0))

    return value


def _average_precision(y: Array, scores: Array, classes: int) -> float:
    return float(metrics.average_precision_score(y, scores)) if y.any() else float("nan")


def _r2(y: Array, values: Array, classes: int) -> float:
    """NaN where a target is the same in all rows: scikit-learn then says 0 of whatever is wrong."""
    return float(metrics.r2_score(y, values)) if np.ptp(y, axis=0).all() else float("nan")


def _unexplained(y: Array, values: Array, classes: int) -> float:
    return max(abs(1 - _r2(y, values, classes)), TENTH)


def _roc_auc(y: Array, scores: Array, classes: int) -> float:
    """As scikit-learn's; of more than two classes each against the rest ("ovr"), and their mean."""
    if scores.ndim == 1:
        return _area(y == 1, scores)
    return float(np.mean([_area(y == place, scores[:, place]) for place in range(scores.shape[1])]))


def _area(positive: Array, scores: Array) -> float:
    """The area under the ROC curve by ranks (H. B. Mann and D. R. Whitney, 1947): a twentieth of the time of
    scikit-learn's, and it is asked for a hundred times for each result. NaN where there is one class only."""
    ranks, count = rankdata(scores), int(positive.sum())
    if not 0 < count < len(scores):
        return float("nan")
    return float((ranks[positive].mean() - (count + 1) / 2) / (len(scores) - count))


def _log_loss(y: Array, probabilities: Array, classes: int) -> float:
    whole = probabilities / probabilities.sum(axis=1, keepdims=True)  # of float32 they are not quite
    return float(metrics.log_loss(y, whole, labels=np.arange(whole.shape[1])))


def _brier(y: Array, probabilities: Array, classes: int) -> float:
    """Of two classes the mean square of one probability's error, of more the sum over all."""
    squares = (probabilities - np.eye(probabilities.shape[1])[y]) ** 2
    return float(squares.sum(axis=1).mean() / (2 if squares.shape[1] == 2 else 1))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "classification", "predict", _accuracy, _one),
        Metric("balanced_accuracy", "classification", "predict", _plain(metrics.balanced_accuracy_score), _rarest),
        Metric("f1", "classification", "predict", _averaged(metrics.f1_score), _of_class(true=True, told=True)),
        Metric(
            "precision",
            "classification",
            "predict",
            _averaged(metrics.precision_score),
            _of_class(true=False, told=True),
        ),
        Metric(
            "recall", "classification", "predict", _averaged(metrics.recall_score), _of_class(true=True, told=False)
        ),
        Metric("roc_auc", "classification", "scores", _roc_auc, _rarest),
        Metric("average_precision", "classification", "scores", _average_precision, _positives, classes="two"),
        Metric("log_loss", "classification", "predict_proba", _log_loss, _errors(_log_loss, _shares), -1),
        Metric("brier", "classification", "predict_proba", _brier, _errors(_brier, _shares), -1),
        Metric("r2", "regression", "predict", _r2, _unexplained),
        *(
            Metric(name, "regression", "predict", _plain(measure), _errors(_plain(measure), _mean), -1)
            for name, measure in (
                ("mae", metrics.mean_absolute_error),
                ("mse", metrics.mean_squared_error),
                ("rmse", metrics.root_mean_squared_error),
            )
        ),
    )
}
"""What can be bounded; the names are scikit-learn's, without ``neg_``."""

DEFAULTS: dict[Task, str] = {"classification": "accuracy", "regression": "r2"}
"""What scikit-learn's own ``score`` is."""


def metric_for(name: str | None, task: Task) -> Metric:
    """The metric of that name, by default what scikit-learn scores such a model with.

    Raises:
        InvalidRows: there is none, or it is for another task.
    """
    found = METRICS.get(name or DEFAULTS[task])
    known = [each.name for each in METRICS.values() if each.task == task]
    if found is None or found.task != task:
        raise InvalidRows(
            f"metric: expected one of {', '.join(known)} for {task}, got {name!r}{nearest(str(name), known)}"
        )
    return found
