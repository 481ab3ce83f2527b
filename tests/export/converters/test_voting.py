"""Votes and averages of members, as VotingClassifier and VotingRegressor count them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestRegressor, VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.export import export
from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]

CLASSIFIERS = [
    ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ("stump", DecisionTreeClassifier(max_depth=1, random_state=0)),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=1)),
    ("ridge", RidgeClassifier()),
]
REGRESSORS = [("line", LinearRegression()), ("tree", DecisionTreeRegressor(max_depth=4)), ("ridge", Ridge(10))]


@pytest.fixture
def numbers(numbers: np.ndarray) -> np.ndarray:
    """Numbers of one scale, so that members in float32 are well conditioned."""
    return numbers / [1, 10, 1e-3, 1e3]


@pytest.fixture
def rows(numbers: np.ndarray) -> np.ndarray:
    """Training rows, and rows with numbers that are large, tiny, missing or infinite."""
    ugly = np.repeat(numbers[:1], 8, axis=0)
    ugly[:, 1] = [np.nan, np.inf, -np.inf, -0.0, 1e300, 1e39, 5e-324, 3.4e38]
    return np.concatenate([numbers[:20], ugly])


def labels_of(numbers: np.ndarray, classes: list[Any]) -> np.ndarray:
    sums = numbers[:, 0] + numbers[:, 1]
    return np.array(classes)[np.digitize(sums, np.quantile(sums, np.linspace(0, 1, len(classes) + 1)[1:-1]))]


CLASSES = [[0, 1], ["no", "yes"], [-3, 7, 2], ["b", "c", "a", "d"]]


@pytest.mark.parametrize("classes", CLASSES, ids=str)
@pytest.mark.parametrize("weights", [None, [1, 2, 0, 1], [0.1, 0.2, 0.3, 0.3]], ids=str)
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_classifiers(
    voting: str, weights: Any, classes: list[Any], numbers: np.ndarray, rows: np.ndarray, check_same: Same
) -> None:
    members = CLASSIFIERS if voting == "hard" else CLASSIFIERS[:3]
    given = weights if weights is None else weights[: len(members)]
    fitted = VotingClassifier(members, voting=voting, weights=given).fit(numbers, labels_of(numbers, classes))
    model = check_same(fitted, numbers, rows)
    assert "transform" in model.manifest.methods


@pytest.mark.parametrize("weights", [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [1, 1, 2]], ids=str)
def test_votes_that_all_but_tie(weights: list[float], check_same: Same) -> None:
    """0.1 + 0.2 is more than 0.3."""
    X = np.arange(40.0)[:, None]
    trees = [DecisionTreeClassifier(max_depth=1).fit(X, X.ravel() > edge) for edge in (10, 20, 30)]
    members = [(f"t{index}", FrozenEstimator(tree)) for index, tree in enumerate(trees)]
    for tree in trees:
        tree.classes_ = np.array([0, 1])
    for voting in ("hard", "soft"):
        check_same(VotingClassifier(members, voting=voting, weights=weights).fit(X, X.ravel() > 15), X, tolerance=0)


def test_two_members_that_are_sure_of_different_classes(tmp_path: Path) -> None:
    """Each class gets one half, but for the last bit."""
    X, y = load_wine(return_X_y=True)
    members = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]
    fitted = VotingClassifier(members, voting="soft").fit(X[::2], y[::2])
    assert export(fitted, X[1::2], name="model", to=tmp_path).manifest.parity.tied


@pytest.mark.parametrize("weights", [None, [1, 2, 3], [0.1, 0.2, 0.3]], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_regressors(dtype: Any, weights: Any, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(dtype)
    fitted = VotingRegressor(REGRESSORS, weights=weights).fit(X, numbers[:, 0] * 3 + numbers[:, 1])
    ugly = rows if dtype == np.float64 else rows[:20].astype(dtype)
    check_same(fitted, X, ugly, tolerance=1e-6 if dtype == np.float32 else 1e-12)


def test_members_of_float32_alone_answer_in_float32(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.astype(np.float32)
    fitted = VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))], voting="soft")
    check_same(fitted.fit(X, labels_of(numbers, [0, 1, 2])), X, tolerance=1e-6)


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_members_that_are_dropped(voting: str, numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    members = [("gone", "drop"), *CLASSIFIERS[:2], ("too", "drop"), CLASSIFIERS[2]]
    fitted = VotingClassifier(members, voting=voting, weights=[9, 1, 2, 9, 1])
    check_same(fitted.fit(numbers, labels_of(numbers, ["x", "y", "z"])), numbers, rows)


def test_members_pick_their_columns_of_a_frame(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    frame = table[["pay", "children", "city"]]
    numeric = make_pipeline(make_column_transformer((StandardScaler(), ["pay", "children"])), LogisticRegression())
    text = make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"])), Ridge())
    other = make_pipeline(make_column_transformer(("passthrough", ["children"])), RandomForestRegressor(5))
    y = frame["pay"].to_numpy()
    check_same(VotingRegressor([("text", text), ("other", other)]).fit(frame, y), frame)
    check_same(VotingClassifier([("numeric", numeric), ("again", numeric)], voting="soft").fit(frame, labels), frame)


def test_votes_inside_of_votes_in_a_pipeline(numbers: np.ndarray, rows: np.ndarray, check_same: Same) -> None:
    inner = VotingClassifier(CLASSIFIERS[:2], voting="soft")
    outer = make_pipeline(StandardScaler(), VotingClassifier([("inner", inner), CLASSIFIERS[2]], voting="soft"))
    check_same(outer.fit(numbers, labels_of(numbers, ["u", "v"])), numbers, rows)


def test_probabilities_of_three_dimensions_are_refused(numbers: np.ndarray, check_same: Same) -> None:
    fitted = VotingClassifier(CLASSIFIERS[:2], voting="soft", flatten_transform=False)
    fitted.fit(numbers, labels_of(numbers, [0, 1]))
    with pytest.raises(UnsupportedEstimator, match="no exact conversion of transform"):
        check_same(fitted, numbers)
    check_same(fitted, numbers, methods=["predict", "predict_proba"])


def test_votes_of_negative_weight_are_refused(numbers: np.ndarray, check_same: Same) -> None:
    fitted = VotingClassifier(CLASSIFIERS[:2], weights=[1, -1]).fit(numbers, labels_of(numbers, [0, 1]))
    with pytest.raises(UnsupportedEstimator, match="negative weight"):
        check_same(fitted, numbers)


def test_members_with_labels_of_their_own_are_refused(numbers: np.ndarray, check_same: Same) -> None:
    y = labels_of(numbers, [1, 2])
    frozen = FrozenEstimator(LogisticRegression().fit(numbers, y))
    with pytest.raises(UnsupportedEstimator, match="other labels"):
        check_same(VotingClassifier([("a", frozen)]).fit(numbers, y), numbers)
