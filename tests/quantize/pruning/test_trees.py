"""Trees of every family get smaller, stay close to the truth, and go out exactly."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from skerry.export import export
from skerry.quantize.candidate import TrainingRows
from skerry.quantize.pruning.families import read_trees
from skerry.quantize.pruning.leaves import Design, Goal, refit
from skerry.quantize.pruning.trees import forest_candidates, prune_trees, tree_candidates
from skerry.quantize.scored import ScoredClassifier
from skerry.quantize.teacher import teacher_of
from skerry.quantize.tree_sum import TreeSum
from skerry.runtime.errors import UnsupportedEstimator


def lightgbm(name: str, **settings: Any) -> Any:
    return getattr(pytest.importorskip("lightgbm"), name)(verbose=-1, n_jobs=1, **settings)


def xgboost(name: str, **settings: Any) -> Any:
    return getattr(pytest.importorskip("xgboost"), name)(n_jobs=1, **settings)


CLASSIFIERS: dict[str, Any] = {
    "RandomForest": lambda: RandomForestClassifier(30, random_state=0),
    "ExtraTrees": lambda: ExtraTreesClassifier(30, random_state=0),
    "DecisionTree": lambda: DecisionTreeClassifier(random_state=0),
    "GradientBoosting": lambda: GradientBoostingClassifier(n_estimators=30, random_state=0),
    "exponential loss": lambda: GradientBoostingClassifier(n_estimators=30, loss="exponential", random_state=0),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "LightGBM": lambda: lightgbm("LGBMClassifier", n_estimators=30),
    "XGBoost": lambda: xgboost("XGBClassifier", n_estimators=30),
}
REGRESSORS: dict[str, Any] = {
    "RandomForest": lambda: RandomForestRegressor(30, random_state=0),
    "ExtraTree": lambda: ExtraTreeRegressor(random_state=0),
    "GradientBoosting": lambda: GradientBoostingRegressor(n_estimators=30, random_state=0),
    "no initial prediction": lambda: GradientBoostingRegressor(n_estimators=30, init="zero", random_state=0),
    "HistGradientBoosting": lambda: HistGradientBoostingRegressor(max_iter=30, random_state=0),
    "Poisson": lambda: HistGradientBoostingRegressor(max_iter=30, loss="poisson", random_state=0),
    "LightGBM": lambda: lightgbm("LGBMRegressor", n_estimators=30),
    "XGBoost": lambda: xgboost("XGBRegressor", n_estimators=30),
}


@pytest.fixture(scope="module")
def classes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows and labels to learn from, and to look at."""
    X, y = make_classification(1200, 8, n_informative=5, flip_y=0.05, random_state=0)
    return X[:600], y[:600], X[600:], y[600:]


@pytest.fixture(scope="module")
def numbers() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    X, y = make_friedman1(1200, 6, noise=0.5, random_state=0)
    return X[:600], y[:600], X[600:], y[600:]


def nodes_of(model: Any) -> int:
    last = model[-1] if hasattr(model, "steps") else model
    return len(getattr(last, "regressor_", last).left_)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_half_of_a_classifier_ranks_as_well(name: str, classes: Any) -> None:
    X, y, held, truth = classes
    teacher = CLASSIFIERS[name]().fit(X, y)
    found = read_trees(teacher)
    assert found is not None
    nodes = len(found.structure.left) // 2
    pruned = prune_trees(teacher, X, y, nodes=nodes)
    assert isinstance(pruned, ScoredClassifier)
    assert nodes_of(pruned) <= nodes
    before, after = (roc_auc_score(truth, model.predict_proba(held)[:, 1]) for model in (teacher, pruned))
    assert after > before - 0.01


@pytest.mark.parametrize("name", REGRESSORS)
def test_half_of_a_regressor_predicts_as_well(name: str, numbers: Any) -> None:
    X, y, held, truth = numbers
    teacher = REGRESSORS[name]().fit(X, y)
    found = read_trees(teacher)
    assert found is not None
    nodes = len(found.structure.left) // 2
    pruned = prune_trees(teacher, X, y, nodes=nodes)
    assert isinstance(pruned, TreeSum)
    assert nodes_of(pruned) <= nodes
    assert r2_score(truth, pruned.predict(held)) > r2_score(truth, teacher.predict(held)) - 0.02


@pytest.mark.parametrize("name", ["RandomForest", "GradientBoosting", "HistGradientBoosting", "LightGBM"])
def test_trees_that_add_up_are_read_as_they_are(name: str, numbers: Any) -> None:
    X, y, held, _ = numbers
    teacher = REGRESSORS[name]().fit(X, y)
    kept = prune_trees(teacher, X, refit=None, leaf_bits=24)
    np.testing.assert_allclose(kept.predict(held), teacher.predict(held), atol=1e-4)


@pytest.mark.parametrize("name", ["GradientBoosting", "exponential loss", "HistGradientBoosting", "LightGBM"])
def test_boosted_classes_keep_their_probabilities(name: str, classes: Any) -> None:
    X, y, held, _ = classes
    teacher = CLASSIFIERS[name]().fit(X, y)
    kept = prune_trees(teacher, X, refit=None, leaf_bits=24)
    np.testing.assert_allclose(kept.predict_proba(held), teacher.predict_proba(held), atol=1e-4)


def test_fewer_trees_and_less_depth_lose_more_than_the_least_useful_splits(classes: Any) -> None:
    X, y, held, truth = classes
    teacher = RandomForestClassifier(40, random_state=0).fit(X, y)
    few = prune_trees(teacher, X, y, trees=5)
    flat = prune_trees(teacher, X, y, max_depth=3)
    least = prune_trees(teacher, X, y, nodes=min(nodes_of(few), nodes_of(flat)))
    ranks = [roc_auc_score(truth, model.predict_proba(held)[:, 1]) for model in (few, flat, least)]
    assert ranks[2] == max(ranks)


def test_a_tenth_of_a_forest_is_better_than_forests_grown_as_small(classes: Any, numbers: Any) -> None:
    for kind, metric, (X, y, held, truth) in (
        (RandomForestClassifier, accuracy_score, classes),
        (RandomForestRegressor, r2_score, numbers),
    ):
        teacher = kind(40, random_state=0).fit(X, y)
        nodes = sum(tree.tree_.node_count for tree in teacher.estimators_) // 10
        pruned = prune_trees(teacher, X, y, nodes=nodes)
        grown = [
            kind(40, random_state=0, max_depth=4),
            kind(4, random_state=0),
            kind(40, random_state=0, min_samples_leaf=20),
        ]
        scores = [metric(truth, other.fit(X, y).predict(held)) for other in grown]
        assert metric(truth, pruned.predict(held)) >= max(scores)


def test_several_classes_and_several_targets(numbers: Any) -> None:
    X, y, held, truth = numbers
    names = np.array(["low", "middle", "high"])
    labels, expected = names[np.digitize(y, [11, 17])], names[np.digitize(truth, [11, 17])]
    for teacher in (RandomForestClassifier(20, random_state=0), HistGradientBoostingClassifier(max_iter=15)):
        pruned = prune_trees(teacher.fit(X, labels), X, labels, nodes=300)
        assert accuracy_score(expected, pruned.predict(held)) > accuracy_score(expected, teacher.predict(held)) - 0.03
        np.testing.assert_array_equal(pruned.classes_, teacher.classes_)
    both = np.stack([y, -1000 * X[:, 0]], axis=1)
    forest = RandomForestRegressor(20, random_state=0).fit(X, both)
    pruned = prune_trees(forest, X, both, nodes=1000)
    assert pruned.predict(held).shape == (600, 2)
    assert r2_score(held[:, 0], pruned.predict(held)[:, 1] / -1000) > 0.97


def test_a_pipeline_over_a_frame_stays_one(classes: Any) -> None:
    X, y, held, _ = classes
    frame = pd.DataFrame(X, columns=[f"c{index}" for index in range(8)])
    teacher = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(frame, y)
    pruned = prune_trees(teacher, frame, y, nodes=200)
    assert [name for name, _ in pruned.steps] == ["standardscaler", "randomforestclassifier"]
    assert pruned.predict(pd.DataFrame(held, columns=frame.columns)).shape == (600,)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
def test_rounding_costs_next_to_nothing_and_the_artifact_is_exact(
    bits: int, targets: int, numbers: Any, tmp_path: Path
) -> None:
    X, y, held, truth = numbers
    several = np.stack([y, 1e6 * y, y - 10], axis=1)[:, :targets].squeeze()
    teacher = RandomForestRegressor(10, random_state=0).fit(X, several)
    rounded, plain = (prune_trees(teacher, X, several, nodes=500, leaf_bits=each) for each in (bits, 24))
    steps = np.array([len(np.unique(column)) for column in rounded.values_.T])
    assert (steps <= 2**bits).all()
    first = (model.predict(held).reshape(600, -1)[:, 0] for model in (rounded, plain))
    scores = [r2_score(truth, answers) for answers in first]
    assert scores[0] > scores[1] - (0.002 if bits == 8 else 1e-4)
    artifact = export(rounded, held, name="small", to=tmp_path)
    assert artifact.manifest.parity.max_error <= 1e-15


def test_without_labels_leaves_are_fitted_to_what_the_teacher_says(numbers: Any) -> None:
    X, y, held, _ = numbers
    teacher = RandomForestRegressor(30, random_state=0).fit(X, y)
    pruned = prune_trees(teacher, X, nodes=2000)
    assert r2_score(teacher.predict(held), pruned.predict(held)) > 0.95


@pytest.mark.parametrize("name", ["RandomForest", "ExtraTrees"])
def test_the_first_trees_of_a_forest_as_they_are(name: str, classes: Any) -> None:
    X, y, held, _ = classes
    forest = CLASSIFIERS[name]().fit(X, y)
    few = prune_trees(forest, X, refit=None, trees=7)
    assert (type(few), len(few.estimators_), few.n_estimators) == (type(forest), 7, 7)
    expected = np.mean([tree.predict_proba(held) for tree in forest.estimators_[:7]], axis=0)
    np.testing.assert_allclose(few.predict_proba(held), expected)
    assert len(forest.estimators_) == 30


def test_candidates_of_a_forests_first_trees(classes: Any) -> None:
    X, y, _, _ = classes
    teacher = teacher_of(RandomForestClassifier(20, random_state=0).fit(X, y))
    rows = TrainingRows(X, y, X, teacher.scores(X))
    found = list(forest_candidates(teacher, rows, np.random.default_rng(0)))
    assert [candidate.steps[0].detail["trees"] for candidate in found] == [
        f"{count} of 20" for count in (13, 8, 5, 3, 1)
    ]
    boosted = teacher_of(CLASSIFIERS["GradientBoosting"]().fit(X, y))
    assert list(forest_candidates(boosted, rows, np.random.default_rng(0))) == []


ADDITIVE = ("GradientBoosting", "HistGradientBoosting", "LightGBM", "XGBoost")


@pytest.mark.parametrize("name", ADDITIVE)
def test_all_trees_of_a_classifier_as_they_are_say_what_it_says(name: str, classes: Any) -> None:
    X, y, held, _ = classes
    teacher = CLASSIFIERS[name]().fit(X, y)
    same = prune_trees(teacher, X, refit=None, trees=1000)
    np.testing.assert_allclose(same.predict_proba(held), teacher.predict_proba(held), atol=1e-3)


@pytest.mark.parametrize("name", ADDITIVE)
def test_all_trees_of_a_regressor_as_they_are_say_what_it_says(name: str, numbers: Any) -> None:
    X, y, held, _ = numbers
    teacher = REGRESSORS[name]().fit(X, y)
    same = prune_trees(teacher, X, refit=None, trees=1000)
    np.testing.assert_allclose(same.predict(held), teacher.predict(held), atol=5e-3)


def test_refitting_solves_the_same_equations_as_ridge(numbers: Any) -> None:
    X, y, _, _ = numbers
    found = read_trees(RandomForestRegressor(5, max_depth=3, random_state=0).fit(X, y))
    assert found is not None
    structure = found.structure
    leaves = structure.tree_sum(width=6, allow_nan=True, allow_inf=False).apply(X)
    nothing = np.zeros((len(structure.left) + 1, 1))
    design = Design(structure, leaves)
    fitted = refit(Goal(y[:, None], None), design, nothing, nothing, l2=3.0, solves=500)
    indicators = (leaves[:, :, None] == np.arange(len(structure.left))).any(axis=1).astype(float)
    ridge = Ridge(alpha=3.0, solver="cholesky").fit(indicators, y)
    np.testing.assert_allclose(fitted.sums[:, 0], ridge.predict(indicators), rtol=0.01)


def test_candidates_shrink_and_are_the_same_for_a_seed(classes: Any) -> None:
    X, y, held, _ = classes
    teacher = teacher_of(RandomForestClassifier(20, random_state=0).fit(X, y))
    rows = TrainingRows(X, y, X, teacher.scores(X))
    first, second = (list(tree_candidates(teacher, rows, np.random.default_rng(3))) for _ in range(2))
    sizes = [candidate.parameters for candidate in first]
    assert sizes == [nodes_of(candidate.model) for candidate in first]
    assert all(later < before for before, later in pairwise(sizes))
    assert sizes[-1] < 30 < 1000 < sizes[0]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.model.predict_proba(held), other.model.predict_proba(held))
        assert one.steps == other.steps


def test_other_kinds_of_model_have_no_candidates(numbers: Any) -> None:
    X, y, _, _ = numbers
    teacher = teacher_of(Ridge().fit(X, y))
    rows = TrainingRows(X, y, X, teacher.scores(X))
    assert list(tree_candidates(teacher, rows, np.random.default_rng(0))) == []
    with pytest.raises(UnsupportedEstimator, match="Ridge: expected an ensemble of decision trees"):
        prune_trees(teacher.model, X, y)


def test_what_cannot_be_kept_is_refused(classes: Any, numbers: Any) -> None:
    X, y, _, _ = classes
    forest = RandomForestClassifier(3, random_state=0)
    with pytest.raises(UnsupportedEstimator, match="refit"):
        prune_trees(forest.fit(X, y), X, refit=None)
    with pytest.raises(UnsupportedEstimator, match="nodes: expected 1 or more, got 0"):
        prune_trees(forest, X, y, nodes=0)
    with pytest.raises(UnsupportedEstimator, match="several targets"):
        prune_trees(RandomForestClassifier(3).fit(X, np.stack([y, y], axis=1)), X)
    boosted = GradientBoostingRegressor(n_estimators=3, init=Ridge()).fit(*numbers[:2])
    with pytest.raises(UnsupportedEstimator, match="init=Ridge"):
        prune_trees(boosted, numbers[0])


def test_sets_of_categories_are_refused(classes: Any) -> None:
    X, y, _, _ = classes
    frame = pd.DataFrame({"city": pd.Categorical(np.digitize(X[:, 0], [-1, 0, 1])), "size": X[:, 1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        teacher = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame, y)
    with pytest.raises(UnsupportedEstimator, match="sets of categories"):
        prune_trees(teacher, frame, y)
