"""``Comparison``: what results lose against their teacher by a metric, on the same rows, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student
from sklearn import metrics

from skerry.quantize.teacher import Array, Task
from skerry.runtime.errors import InvalidRows, nearest
from skerry.runtime.manifest import Loss

GROUPS = 50
"""Groups of rows that are left out in turn."""
UNSEEN = 2.25
"""Changed rows that the standard error allows for beyond those seen: with none seen in n rows, up to 3 / n may be changed
(the rule of three; J. A. Hanley and A. Lippman-Hand, 1983), and its square adds five to those seen, as exact limits do."""

Asks = Literal["predict", "scores", "predict_proba"]


@dataclass(frozen=True)
class Metric:
    """A metric of scikit-learn's under its own name.

    ``value`` is given codes of classes, or values, and what ``asks`` says a model answers; ``sign`` is 1 where more is
    better. ``weight`` is how much one changed row in n can change it, in n-ths, of the class counts or the teacher's value.
    """

    name: str
    task: Task
    asks: Asks
    value: Callable[[Array, Array], float]
    weight: Callable[[Array, float], float]
    sign: int = 1
    classes: Literal["any", "two"] = "any"


def _class_mean(y: Array, value: float) -> float:
    """A metric that is taken in each class, or in the second: a row of the smallest counts most."""
    counts = np.bincount(y)
    return float(len(y) / counts[counts > 0].min() / max(2, len(counts)))


def _own_value(y: Array, value: float) -> float:
    """A metric that is a mean of errors: a row adds about as much as the mean."""
    return abs(value)


def _rest_of_one(y: Array, value: float) -> float:
    return abs(1 - value)


def _one(y: Array, value: float) -> float:
    return 1.0


def _accuracy(y: Array, labels: Array) -> float:
    """Of several targets all must be right."""
    return float((y == labels).reshape(len(y), -1).all(axis=1).mean())


def _averaged(measure: Callable[..., float]) -> Callable[[Array, Array], float]:
    """Of the second class where there are two, else the mean over the classes."""

    def value(y: Array, labels: Array) -> float:
        average = "binary" if max(y.max(), labels.max()) < 2 else "macro"
        return float(measure(y, labels, average=average, zero_division=0.0))

    return value


def _roc_auc(y: Array, scores: Array) -> float:
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


def _log_loss(y: Array, probabilities: Array) -> float:
    whole = probabilities / probabilities.sum(axis=1, keepdims=True)  # of float32 they are not quite
    return float(metrics.log_loss(y, whole, labels=np.arange(whole.shape[1])))


def _brier(y: Array, probabilities: Array) -> float:
    """Of two classes the mean square of one probability's error, of more the sum over all."""
    squares = (probabilities - np.eye(probabilities.shape[1])[y]) ** 2
    return float(squares.sum(axis=1).mean() / (2 if squares.shape[1] == 2 else 1))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "classification", "predict", _accuracy, _one),
        Metric("balanced_accuracy", "classification", "predict", metrics.balanced_accuracy_score, _class_mean),
        Metric("f1", "classification", "predict", _averaged(metrics.f1_score), _class_mean),
        Metric("precision", "classification", "predict", _averaged(metrics.precision_score), _class_mean),
        Metric("recall", "classification", "predict", _averaged(metrics.recall_score), _class_mean),
        Metric("roc_auc", "classification", "scores", _roc_auc, _one),
        Metric("average_precision", "classification", "scores", metrics.average_precision_score, _one, classes="two"),
        Metric("log_loss", "classification", "predict_proba", _log_loss, _own_value, -1),
        Metric("brier", "classification", "predict_proba", _brier, _own_value, -1),
        Metric("r2", "regression", "predict", metrics.r2_score, _rest_of_one),
        Metric("mae", "regression", "predict", metrics.mean_absolute_error, _own_value, -1),
        Metric("mse", "regression", "predict", metrics.mean_squared_error, _own_value, -1),
        Metric("rmse", "regression", "predict", metrics.root_mean_squared_error, _own_value, -1),
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


@dataclass(frozen=True)
class Answering:
    """How models are asked for what ``metric`` needs; ``classes`` are the teacher's, None in regression."""

    metric: Metric
    classes: Any

    def truth(self, y: Any) -> Array:
        """``y`` as the metric takes it: codes of classes, or values.

        Raises:
            InvalidRows: it holds what the teacher does not know, or too little to measure.
        """
        if self.metric.task == "regression":
            return _finite(np.asarray(y))
        return _codes(np.asarray(y), self.classes)

    def ask(self, model: Any, X: Any) -> Array:
        """What ``model`` says of ``X``, as the metric takes it."""
        if self.metric.asks == "predict":
            labels = np.asarray(model.predict(X))
            return labels if self.metric.task == "regression" else _codes(labels, self.classes)
        if hasattr(model, "predict_proba"):
            probabilities = np.asarray(model.predict_proba(X))
            return probabilities[:, 1] if self.metric.asks == "scores" and len(self.classes) == 2 else probabilities
        return np.asarray(model.decision_function(X))


def answering(metric: Metric, teacher: Any, classes: Any) -> Answering:
    """Raises InvalidRows: the teacher does not answer what the metric needs."""
    several = isinstance(classes, (list, tuple)) and bool(len(classes)) and np.ndim(classes[0]) > 0
    if several and metric.name != "accuracy":
        raise InvalidRows(f"metric: expected accuracy for a model of several targets, got {metric.name!r}")
    methods = {"predict": ["predict"], "predict_proba": ["predict_proba"]}.get(
        metric.asks, ["predict_proba", "decision_function"]
    )
    if not any(hasattr(teacher, method) for method in methods):
        raise InvalidRows(f"metric: {metric.name} needs {' or '.join(methods)}, which the model does not have")
    if metric.classes == "two" and len(classes) != 2:
        raise InvalidRows(f"metric: {metric.name} is for two classes, the model has {len(classes)}")
    if several:
        return Answering(metric, tuple(np.asarray(each) for each in classes))
    return Answering(metric, classes if classes is None else np.asarray(classes))


@dataclass(frozen=True)
class Comparison:
    """Results against their teacher on the same rows: ``y`` and ``teacher`` are what ``Answering`` makes of both."""

    metric: Metric
    y: Array
    teacher: Array
    seed: int = 0
    confidence: float = 0.95
    bound: float | None = None
    _groups: list[Array] = field(init=False, repr=False)
    _value: float = field(init=False, repr=False)
    _left_out: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        groups = np.random.default_rng([self.seed, len(self.y)]).permutation(len(self.y)) % min(GROUPS, len(self.y))
        object.__setattr__(self, "_groups", [groups != group for group in range(groups.max() + 1)])
        object.__setattr__(self, "_value", self._of(self.teacher))
        object.__setattr__(self, "_left_out", self._replicates(self.teacher))

    @property
    def is_defined(self) -> bool:
        """Whether the metric has a value on these rows, and on them without any of the groups."""
        return bool(np.isfinite(self._value) and np.isfinite(self._left_out).all())

    def loss(self, answers: Array) -> Loss:
        """What these answers lose, and between which limits.

        The standard error is that of a delete-a-group jackknife over random groups of rows (J. Shao and C. F. J. Wu,
        1989), for any metric alike; teacher and result lose the same rows, so what both find hard cancels out. Limits
        are quantiles of Student's t, moved outwards where the groups are skewed (N. J. Johnson, 1978): a few large
        errors, which most samples lack. The limit for fresh rows adds the error of measuring there: chance
        is in both.
        """
        result = self._of(answers)
        loss = self.metric.sign * (self._value - result)
        replicates = self.metric.sign * (self._left_out - self._replicates(answers))
        count, rows = len(replicates), len(self.y)
        seen = (count - 1) / count * float(((replicates - replicates.mean()) ** 2).sum())
        unseen = UNSEEN / rows * self.metric.weight(self.y, self._value)
        error = float(np.sqrt(seen + unseen**2))
        wide = float(student.ppf(self.confidence, count - 1))
        lean = (
            -_skewness(replicates) * (1 + 2 * wide**2) / 6 / np.sqrt(count)
        )  # leaving out a bad group leaves less loss
        reach = float(wide + max(0.0, lean))
        return Loss(
            metric=self.metric.name,
            rows=rows,
            teacher=self._value,
            result=result,
            loss=loss,
            low=loss - float(wide - min(0.0, lean)) * error,
            high=loss + reach * error,
            fresh=loss + reach * float(np.sqrt(2 * seen + unseen**2)),
            confidence=self.confidence,
            bound=self.bound,
        )

    def _of(self, answers: Array) -> float:
        return float(self.metric.value(self.y, answers))

    def _replicates(self, answers: Array) -> Array:
        return np.array([self.metric.value(self.y[kept], answers[kept]) for kept in self._groups])


def _skewness(values: Array) -> float:
    """0 of equal values."""
    from_mean = values - values.mean()
    spread = float(np.sqrt((from_mean**2).mean()))
    return float((from_mean**3).mean()) / spread**3 if spread > 1e-12 * (1 + abs(values.mean())) else 0.0


def rows_needed(loss: Loss) -> int | None:
    """About how many rows would show a loss like this one to be within its bound; None where it is not."""
    assert loss.bound is not None
    if loss.loss >= loss.bound:
        return None
    return int(np.ceil(loss.rows * ((loss.fresh - loss.loss) / (loss.bound - loss.loss)) ** 2))


def _codes(labels: Array, classes: Any) -> Array:
    """Labels as places in ``classes``; of several targets (rows, targets)."""
    if isinstance(classes, tuple):
        if labels.ndim != 2 or labels.shape[1] != len(classes):
            raise InvalidRows(f"y: expected {len(classes)} targets for each row, got shape {labels.shape}")
        return np.column_stack([_codes(labels[:, place], each) for place, each in enumerate(classes)])
    if labels.ndim != 1:
        raise InvalidRows(f"y: expected one label for each row, got shape {labels.shape}")
    table = {label: code for code, label in enumerate(classes.tolist())}
    found = [table.get(label, -1) for label in labels.tolist()]
    if -1 in found:
        unknown = labels.tolist()[found.index(-1)]
        raise InvalidRows(f"y: expected labels of the model, {_few(classes)}; got {unknown!r} in row {found.index(-1)}")
    return np.array(found)


def _few(classes: Array) -> str:
    shown = ", ".join(repr(label) for label in classes.tolist()[:5])
    return shown + (", ..." if len(classes) > 5 else "")


def _finite(y: Array) -> Array:
    try:
        values = y.astype(float)
    except (TypeError, ValueError):
        raise InvalidRows(f"y: expected numbers, as the model predicts them, got {y.dtype}") from None
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InvalidRows(f"y: expected finite numbers, got {values[row]} in row {row}")
    return values
