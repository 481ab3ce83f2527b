"""Labels decided at a threshold of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model

Same = Callable[..., Model]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


@pytest.fixture
def y(numbers: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(5).normal(size=len(numbers))
    return np.where(numbers[:, 0] + numbers[:, 1] + noise > 1, "yes", "no")


@pytest.mark.parametrize("label", [None, "yes", "no"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"threshold": 0.3},
        {"threshold": 0.7, "response_method": "predict_proba"},
        {"threshold": -0.5, "response_method": "decision_function"},
        {"response_method": "decision_function"},
    ],
    ids=str,
)
def test_fixed_thresholds(
    settings: dict[str, Any], label: Any, numbers: np.ndarray, rows: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    fitted = FixedThresholdClassifier(LogisticRegression(), pos_label=label, **settings).fit(numbers, y)
    check_same(fitted, numbers, rows)


@pytest.mark.parametrize("label", [None, 0, 1])
def test_probabilities_that_are_the_threshold(label: Any, numbers: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(numbers, (y == "yes").astype(int))
    for threshold in np.unique(tree.predict_proba(numbers)):
        fitted = FixedThresholdClassifier(tree, threshold=float(threshold), pos_label=label)
        check_same(fitted.fit(numbers, (y == "yes").astype(int)), numbers, tolerance=0)


@pytest.mark.parametrize("threshold", [0.3, np.float64(0.3)], ids=repr)
def test_float32(threshold: float, numbers: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    check_same(FixedThresholdClassifier(LogisticRegression(), threshold=threshold).fit(X, y), X, tolerance=1e-6)


@pytest.mark.parametrize(
    "scoring", ["balanced_accuracy", make_scorer(f1_score, pos_label="no"), make_scorer(f1_score, pos_label="yes")]
)
@pytest.mark.parametrize("member", [LogisticRegression(), RidgeClassifier(), DecisionTreeClassifier(max_depth=3)])
def test_tuned_thresholds(
    member: Any, scoring: Any, numbers: np.ndarray, rows: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    fitted = TunedThresholdClassifierCV(member, scoring=scoring, cv=3, random_state=0).fit(numbers, y)
    check_same(fitted, numbers, rows)


def test_a_threshold_that_is_a_training_rows_own_score(numbers: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    """The gate knows that such a row hangs on the last bit."""
    line = LogisticRegression().fit(numbers, y)
    tuned = TunedThresholdClassifierCV(
        FrozenEstimator(line), thresholds=2, cv="prefit", refit=False, scoring="accuracy"
    )
    tuned.fit(numbers, y)
    assert tuned.best_threshold_ in line.predict_proba(numbers)[:, 1]
    check_same(tuned, numbers[1:40])


def test_pipelines_inside_and_around(numbers: np.ndarray, rows: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    inner = FixedThresholdClassifier(make_pipeline(StandardScaler(), LogisticRegression()), threshold=0.2)
    check_same(make_pipeline(StandardScaler(), inner).fit(numbers, y), numbers, rows)
