"""``Comparison``: what results lose against their teacher by a metric, on the same rows, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from scipy.stats import t as student

from skerry.quantize.metrics import Metric
from skerry.quantize.teacher import Array
from skerry.runtime.manifest import Loss

GROUPS = 50
"""Groups of rows that are left out in turn."""
UNSEEN = 2.25
"""Changed rows that the standard error allows for beyond those seen: with none seen in n rows, up to 3 / n may be changed
(the rule of three; J. A. Hanley and A. Lippman-Hand, 1983), and its square adds five to those seen, as exact limits do."""


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
