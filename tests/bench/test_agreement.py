"""Answers that differ are told of, each with how many and how far."""

from __future__ import annotations

import numpy as np

from skerry.bench.agreement import disagreements, distance

LABELS = np.array(["a", "b", "b"])
SCORES = np.array([[0.25, 0.75], [1.0, 0.0], [1000.0, 0.5]])


def test_equal_answers_are_not_worth_a_word() -> None:
    ours = {"predict": LABELS.astype(object), "predict_proba": SCORES + 1e-12}
    assert disagreements({"ours": ours, "right": {"predict": LABELS, "predict_proba": SCORES}}, "right", 1e-9) == []


def test_labels_and_scores_that_differ_are_counted() -> None:
    ours = {"predict": np.array(["a", "b", "a"]), "predict_proba": SCORES + np.array([[0, 0], [1e-3, 0], [1.0, 0]])}
    assert disagreements({"ours": ours, "right": {"predict": LABELS, "predict_proba": SCORES}}, "right", 1e-9) == [
        "ours: 1 of 3 labels of predict differ from right's",
        "ours: 2 of 3 answers of predict_proba differ from right's by up to 0.001",
    ]


def test_answers_of_another_shape_differ() -> None:
    answers = {"ours": {"decision_function": SCORES}, "right": {"decision_function": SCORES[:, 0]}}
    assert disagreements(answers, "right", 1e-9) == [
        "ours: all 3 answers of decision_function differ from right's: their shape is (3, 2), not (3,)"
    ]


def test_a_column_is_as_good_as_a_vector() -> None:
    answers = {"ours": {"predict": SCORES[:, :1]}, "right": {"predict": SCORES[:, 0]}}
    assert disagreements(answers, "right", 1e-9) == []


def test_distance_is_relative_above_1_and_knows_what_is_not_finite() -> None:
    got = np.array([0.5, 200.0, np.nan, np.inf, np.nan, np.inf])
    expected = np.array([0.25, 100.0, np.nan, np.inf, 1.0, -np.inf])
    assert distance(got, expected).tolist() == [0.25, 1.0, 0.0, 0.0, np.inf, np.inf]
