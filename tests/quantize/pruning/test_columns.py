"""Columns that no weight uses are removed, and nobody can tell from the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skerry.quantize.pruning.columns import column_candidates, prune_columns
from skerry.quantize.teacher import teacher_of
from skerry.runtime.artifact import MODEL, Artifact
from skerry.runtime.errors import UnsupportedEstimator


@pytest.fixture
def frame() -> pd.DataFrame:
    """400 rows: two numbers, one with gaps, two columns of categories, and a text."""
    random = np.random.default_rng(0)
    words = ["good", "bad", "red", "blue", "old", "new", *(f"word{index}" for index in range(20))]
    frame = pd.DataFrame(
        {
            "age": random.normal(size=400),
            "pay": random.normal(size=400),
            "city": random.choice([f"c{index}" for index in range(30)], 400),
            "plan": random.choice(["a", "b", "c"], 400),
            "note": [" ".join(random.choice(words, 8)) for _ in range(400)],
        }
    )
    frame.loc[::7, "pay"] = np.nan
    return frame


@pytest.fixture
def truth(frame: pd.DataFrame) -> np.ndarray:
    value = frame["age"] + 2 * (frame["city"] == "c3") + 1.5 * frame["note"].str.contains("good")
    return np.where(value > 1, "yes", "no")


PARTS = [
    ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "pay"]),
    ("categories", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
    ("terms", CountVectorizer(), "note"),
]


def _inputs(artifact: Artifact) -> list[tuple[Any, ...]]:
    return [(each.name, each.datatype, each.shape) for each in artifact.manifest.inputs]


def test_a_sparse_model_over_a_frame_keeps_its_inputs_and_answers(
    exported: Callable[..., Any], frame: pd.DataFrame, truth: np.ndarray
) -> None:
    final = LogisticRegression(C=0.2, l1_ratio=1, solver="liblinear", random_state=0)
    model = make_pipeline(ColumnTransformer(PARTS), final).fit(frame, truth)
    pruned = prune_columns(model)
    used = int(np.count_nonzero(model[-1].coef_))
    assert pruned[-1].coef_.shape == (1, used)
    assert used < 30 < model[-1].coef_.shape[1]
    np.testing.assert_array_equal(pruned.predict(frame), model.predict(frame))
    unseen = frame.assign(city="nowhere", note="nothing known")
    for rows in (frame, unseen):
        np.testing.assert_allclose(pruned.predict_proba(rows), model.predict_proba(rows), atol=1e-12)
    whole, smaller = exported(model, frame), exported(pruned, frame)
    assert _inputs(smaller) == _inputs(whole)
    assert smaller.manifest.files[MODEL].size < whole.manifest.files[MODEL].size


@pytest.mark.parametrize(
    "model", [Lasso(alpha=0.1), ElasticNet(alpha=0.1), make_pipeline(StandardScaler(), Lasso(0.1))]
)
def test_columns_of_an_array_are_selected(exported: Callable[..., Any], numbers: Any, model: Any) -> None:
    X, y, unseen, _ = numbers
    model = model.fit(X, y)
    pruned = prune_columns(model)
    assert pruned.n_features_in_ == 10
    assert len(pruned[-1].coef_) < 6
    np.testing.assert_allclose(pruned.predict(unseen), model.predict(unseen), atol=1e-12)
    exported(pruned, unseen)


def test_columns_of_a_frame_are_selected(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    names = [f"c{index}" for index in range(10)]
    model = Lasso(alpha=0.1).fit(pd.DataFrame(X, columns=names), y)
    pruned = prune_columns(model)
    rows = pd.DataFrame(unseen, columns=names)
    np.testing.assert_allclose(pruned.predict(rows), model.predict(rows), atol=1e-12)
    assert _inputs(exported(pruned, rows)) == _inputs(exported(model, rows))


@pytest.mark.parametrize("sparsify", [False, True])
def test_terms_without_weight_leave_the_vocabulary(
    exported: Callable[..., Any], frame: pd.DataFrame, truth: np.ndarray, sparsify: bool
) -> None:
    texts = frame["note"].to_numpy()
    final = LogisticRegression(C=0.02, l1_ratio=1, solver="liblinear", random_state=0)
    model = make_pipeline(TfidfVectorizer(norm=None), final).fit(texts, truth)
    if sparsify:
        model[-1].sparsify()
    pruned = prune_columns(model)
    assert len(pruned[0].vocabulary_) < len(model[0].vocabulary_)
    assert pruned[-1].coef_.shape == (1, len(pruned[0].vocabulary_))
    np.testing.assert_allclose(pruned.decision_function(texts), model.decision_function(texts), atol=1e-12)
    if not sparsify:
        exported(pruned, texts)


def test_where_rows_are_divided_by_a_norm_nothing_is_removed(frame: pd.DataFrame, truth: np.ndarray) -> None:
    model = make_pipeline(TfidfVectorizer(), LinearSVC(penalty="l1", C=0.05)).fit(frame["note"], truth)
    assert (model[-1].coef_ == 0).any()
    assert prune_columns(model) is model


def test_inputs_of_a_perceptron_without_weights_are_removed(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    model = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=2000, tol=0.1, random_state=0).fit(X, y)
    model.coefs_[0][[1, 6]] = 0
    pruned = prune_columns(model)
    assert pruned[-1].coefs_[0].shape == (8, 8)
    np.testing.assert_allclose(pruned.predict(unseen), model.predict(unseen), atol=1e-12)
    exported(pruned, unseen)


def test_a_model_without_any_weight_keeps_a_column(exported: Callable[..., Any], numbers: Any) -> None:
    X, y, unseen, _ = numbers
    pruned = prune_columns(Lasso(alpha=100).fit(X, y))
    assert pruned[-1].coef_.tolist() == [0]
    exported(pruned, unseen)


def test_what_uses_all_columns_is_returned_as_it_is(numbers: Any) -> None:
    X, y, _, _ = numbers
    model = Ridge().fit(X, y)
    assert prune_columns(model) is model


def test_there_is_a_candidate_only_where_something_goes(numbers: Any, rows_of: Callable[..., Any]) -> None:
    X, y, _, _ = numbers
    found = []
    for model in (Lasso(alpha=0.1), Ridge(), DecisionTreeClassifier(max_depth=2)):
        teacher = teacher_of(model.fit(X, y > 0 if isinstance(model, DecisionTreeClassifier) else y))
        found.append(list(column_candidates(teacher, rows_of(teacher, X, y), np.random.default_rng(0))))
    assert list(map(len, found)) == [1, 0, 0]
    kept = len(found[0][0].model[-1].coef_)
    assert found[0][0].steps[0].detail == {"columns": f"{kept} of 10, those that are used"}
    assert found[0][0].parameters == kept + 1


def test_models_without_weights_are_refused(numbers: Any) -> None:
    X, y, _, _ = numbers
    with pytest.raises(UnsupportedEstimator, match="DecisionTreeClassifier: expected a linear model"):
        prune_columns(DecisionTreeClassifier().fit(X, y > 0))
