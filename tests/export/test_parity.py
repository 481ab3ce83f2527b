"""The gate: a converter with a fault is found out, on rows made for it, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.export import export
from skerry.export.converters import encoding, forest, hist_gradient_boosting, labels, linear, scaling, text
from skerry.export.converters.labels import label_of
from skerry.export.converters.scope import Scope
from skerry.export.converters.trees import LEAF, TreeArrays, tree_ensemble
from skerry.export.estimators import ESTIMATORS, Converter
from skerry.export.graph import Features, Graph, Outputs, Tensor
from skerry.runtime.errors import ParityError

Patch = pytest.MonkeyPatch


def refusal(estimator: Any, X: Any, tmp_path: Path, **options: Any) -> str:
    """The text of the error; nothing may lie on the disk."""
    with pytest.raises(ParityError) as raised:
        export(estimator, X, name="model", to=tmp_path / "artifacts", **options)
    assert not list(tmp_path.rglob("*"))
    assert raised.value.hint == "nothing was written"
    return str(raised.value)


def wrong_trees(
    patch: Patch, module: Any, fault: Callable[[TreeArrays], TreeArrays], only: slice = slice(None)
) -> None:
    def convert(graph: Graph, X: Tensor, trees: Sequence[TreeArrays], *, targets: int) -> Tensor:
        faulty = [fault(tree) for tree in trees[only]]
        return tree_ensemble(
            graph, X, [*trees[: only.start or 0], *faulty, *trees[only.stop or len(trees) :]], targets=targets
        )

    patch.setattr(module, "tree_ensemble", convert)


def wrong_output(patch: Patch, kind: type, fault: Callable[[Graph, dict[str, Any], Any], dict[str, Any]]) -> None:
    right = ESTIMATORS[f"sklearn.{kind.__name__}"].convert
    assert right is not None

    def convert(estimator: Any, features: Features, scope: Scope) -> Outputs:
        outputs = right(estimator, features, scope)
        return {**outputs, **fault(scope.graph, outputs, estimator)}

    use_converter(patch, kind, convert)


def use_converter(patch: Patch, kind: type, convert: Converter) -> None:
    name = f"sklearn.{kind.__name__}"
    patch.setitem(ESTIMATORS, name, replace(ESTIMATORS[name], convert=convert))


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(150, 3))


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    return np.where(X[:, 0] + X[:, 1] ** 2 > 0.5, "yes", "no")


FAULTS: dict[str, Callable[[TreeArrays], TreeArrays]] = {
    "thresholds rounded to float32": lambda tree: replace(tree, threshold=tree.threshold.astype("f4").astype(float)),
    "less instead of less or equal": lambda tree: replace(tree, threshold=np.nextafter(tree.threshold, -np.inf)),
    "thresholds one step up": lambda tree: replace(tree, threshold=np.nextafter(tree.threshold, np.inf)),
    "directions of missing values flipped": lambda tree: replace(tree, missing_left=~tree.missing_left),
    "another feature": lambda tree: replace(tree, feature=tree.feature[::-1]),
    "left and right swapped": lambda tree: replace(tree, left=tree.right, right=tree.left),
    "leaves off by a millionth": lambda tree: replace(tree, value=tree.value * (1 + 3e-6) + 3e-6),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_boosted_trees(fault: str, X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    X[(y == "yes") & (X[:, 0] > 0), 2] = np.nan
    fitted = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)).fit(X, y)
    wrong_trees(monkeypatch, hist_gradient_boosting, FAULTS[fault])
    assert "first at histgradientboostingclassifier › HistGradient" in refusal(fitted, X, tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        "thresholds rounded to float32",
        "directions of missing values flipped",
        "another feature",
        "left and right swapped",
        "leaves off by a millionth",
    ],
)
def test_faults_in_decision_trees(fault: str, X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    X[(y == "yes") & (X[:, 0] > 0), 2] = np.nan
    X[:, :2] = X[:, :2].astype(np.float32)  # so that thresholds lie between float32 neighbours now and then
    fitted = make_pipeline(StandardScaler(), DecisionTreeRegressor(random_state=0)).fit(X, X[:, 0] * X[:, 1])
    wrong_trees(monkeypatch, forest, FAULTS[fault])
    assert "first at decisiontreeregressor › DecisionTreeRegressor: predict" in refusal(fitted, X, tmp_path)


def test_one_leaf_among_many(X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    def wrong(tree: TreeArrays) -> TreeArrays:
        value = np.array(tree.value)
        first, *_, last = np.flatnonzero(tree.left == LEAF)
        assert value[first] != value[last]
        value[first] = value[last]
        return replace(tree, value=value)

    fitted = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, y)
    wrong_trees(monkeypatch, forest, wrong, only=slice(13, 14))
    assert "first at RandomForestClassifier: predict_proba differs by up to" in refusal(fitted, X[:40], tmp_path)


def test_labels_swapped(X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(linear, "label_of", lambda graph, index, classes: label_of(graph, index, classes[::-1]))
    text = refusal(LogisticRegression().fit(X, y), X, tmp_path)
    assert "first at LogisticRegression: predict" in text
    assert "predict: expected 'no', got 'yes'" in text or "predict: expected 'yes', got 'no'" in text


@pytest.mark.parametrize("error", [1e-3, 2e-6, np.nan, np.inf])
def test_scores_that_are_off(error: float, X: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    wrong_output(
        monkeypatch,
        LinearRegression,
        lambda graph, outputs, _: {"predict": graph.op("Add", outputs["predict"], np.array(error))},
    )
    text = refusal(LinearRegression().fit(X, X[:, 0] * 0.01), X, tmp_path)
    assert "first at LinearRegression: predict differs" in text


def test_what_is_off_within_the_tolerance_passes_and_is_told(X: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    wrong_output(
        monkeypatch,
        LinearRegression,
        lambda graph, outputs, _: {"predict": graph.op("Add", outputs["predict"], np.array(1e-3))},
    )
    artifact = export(LinearRegression().fit(X, X[:, 0] * 0.01), X, name="model", to=tmp_path, tolerance=1e-2)
    assert artifact.manifest.parity.max_error == pytest.approx(1e-3, rel=1e-6)
    assert artifact.manifest.parity.tolerance == 1e-2
    assert artifact.manifest.parity.worst[0].method == "predict"


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"city": ["Oslo", "Rome", "Bern", "Oslo"] * 10, "plan": ["a", "b"] * 20})


def test_an_unseen_category_taken_for_the_first(frame: pd.DataFrame, tmp_path: Path, monkeypatch: Patch) -> None:
    right = encoding._slots
    monkeypatch.setattr(encoding, "_slots", lambda estimator, index: np.append(right(estimator, index)[:-1], 0))
    fitted = OneHotEncoder(handle_unknown="ignore").fit(frame)
    assert "first at OneHotEncoder: transform differs by up to 1" in refusal(fitted, frame, tmp_path)


def test_a_category_that_no_given_row_has(frame: pd.DataFrame, tmp_path: Path, monkeypatch: Patch) -> None:
    right = encoding._slots

    def wrong(estimator: Any, index: int) -> np.ndarray:
        slots = right(estimator, index)
        return np.where(slots == 0, slots[1], slots)

    monkeypatch.setattr(encoding, "_slots", wrong)
    fitted = OneHotEncoder(handle_unknown="ignore").fit(frame)
    seen = frame[(frame["city"] == "Rome")]
    assert "first at OneHotEncoder" in refusal(fitted, seen, tmp_path)


def test_letters_made_small(frame: pd.DataFrame, tmp_path: Path, monkeypatch: Patch) -> None:
    right = encoding._keys

    def wrong(*given: Any) -> np.ndarray:
        return np.array([key.lower() for key in right(*given)], object)

    monkeypatch.setattr(encoding, "_keys", wrong)
    assert "first at OneHotEncoder" in refusal(OneHotEncoder(handle_unknown="ignore").fit(frame), frame, tmp_path)


def test_the_step_inside_of_a_pipeline_is_named(
    X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    right = scaling.standard_scaler

    def wrong(estimator: Any, features: Features, scope: Scope) -> Outputs:
        outputs = right(estimator, features, scope)
        matrix = scope.graph.matrix(outputs["transform"])  # type: ignore[arg-type]
        return {"transform": Features.of(scope.graph.op("Add", matrix, np.array(1e-4)))}

    use_converter(monkeypatch, StandardScaler, wrong)
    fitted = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(X, y)
    text = refusal(fitted, X, tmp_path)
    assert "first at standardscaler › StandardScaler: transform differs by up to 0.0001" in text


def test_a_row_that_only_one_side_answers(X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Graph, "guard", lambda *_: None)
    fitted = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(X, y)
    assert "scikit-learn refuses it, the model answers" in refusal(fitted, X, tmp_path)


def test_a_row_that_only_scikit_learn_answers(X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    right = linear._scores

    def wrong(estimator: Any, features: Features, scope: Scope) -> Tensor:
        matrix = scope.graph.matrix(features)
        scope.graph.guard(scope.graph.op("Greater", matrix, np.array(1e5), dtype=bool), list("abc"), "too large")
        return right(estimator, features, scope)

    monkeypatch.setattr(linear, "_scores", wrong)
    assert "scikit-learn answers, the model refuses it" in refusal(LogisticRegression().fit(X, y), X, tmp_path)


def test_rows_that_are_not_rounded_as_scikit_learn_rounds_them(
    X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(forest, "before_rounding", lambda thresholds: thresholds)
    text = refusal(DecisionTreeClassifier(random_state=0).fit(X, y), X, tmp_path)
    assert "first at DecisionTreeClassifier: predict" in text


def test_the_error_shows_the_worst_rows(X: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    wrong_output(
        monkeypatch,
        LinearRegression,
        lambda graph, outputs, _: {"predict": graph.op("Mul", outputs["predict"], outputs["predict"])},
    )
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    text = refusal(LinearRegression().fit(frame, X[:, 0] + 7), frame, tmp_path)
    assert "the model differs from scikit-learn on 150 of 150 rows" in text
    assert text.count("row ") == 3
    worst = int(np.argmax(X[:, 0]))
    assert f"; row {worst}: predict: expected " in text
    assert "{'a': '" in text


def test_parity_counts_what_was_compared(X: np.ndarray, y: np.ndarray, tmp_path: Path) -> None:
    parity = export(LogisticRegression().fit(X, y), X, name="model", to=tmp_path).manifest.parity
    assert parity.mismatches == 0
    assert parity.methods == ("predict", "predict_proba", "decision_function")
    assert parity.rows == len(X) + parity.made
    assert 0 < parity.refused < parity.made
    assert 0 <= parity.max_error <= 1e-12


def test_no_more_rows_are_compared_than_asked_for(X: np.ndarray, tmp_path: Path) -> None:
    parity = export(StandardScaler().fit(X), X, name="model", to=tmp_path, max_rows=10).manifest.parity
    assert parity.rows - parity.made == 10


def off_by(kind: type, method: str, error: float) -> Callable[[Patch], None]:
    """The converter of ``kind`` answers a little more."""

    def change(graph: Graph, outputs: dict[str, Any], _: Any) -> dict[str, Any]:
        value = outputs[method]
        tensor = graph.matrix(value) if isinstance(value, Features) else value
        changed = graph.op("Add", tensor, np.array(error))
        return {method: Features.of(changed) if isinstance(value, Features) else changed}

    return lambda patch: wrong_output(patch, kind, change)


MEMBERS: dict[str, tuple[Any, Callable[[Patch], None], str]] = {
    "vote": (
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
        off_by(GaussianNB, "predict_proba", 1e-3),
        "first at b › GaussianNB: predict_proba differs by up to 0.001",
    ),
    "stack": (
        StackingClassifier([("a", LogisticRegression())], GaussianNB(), cv=2),
        off_by(LogisticRegression, "predict_proba", 1e-3),
        "› LogisticRegression: predict_proba differs by up to 0.001",
    ),
    "calibration": (
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        off_by(LogisticRegression, "decision_function", 1e-3),
        "› LogisticRegression: decision_function differs by up to 0.001",
    ),
    "search": (
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
        off_by(StandardScaler, "transform", 1e-3),
        "first at best_estimator_ › standardscaler › StandardScaler: transform differs by up to 0.001",
    ),
    "columns": (
        make_pipeline(make_column_transformer((StandardScaler(), [0, 1]), (MinMaxScaler(), [2])), LogisticRegression()),
        off_by(MinMaxScaler, "transform", 1e-3),
        "first at columntransformer › minmaxscaler › MinMaxScaler: transform differs by up to 0.001",
    ),
    "union": (
        make_pipeline(make_union(StandardScaler(), PCA(2)), LogisticRegression()),
        off_by(PCA, "transform", 1e-3),
        "first at featureunion › pca › PCA: transform differs by up to 0.001",
    ),
    "bins": (
        make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()),
        off_by(KBinsDiscretizer, "transform", 1e-3),
        "first at kbinsdiscretizer › KBinsDiscretizer: transform differs by up to 0.001",
    ),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_the_member_that_diverges_is_named(
    member: str, X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    estimator, fault, expected = MEMBERS[member]
    fault(monkeypatch)
    assert expected in refusal(estimator.fit(X, y), X, tmp_path)


def test_a_one_hot_that_nobody_made_yet_is_named(frame: pd.DataFrame, tmp_path: Path, monkeypatch: Patch) -> None:
    right = encoding._slots
    monkeypatch.setattr(encoding, "_slots", lambda estimator, index: np.roll(right(estimator, index), 1))
    fitted = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(frame, frame["plan"])
    assert "first at onehotencoder › OneHotEncoder: transform differs by up to 1" in refusal(fitted, frame, tmp_path)


def test_a_sparse_step_is_named(tmp_path: Path, monkeypatch: Patch) -> None:
    texts = ["red green", "blue", "red red blue", "green"] * 5
    monkeypatch.setitem(text._NORMS, "l2", "ReduceL1")
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1, 0, 1] * 5)
    assert "first at tfidfvectorizer › TfidfVectorizer: transform differs" in refusal(fitted, texts, tmp_path)


@pytest.mark.parametrize(
    ("error", "pattern"),
    [(1e-8, "on 150 of 150 rows, by at most 1e-08, as rounding does"), (0.3, "on 150 of 150 rows;")],
)
def test_rounding_is_told_from_what_is_wrong(
    error: float, pattern: str, X: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    off_by(LinearRegression, "predict", error)(monkeypatch)
    assert pattern in refusal(LinearRegression().fit(X, 0.01 * X[:, 0]), X, tmp_path)


def test_rows_that_go_another_way_are_told_from_rounding(
    X: np.ndarray, y: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    wrong_trees(monkeypatch, forest, lambda tree: replace(tree, threshold=np.nextafter(tree.threshold, -np.inf)))
    X = X.astype(np.float32).astype(float)
    fitted = make_pipeline(StandardScaler(), DecisionTreeRegressor(random_state=0)).fit(X, X[:, 0])
    assert ", the others are exact: so it is where a comparison" in refusal(fitted, X, tmp_path)


def test_answers_without_the_axis_of_the_rows(X: np.ndarray, tmp_path: Path, monkeypatch: Patch) -> None:
    wrong_output(
        monkeypatch,
        LinearRegression,
        lambda graph, outputs, _: {"predict": graph.op("Squeeze", outputs["predict"])},
    )
    fitted = LinearRegression().fit(X, X[:, :2])
    text = refusal(fitted, X, tmp_path)
    assert "batches of different sizes do not fit together" in text or "the model answers 1 rows with shape" in text


def test_a_tie_excuses_no_label_where_the_scores_are_the_same(
    X: np.ndarray, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(linear, "positive", labels.not_negative)
    fitted = LogisticRegression(fit_intercept=False).fit(X, X[:, 0] > 0)
    assert "first at LogisticRegression: predict differs on" in refusal(fitted, X, tmp_path)
