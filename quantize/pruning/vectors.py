"""Fewer vectors in support vector machines, kernel ridge regression and Gaussian processes.

A reduced set (Burges 1996): the vectors from which the teacher's sums are best recovered, weighed anew, and then
moved, so that they need be no training rows any more (Schölkopf et al. 1999; Snelson and Ghahramani 2005 move a
process's so). What comes out is an estimator of the same class with the same settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.pruning.machines import (
    SMOOTH,
    Family,
    Machine,
    collapsed,
    family_of,
    is_linear,
    smooth_kernel,
)
from skerry.quantize.pruning.recovery import ranked, refitted
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator
from skerry.runtime.manifest import Step

SHARES = (1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 20, 1 / 40)
"""Of the vectors, those that candidates keep."""
MOST_ROWS = 4000
"""Rows that vectors are chosen and moved by, at most."""
MOST_VECTORS = 2500
"""Vectors that are chosen from, at most: those with the largest weights."""
CLEAR = 1.5
"""A decision beyond it need not be recovered: libsvm's margin is 1."""
CERTAIN = 3.0
"""The same where probabilities are made of decisions."""
BESIDE = 0.2
"""What a row of another class counts where two classes are told apart."""
STEPS = 100
"""Steps of L-BFGS in which vectors are moved, at most."""
KERNELS = 4e7
"""Kernels that are computed for it, about: many vectors need less moving."""
PENALTY = 1e-4
"""What squared weights cost while vectors are moved, beside the mean squared error."""


def prune_vectors(model: Any, X: Any, *, keep: float = 1 / 3, seed: int = 0) -> Any:
    """The model with a share of its support vectors, or of a process's or kernel ridge regression's rows.

    Args:
        model: fitted SVC, NuSVC, SVR, NuSVR, KernelRidge or GaussianProcessRegressor, one calibrated
            with ``ensemble=False``, or a Pipeline that ends with one.
        X: rows as it takes them.
        keep: the share of the vectors that is kept, above 0 and at most 1. Of a linear kernel there need be
            only one for each sum, and the answers stay the same.
        seed: for the rows that vectors are chosen by.

    Raises:
        UnsupportedEstimator: it has no vectors, or a kernel of one's own.
    """
    teacher = teacher_of(model)
    estimator = _inside(teacher.final)
    family = family_of(estimator)
    if family is None:
        raise UnsupportedEstimator(
            f"{type(estimator).__name__}: expected a model with support vectors and a kernel that scikit-learn knows"
        )
    if not 0 < keep <= 1:
        raise ExportError(f"keep: expected a share above 0 and at most 1, got {keep}")
    machine = family.read(estimator)
    if is_linear(estimator):
        return _with(teacher, family.write(estimator, collapsed(machine)))
    rng = np.random.default_rng(seed)
    choice = _Choice.of(teacher, family, teacher.prepared(X), rng)
    return _with(teacher, family.write(estimator, choice.kept(_count(machine, keep), rng)))


def vector_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """Machines with fewer and fewer vectors. None of a linear kernel: its graph has no vectors anyway."""
    estimator = _inside(teacher.final)
    family = family_of(estimator)
    if family is None or is_linear(estimator):
        return
    machine = family.read(estimator)
    choice = _Choice.of(teacher, family, rows.prepared, rng)
    for count in dict.fromkeys(min(_count(machine, share), len(choice.order)) for share in SHARES):
        if count < len(machine.weights):
            smaller = choice.kept(count, rng)
            detail = {"vectors": f"{count} of {len(machine.weights)}"}
            model = _with(teacher, family.write(estimator, smaller))
            yield Candidate(model, (Step(arrow="prune", detail=detail),), smaller.size)


def _inside(final: Any) -> Any:
    """The kernel model, also of a ``CalibratedClassifierCV`` that calibrated one, with ``ensemble=False``."""
    parts: list[Any] = getattr(final, "calibrated_classifiers_", [])
    return parts[0].estimator if len(parts) == 1 else final


def _with(teacher: Teacher, estimator: Any) -> Any:
    """The teacher's steps and calibration around another kernel model."""
    if _inside(teacher.final) is teacher.final:
        return teacher.with_final(estimator)
    final, part = copy(teacher.final), copy(teacher.final.calibrated_classifiers_[0])
    part.estimator = estimator
    final.calibrated_classifiers_ = [part]
    return teacher.with_final(final)


def _clear(teacher: Teacher) -> float:
    """From where on a sum need not be recovered."""
    if teacher.task == "regression":
        return np.inf
    return CERTAIN if "predict_proba" in teacher.methods else CLEAR


def _count(machine: Machine, share: float) -> int:
    """At least one vector for each class."""
    return max(round(share * len(machine.weights)), len(machine.used))


@dataclass(frozen=True)
class _Sample:
    """Rows and what a machine adds up for them: ``sums`` float (rows, sums), which matter up to ``clear``;
    ``importance`` (rows, sums) is what each counts."""

    rows: Any
    sums: Array
    importance: Array
    clear: float

    @classmethod
    def of(cls, machine: Machine, K: Array, rows: Any, clear: float) -> _Sample:
        """``K`` are the kernels of the rows with the machine's vectors."""
        sums = machine.summed(K)
        if not np.isfinite(clear):
            return cls(rows, sums, np.ones_like(sums), clear)
        importance = np.where(machine.used[_winners(sums, machine.used)], 1.0, BESIDE)
        return cls(rows, sums, importance, clear)

    @property
    def clipped(self) -> Array:
        return np.clip(self.sums, -self.clear, self.clear)

    def take(self, mask: Array) -> _Sample:
        return _Sample(self.rows[mask], self.sums[mask], self.importance[mask], self.clear)

    def errors(self, sums: Array) -> Array:
        """How far sums are off; on the right side of what is clear enough they are not."""
        errors = sums - self.clipped
        errors = np.where(self.sums >= self.clear, np.minimum(errors, 0), errors)
        return np.where(self.sums <= -self.clear, np.maximum(errors, 0), errors)

    def loss(self, sums: Array) -> float:
        return float((self.importance * self.errors(sums) ** 2).sum() / len(sums))


@dataclass(frozen=True)
class _Choice:
    """A machine's vectors in the order in which they are worth keeping, rows to weigh them by, and rows to choose by."""

    estimator: Any
    family: Family
    machine: Machine
    order: Array
    learned: _Sample
    aside: _Sample

    @classmethod
    def of(cls, teacher: Teacher, family: Family, rows: Any, rng: np.random.Generator) -> _Choice:
        estimator = _inside(teacher.final)
        machine = family.read(estimator)
        rows = _some(rows, machine, rng)
        K = family.kernel(estimator, rows, machine.vectors)
        clear = _clear(teacher)
        sample = _Sample.of(machine, K, rows, clear)
        few = np.argsort(-np.abs(machine.weights).sum(axis=1), kind="stable")[:MOST_VECTORS]
        order = few[ranked(K[:, few], sample.clipped, machine.weights[few], len(few))]
        mask = rng.permutation(len(sample.sums)) < len(sample.sums) // 5
        learned, aside = (sample.take(~mask), sample.take(mask)) if mask.any() else (sample, sample)
        return cls(estimator, family, machine, _one_of_each(order, machine), learned, aside)

    def kept(self, count: int, rng: np.random.Generator) -> Machine:
        """The machine with ``count`` vectors: the best on rows put aside of those weighed anew, and those moved too."""
        kept = self.order[:count]
        fewer = replace(self.machine, vectors=self.machine.vectors[kept], owners=self.machine.owners[kept])
        tried = [self._weighed(fewer, self.learned.sums, rng)]
        if np.isfinite(self.learned.clear):
            tried.append(self._weighed(fewer, self.learned.clipped, rng))
        if not sparse.issparse(fewer.vectors) and (kernel := smooth_kernel(self.estimator)) is not None:
            tried.append(_moved(min(tried, key=self._loss), self.learned, *kernel))
            if not np.isfinite(self.learned.clear):
                tried.append(self._weighed(tried[-1], self.learned.sums, rng))
        return min(tried, key=self._loss)

    def _loss(self, machine: Machine) -> float:
        return self.aside.loss(machine.summed(self.family.kernel(self.estimator, self.aside.rows, machine.vectors)))

    def _weighed(self, machine: Machine, sums: Array, rng: np.random.Generator) -> Machine:
        """Each sum anew from the vectors that take part in it."""
        K = self.family.kernel(self.estimator, self.learned.rows, machine.vectors)
        taken = machine.used[machine.owners]
        weights, intercept = np.zeros(taken.shape), np.zeros(taken.shape[1])
        alike = len(machine.used) == 1  # all vectors take part in all sums
        for which in [np.arange(len(intercept))] if alike else np.arange(len(intercept))[:, None]:
            mine = np.flatnonzero(taken[:, which[0]])
            weights[np.ix_(mine, which)], intercept[which] = refitted(
                K[:, mine],
                sums[:, which],
                np.zeros((len(mine), len(which))),
                rng,
                importance=self.learned.importance[:, which[0]],
                centred=machine.intercept is not None,
            )
        return replace(machine, weights=weights, intercept=None if machine.intercept is None else intercept)


def _moved(machine: Machine, sample: _Sample, name: str, parameters: dict[str, Any]) -> Machine:
    """Vectors, weights and intercept together, by L-BFGS. Sums are scaled to a deviation of 1."""
    scale = 1.0 if np.isfinite(sample.clear) else float(sample.sums.std()) or 1.0
    sample = replace(sample, sums=sample.sums / scale)
    taken = machine.used[machine.owners].astype(float)
    has_intercept = machine.intercept is not None
    start = [
        machine.vectors,
        machine.weights / scale,
        np.zeros(0) if machine.intercept is None else machine.intercept / scale,
    ]
    ends = np.cumsum([part.size for part in start[:2]])

    def parts(numbers: Array) -> list[Array]:
        return [part.reshape(like.shape) for part, like in zip(np.split(numbers, ends), start, strict=True)]

    def loss(numbers: Array) -> tuple[float, Array]:
        vectors, weights, intercept = parts(numbers)
        K, pull = SMOOTH[name](sample.rows, vectors, **parameters)
        errors = sample.errors(K @ weights + (intercept if has_intercept else 0))
        slopes = sample.importance * errors / len(errors)
        total = (slopes * errors).sum() / 2 + PENALTY * (weights**2).sum() / 2
        gains = [pull(slopes @ weights.T), (K.T @ slopes + PENALTY * weights) * taken]
        gains += [slopes.sum(axis=0)] if has_intercept else []
        return float(total), np.concatenate([gain.ravel() for gain in gains])

    steps = int(np.clip(KERNELS / (len(sample.sums) * len(taken)), 10, STEPS))
    first = np.concatenate([part.ravel() for part in start])
    vectors, weights, intercept = parts(
        minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    )
    return replace(
        machine, vectors=vectors, weights=weights * scale, intercept=intercept * scale if has_intercept else None
    )


def _some(rows: Any, machine: Machine, rng: np.random.Generator) -> Any:
    """At most ``MOST_ROWS`` of the rows, as the vectors are: dense or sparse."""
    rows = sparse.csr_matrix(rows) if sparse.issparse(machine.vectors) else np.asarray(rows)
    return rows[np.sort(rng.permutation(rows.shape[0])[:MOST_ROWS])]


def _winners(sums: Array, used: Array) -> Array:
    """The class that wins most of its pairs, (rows,); libsvm's first of a pair is above 0."""
    first = used.cumsum(axis=0) == 1
    votes = (sums > 0).astype(float) @ (used & first).T + (sums <= 0).astype(float) @ (used & ~first).T
    return np.asarray(votes.argmax(axis=1))


def _one_of_each(order: Array, machine: Machine) -> Array:
    """The order with the best vector of each class before all others."""
    _, first = np.unique(machine.owners[order], return_index=True)
    return np.concatenate([order[np.sort(first)], np.delete(order, first)])
