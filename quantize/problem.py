"""``Problem``: what a search is asked, checked and divided: a teacher, rows in three parts, and how losses are measured."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skerry.export.exporter import check_fitted, describe, draft
from skerry.export.signature import read_signature, take
from skerry.quantize.answering import Answering, answering, in_shape_of
from skerry.quantize.candidate import TrainingRows
from skerry.quantize.front import Rows
from skerry.quantize.loss import Comparison
from skerry.quantize.metrics import metric_for
from skerry.quantize.model_teacher import model_teacher, rows_for
from skerry.quantize.splits import same_rows, split
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.quantize.trial import Judge, Trial
from skerry.runtime.artifact import MODEL, Artifact, versions
from skerry.runtime.errors import InvalidRows, SkerryError
from skerry.runtime.manifest import Loss
from skerry.runtime.model import load

LEARN, JUDGE = 40_000, 20_000
"""Rows that arrows learn from, and that candidates are judged by, at most; more of these two parts are not used."""


@dataclass(frozen=True)
class Problem:
    """What is asked.

    ``teacher`` is ``described`` by its classes, and comes from ``artifact`` if it is one; ``exact`` is its own exact
    model, which is to be beaten, and ``parent`` the digest of an artifact that has it, None where there is none yet.
    Arrows learn from ``learn``, ``judge`` judges, and ``proof`` compares answers to ``X_prove``, whose truth is ``y_prove``.
    """

    teacher: Teacher
    described: str
    artifact: Artifact | None
    exact: Trial
    learn: TrainingRows
    judge: Judge
    X_prove: Any
    y_prove: Array
    proof: Comparison
    parent: str | None
    rows: Rows

    def prove(self, trial: Trial, notes: list[str]) -> Loss | None:
        """What a trial loses on the rows that nothing has seen; None, and a note, where it does not answer all of them."""
        try:
            return trial.sure(self.proof.loss(self.judge.answering.ask(trial.model, self.X_prove)))
        except Exception as error:
            notes.append(f"{trial.name}: it does not answer all rows that prove: {error}")
            return None


def problem_of(
    model: Any,
    X: Any,
    y: Any,
    *,
    max_loss: float,
    metric: str | None,
    seed: int,
    confidence: float,
    to: str | os.PathLike[str],
    name: str,
) -> Problem:
    """The problem that ``optimize`` is given, whose arguments these are.

    Raises:
        InvalidRows, UnsupportedEstimator, NotFitted: the rows or the model do not fit.
    """
    artifact = _artifact_of(model)
    teacher = _fitted(model) if artifact is None else model_teacher(load(artifact))
    rows = rows_for(teacher.model, X) if artifact is not None else read_signature(teacher.model, X)[1]
    y = _truth(y, rows)
    asked = answering(metric_for(metric, teacher.task), teacher.model, teacher.classes)
    codes = asked.truth(y)
    y = asked.labels(codes, y)
    if teacher.task == "classification" and len(np.unique(codes, axis=0)) < 2:
        raise InvalidRows("y: expected rows of at least two classes, all are of one")
    parts = split(rows, codes, task=teacher.task, seed=seed)
    random = np.random.default_rng([seed, 1])
    parts = replace(parts, learn=_some(parts.learn, LEARN, random), judge=_some(parts.judge, JUDGE, random))
    comparisons = [
        _comparison(asked, teacher, take(rows, part), codes[part], seed, confidence, max_loss)
        for part in (parts.judge, parts.prove)
    ]
    if teacher.task == "regression":
        y = y.reshape(len(y), *comparisons[0].y.shape[1:])  # as the model predicts it
    X_prove = take(rows, parts.prove)
    judge = Judge(take(rows, parts.judge), comparisons[0], asked, X_prove, teacher.methods)
    exact = _exact(teacher, artifact, judge)
    return Problem(
        teacher=teacher,
        described=describe(teacher.model) if artifact is None else artifact.manifest.estimator,
        artifact=artifact,
        exact=exact,
        learn=training(teacher, take(rows, parts.learn), y[parts.learn]),
        judge=judge,
        X_prove=X_prove,
        y_prove=y[parts.prove],
        proof=comparisons[1],
        parent=artifact.digest if artifact else _exported(exact.content, Path(to) / name),
        rows=Rows(learn=len(parts.learn), judge=len(parts.judge), prove=len(parts.prove)),
    )


def _artifact_of(model: Any) -> Artifact | None:
    if isinstance(model, Artifact):
        return model
    return Artifact.open(model) if isinstance(model, str | os.PathLike) else None


def _fitted(model: Any) -> Teacher:
    check_fitted(model)
    return teacher_of(model)


def _truth(y: Any, rows: Any) -> Array:
    truth = np.asarray(y)
    if truth.ndim not in (1, 2) or len(truth) != len(rows):
        raise InvalidRows(f"y: expected one value for each of {len(rows)} rows, got shape {truth.shape}")
    return truth


def _some(index: Array, most: int, random: np.random.Generator) -> Array:
    return index if len(index) <= most else np.sort(random.choice(index, most, replace=False))


def training(teacher: Teacher, X: Any, y: Array | None, scores: Array | None = None) -> TrainingRows:
    """Rows as arrows get them; ``scores`` are what another teacher says of them."""
    return TrainingRows(X, y, teacher.prepared(X), teacher.scores(X) if scores is None else scores)


def _comparison(
    asked: Answering,
    teacher: Teacher,
    X: Any,
    codes: Array,
    seed: int,
    confidence: float,
    bound: float,
) -> Comparison:
    try:
        answers = asked.ask(teacher.model, X)
    except (ValueError, TypeError, SkerryError) as error:
        raise InvalidRows(f"the model does not answer these rows: {str(error).splitlines()[0]}") from None
    if teacher.task == "regression":
        if not np.isfinite(answers).all():
            raise InvalidRows("the model answers some of these rows with no finite number")
        codes = in_shape_of(answers, codes)
    found = Comparison(
        asked.metric,
        codes,
        answers,
        classes=len(teacher.classes) if teacher.classes is not None else 0,
        same=same_rows(X, len(codes)),
        seed=seed,
        confidence=confidence,
        bound=bound,
    )
    if not found.is_defined:
        raise InvalidRows(
            f"{len(codes):,} rows are too few, of some class or too much alike, to measure {asked.metric.name}"
        )
    return found


def _exact(teacher: Teacher, artifact: Artifact | None, judge: Judge) -> Trial:
    """The teacher's own exact model, as a trial that loses nothing."""
    loss = judge.comparison.loss(judge.comparison.teacher)
    if artifact is not None:
        return Trial("exact", (), None, teacher.model, artifact.read()[MODEL], artifact.manifest, loss, None)
    made = draft(teacher.model, judge.sample, methods=teacher.methods)
    return Trial("exact", (), None, teacher.model, made.content, made.manifest, loss, teacher.model)


def _exported(content: bytes, directory: Path) -> str | None:
    """The digest of an artifact in that directory that has exactly this model: the parent, where it was exported before."""
    for version in reversed(versions(directory)):
        try:
            artifact = Artifact.open(directory / str(version))
            if artifact.manifest.files[MODEL].unpacked == len(content) and artifact.read()[MODEL] == content:
                return artifact.digest
        except SkerryError:
            continue
    return None
