"""What a teacher says of rows, in one form for all kinds of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import NearestCentroid, RadiusNeighborsClassifier
from sklearn.svm import LinearSVC

from skerry.quantize.teacher import Teacher, teacher_of

X = np.random.default_rng(0).normal(size=(60, 3))
THREE = np.digitize(X[:, 0], [-0.4, 0.4])
TWO = X[:, 1] > 0
BOTH = np.column_stack([THREE, TWO])


def taught(model: Any, y: Any) -> Teacher:
    return teacher_of(model.fit(X, y))


def test_a_classifiers_probabilities_else_its_decisions_else_its_labels() -> None:
    teacher = taught(LogisticRegression(), THREE)
    np.testing.assert_array_equal(teacher.scores(X), teacher.model.predict_proba(X))
    teacher = taught(RidgeClassifier(), TWO)
    np.testing.assert_array_equal(teacher.scores(X), teacher.model.decision_function(X)[:, None])
    teacher = taught(MultiOutputClassifier(LinearSVC()), BOTH)
    three, two = teacher.model.predict(X).T
    np.testing.assert_array_equal(teacher.scores(X), np.hstack([np.eye(3)[three], np.eye(2)[two]]))
    assert not hasattr(teacher.model, "predict_proba")


@pytest.mark.parametrize("model", [RandomForestClassifier(5, random_state=0), RadiusNeighborsClassifier(3.0)], ids=str)
def test_probabilities_of_several_targets_lie_side_by_side(model: Any) -> None:
    teacher = taught(model, BOTH)
    first, second = teacher.model.predict_proba(X)
    np.testing.assert_array_equal(teacher.scores(X), np.column_stack([first, second]))


@pytest.mark.parametrize(("y", "columns"), [(X[:, 0], 1), (X[:, :1], 1), (X[:, :2], 2)])
def test_a_regressors_predictions(y: Any, columns: int) -> None:
    scores = taught(LinearRegression(), y).scores(X)
    np.testing.assert_allclose(scores, y.reshape(60, columns), atol=1e-9)


def test_one_row_of_labels_alone() -> None:
    teacher = taught(NearestCentroid(), THREE)
    assert teacher.scores(X[:1]).shape == (1, 3)
