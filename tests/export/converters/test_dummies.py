"""Estimators that give every row the same answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]
X = np.array([[1.0, np.nan], [np.inf, 2.0], [1e30, -0.0], [0.0, 0.0]])
LABELS = {
    "text": np.array(["a", "b", "b", "c"]),
    "int": np.array([3, 1, 1, 7], np.int32),
    "bool": np.array([0, 1, 1, 0], bool),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("strategy", ["most_frequent", "prior", "constant"])
def test_classes(strategy: str, labels: np.ndarray, check_same: Same) -> None:
    check_same(DummyClassifier(strategy=strategy, constant=labels[0].item()).fit(X, labels), X)


def test_even_odds_have_probabilities_but_no_label(check_same: Same) -> None:
    model = DummyClassifier(strategy="uniform", random_state=0).fit(X, LABELS["text"])
    check_same(model, X, methods=["predict_proba"])
    with pytest.raises(UnsupportedEstimator, match="no exact conversion of predict"):
        check_same(model, X)


def test_labels_drawn_at_random_are_refused(check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match="at random"):
        check_same(DummyClassifier(strategy="stratified", random_state=0).fit(X, LABELS["int"]), X)


@pytest.mark.parametrize(
    "settings",
    [{}, {"strategy": "median"}, {"strategy": "quantile", "quantile": 0.3}, {"strategy": "constant", "constant": 2}],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers(settings: dict[str, Any], dtype: Any, check_same: Same) -> None:
    check_same(DummyRegressor(**settings).fit(X.astype(dtype), np.array([1, 2, 4, 8])), X.astype(dtype))


def test_several_targets(check_same: Same) -> None:
    check_same(DummyRegressor().fit(X, np.array([[1.0, 2], [3, 4], [5, 6], [7, 9]])), X)
    check_same(DummyClassifier().fit(X, np.array([[1, 2], [1, 4], [5, 4], [1, 4]])), X)


def test_a_frame_of_strings_and_numbers(check_same: Same) -> None:
    frame = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo", None], "age": [1.0, np.nan, 3.0, 4.0]})
    check_same(DummyClassifier().fit(frame, LABELS["text"]), frame)
