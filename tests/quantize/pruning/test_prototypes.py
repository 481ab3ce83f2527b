"""Nearest neighbours among prototypes instead of all training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skerry.quantize.pruning.prototypes import prototype_candidates, prune_prototypes
from skerry.quantize.scored import ScoredClassifier
from skerry.quantize.teacher import teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("kind", ["classes", "two_classes"])
def test_a_third_of_the_rows_classifies_nearly_as_well(
    exported: Callable[..., Any], request: pytest.FixtureRequest, kind: str, weights: str
) -> None:
    X, y, unseen, truth = request.getfixturevalue(kind)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(7, weights=weights)).fit(X, y)
    pruned = prune_prototypes(model, keep=1 / 3)
    near = pruned[-1].regressor_
    assert type(pruned[-1]) is ScoredClassifier
    assert len(near._fit_X) <= len(X) / 3 + 3
    assert near.weights == weights
    assert pruned.classes_.tolist() == model.classes_.tolist()
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.03
    exported(pruned, unseen)


def test_prototypes_are_better_than_as_many_rows_drawn_at_random(classes: Any) -> None:
    X, y, unseen, truth = classes
    pruned = prune_prototypes(KNeighborsClassifier(5).fit(X, y), keep=0.1)
    draws = [np.random.default_rng(seed).permutation(len(X))[:80] for seed in range(5)]
    drawn = [KNeighborsClassifier(5).fit(X[rows], y[rows]) for rows in draws]
    assert pruned.score(unseen, truth) > np.mean([model.score(unseen, truth) for model in drawn]) + 0.02
    losses = [log_loss(truth, 0.99 * model.predict_proba(unseen) + 0.01 / 3) for model in drawn]
    assert log_loss(truth, pruned.predict_proba(unseen)) < np.mean(losses) - 0.05


@pytest.mark.parametrize("settings", [{}, {"weights": "distance"}, {"metric": "manhattan"}, {"p": 3}])
def test_regression_keeps_class_and_settings(
    exported: Callable[..., Any], numbers: Any, settings: dict[str, Any]
) -> None:
    X, y, unseen, truth = numbers
    model = KNeighborsRegressor(8, **settings).fit(X, y)
    pruned = prune_prototypes(model, keep=0.25)
    assert type(pruned) is KNeighborsRegressor
    assert len(pruned._fit_X) == round(len(X) / 4)
    assert {**pruned.get_params(), "n_neighbors": 8} == model.get_params()
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.03
    exported(pruned, unseen)


def test_several_targets_share_their_prototypes(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    model = KNeighborsRegressor().fit(X, np.column_stack([y, X[:, 0]]))
    pruned = prune_prototypes(model, keep=0.2)
    assert pruned._y.shape == (140, 2)
    exported(pruned, unseen)


def test_whole_numbers_as_rows_have_centres_between_them(classes: Any) -> None:
    X, y, unseen, truth = classes
    model = KNeighborsClassifier().fit(np.rint(X * 4).astype(int), y)
    pruned = prune_prototypes(model, keep=0.1)
    assert pruned.regressor_._fit_X.dtype == np.float64
    assert pruned.score(np.rint(unseen * 4).astype(int), truth) > 0.8


def test_names_of_columns_stay(two_classes: Any) -> None:
    X, y, unseen, _ = two_classes
    names = [f"c{index}" for index in range(8)]
    model = KNeighborsClassifier().fit(pd.DataFrame(X, columns=names), y)
    pruned = prune_prototypes(model, keep=0.1)
    assert pruned.feature_names_in_.tolist() == names
    pruned.predict(pd.DataFrame(unseen, columns=names))  # without a warning


def test_rows_that_repeat_make_one_prototype() -> None:
    X, y = np.repeat([[0.0, 0], [1, 1], [5, 5]], 20, axis=0), np.repeat([0, 0, 1], 20)
    pruned = prune_prototypes(KNeighborsClassifier(3).fit(X, y), keep=0.5)
    assert len(pruned.regressor_._fit_X) == 3
    assert pruned.predict([[0, 0], [1, 1], [5, 5]]).tolist() == [0, 0, 1]


def test_few_rows_are_enough() -> None:
    pruned = prune_prototypes(KNeighborsClassifier(1).fit([[0.0], [1.0], [9.0]], ["a", "a", "b"]), keep=0.5)
    assert pruned.predict([[0.5], [9.0]]).tolist() == ["a", "b"]


def test_the_same_seed_gives_the_same_prototypes(classes: Any) -> None:
    X, y, unseen, _ = classes
    model = KNeighborsClassifier().fit(X, y)
    first, second = (prune_prototypes(model, keep=0.05, seed=1).predict_proba(unseen) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_candidates_have_fewer_and_fewer_prototypes(numbers: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = numbers
    teacher = teacher_of(KNeighborsRegressor().fit(X, y))
    found = list(prototype_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    assert [len(each.model._fit_X) for each in found] == [350, 233, 140, 70, 35, 14]
    assert found[3].steps[0].detail["prototypes"] == "70 of 700 rows"
    assert found[3].parameters == 70 * 11


def _own(distances: np.ndarray) -> np.ndarray:
    return np.ones_like(distances)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (DecisionTreeClassifier(), "expected a KNeighborsClassifier or KNeighborsRegressor"),
        (KNeighborsClassifier(weights=_own), "no weights of one's own"),
        (KNeighborsClassifier(metric="canberra"), "for the metrics euclidean"),
    ],
)
def test_what_has_no_centres_is_refused(classes: Any, rows_of: Callable[..., Any], model: Any, reason: str) -> None:
    X, y, _, _ = classes
    teacher = teacher_of(model.fit(X, y))
    assert list(prototype_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0))) == []
    with pytest.raises(UnsupportedEstimator, match=reason):
        prune_prototypes(model)


def test_sparse_rows_single_classes_and_impossible_shares_are_refused(classes: Any) -> None:
    X, y, _, _ = classes
    with pytest.raises(UnsupportedEstimator, match="sparse"):
        prune_prototypes(KNeighborsClassifier().fit(sparse.csr_matrix(X), y))
    with pytest.raises(UnsupportedEstimator, match="at least two classes"):
        prune_prototypes(KNeighborsClassifier().fit(X, np.zeros(len(X))))
    with pytest.raises(ExportError, match="keep"):
        prune_prototypes(KNeighborsClassifier().fit(X, y), keep=-1)
