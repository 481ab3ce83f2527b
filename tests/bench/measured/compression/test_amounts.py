"""Models are counted in the unit of their family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBRegressor

from skerry.bench.measured.compression.amounts import amount_of
from skerry.bench.measured.compression.records import Amount
from skerry.quantize.scored import ScoredClassifier

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30) % 2
STUMPS: list[Any] = [
    RandomForestRegressor(4, max_depth=1, bootstrap=False),
    GradientBoostingClassifier(n_estimators=4, max_depth=1),
    HistGradientBoostingRegressor(max_iter=4, max_depth=1, min_samples_leaf=1),
    LGBMRegressor(n_estimators=4, max_depth=1, min_child_samples=1, verbosity=-1),
    XGBRegressor(n_estimators=4, max_depth=1, base_score=0.0),
]


@pytest.mark.parametrize("model", STUMPS, ids=lambda model: type(model).__name__)
def test_four_stumps_have_twelve_nodes(model: Any) -> None:
    fitted = model.fit(X, (X[:, 0] > 20).astype(int))
    assert amount_of(fitted) == Amount(kind="nodes", count=12, numbers=12)


def test_vectors_count_with_their_values_and_weights() -> None:
    machine = make_pipeline(StandardScaler(), SVC()).fit(X, Y)
    count = len(machine[-1].support_vectors_)
    assert amount_of(machine) == Amount(kind="vectors", count=count, numbers=3 * count)
    assert amount_of(KNeighborsClassifier().fit(X, Y)) == Amount(kind="vectors", count=30, numbers=90)


def test_weights_that_are_0_do_not_count() -> None:
    linear = LogisticRegression().fit(X, Y)
    linear.coef_[0, 0] = 0.0
    assert amount_of(linear) == Amount(kind="weights", count=2, numbers=2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_has_the_weights_and_biases_of_its_layers() -> None:
    network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(X, Y)
    assert amount_of(network) == Amount(kind="weights", count=2 * 3 + 3 + 3 + 1, numbers=13)


def test_a_classifier_around_a_regressor_and_one_model_for_each_target_count_as_what_is_in_them() -> None:
    trees = RandomForestRegressor(4, max_depth=1, bootstrap=False).fit(X, X[:, 0])
    assert amount_of(ScoredClassifier.of(trees, ["no", "yes"])).count == 12
    each = MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge())).fit(X, X)
    assert amount_of(each) == Amount(kind="weights", count=6, numbers=6)


def test_what_nobody_counts_is_refused() -> None:
    with pytest.raises(TypeError, match="StandardScaler: how is it counted"):
        amount_of(StandardScaler().fit(X))
