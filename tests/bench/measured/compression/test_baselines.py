"""Baselines are smaller forests, honestly made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.bench.measured.compression.baselines import BASELINES, baselines, final_of, nodes_of
from skerry.bench.measured.compression.cases import Rows

random = np.random.default_rng(0)
X = random.standard_normal((300, 4))
LABELS = np.array(["no", "yes"])[(X[:, 0] + random.standard_normal(300) > 0).astype(int)]
TRAINED, GIVEN = Rows(X[:200], LABELS[:200]), Rows(X[200:], LABELS[200:])


def test_the_first_trees_vote_as_in_the_teacher_which_stays_as_it_is() -> None:
    teacher = make_pipeline(StandardScaler(), RandomForestClassifier(12, random_state=0)).fit(TRAINED.X, TRAINED.y)
    before = teacher.predict_proba(GIVEN.X)
    found = dict(BASELINES["first trees"](teacher, TRAINED, GIVEN))
    assert list(found) == ["1 trees", "2 trees", "3 trees", "5 trees", "8 trees"]
    rows = teacher[0].transform(GIVEN.X)
    votes = np.mean([tree.predict_proba(rows) for tree in final_of(teacher).estimators_[:3]], axis=0)
    np.testing.assert_allclose(found["3 trees"].predict_proba(GIVEN.X), votes)
    assert nodes_of(found["3 trees"]) == sum(tree.tree_.node_count for tree in final_of(teacher).estimators_[:3])
    np.testing.assert_array_equal(teacher.predict_proba(GIVEN.X), before)


def test_cost_complexity_pruning_cuts_the_same_forest_more_and_more() -> None:
    teacher = RandomForestClassifier(5, random_state=0).fit(TRAINED.X, TRAINED.y)
    sizes = [nodes_of(model) for _, model in BASELINES["cost-complexity pruning"](teacher, TRAINED, GIVEN)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] < nodes_of(teacher)
    assert sizes[-1] < nodes_of(teacher) / 5


@pytest.mark.parametrize("is_frame", [False, True])
def test_forests_are_fitted_again_on_all_rows_there_are(is_frame: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.bench.measured.compression.baselines.RETRAINED", ({"n_estimators": 2, "max_depth": 3},))
    y = X[:, 0] + random.standard_normal(300)
    rows = pd.DataFrame(X, columns=list("abcd")) if is_frame else X
    parts = [Rows(rows[start:stop], y[start:stop]) for start, stop in ((0, 200), (200, 300))]
    teacher = RandomForestRegressor(5, random_state=0).fit(parts[0].X, parts[0].y)
    found = [each for each in baselines(teacher, *parts) if each.kind == "retrained"]
    assert [each.settings for each in found] == ["n_estimators=2, max_depth=3"]
    expected = RandomForestRegressor(2, max_depth=3, random_state=0).fit(rows, y)
    np.testing.assert_array_equal(found[0].model.predict(rows), expected.predict(rows))
