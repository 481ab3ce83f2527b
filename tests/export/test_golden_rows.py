"""Golden rows: of every kind, close to another answer, and safe on a machine that rounds otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.export import export
from skerry.export.golden_rows import KINDS, OTHERS, golden_rows
from skerry.export.oracle import Answers
from skerry.export.rows import KEPT
from skerry.runtime.golden import Golden, decode_golden


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(150, 3))


def golden_of(estimator: Any, X: np.ndarray, tmp_path: Path) -> Golden:
    return decode_golden(export(estimator, X, name="model", to=tmp_path).read()["golden.npz"])


def chosen(kinds: Any, outputs: dict[str, Any], **given: Any) -> list[int]:
    kinds = np.asarray(kinds, object)
    refused = given.get("refused", np.zeros(len(kinds), bool))
    errors = given.get("errors", {method: np.zeros(len(kinds)) for method in outputs})
    usable = given.get("usable", ~refused)
    return golden_rows(kinds, Answers(outputs, refused), errors, usable).tolist()


def test_few_rows_are_all_taken() -> None:
    assert chosen(["a", "b", "b"], {"predict": np.arange(3.0)}) == [0, 1, 2]


def test_no_refused_and_no_unusable_row_is_taken() -> None:
    refused, usable = np.array([0, 1, 0, 0], bool), np.array([1, 0, 0, 1], bool)
    assert chosen(list("abcd"), {"predict": np.arange(3.0)}, refused=refused, usable=usable) == [0, 3]


def test_every_kind_the_closest_the_least_exact_and_the_extremes() -> None:
    random = np.random.default_rng(0)
    kinds = np.where(np.arange(5000) % 100 == 0, [f"kind {row // 100}" for row in range(5000)], "ordinary")
    scores, errors = random.normal(size=5000), random.random(5000)
    found = chosen(kinds, {"decision_function": scores}, errors={"decision_function": errors})
    assert len(found) == len(set(found)) == KINDS + OTHERS
    assert {kinds[row] for row in found} == set(kinds)
    assert {int(np.argmin(np.abs(scores))), int(np.argmax(scores)), int(np.argmin(scores))} <= set(found)
    assert int(np.argmax(errors)) in found


def test_of_many_kinds_some_of_all_parts() -> None:
    kinds = [f"column {row % 50} = {row // 50}" for row in range(1000)]
    found = chosen(kinds, {"predict": np.zeros(1000)})
    assert len(found) == KINDS + OTHERS
    assert {row // 50 for row in found} == set(range(20))


def test_the_golden_rows_of_a_classifier_come_close_to_both_labels(X: np.ndarray, tmp_path: Path) -> None:
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, np.where(X[:, 0] > X[:, 1], "yes", "no"))
    golden = golden_of(fitted, X, tmp_path)
    scores = golden.answers["decision_function"]
    assert len(scores) <= KINDS + OTHERS
    assert 1e-12 < np.abs(scores).min() < 1e-5
    assert np.abs(scores).max() > 1e9


def test_the_golden_rows_of_trees_stand_at_thresholds(X: np.ndarray, tmp_path: Path) -> None:
    fitted = RandomForestClassifier(5, random_state=0).fit(X, X[:, 0] > X[:, 1])
    rows = golden_of(fitted, X, tmp_path).feeds["X"]
    thresholds = {
        (feature, np.float32(threshold))
        for tree in fitted.estimators_
        for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True)
    }
    at = [(column, np.float32(value)) in thresholds for row in rows for column, value in enumerate(row)]
    assert sum(at) > 10


def test_no_row_that_the_estimator_has_kept_is_stored(X: np.ndarray, tmp_path: Path) -> None:
    fitted = KNeighborsRegressor(2).fit(X, X[:, 0])
    artifact = export(fitted, X[:20] + 1e-3, name="model", to=tmp_path)
    golden = decode_golden(artifact.read()["golden.npz"])
    assert not {row.tobytes() for row in golden.feeds["X"]} & {row.tobytes() for row in X}
    assert all(worst.kind != KEPT for worst in artifact.manifest.parity.worst)
