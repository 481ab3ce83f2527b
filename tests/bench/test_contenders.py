"""Whatever is called in process gives the estimator's answers, on as many threads as it is told to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from skerry.bench.contenders import ArtifactContender, Contender, EstimatorContender, StockContender
from skerry.bench.model_rows import FileRows, GoldenRows, ModelRows
from skerry.runtime import Artifact

METHODS = ("predict", "predict_proba")


def answered(contender: Contender, rows: ModelRows) -> dict[str, np.ndarray]:
    call = contender.open(1)
    with call.threads():
        return call.answers(call.run(contender.prepare(rows)))


@pytest.fixture
def passengers(passengers_rows: pd.DataFrame) -> FileRows:
    return FileRows("passengers.csv", passengers_rows)


def test_an_artifact_and_its_estimator_answer_alike(
    passengers_artifact: Artifact, passengers_estimator: Any, passengers: FileRows
) -> None:
    artifact = ArtifactContender.of(passengers_artifact)
    assert (artifact.name, artifact.methods) == ("passengers/1", ("predict", "predict_proba", "decision_function"))
    ours = answered(artifact, passengers)
    theirs = answered(EstimatorContender(passengers_estimator, artifact.methods), passengers)
    np.testing.assert_array_equal(ours["predict"], theirs["predict"])
    np.testing.assert_allclose(ours["predict_proba"], theirs["predict_proba"], rtol=1e-9)
    np.testing.assert_allclose(ours["decision_function"], theirs["decision_function"], rtol=1e-9)


def test_only_the_chosen_methods_are_answered(iris_artifact: Artifact) -> None:
    contender = ArtifactContender(iris_artifact, ("predict_proba",), "iris/1")
    assert list(answered(contender, GoldenRows.of(iris_artifact))) == ["predict_proba"]


def test_texts_are_split_within_the_call_where_they_are_known(
    reviews_artifact: Artifact, reviews_rows: list[str], reviews_estimator: Any
) -> None:
    rows = FileRows("reviews.jsonl", reviews_rows)
    contender = ArtifactContender.of(reviews_artifact)
    assert contender.prepare(rows) == reviews_rows
    np.testing.assert_array_equal(answered(contender, rows)["predict"], reviews_estimator.predict(reviews_rows))
    golden = GoldenRows.of(reviews_artifact)
    assert contender.prepare(golden) is golden.golden


def test_the_stock_conversion_answers_what_it_can(iris_estimator: Any, iris_rows: np.ndarray) -> None:
    contender = StockContender.of(iris_estimator, iris_rows, ("predict", "predict_proba", "decision_function"))
    found = answered(contender, FileRows("iris.npy", iris_rows))
    assert tuple(found) == contender.methods == METHODS
    np.testing.assert_array_equal(found["predict"], iris_estimator.predict(iris_rows))
    np.testing.assert_allclose(found["predict_proba"], iris_estimator.predict_proba(iris_rows))


def test_sparse_answers_are_compared_as_dense_ones(reviews_rows: list[str]) -> None:
    words = CountVectorizer().fit(reviews_rows)
    found = answered(EstimatorContender(words, ("transform",)), FileRows("reviews.jsonl", reviews_rows))
    np.testing.assert_array_equal(found["transform"], words.transform(reviews_rows).toarray())


def test_answers_for_several_targets_are_told_apart(iris_rows: np.ndarray) -> None:
    targets = (iris_rows[:, 2:] > iris_rows[:, 2:].mean(axis=0)).astype(int)
    forest = RandomForestClassifier(3, random_state=0).fit(iris_rows, targets)
    found = answered(EstimatorContender(forest, ("predict_proba_0", "predict_proba_1")), FileRows("iris", iris_rows))
    for part, expected in enumerate(forest.predict_proba(iris_rows)):
        np.testing.assert_array_equal(found[f"predict_proba_{part}"], expected)


def test_an_estimator_has_as_many_threads_as_it_is_told_and_its_own_again(
    iris_rows: np.ndarray, iris_target: np.ndarray
) -> None:
    forest = RandomForestClassifier(3, n_jobs=-1, random_state=0)
    estimator = make_pipeline(StandardScaler(), forest).fit(iris_rows, iris_target)
    call = EstimatorContender(estimator, METHODS).open(1)
    with call.threads():
        assert forest.n_jobs == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert forest.n_jobs == -1


def test_names_and_descriptions_say_what_it_is(
    iris_artifact: Artifact, iris_estimator: Any, iris_rows: np.ndarray, tmp_path: Path
) -> None:
    made_of = "Pipeline(StandardScaler, LogisticRegression)"
    artifact = ArtifactContender.of(iris_artifact)
    assert artifact.description == f"artifact: {made_of}; export; fed tensors"
    assert artifact.file_size == (iris_artifact.directory / "model.onnx").stat().st_size
    original = EstimatorContender(iris_estimator, ("predict", "predict_proba"))
    assert original.name == "scikit-learn"
    assert original.description.endswith(f": {made_of}; given rows, predict, then predict_proba")
    assert (original.file_size, original.footing(tmp_path)) == (None, None)
    stock = StockContender.of(iris_estimator, iris_rows, METHODS)
    assert stock.description.endswith(f": {made_of}; fed tensors, numbers in float64")
