"""``distill``: a small student learns what a teacher says of the user's rows, and of rows synthesised around them.

teacher, rows ─▶ lesson ─▶ inputs of the student's own ─▶ student ─▶ a model in the teacher's stead
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skerry.export.signature import read_signature, take
from skerry.quantize.candidate import Arrow, Candidate, TrainingRows
from skerry.quantize.lesson import Lesson, teach
from skerry.quantize.model_teacher import model_teacher, rows_for
from skerry.quantize.parameters import parameters_of
from skerry.quantize.student_inputs import Wanted, coded_columns, inputs_for
from skerry.quantize.students import STUDENTS, Settings, Student, student_of
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import InvalidRows, UnsupportedEstimator, nearest
from skerry.runtime.manifest import Step
from skerry.runtime.model import Model, load

MOST = 16_000
"""Rows that are synthesised at most."""
WIDE = 1024
"""From so many sparse columns on, only linear students learn."""
HELD_OUT = 0.25
"""Of the rows: how many judge which family learned best."""


def distill(
    teacher: Any, X: Any, y: Any = None, *, student: Any = None, synthesised: int | None = None, seed: int = 0
) -> Any:
    """Train a student on what a teacher says; returns it as a fitted estimator that takes the same rows.

    Args:
        teacher: a fitted classifier or regressor, often a Pipeline, whose steps before the last are kept; or an
            artifact (its directory, an ``Artifact`` or a ``Model``).
        X: rows as the teacher takes them; best such that it was not fitted on.
        y: their truth, where it is known: a classifier's student learns from it as well, a regressor's is cut to its range.
        student: a name of ``STUDENTS``, or an estimator of scikit-learn that is not fitted (a regressor learns a
            classifier's log-odds); default the family that agrees best with the teacher on rows held out.
        synthesised: how many rows are synthesised; default as many as suit the student.
        seed: of all chance.

    Raises:
        UnsupportedEstimator: the teacher, or this student of it, cannot be used; the text says why.
        InvalidRows: there are too few rows, or the teacher does not take them.
    """
    told = _told_by(teacher)
    X, y = _checked(told, X, y)
    pupil = _chosen(told, X, y, synthesised, seed) if student is None else _named(student)
    return _Course(told, X, y, np.random.default_rng(seed), synthesised).model(pupil, pupil.settings[pupil.default])


def students(family: str) -> Arrow:
    """The arrow that proposes one family's students, from large to small, as far as they are smaller than the teacher."""

    def propose(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        course = _Course(teacher, rows.X, rows.y, rng)
        if family not in course.families:
            return
        limit = parameters_of(teacher.final) or np.inf
        if course.columns * course.targets > STUDENTS[family].widest:
            return
        for settings in STUDENTS[family].settings:
            if STUDENTS[family].size(settings, course.columns, course.targets) >= limit:
                continue
            model = course.model(STUDENTS[family], settings)
            parameters = parameters_of(model)
            if parameters is not None and parameters < limit:
                yield Candidate(model, (course.step(family, settings),), parameters)

    return propose


DISTILLED: dict[str, Arrow] = {f"distill {family}": students(family) for family in STUDENTS}
"""The arrows of all families."""


class _Course:
    """A teacher and rows, from which several students learn; what they share is made once."""

    def __init__(
        self, teacher: Teacher, X: Any, y: Any, rng: np.random.Generator, synthesised: int | None = None
    ) -> None:
        self.teacher, self.X, self.y = teacher, X, y
        self._rng, self._synthesised = rng, synthesised
        self._lesson = cache(self._taught)
        self._inputs = cache(self._fitted_inputs)
        self._example = teacher.prepared(take(X, slice(2)))

    @property
    def families(self) -> list[str]:
        """Those that can learn from these rows: of classes of several targets, and of texts, not all can."""
        several = isinstance(self.teacher.classes, list | tuple)
        is_wide = sparse.issparse(_transformed(self._inputs("numbers", False), self._example)) and (
            not sparse.issparse(self._example)
            or self._example.shape[1] > WIDE  # of texts, or too wide to be made dense
        )
        return [
            name
            for name, student in STUDENTS.items()
            if (student.several or not several)
            and (student.is_linear or not is_wide)
            and (student.decides or "decision_function" not in self.teacher.methods)
        ]

    @cached_property
    def columns(self) -> int:
        """Numbers of a row that a student learns from, where it wants numbers."""
        return int(_transformed(self._inputs("numbers", False), self._example).shape[1])

    @cached_property
    def targets(self) -> int:
        """Numbers that a student says of a row: of two classes one."""
        if self.teacher.task == "regression":
            return int(self.teacher.scores(take(self.X, slice(1))).shape[1])
        return 1 if len(self.teacher.classes) == 2 else len(self.teacher.classes)

    def model(self, student: Student, settings: Settings) -> Any:
        """The student, fitted, behind the teacher's steps and its own; behind its own alone where it cannot learn from
        sparse rows that the teacher's make.

        Raises:
            UnsupportedEstimator: it cannot learn from these rows, or did not learn all classes.
        """
        alone = bool(self.teacher.steps) and sparse.issparse(self._example) and not student.takes_sparse
        lesson, inputs = self._lesson(self._count(student)), self._inputs(student.wanted, alone)
        rows = lesson.rows if alone else self.teacher.prepared(lesson.rows)
        settings = {**settings, **self._categories(student, inputs)}
        try:
            fitted = student.fit(lesson.with_rows(_transformed(inputs, rows)), settings, self._rng)
        except (ValueError, TypeError) as error:
            raise UnsupportedEstimator(f"student: it cannot learn from these rows: {error}") from None
        _check_answers(fitted, self.teacher)
        final = fitted if inputs is None else Pipeline([("inputs", inputs), ("student", fitted)])
        return final if alone else self.teacher.with_final(final)

    def _fitted_inputs(self, wanted: Wanted, alone: bool) -> Any:
        rows = self.X if alone else self.teacher.prepared(self.X)
        try:
            return inputs_for(rows, wanted, gaps=_takes_gaps(self.teacher))
        except ValueError as error:  # such as infinity beside a gap
            raise UnsupportedEstimator(f"student: it cannot learn from these rows: {error}") from None

    def step(self, family: str, settings: Settings) -> Step:
        lesson = self._lesson(self._count(STUDENTS[family]))
        told = {_SETTINGS.get(name, name): _text(value) for name, value in settings.items()}
        return Step(arrow="distill", detail={"student": family, **told, "synthesised": str(lesson.synthesised)})

    def _count(self, student: Student) -> int:
        wanted = max(student.extra * len(self.X), student.least)
        return min(wanted, MOST) if self._synthesised is None else self._synthesised

    def _taught(self, synthesised: int) -> Lesson:
        return teach(self.teacher, self.X, self.y, synthesised, self._rng)

    def _categories(self, student: Student, inputs: Any) -> dict[str, Any]:
        """Which columns are categories to boosted trees: the teacher's, those coded for them, or those of the frame."""
        if not student.knows_categories:
            return {}
        if isinstance(self.teacher.final, _BOOSTED) and inputs is None:
            return {"categorical_features": self.teacher.final.categorical_features}
        return {"categorical_features": "from_dtype" if inputs is None else coded_columns(inputs)}


_BOOSTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_SETTINGS = {
    "hidden_layer_sizes": "units",
    "max_iter": "rounds",
    "max_leaf_nodes": "leaves",
    "n_estimators": "trees",
    "learning_rate": "rate",
}
"""scikit-learn's name of a setting → the word for it in a step."""


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"


def _transformed(inputs: Any, prepared: Any) -> Any:
    return prepared if inputs is None else inputs.transform(prepared)


def _told_by(teacher: Any) -> Teacher:
    if isinstance(teacher, Teacher):
        return teacher
    if isinstance(teacher, Model):
        return model_teacher(teacher)
    return model_teacher(load(teacher)) if isinstance(teacher, str | os.PathLike | Artifact) else teacher_of(teacher)


def _checked(teacher: Teacher, X: Any, y: Any) -> tuple[Any, Any]:
    """Rows of the form the teacher takes, and their truth, one for each."""
    X = rows_for(teacher.model, X) if isinstance(teacher.model, Model) else read_signature(teacher.model, X)[1]
    if y is not None and len(np.asarray(y)) != len(X):
        raise InvalidRows(f"y: expected one value for each of {len(X)} rows, got {len(np.asarray(y))}")
    if (
        y is not None
        and teacher.task == "classification"
        and np.ndim(y) != (2 if isinstance(teacher.classes, list) else 1)
    ):
        raise InvalidRows(f"y: expected a label for each row and target, got shape {np.shape(y)}")
    return X, None if y is None else np.asarray(y)


def _named(student: Any) -> Student:
    if not isinstance(student, str):
        if not (is_classifier(student) or is_regressor(student)) or isinstance(student, type):
            raise UnsupportedEstimator(f"student: expected a classifier or a regressor, got {student!r:.60}")
        return student_of(student)
    if student not in STUDENTS:
        raise UnsupportedEstimator(
            f"student: expected one of {', '.join(STUDENTS)} or an estimator, got {student!r}{nearest(student, STUDENTS)}"
        )
    return STUDENTS[student]


def _chosen(teacher: Teacher, X: Any, y: Any, synthesised: int | None, seed: int) -> Student:
    """The family whose student agrees best with the teacher on rows that it did not learn from."""
    order = np.random.default_rng(seed).permutation(len(X))
    judging = max(1, round(HELD_OUT * len(X)))
    learn, judge = order[judging:], order[:judging]
    course = _Course(teacher, take(X, learn), None if y is None else y[learn], np.random.default_rng(seed), synthesised)
    expected = np.asarray(teacher.model.predict(take(X, judge)))
    agreements = {}
    for family in course.families:
        student = STUDENTS[family]
        answer = course.model(student, student.settings[student.default]).predict(take(X, judge))
        agreements[family] = _agreement(expected, answer, teacher)
    if not agreements:
        raise UnsupportedEstimator(
            "student: no family can learn from these rows; name one, or give an estimator of your own"
        )
    return STUDENTS[max(agreements, key=lambda family: agreements[family])]


def _agreement(expected: Array, answer: Any, teacher: Teacher) -> float:
    """The share of equal labels, or minus the squared error in units of the teacher's spread."""
    if teacher.task == "classification":
        return float((expected == answer).mean())
    scale = np.maximum(expected.std(axis=0), np.finfo(float).tiny)
    return -float((((np.asarray(answer) - expected) / scale) ** 2).mean())


def _takes_gaps(teacher: Teacher) -> bool:
    """Whether the teacher answers rows in which numbers are missing."""
    if isinstance(teacher.final, Model):
        return any(spec.missing for spec in teacher.final.manifest.inputs)
    return bool(get_tags(teacher.final).input_tags.allow_nan)


def _check_answers(fitted: Any, teacher: Teacher) -> None:
    """The student must have the teacher's methods, and know its classes, in its order."""
    if lacking := [method for method in teacher.methods if not hasattr(fitted, method)]:
        raise UnsupportedEstimator(
            f"student: expected {', '.join(teacher.methods)}, as the teacher has; "
            f"{type(fitted).__name__} lacks {', '.join(lacking)}"
        )
    if teacher.task == "regression":
        return
    several = isinstance(teacher.classes, list | tuple)
    pairs = zip(fitted.classes_, teacher.classes, strict=True) if several else [(fitted.classes_, teacher.classes)]
    for got, expected in pairs:
        if not np.array_equal(got, expected):
            raise UnsupportedEstimator(
                f"student: expected it to learn the classes {list(expected)}, got {list(got)}",
                hint="give more rows, of all classes",
            )
