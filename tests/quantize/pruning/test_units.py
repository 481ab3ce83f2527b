"""Perceptrons with fewer hidden units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.quantize.clipped import ClippedRegressor
from skerry.quantize.pruning.units import prune_units, unit_candidates
from skerry.quantize.teacher import teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _perceptron(kind: type, sizes: tuple[int, ...], **settings: Any) -> Any:
    perceptron = kind(hidden_layer_sizes=sizes, max_iter=150, learning_rate_init=0.01, random_state=0, **settings)
    return make_pipeline(StandardScaler(), perceptron)


@pytest.mark.parametrize("sizes", [(60,), (40, 30)])
@pytest.mark.parametrize("kind", ["classes", "two_classes"])
def test_a_third_of_the_units_classifies_nearly_alike(
    exported: Callable[..., Any], request: pytest.FixtureRequest, kind: str, sizes: tuple[int, ...]
) -> None:
    X, y, unseen, truth = request.getfixturevalue(kind)
    model = _perceptron(MLPClassifier, sizes).fit(X, y)
    pruned = prune_units(model, X, keep=1 / 3)
    assert type(pruned[-1]) is MLPClassifier
    assert pruned[-1].hidden_layer_sizes == tuple(round(size / 3) for size in sizes)
    assert [part.shape[1] for part in pruned[-1].coefs_[:-1]] == [round(size / 3) for size in sizes]
    assert pruned.score(unseen, truth) > model.score(unseen, truth) - 0.03
    exported(pruned, unseen)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_every_activation_is_pruned(exported: Callable[..., Any], numbers: Any, activation: str) -> None:
    X, y, unseen, _ = numbers
    model = _perceptron(MLPRegressor, (40,), activation=activation).fit(X, y)
    pruned = prune_units(model, X, keep=0.25)
    assert r2_score(model.predict(unseen), pruned.predict(unseen)) > 0.9
    exported(pruned, unseen)


def test_several_targets_and_several_labels_a_row_are_pruned(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    targets = np.column_stack([y, X[:, 0]])
    for kind, given in ((MLPRegressor, targets), (MLPClassifier, (targets > 0.5).astype(int))):
        model = _perceptron(kind, (30,)).fit(X, given)
        pruned = prune_units(model, X, keep=0.5)
        assert pruned.predict(unseen).shape == model.predict(unseen).shape
        assert np.mean(np.abs(pruned.predict(unseen) - model.predict(unseen))) < 0.1
        exported(pruned, unseen)


def test_a_network_that_is_cut_to_a_range_keeps_it(numbers: Any, rows_of: Callable[..., Any]) -> None:
    X, y, unseen, _ = numbers
    inner = MLPRegressor(hidden_layer_sizes=(40,), max_iter=200, random_state=0).fit(X, y)
    model = ClippedRegressor.of(inner, *np.quantile(y, [0.2, 0.8]))
    pruned = prune_units(model, X, keep=0.25)
    alone = prune_units(inner, X, keep=0.25).predict(unseen)
    np.testing.assert_array_equal(pruned.predict(unseen), np.clip(alone, *np.quantile(y, [0.2, 0.8])))
    teacher = teacher_of(model)
    found = next(unit_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    assert found.steps[0].detail == {"units": "30 of 40"}
    assert found.model.regressor_.hidden_layer_sizes == (30,)


def test_dead_constant_and_repeated_units_cost_nothing(numbers: Any) -> None:
    X, y, unseen, _ = numbers
    model = MLPRegressor(hidden_layer_sizes=(20,), max_iter=50, random_state=0).fit(X, y)
    weights, intercept = model.coefs_[0], model.intercepts_[0]
    weights[:, 10:15], intercept[10:15] = 0, [-1, -2, 3, 4, 0.5]  # two are dead, three constant
    weights[:, 15:], intercept[15:] = weights[:, :5], intercept[:5]
    pruned = prune_units(model, X, keep=0.5, tune=False)
    np.testing.assert_allclose(pruned.predict(unseen), model.predict(unseen), atol=1e-4)


def test_float32_weights_stay_float32(exported: Callable[..., Any], classes: Any) -> None:
    X, y, unseen, _ = classes
    model = MLPClassifier((20,), max_iter=50, random_state=0).fit(X.astype(np.float32), y)
    pruned = prune_units(model, X.astype(np.float32), keep=0.5)
    assert {part.dtype for part in (*pruned.coefs_, *pruned.intercepts_)} == {np.dtype(np.float32)}
    exported(pruned, unseen.astype(np.float32))


def test_the_teacher_stays_and_the_same_seed_gives_the_same_units(classes: Any) -> None:
    X, y, unseen, _ = classes
    model = MLPClassifier((20,), max_iter=50, random_state=0).fit(X, y)
    before = model.predict_proba(unseen)
    first, second = (prune_units(model, X, keep=0.3, seed=1) for _ in range(2))
    np.testing.assert_array_equal(model.predict_proba(unseen), before)
    np.testing.assert_array_equal(first.predict_proba(unseen), second.predict_proba(unseen))


def test_candidates_have_fewer_and_fewer_units(classes: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = classes
    teacher = teacher_of(MLPClassifier((20, 4), max_iter=50, random_state=0).fit(X, y))
    found = list(unit_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0)))
    sizes = [each.model.hidden_layer_sizes for each in found]
    assert sizes == [(15, 3), (10, 2), (7, 1), (5, 1), (3, 1), (2, 1), (1, 1)]
    assert found[1].steps[0].detail == {"units": "10 + 2 of 20 + 4"}
    assert found[1].parameters == 8 * 10 + 10 + 10 * 2 + 2 + 2 * 3 + 3


def test_other_models_have_no_units(classes: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = classes
    model = LogisticRegression().fit(X, y)
    teacher = teacher_of(model)
    assert list(unit_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0))) == []
    with pytest.raises(UnsupportedEstimator, match="LogisticRegression: expected an MLPClassifier"):
        prune_units(model, X)
    with pytest.raises(ExportError, match="keep: expected a share"):
        prune_units(MLPClassifier((5,), max_iter=5).fit(X, y), X, keep=1.5)
