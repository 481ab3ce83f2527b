"""Many classes as problems of two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.export import export
from skerry.runtime import Model

Same = Callable[..., Model]

MEMBERS = [LogisticRegression(), RidgeClassifier(), DecisionTreeClassifier(max_depth=2), Ridge()]
CLASSES: list[list[Any]] = [["no", "yes"], [0, 1], [5, -3, 9], ["b", "a", "d", "c"]]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    ugly = np.repeat(numbers[:1], 7, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e39, 5e-324, 1e10]
    return np.concatenate([numbers[:20], ugly])


def labels_of(numbers: np.ndarray, classes: list[Any]) -> np.ndarray:
    sums = numbers[:, 0] + numbers[:, 1]
    return np.array(classes)[np.digitize(sums, np.quantile(sums, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


@pytest.mark.parametrize("classes", CLASSES, ids=str)
@pytest.mark.parametrize("member", MEMBERS, ids=str)
@pytest.mark.parametrize("kind", [OneVsRestClassifier, OneVsOneClassifier, OutputCodeClassifier])
def test_many_classes(
    kind: Any, member: Any, classes: list[Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    if kind is OutputCodeClassifier and isinstance(member, Ridge):
        member = DecisionTreeClassifier(max_depth=3)
    settings = {"random_state": 0, "code_size": 2} if kind is OutputCodeClassifier else {}
    check_same(kind(member, **settings).fit(numbers, labels_of(numbers, classes)), numbers, rows)


@pytest.mark.parametrize("kind", [OneVsRestClassifier, OneVsOneClassifier, OutputCodeClassifier])
def test_float32(kind: Any, numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    check_same(kind(LogisticRegression()).fit(X, labels_of(X, ["a", "b", "c"])), X, tolerance=1e-6)


@pytest.mark.parametrize("member", [LogisticRegression(), RidgeClassifier(), DecisionTreeClassifier()], ids=str)
def test_several_labels_at_once(member: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    y = np.column_stack([numbers[:, 0] > 0, numbers[:, 1] > 0.5, numbers[:, 2] > 1]).astype(int)
    check_same(OneVsRestClassifier(member).fit(numbers, y), numbers, rows)


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
@pytest.mark.parametrize("member", [LogisticRegression(), DecisionTreeClassifier(max_depth=1)], ids=str)
def test_labels_that_all_or_no_rows_have(member: Any, numbers: np.ndarray, check_same: Same) -> None:
    y = np.column_stack([numbers[:, 0] > 0, np.ones(120), np.zeros(120)]).astype(int)
    check_same(OneVsRestClassifier(member).fit(numbers, y), numbers)
    check_same(OneVsRestClassifier(member).fit(numbers, y[:, [1, 0, 2]]), numbers)


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_a_single_class(numbers: np.ndarray, check_same: Same) -> None:
    check_same(OneVsRestClassifier(LogisticRegression()).fit(numbers, np.full(120, "only")), numbers)


def test_votes_that_tie(check_same: Same) -> None:
    """Trees answer 0 or 1, so that votes and sums are whole and tie often."""
    random = np.random.default_rng(0)
    X = random.integers(0, 3, size=(90, 2)).astype(float)
    y = random.choice(["a", "b", "c", "d", "e"], 90)
    grid = np.array([[a, b] for a in range(-1, 4) for b in range(-1, 4)], float)
    for kind in (OneVsRestClassifier, OneVsOneClassifier):
        for member in (DecisionTreeClassifier(max_depth=1), DecisionTreeRegressor(max_depth=2)):
            check_same(kind(member).fit(X, y), X, grid, tolerance=1e-15)
    check_same(OutputCodeClassifier(DecisionTreeClassifier(), random_state=1).fit(X, y), X, grid)


def test_classes_of_one_code(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    fitted = OutputCodeClassifier(LogisticRegression(), code_size=0.5, random_state=0)
    fitted.fit(numbers, labels_of(numbers, list("hgfedcba")))
    assert len(np.unique(fitted.code_book_, axis=0)) < 8
    check_same(fitted, numbers, rows)


@pytest.mark.parametrize("kind", [OneVsRestClassifier, OneVsOneClassifier])
def test_pipelines_inside_and_around(kind: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    member = make_pipeline(StandardScaler(), LogisticRegression())
    fitted = make_pipeline(StandardScaler(), kind(member)).fit(numbers, labels_of(numbers, ["x", "y", "z"]))
    check_same(fitted, numbers, rows)


def test_two_classes_that_are_all_but_sure(tmp_path: Path) -> None:
    """The probabilities of a naive Bayes are soon 1 but for the last bit, of several classes."""
    X, y = load_digits(return_X_y=True)
    fitted = OneVsRestClassifier(GaussianNB()).fit(X[:500:2], y[:500:2])
    assert export(fitted, X[1:500:2], name="model", to=tmp_path).manifest.parity.tied
