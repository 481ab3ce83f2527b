"""Asking finds exactly the rows that are refused, and answers for all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skerry.export.oracle import accepts, ask, call, methods_of


class Doubles:
    """Refuses negative numbers, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.asked += 1
        if (rows < 0).any():
            raise ValueError("negative")
        return 2 * rows[:, 0]


@pytest.mark.parametrize("refused", [[], [0], [9], [0, 9], [3, 4, 5], list(range(10))], ids=str)
def test_the_refused_rows_are_found(refused: list[int]) -> None:
    rows = np.arange(1.0, 11.0)[:, None]
    rows[refused] *= -1
    answers = ask(Doubles(), rows, ["predict"])
    np.testing.assert_array_equal(np.flatnonzero(answers.refused), refused)
    if len(refused) < 10:
        np.testing.assert_array_equal(answers.outputs["predict"], 2 * rows[~answers.refused, 0])
    else:
        assert answers.outputs == {}


def test_rows_that_are_all_answered_are_asked_for_once() -> None:
    target = Doubles()
    ask(target, np.ones((1000, 1)), ["predict"])
    assert target.asked == 1


def test_no_rows_have_no_answers() -> None:
    answers = ask(Doubles(), np.ones((0, 1)), ["predict"])
    assert (answers.outputs, len(answers.refused)) == ({}, 0)


def test_a_hasher_beside_other_columns_refuses_no_rows() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "size": [1.0, 2.0]})
    columns = make_column_transformer((HashingVectorizer(n_features=8), "text"), ("passthrough", ["size"])).fit(frame)
    assert (accepts(columns, frame, ["transform"]), accepts(columns, frame[:0], ["transform"])) == (True, False)


def test_frames_and_lists_are_halved_as_arrays_are() -> None:
    frame = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo"]})
    encoder = OneHotEncoder().fit(frame)
    answers = ask(encoder, pd.DataFrame({"city": ["Oslo", "Bern", "Rome"]}), ["transform"])
    np.testing.assert_array_equal(answers.refused, [False, True, False])
    np.testing.assert_array_equal(answers.outputs["transform"], [[1, 0], [0, 1]])


def test_other_errors_are_not_refusals() -> None:
    class Broken:
        def predict(self, rows: Any) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(Broken(), np.ones((2, 1)), ["predict"])


def test_sparse_answers_become_dense() -> None:
    X = np.array([["a"], ["b"]], object)
    np.testing.assert_array_equal(call(OneHotEncoder().fit(X), "transform", X), np.eye(2))


def test_warnings_are_kept_from_the_user() -> None:
    X = np.array([["a"], ["b"]] * 3, object)
    encoder = OneHotEncoder(handle_unknown="warn").fit(X)
    np.testing.assert_array_equal(call(encoder, "transform", np.array([["c"]], object)), [[0, 0]])


def test_acceptance_is_of_all_rows_together() -> None:
    assert accepts(Doubles(), np.ones((2, 1)), ["predict"])
    assert not accepts(Doubles(), np.array([[1.0], [-1.0]]), ["predict"])


@pytest.mark.parametrize(
    ("estimator", "methods"),
    [
        (LinearRegression(), ("predict",)),
        (LogisticRegression(), ("predict", "predict_proba", "decision_function")),
        (SVC(), ("predict", "decision_function")),
        (StandardScaler(), ("transform",)),
        (PCA(), ("score_samples", "transform")),
    ],
    ids=repr,
)
def test_methods_that_an_estimator_has(estimator: Any, methods: tuple[str, ...]) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    assert methods_of(estimator.fit(X, X[:, 0] > 0), X[:1]) == methods
