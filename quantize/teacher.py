"""``Teacher``: a fitted model as the arrows see it, what prepares the rows and what answers from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from skerry.quantize.clipped import ClippedRegressor
from skerry.runtime.errors import UnsupportedEstimator

Task = Literal["classification", "regression"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Teacher:
    """A fitted estimator, or a model with the same methods, taken apart.

    ``model`` answers rows as users have them. ``steps`` are the fitted steps before the last, and ``final`` is the
    last, which gets what they make of the rows; without steps it is the model itself. Of a ``ClippedRegressor`` it is the
    regressor in it, and what takes its place is cut to the same range. ``classes`` are the labels, of
    several targets a tuple of them for each; None in regression. ``methods`` are those a result must have too.
    """

    model: Any
    steps: tuple[tuple[str, Any], ...]
    final: Any
    task: Task
    classes: Any
    methods: tuple[str, ...]

    def prepared(self, X: Any) -> Any:
        """What the final estimator is given for the rows ``X``: an array, a sparse matrix or a frame."""
        for _, step in self.steps:
            X = step.transform(X)
        return X

    def with_final(self, final: Any) -> Any:
        """A fitted model of the same steps, with another final estimator."""
        around = _last(self.model)
        if isinstance(around, ClippedRegressor):
            final = around.with_regressor(final)
        if not self.steps:
            return final
        name = self.model.steps[-1][0] if isinstance(self.model, Pipeline) else "model"
        return Pipeline([*self.steps, (name, final)])

    def scores(self, X: Any) -> Array:
        """What the teacher says of rows as users have them: float64 (rows, targets).

        Of a classifier the probabilities of its classes, where it has them, else what ``decision_function`` gives
        (one column for two classes), else 1 for the class it predicts; of several targets those of each, side by side.
        Of a regressor its predictions.
        """
        answers = getattr(self.model, self.scored_by)(X)
        if self.task == "classification" and self.scored_by == "predict":
            return _hot(np.asarray(answers), self.classes)
        return _matrix(answers)

    @property
    def scored_by(self) -> str:
        """The method that its scores come from."""
        methods = ("predict_proba", "decision_function") if self.task == "classification" else ()
        return next((method for method in methods if hasattr(self.model, method)), "predict")


def teacher_of(model: Any, *, methods: Sequence[str] | None = None) -> Teacher:
    """Take a fitted model apart. A search (GridSearchCV and its like) stands for the best estimator it found.

    Raises:
        UnsupportedEstimator: it neither classifies nor predicts numbers.
    """
    if isinstance(model, BaseSearchCV):
        model = model.best_estimator_
    if not (is_classifier(model) or is_regressor(model)):
        raise UnsupportedEstimator(
            f"{type(model).__name__}: expected a classifier or a regressor; what transforms or clusters is not pruned"
        )
    steps = (
        tuple((name, step) for name, step in model.steps[:-1] if step not in (None, "passthrough"))
        if isinstance(model, Pipeline)
        else ()
    )
    final = _last(model)
    final = final.regressor_ if isinstance(final, ClippedRegressor) else final
    known = methods or [name for name in ("predict", "predict_proba", "decision_function") if hasattr(model, name)]
    task: Task = "classification" if is_classifier(model) else "regression"
    return Teacher(model, steps, final, task, getattr(model, "classes_", None), tuple(known))


def _last(model: Any) -> Any:
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def _hot(labels: Array, classes: Any) -> Array:
    """1 in the column of each label, 0 in the others; of several targets ``classes`` are those of each."""
    if isinstance(classes, list | tuple):
        return np.hstack([_hot(column, known) for column, known in zip(labels.T, classes, strict=True)])
    return (labels[:, None] == np.asarray(classes)).astype(float)


def _matrix(answers: Any) -> Array:
    """(rows, columns); of a list, an array for each target, all of their columns side by side."""
    if isinstance(answers, list | tuple):
        return np.hstack([_matrix(part) for part in answers])
    answers = np.asarray(answers, float)
    return answers[:, None] if answers.ndim == 1 else answers
