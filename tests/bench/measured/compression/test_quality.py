"""The metrics are scikit-learn's, and the intervals those of a mean."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from skerry.bench.measured.compression.quality import answers_of, judged, metric_of

random = np.random.default_rng(0)
TWO = random.integers(2, size=400)
SCORES = (TWO + random.standard_normal(400)).round(1)  # rounded, so that many are equal
NUMBERS = random.standard_normal(400)
GUESSES = NUMBERS + random.standard_normal(400) / 2


@pytest.mark.parametrize(
    ("metric", "answers", "y", "expected"),
    [
        ("roc_auc", SCORES, TWO, roc_auc_score(TWO, SCORES)),
        ("accuracy", SCORES > 0.5, TWO, accuracy_score(TWO, SCORES > 0.5)),
        ("r2", GUESSES, NUMBERS, r2_score(NUMBERS, GUESSES)),
    ],
)
def test_a_metric_is_scikit_learns(metric: str, answers: np.ndarray, y: np.ndarray, expected: float) -> None:
    (quality,) = judged([answers], y, metric)
    assert quality.score.value == pytest.approx(expected, abs=1e-12)
    assert (quality.loss.value, quality.loss.low, quality.loss.high) == (0, 0, 0)


@pytest.mark.parametrize(("metric", "answers", "y"), [("roc_auc", SCORES, TWO), ("r2", GUESSES, NUMBERS)])
def test_an_interval_is_as_wide_as_that_of_drawing_rows_again(metric: str, answers: np.ndarray, y: np.ndarray) -> None:
    worse = answers + np.random.default_rng(1).standard_normal(len(y)) / 3
    found = judged([answers, worse], y, metric)[1].loss
    measure = roc_auc_score if metric == "roc_auc" else r2_score
    again = np.random.default_rng(2)
    losses = []
    for _ in range(400):
        rows = again.integers(len(y), size=len(y))
        losses.append(measure(y[rows], answers[rows]) - measure(y[rows], worse[rows]))
    low, high = np.percentile(losses, [2.5, 97.5])
    assert found.high - found.low == pytest.approx(high - low, rel=0.25)


def test_of_two_classes_the_ranking_is_measured_of_more_the_labels_and_of_numbers_the_variance() -> None:
    assert metric_of(np.array(["no", "yes", "no"])) == "roc_auc"
    assert metric_of(np.array([-1.0, 1.0])) == "roc_auc"
    assert metric_of(np.array([0, 1, 2])) == "accuracy"
    assert metric_of(np.array([0.5, 1.5, 2.5])) == "r2"


class Ranking:
    """A classifier without probabilities."""

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]


def test_a_classifier_without_probabilities_is_judged_by_its_scores() -> None:
    assert answers_of(Ranking(), np.array([[3.0, 1.0], [2.0, 0.0]]), "roc_auc").tolist() == [3.0, 2.0]
