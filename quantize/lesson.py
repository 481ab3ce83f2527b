"""``Lesson``: rows, and what the teacher says of them, in the form that students learn."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.svm import SVC, NuSVC

from skerry.export.oracle import ask
from skerry.export.signature import stack, take
from skerry.quantize.answering import in_shape_of, numbers_of
from skerry.quantize.synthesis import synthesise
from skerry.quantize.teacher import Array, Teacher
from skerry.runtime.errors import InvalidRows, UnsupportedEstimator

SUREST = 0.98
"""Probabilities beyond are taught as this one, and 0 as its complement: their log-odds would be without end, and a
student would spend its numbers on how sure the teacher is of what is clear."""
REACH = 3.0
"""Decisions without probabilities are taught as log-odds of so many standard deviations of them."""
LABELS = 0.3
"""The weight of the truth beside the teacher's probabilities, on rows whose truth is known."""


@dataclass(frozen=True)
class Lesson:
    """``rows`` as users have them: the user's, and then those synthesised.

    ``shares`` are the classes' probabilities (rows, classes), of several targets a tuple of them, None in regression;
    ``values`` what a regressor predicts, (rows, targets). ``is_flat`` says that it predicts (rows,). ``ends`` are the least
    and the greatest value of each target, by the truth of the user's rows, or else by the teacher; None of a classifier.
    """

    rows: Any
    classes: Any
    shares: Any
    values: Array | None
    is_flat: bool
    synthesised: int
    ends: tuple[Array, Array] | None = None

    @property
    def targets(self) -> Array:
        """What a regressor learns: of a classifier log-odds, of two classes (rows, 1) those of the second."""
        return self.values if self.values is not None else self.log_odds

    @cached_property
    def log_odds(self) -> Array:
        logs = np.log(np.clip(self.shares, 1 - SUREST, SUREST))
        return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs - logs.mean(axis=1, keepdims=True)

    def with_rows(self, rows: Any) -> Lesson:
        return replace(self, rows=rows)

    def drawn_labels(self, times: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Row numbers, each ``times``, and labels (rows, targets) drawn by their probabilities."""
        index = np.tile(np.arange(len(self.shares[0])), times)
        labels = [
            np.asarray(classes)[_drawn(shares[index], rng)]
            for classes, shares in zip(self.classes, self.shares, strict=True)
        ]
        return index, np.column_stack(labels)

    def weighted_labels(self) -> tuple[Array, Array, Array]:
        """Row numbers, labels and weights: each row once for every class that is likely at all."""
        likely = self.shares > 1 - SUREST
        likely[self.shares.argmax(axis=0), np.arange(self.shares.shape[1])] = True  # no class is left out
        index, codes = np.nonzero(likely)
        return index, np.asarray(self.classes)[codes], self.shares[index, codes]


def teach(teacher: Teacher, X: Any, y: Any, synthesised: int, rng: np.random.Generator) -> Lesson:
    """The teacher's answers for the rows ``X`` (as users have them) and for so many synthesised around them.

    Of a classifier the truth ``y`` is mixed in, where there is one; of a regressor it says what its values reach from and to.

    Raises:
        UnsupportedEstimator: it answers with several labels a row in a form that no student has.
        InvalidRows: there are too few rows, or ``y`` does not fit them.
    """
    if len(X) < 2:
        raise InvalidRows(f"expected at least two rows to learn from, got {len(X)}")
    made = synthesise(X, synthesised, rng)
    if len(made):
        made = take(made, np.flatnonzero(~ask(teacher.model, made, ("predict",)).refused))
    rows = stack([X, made]) if len(made) else X
    if teacher.task == "regression":
        predicted = np.asarray(teacher.model.predict(rows), float)
        values = predicted.reshape(len(predicted), -1)
        known = values[: len(X)] if y is None else in_shape_of(values[: len(X)], numbers_of(np.asarray(y)))
        ends = known.min(axis=0), known.max(axis=0)
        return Lesson(rows, None, None, values, predicted.ndim == 1, len(made), ends)
    return Lesson(rows, teacher.classes, _taught_shares(teacher, rows, y), None, True, len(made))


def _taught_shares(teacher: Teacher, rows: Any, y: Any) -> Any:
    shares = _shares(teacher, rows)
    if y is None:
        return shares
    if isinstance(shares, tuple):
        truths = np.asarray(y).T
        return tuple(_mixed(*each) for each in zip(shares, teacher.classes, truths, strict=True))
    return _mixed(shares, teacher.classes, np.asarray(y))


def _mixed(shares: Array, classes: Any, truth: Array) -> Array:
    """The first rows' shares with their truth, as far as it is one of the classes."""
    mixed, hits = shares.copy(), truth[:, None] == np.asarray(classes)
    known = np.flatnonzero(hits.any(axis=1))
    mixed[known] = (1 - LABELS) * shares[known] + LABELS * hits[known]
    return mixed


def _shares(teacher: Teacher, rows: Any) -> Any:
    """Probabilities, or what stands for them: (rows, classes), of several targets a tuple."""
    if isinstance(teacher.classes, list | tuple):
        return _of_each_target(teacher, rows)
    labels = np.asarray(teacher.model.predict(rows))
    if labels.ndim != 1:
        raise UnsupportedEstimator(
            f"{type(teacher.final).__name__}: expected one label a row, or probabilities of each target; "
            f"a table of {labels.shape[1]} labels a row is not distilled"
        )
    if "predict_proba" in teacher.methods:
        return np.asarray(teacher.model.predict_proba(rows), float)
    decided = (labels[:, None] == np.asarray(teacher.classes)).astype(float)
    if "decision_function" not in teacher.methods:
        return decided
    return (
        softmax(_decisions(teacher, rows), axis=1) + decided
    ) / 2  # what decides may differ a little from its scores


def _of_each_target(teacher: Teacher, rows: Any) -> tuple[Array, ...]:
    if "predict_proba" in teacher.methods:
        return tuple(np.asarray(shares, float) for shares in teacher.model.predict_proba(rows))
    labels = np.asarray(teacher.model.predict(rows))
    return tuple(
        (column[:, None] == np.asarray(classes)).astype(float)
        for column, classes in zip(labels.T, teacher.classes, strict=True)
    )


def _decisions(teacher: Teacher, rows: Any) -> Array:
    """Decisions on the scale of log-odds: (rows, classes)."""
    if isinstance(teacher.final, SVC | NuSVC) and len(teacher.classes) > 2:
        scores = _pair_sums(teacher.final, teacher.prepared(rows))
    else:
        scores = np.asarray(teacher.model.decision_function(rows), float)
    if scores.ndim == 1:
        scores = np.column_stack([-scores / 2, scores / 2])
    return REACH * scores / max(float(scores.std()), np.finfo(float).tiny)


def _pair_sums(machine: Any, prepared: Any) -> Array:
    """For each class how clearly it wins its pairs: smooth, where the decisions over the rest are counts of pairs."""
    pairwise = copy(machine)
    pairwise.decision_function_shape = "ovo"
    margins = np.tanh(pairwise.decision_function(prepared))
    first, second = np.triu_indices(len(machine.classes_), 1)
    signs = np.zeros((len(first), len(machine.classes_)))
    signs[np.arange(len(first)), first], signs[np.arange(len(first)), second] = 1, -1
    return np.asarray(margins @ signs)


def _drawn(shares: Array, rng: np.random.Generator) -> Array:
    """For each row one class by its probabilities."""
    levels = shares.cumsum(axis=1)
    return np.asarray((rng.random((len(shares), 1)) * levels[:, -1:] >= levels).sum(axis=1))


def rows_of(rows: Any, index: Array) -> Any:
    """Some prepared rows: of a sparse matrix, or as ``take`` does."""
    return rows[index] if sparse.issparse(rows) else take(rows, index)
