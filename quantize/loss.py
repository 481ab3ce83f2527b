"""``Comparison``: what results lose against their teacher by a metric, on the same rows, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
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

    ``value`` is given codes of classes, or values, and what ``asks`` says a model answers, and how many classes the model
    has; it is NaN where such rows say nothing. ``sign`` is 1 where more is better. ``weight`` is how much one changed row in n
    can change it, in n-ths, of truth, teacher's answers and number of classes.
    """

    name: str
    task: Task
    asks: Asks
    value: Callable[[Array, Array, int], float]
    weight: Callable[[Array, Array, int], float]
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


def _of_class(*, true: bool, told: bool) -> Callable[[Array, Array, int], float]:
    """A metric that is a share of a class's true rows, of those told to be of it, or of both; of two classes the second."""

    def weight(y: Array, labels: Array, classes: int) -> float:
        counts = np.mean([np.bincount(each, minlength=classes) for each in [y] * true + [labels] * told], axis=0)
        if classes == 2:
            return float(len(y) / max(1.0, counts[1]))
        return float(len(y) / max(1.0, counts[counts > 0].min()) / classes)

    return weight


def _positives(y: Array, scores: Array, classes: int) -> float:
    return float(len(y) / max(1, (y == 1).sum()))


def _errors(
    value: Callable[[Array, Array, int], float], guess: Callable[[Array, int], Array]
) -> Callable[[Array, Array, int], float]:
    """A metric that is a mean of errors: a row adds about as much as the mean."""
    return lambda y, answers, classes: max(value(y, answers, classes), TENTH * value(y, guess(y, classes), classes))


def _mean(y: Array, classes: int) -> Array:
    return np.broadcast_to(y.mean(axis=0), y.shape)


def _shares(y: Array, classes: int) -> Array:
    return np.tile(np.bincount(y, minlength=classes) / len(y), (len(y), 1))


def _plain(measure: Callable[[Array, Array], float]) -> Callable[[Array, Array, int], float]:
    """Of scikit-learn's, which takes two arguments."""
    return lambda y, answers, classes: float(measure(y, answers))


def _accuracy(y: Array, labels: Array, classes: int) -> float:
    """Of several targets all must be right."""
    return float((y == labels).reshape(len(y), -1).all(axis=1).mean())


def _averaged(measure: Callable[..., float]) -> Callable[[Array, Array, int], float]:
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
            return _finite(np.asarray(y))
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


@dataclass(frozen=True)
class Comparison:
    """Results against their teacher on the same rows: ``y`` and ``teacher`` are what ``Answering`` makes of both.

    ``classes`` are as many as the model has, 0 in regression. ``same`` are rows of the same values (``same_rows``): they are
    right or wrong together, so that chance has no more to say in them than in one. None: all differ.
    """

    metric: Metric
    y: Array
    teacher: Array
    classes: int = 0
    same: Array | None = None
    seed: int = 0
    confidence: float = 0.95
    bound: float | None = None
    _unseen: float = field(init=False, repr=False)
    _groups: list[Array] = field(init=False, repr=False)
    _value: float = field(init=False, repr=False)
    _left_out: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        same = np.arange(len(self.y)) if self.same is None else self.same
        count = int(same.max()) + 1
        groups = (np.random.default_rng([self.seed, len(self.y)]).permutation(count) % min(GROUPS, count))[same]
        different = len(same) ** 2 / float((np.bincount(same) ** 2.0).sum())
        object.__setattr__(self, "_unseen", UNSEEN / different * self.metric.weight(self.y, self.teacher, self.classes))
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
        1989), for any metric alike; equal rows are in one group, and count as one where rows are counted (L. Kish's effective
        number, 1965). Teacher and result lose the same rows, so what both find hard cancels out. Limits
        are quantiles of Student's t, moved outwards where the groups are skewed (N. J. Johnson, 1978): a few large
        errors, which most samples lack. The limit for fresh rows adds the error of measuring there: chance
        is in both.
        """
        result = self._of(answers)
        loss = self.metric.sign * (self._value - result)
        replicates = self.metric.sign * (self._left_out - self._replicates(answers))
        count, rows = len(replicates), len(self.y)
        seen = (count - 1) / count * float(((replicates - replicates.mean()) ** 2).sum())
        error = float(np.sqrt(seen + self._unseen**2))
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
            fresh=loss + reach * float(np.sqrt(2 * seen + self._unseen**2)),
            confidence=self.confidence,
            bound=self.bound,
        )

    def _of(self, answers: Array) -> float:
        return float(self.metric.value(self.y, answers, self.classes))

    def _replicates(self, answers: Array) -> Array:
        return np.array([self.metric.value(self.y[kept], answers[kept], self.classes) for kept in self._groups])


def _skewness(values: Array) -> float:
    """0 of equal values."""
    from_mean = values - values.mean()
    spread = float(np.sqrt((from_mean**2).mean()))
    return float((from_mean**3).mean()) / spread**3 if spread > 1e-12 * (1 + abs(values.mean())) else 0.0


def certain(loss: Loss) -> Loss:
    """Of answers that cannot differ: what was measured, nothing, is all there is."""
    return msgspec.structs.replace(loss, low=0.0, high=0.0, fresh=0.0) if loss.loss == 0 else loss


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
    found = [table.get(label, -1) if isinstance(label, Hashable) else -1 for label in labels.tolist()]
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
