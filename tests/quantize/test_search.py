"""``optimize`` finds what is smaller, proves it on rows of their own, writes it through the gate, or says why not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skerry.export import export
from skerry.quantize.arrows import ARROWS, GRAPH_ARROWS
from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.distill import DISTILLED
from skerry.quantize.front import Front
from skerry.quantize.pruning.trees import prune_trees
from skerry.quantize.search import optimize
from skerry.quantize.teacher import Teacher
from skerry.runtime import Artifact, load
from skerry.runtime.errors import ExportError, InvalidRows, NotFitted, UnsupportedEstimator
from skerry.runtime.manifest import Step

Data = tuple[Any, np.ndarray]


def first_trees(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """The first trees of a forest: the simplest arrow that there is."""
    for count in (15, 10, 7, 5, 3, 1):
        forest = copy.copy(teacher.final)
        forest.estimators_ = forest.estimators_[:count]
        forest.n_estimators = count
        nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
        step = Step(arrow="prune", detail={"trees": str(count)})
        yield Candidate(teacher.with_final(forest), (step,), nodes)


FEW: dict[str, Any] = {"arrows": {"first trees": first_trees}, "graph_arrows": {}}


@pytest.fixture(autouse=True)
def _time_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.quantize.timing.ROUNDS", 3)
    monkeypatch.setattr("skerry.quantize.graphs.gain.NOISE", 100.0)  # models so small differ by microseconds
    monkeypatch.setattr("skerry.quantize.graphs.gain.SECONDS", 0.0)


@pytest.fixture(scope="module")
def data() -> Data:
    X, y = make_classification(2400, 8, n_informative=5, flip_y=0.05, random_state=0)
    return X[400:], np.array(["no", "yes"])[y[400:]]


@pytest.fixture(scope="module")
def forest() -> Any:
    X, y = make_classification(2400, 8, n_informative=5, flip_y=0.05, random_state=0)
    return RandomForestClassifier(20, max_depth=6, random_state=0).fit(X[:400], np.array(["no", "yes"])[y[:400]])


@pytest.fixture(scope="module")
def searched(forest: Any, data: Data, tmp_path_factory: pytest.TempPathFactory) -> Front:
    """A search that wrote something."""
    to = tmp_path_factory.mktemp("searched")
    return optimize(forest, *data, max_loss=0.08, name="small", to=to, license="MIT", **FEW)


def test_what_is_written_is_smaller_and_keeps_the_bound_on_unseen_rows(searched: Front) -> None:
    best = searched.best
    assert best is not None
    assert best.bytes < searched.teacher.bytes
    assert best.proof is not None
    assert best.proof.fresh <= 0.08 == best.proof.bound
    rows = searched.rows
    assert (rows.learn, rows.judge, rows.prove, best.proof.rows) == (1000, 501, 499, 499)


def test_the_artifact_tells_what_the_front_says(searched: Front, forest: Any, data: Data) -> None:
    artifact, best = searched.artifact, searched.best
    assert artifact is not None
    assert best is not None
    manifest = artifact.manifest
    assert manifest.derivation is not None
    assert manifest.derivation.loss == best.proof
    assert manifest.derivation.teacher == "RandomForestClassifier"
    assert manifest.derivation.teacher_size == searched.teacher.bytes
    assert manifest.files["model.onnx"].unpacked == best.bytes
    assert [step.arrow for step in manifest.steps] == ["prune", "export"]
    assert manifest.steps[0].detail == best.steps[0].detail
    assert manifest.parity.mismatches == 0
    assert manifest.license == "MIT"


def test_the_exact_model_is_the_version_before_and_its_parent(searched: Front, forest: Any, data: Data) -> None:
    artifact = searched.artifact
    assert artifact is not None
    assert artifact.manifest.version == 2
    exact = Artifact.open(artifact.directory.parent / "1")
    assert artifact.manifest.parent == exact.digest
    assert (exact.manifest.parent, exact.manifest.derivation, exact.manifest.license) == (None, None, "MIT")
    assert exact.manifest.evaluation is not None
    assert artifact.manifest.evaluation is not None
    assert exact.manifest.evaluation.rows == artifact.manifest.evaluation.rows == searched.rows.prove
    np.testing.assert_allclose(load(exact).predict_proba(data[0]), forest.predict_proba(data[0]), atol=1e-9)


def test_the_artifact_answers_as_the_pruned_forest(searched: Front, forest: Any, data: Data) -> None:
    assert searched.directory is not None
    assert searched.best is not None
    count = int(searched.best.steps[0].detail["trees"])
    expected = np.mean([tree.predict_proba(data[0]) for tree in forest.estimators_[:count]], axis=0)
    np.testing.assert_allclose(load(searched.directory).predict_proba(data[0]), expected, atol=1e-9)


def test_the_card_shows_the_front(searched: Front) -> None:
    artifact = searched.artifact
    assert artifact is not None
    assert artifact.read()["front.svg"].startswith(b"<?xml")
    assert "](front.svg)" in artifact.read()["card.md"].decode()


def test_points_are_tried_on_unseen_rows_from_mild_to_daring_up_to_the_first_that_fails(
    forest: Any, data: Data, tmp_path: Path
) -> None:
    front = optimize(forest, *data, max_loss=0.04, name="small", to=tmp_path, **FEW)
    tried = sorted((point for point in front.points if point.proof), key=lambda point: -point.bytes)
    passed = [point.proof.fresh <= 0.04 for point in tried if point.proof]
    assert passed in ([True] * len(tried), [True] * (len(tried) - 1) + [False])
    assert tried
    if front.best:
        assert front.best is [point for point, ok in zip(tried, passed, strict=True) if ok][-1]


def test_the_same_seed_finds_the_same(forest: Any, data: Data, searched: Front, tmp_path: Path) -> None:
    again = optimize(forest, *data, max_loss=0.08, name="small", to=tmp_path, **FEW)
    assert [timeless(point) for point in again.points] == [timeless(point) for point in searched.points]
    assert again.chosen == searched.chosen
    other = optimize(forest, *data, max_loss=1e-9, name="small", to=tmp_path, seed=1, **FEW)
    assert [timeless(point) for point in other.points] != [timeless(point) for point in searched.points]


def timeless(point: Any) -> Any:
    """Without what a clock decides."""
    return msgspec.structs.replace(point, latency_1=None, latency_1000=None, is_on_front=False)


def test_nothing_is_written_where_the_bound_cannot_be_proved(forest: Any, data: Data, tmp_path: Path) -> None:
    front = optimize(forest, *data, max_loss=1e-4, name="small", to=tmp_path, **FEW)
    assert (front.chosen, front.directory, front.artifact) == (None, None, None)
    assert front.reason.startswith("nothing is written: ")
    assert front.reason in front.table()
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_many_rows_would_be_needed(forest: Any, data: Data, tmp_path: Path) -> None:
    X, y = data
    front = optimize(forest, X[:400], y[:400], max_loss=0.02, name="small", to=tmp_path, **FEW)
    assert front.directory is None
    assert "on 100 unseen rows" in front.reason
    assert "rows would be needed instead of 400" in front.reason or "over the bound as it is" in front.reason


def test_nothing_is_written_that_is_no_smaller(forest: Any, data: Data, tmp_path: Path) -> None:
    def same(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        yield Candidate(teacher.model, (Step(arrow="prune", detail={"trees": "20"}),), 1)

    front = optimize(forest, *data, max_loss=0.1, name="same", to=tmp_path, arrows={"same": same}, graph_arrows={})
    assert front.directory is None
    assert "is better by size than the exact model" in front.reason


def test_nothing_is_written_that_is_slower(
    forest: Any, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skerry.quantize.graphs.gain.NOISE", -1.0)
    monkeypatch.setattr("skerry.quantize.graphs.gain.UNNOTICED", -1.0)
    front = optimize(forest, *data, max_loss=0.08, name="slower", to=tmp_path, **FEW)
    assert (front.directory, list(tmp_path.iterdir())) == (None, [])
    assert "slower than the exact model" in front.reason
    assert all("slower than the exact model" in note for note in front.notes)


def test_no_arrow_is_no_result(forest: Any, data: Data, tmp_path: Path) -> None:
    front = optimize(forest, *data, max_loss=0.1, name="none", to=tmp_path, arrows={}, graph_arrows={})
    assert (front.points, front.drawn) == ((), 0)
    assert front.reason.startswith("nothing is written: no arrow proposes")


def test_candidates_are_counted_and_the_count_can_end_it(forest: Any, data: Data, tmp_path: Path) -> None:
    front = optimize(forest, *data, max_loss=0.08, name="few", to=tmp_path, candidates=2, **FEW)
    assert (front.drawn, len(front.points), front.is_cut_off) == (2, 2, False)


def test_a_budget_that_is_over_is_told(forest: Any, data: Data, tmp_path: Path) -> None:
    front = optimize(forest, *data, max_loss=0.08, name="few", to=tmp_path, budget=1e-6, **FEW)
    assert (front.drawn, front.is_cut_off) == (0, True)


def test_rewritten_graphs_are_searched_too(forest: Any, data: Data, tmp_path: Path) -> None:
    front = optimize(forest, *data, max_loss=0.08, name="narrow", to=tmp_path, arrows={}, graph_arrows=GRAPH_ARROWS)
    artifact = front.artifact
    assert artifact is not None
    assert [step.arrow for step in artifact.manifest.steps] == ["export", "quantize"]
    assert artifact.manifest.parent == Artifact.open(artifact.directory.parent / "1").digest
    assert artifact.manifest.derivation is not None
    assert artifact.manifest.derivation.loss == front.best.proof  # type: ignore[union-attr]
    load(artifact)


def test_an_arrow_that_takes_long_is_asked_less_often(forest: Any, data: Data, tmp_path: Path) -> None:
    """And its candidates come first if it does, whenever they were drawn."""

    def slow(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        for candidate in first_trees(teacher, rows, rng):
            sleep(0.5)
            yield Candidate(candidate.model, (Step(arrow="distill", detail={}),), candidate.parameters)

    def other(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        for count in (19, 18, 17, 16, 14, 13):
            yield Candidate(prune_trees(teacher.model, rows.X, refit=None, trees=count), (), count)

    arrows = {"slow": slow, "quick": other}
    front = optimize(forest, *data, max_loss=0.1, name="fair", to=tmp_path, budget=2.0, arrows=arrows, graph_arrows={})
    families = [point.family for point in front.points if point.family in arrows]
    assert families.count("quick") > families.count("slow") > 0
    assert families == sorted(families, reverse=True)


def test_graphs_are_rewritten_however_late_it_is(forest: Any, data: Data, tmp_path: Path) -> None:
    def slow(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        sleep(1.5)
        yield from first_trees(teacher, rows, rng)

    front = optimize(
        forest,
        *data,
        max_loss=0.08,
        name="late",
        to=tmp_path,
        budget=1.0,
        arrows={"slow": slow},
        graph_arrows=GRAPH_ARROWS,
    )
    assert front.is_cut_off
    assert any(step.arrow == "quantize" for point in front.points for step in point.steps)


def test_what_is_made_of_a_machine_without_probabilities_is_pruned_too(data: Data, tmp_path: Path) -> None:
    """Boosted trees that learned from its decisions have probabilities, and are pruned by these."""
    X, y = data
    boosting, trees = "distill boosting", "trees"
    front = optimize(
        SVC(C=10.0).fit(X[:400], y[:400]),
        X[400:],
        y[400:],
        max_loss=0.2,
        name="machine",
        to=tmp_path,
        arrows={boosting: ARROWS[boosting], trees: ARROWS[trees]},
        graph_arrows={},
    )
    assert any(point.family == f"{boosting}, {trees}" for point in front.points)
    assert not any("stopped" in note for note in front.notes)


def test_an_artifact_is_searched_by_what_it_answers(forest: Any, data: Data, tmp_path: Path) -> None:
    exact = export(forest, data[0], name="forest", to=tmp_path)
    linear = {"distill linear": DISTILLED["distill linear"]}
    front = optimize(exact, *data, max_loss=0.2, name="student", to=tmp_path, arrows=linear, graph_arrows={})
    artifact = front.artifact
    assert artifact is not None
    assert artifact.manifest.parent == exact.digest
    assert [step.arrow for step in artifact.manifest.steps] == ["export", "distill", "export"]
    assert artifact.manifest.methods == exact.manifest.methods


def test_an_exact_artifact_beside_it_becomes_the_parent(forest: Any, data: Data, tmp_path: Path) -> None:
    exact = export(forest, data[0], name="forest", to=tmp_path)
    front = optimize(forest, *data, max_loss=0.08, name="forest", to=tmp_path, **FEW)
    assert front.artifact is not None
    assert front.artifact.manifest.version == 2
    assert front.artifact.manifest.parent == exact.digest


def test_a_pipeline_over_a_frame_of_mixed_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {"age": random.normal(40, 10, 1000), "city": random.choice(["Oslo", "Rome"], 1000), "pay": random.random(1000)}
    )
    y = X["age"].to_numpy() > 40 + 5 * (X["city"] == "Rome").to_numpy()
    columns = ColumnTransformer([("numbers", StandardScaler(), ["age", "pay"]), ("city", OneHotEncoder(), ["city"])])
    model = Pipeline([("columns", columns), ("model", RandomForestClassifier(12, max_depth=4, random_state=0))])
    model.fit(X[:400], y[:400])
    front = optimize(
        model, X[400:], y[400:], max_loss=0.1, metric="roc_auc", name="mixed", to=tmp_path, candidates=4, **FEW
    )
    assert front.directory is not None
    assert front.best is not None
    assert load(front.directory).predict(X[400:410]).dtype == bool


def test_several_classified_targets(data: Data, tmp_path: Path) -> None:
    X, y = data
    both = np.column_stack([y == "yes", X[:, 0] > 0])
    model = RandomForestClassifier(20, max_depth=6, random_state=0).fit(X[:400], both[:400])
    front = optimize(model, X[400:], both[400:], max_loss=0.1, name="both", to=tmp_path, **FEW)
    assert front.artifact is not None
    assert load(front.artifact).predict(X).shape == both.shape


def test_a_regressor_by_its_error(tmp_path: Path) -> None:
    X, y = make_friedman1(1500, random_state=0)
    model = RandomForestRegressor(20, max_depth=7, random_state=0).fit(X[:400], y[:400])
    front = optimize(model, X[400:], y[400:], max_loss=0.5, metric="rmse", name="numbers", to=tmp_path, **FEW)
    assert front.best is not None
    assert front.best.proof is not None
    assert front.best.proof.result > front.best.proof.teacher  # more error is worse
    assert front.best.proof.loss == pytest.approx(front.best.proof.result - front.best.proof.teacher)


def test_an_artifact_takes_rows_in_any_form(data: Data, tmp_path: Path) -> None:
    """Exported on an array of float32; the rows are records of a file, with names and whole numbers among them."""
    X, y = data
    X = np.round(X * 4).astype(np.float32)
    forest = RandomForestClassifier(60, random_state=0).fit(X[:400], y[:400])
    exact = export(forest, X, name="exact", to=tmp_path)
    frame = pd.DataFrame(X[400:].astype(int), columns=[f"c{place}" for place in range(8)])
    front = optimize(
        exact, frame, y[400:], max_loss=0.2, name="small", to=tmp_path,
        arrows={"linear": DISTILLED["distill linear"]}, graph_arrows={},
    )  # fmt: skip
    assert front.artifact is not None, front.reason
    assert [spec.datatype for spec in front.artifact.manifest.inputs] == ["FP32"]


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        (LogisticRegression(), lambda y: y > 14, np.dtype(np.int64)),
        (LogisticRegression(), lambda y: (y > 14).astype(float), np.dtype(np.int64)),
        (LinearRegression(), lambda y: y[:, None].astype(np.float32), np.dtype(np.float64)),
    ],
)
def test_arrows_get_the_truth_as_the_model_says_it(
    model: Any, given: Callable[[np.ndarray], np.ndarray], expected: np.dtype[Any], tmp_path: Path
) -> None:
    X, y = make_friedman1(1200, 8, random_state=0)
    model.fit(X[:300], (y[:300] > 14).astype(int) if isinstance(model, LogisticRegression) else y[:300])
    seen: list[Any] = []

    def looking(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        seen.append(rows.y)
        return iter(())

    optimize(
        model,
        X[300:],
        given(y[300:]),
        max_loss=0.5,
        name="x",
        to=tmp_path,
        arrows={"looking": looking},
        graph_arrows={},
    )
    assert (seen[0].dtype, seen[0].ndim) == (expected, 1)


def test_a_truth_of_fewer_targets_is_refused(tmp_path: Path) -> None:
    X, y = make_friedman1(600, 8, random_state=0)
    model = LinearRegression().fit(X[:300], np.column_stack([y, -y])[:300])
    with pytest.raises(InvalidRows, match="y: expected 2 targets for each row, got 1"):
        optimize(model, X[300:], y[300:], max_loss=0.5, name="small", to=tmp_path, **FEW)


def test_a_truth_that_is_always_the_same_is_refused(tmp_path: Path) -> None:
    X, y = make_friedman1(600, 8, random_state=0)
    model = LinearRegression().fit(X[:300], y[:300])
    with pytest.raises(InvalidRows, match="too much alike, to measure r2"):
        optimize(model, X[300:], np.ones(300), max_loss=0.5, name="small", to=tmp_path, **FEW)


def test_what_cannot_lose_anything_needs_no_rows_to_prove_it(tmp_path: Path) -> None:
    """Neighbours of whole numbers: their file is shorter with the same values in it, whatever the bound."""
    random = np.random.default_rng(0)
    X = random.integers(0, 16, size=(700, 12)).astype(float)
    y = (X[:, 0] + random.normal(size=700) > 8).astype(int)
    model = KNeighborsClassifier().fit(X[:500], y[:500])
    front = optimize(
        model, X[500:], y[500:], max_loss=1e-9, name="x", to=tmp_path, arrows={}, graph_arrows=GRAPH_ARROWS
    )
    assert front.best is not None, front.reason
    assert front.best.name == "quantize (constants exact, arithmetic as before)"
    assert front.best.proof is not None
    assert (front.best.proof.loss, front.best.proof.high, front.best.proof.fresh) == (0, 0, 0)


def test_an_arrow_that_fails_ends_only_itself(forest: Any, data: Data, tmp_path: Path) -> None:
    def broken(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        yield next(first_trees(teacher, rows, rng))
        raise AttributeError("no such thing")

    front = optimize(
        forest, *data, max_loss=0.08, name="x", to=tmp_path, **FEW | {"arrows": {"broken": broken, **FEW["arrows"]}}
    )
    assert front.artifact is not None
    assert "broken: stopped, AttributeError: no such thing" in front.notes


def test_a_candidate_that_does_not_answer_some_rows_is_passed_over(forest: Any, data: Data, tmp_path: Path) -> None:
    class Touchy(RandomForestClassifier):  # type: ignore[misc]
        def predict(self, X: Any) -> Any:
            if len(X) > 2:
                raise ValueError("too many rows")
            return super().predict(X)

    def touchy(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
        model = Touchy(3, random_state=0).fit(rows.X, rows.y)
        yield Candidate(model, (Step(arrow="prune", detail={}),), 10)

    front = optimize(
        forest, *data, max_loss=0.08, name="x", to=tmp_path, **FEW | {"arrows": {"touchy": touchy, **FEW["arrows"]}}
    )
    assert front.artifact is not None
    assert "touchy: ValueError: too many rows" in front.notes


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"max_loss": 0.0}, "max_loss: expected a number above 0"),
        ({"max_loss": float("nan")}, "max_loss: expected a number above 0"),
        ({"budget": 0.0}, "budget: expected seconds above 0"),
        ({"candidates": 0}, "candidates: expected 1 or more"),
        ({"confidence": 1.0}, "confidence: expected a number from 0.5"),
        ({"seed": -1}, "seed: expected 0 or more"),
        ({"objective": "beauty"}, "objective: expected one of size, latency, rows-per-second"),
        ({"name": "Upper"}, "name: expected lower-case letters"),
        ({"metric": "r2"}, "metric: expected one of accuracy"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: dict[str, Any], text: str, forest: Any, data: Data, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"max_loss": 0.1, "name": "x", "to": tmp_path} | settings
    with pytest.raises(ExportError, match=text):
        optimize(forest, *data, **asked)


def test_rows_that_do_not_fit_are_refused(forest: Any, data: Data, tmp_path: Path) -> None:
    X, y = data

    def search(model: Any, X: Any, y: Any, **settings: Any) -> Front:
        return optimize(model, X, y, max_loss=0.1, name="x", to=tmp_path, **settings)

    with pytest.raises(InvalidRows, match="at least 100 different rows"):
        search(forest, X[:99], y[:99])
    with pytest.raises(InvalidRows, match="all are of one"):
        search(forest, X, np.full(len(X), "no"))
    with pytest.raises(InvalidRows, match="labels of the model, 'no', 'yes'; got 'maybe'"):
        search(forest, X, np.where(np.arange(len(y)) == 7, "maybe", y.astype("U5")))
    with pytest.raises(InvalidRows, match="expected one value for each of"):
        search(forest, X, y[:-1])
    with pytest.raises(InvalidRows):
        search(forest, X[:, :3], y)
    with pytest.raises(NotFitted):
        search(RandomForestClassifier(), X, y)
    with pytest.raises(UnsupportedEstimator, match="expected a classifier or a regressor"):
        search(StandardScaler().fit(X), X, y)
    assert list(tmp_path.iterdir()) == []
