"""An artifact as the judge of answers: rows of every layout, and what the model says to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skerry.bench.http.reference import Reference, to_rows
from skerry.export import export
from skerry.runtime import Artifact, load
from skerry.runtime.artifact import GOLDEN
from skerry.runtime.errors import ArtifactError, BenchError
from skerry.runtime.golden import decode_golden

HOMES: list[dict[str, Any]] = [
    {"city": city, "size": float(size)} for city in ("Oslo", "Bergen") for size in range(0, 100, 5)
]
PRICES = [home["size"] * (1 + (home["city"] == "Oslo")) for home in HOMES]
TEXTS = ["a good film", "good acting", "bad film", "a bad story"]
MODELS: dict[str, tuple[Any, Any]] = {
    "vector": (IsotonicRegression(out_of_bounds="clip").fit(np.arange(9.0), np.arange(9.0)), np.arange(9.0)),
    "records": (make_pipeline(DictVectorizer(), DecisionTreeRegressor()).fit(HOMES, PRICES), HOMES),
    "pairs": (FeatureHasher(4, input_type="pair"), [[("a", 1.0), ("b", 2.0)], [("c", 1.0)]]),
    "names": (FeatureHasher(4, input_type="string"), [["a", "b"], ["c"]]),
    "hashed records": (FeatureHasher(4), [{"a": 1.0, "b": 2.0}, {"c": 1.0}]),
    "hashed texts": (make_pipeline(HashingVectorizer(n_features=16), DecisionTreeRegressor()).fit(TEXTS, [1, 2, 3, 4]), TEXTS),
}  # fmt: skip


@pytest.fixture(scope="session")
def references(models: object, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reference]:
    """One of each layout, by name."""
    folder = tmp_path_factory.mktemp("references")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skerry.runtime.batching.cost.SECONDS", 0.0)  # how long they take is no concern here
        made = _export_all(folder)
    paths = {name: artifact.directory for name, artifact in made.items()}
    paths |= {name: repository / name for name in ("iris", "passengers", "diabetes", "reviews")}
    return {name: Reference(path) for name, path in paths.items()}


def _export_all(folder: Path) -> dict[str, Artifact]:
    return {
        name: export(estimator, rows, name=name.replace(" ", "-"), to=folder)
        for name, (estimator, rows) in MODELS.items()
    }


SAMPLES = [*MODELS, "iris", "passengers", "diabetes", "reviews"]


@pytest.mark.parametrize("name", SAMPLES)
def test_golden_rows_are_taken_by_the_model_and_answered(references: dict[str, Reference], name: str) -> None:
    reference = references[name]
    rows = reference.taken(reference.golden_rows(), where=name)
    answers = reference.answers(rows)
    assert list(answers) == list(reference.manifest.methods)
    assert all(len(answer) == len(rows) for answer in answers.values())
    flat = reference.answers(rows[:1], flat=True)
    assert {method: np.ravel(answer[:1]).tolist() for method, answer in answers.items()} == flat


@pytest.mark.parametrize("name", ["iris", "passengers", "diabetes", "vector", "records"])
def test_rows_made_of_feeds_become_those_feeds_again(
    references: dict[str, Reference], name: str, repository: Path
) -> None:
    """Their answers are scikit-learn's, which are in the artifact beside them."""
    reference = references[name]
    golden = decode_golden(reference.artifact.read()[GOLDEN])
    rows = to_rows(golden.feeds, reference.manifest)
    model = load(reference.artifact)
    finite = np.array([_carried(row) for row in rows])
    feeds = model.feeds.from_rows([row for row, carried in zip(rows, finite, strict=True) if carried])
    got = model.answer(feeds, model.manifest.methods)
    for method, answer in zip(model.manifest.methods, got, strict=True):
        expected = golden.answers[method][finite]
        if answer.dtype.kind == "f":
            np.testing.assert_allclose(answer, expected, rtol=1e-12, atol=1e-12)
        else:
            np.testing.assert_array_equal(answer, expected)


def _carried(row: Any) -> bool:
    values = row.values() if isinstance(row, dict) else row if isinstance(row, list) else [row]
    return not any(isinstance(value, float) and np.isinf(value) for value in values)


def test_answers_are_the_models(references: dict[str, Reference], iris_rows: np.ndarray, iris_estimator: Any) -> None:
    answers = references["iris"].answers(iris_rows.tolist())
    assert answers["predict"] == iris_estimator.predict(iris_rows).tolist()
    np.testing.assert_allclose(answers["predict_proba"], iris_estimator.predict_proba(iris_rows), atol=1e-12)


def test_rows_that_json_cannot_carry_are_left_out(tmp_path: Path) -> None:
    rows = np.array([[0.0], [1.0], [2.0]])
    reference = Reference(export(StandardScaler().fit(rows), rows, name="scaler", to=tmp_path).directory)
    given = [[1.0], [float("inf")], [None], [-1e308], [2.0]]
    assert reference.taken(given, where="rows") == [[1.0], [-1e308], [2.0]]  # NaN in, NaN out
    with pytest.raises(
        BenchError, match=r"rows\.csv: expected rows that scaler/1 takes and JSON can carry, got none: "
    ):
        reference.taken(given[1:3], where="rows.csv")
    with pytest.raises(BenchError, match="got none: each has an infinite number"):
        reference.taken(given[1:2], where="rows.csv")


def test_rows_of_files_are_shaped_as_the_model_takes_them(references: dict[str, Reference]) -> None:
    row = {"a": 5.1, "b": 3.5, "c": 1.4, "d": 0.2}
    assert references["iris"].taken([row], where="") == [[5.1, 3.5, 1.4, 0.2]]
    assert references["vector"].taken([{"x": 2.5}, [2.5], 2.5], where="") == [2.5] * 3
    assert references["reviews"].taken([{"text": "a good film"}], where="") == ["a good film"]
    assert references["records"].taken([{"home": '{"city": "Oslo"}'}, HOMES[0]], where="") == [
        {"city": "Oslo"},
        HOMES[0],
    ]


def test_columns_that_the_model_does_not_take_are_passed_over(references: dict[str, Reference]) -> None:
    row = references["passengers"].taken(references["passengers"].golden_rows(), where="")[0]
    assert references["passengers"].taken([row | {"target": 1}], where="") == [row]


@pytest.mark.parametrize(
    ("name", "field"), [("passengers", "records"), ("iris", "X"), ("records", "X"), ("reviews", "X")]
)
def test_the_body_is_as_people_write_it(references: dict[str, Reference], name: str, field: str) -> None:
    rows = references[name].golden_rows()[:2]
    assert references[name].body(rows) == {field: rows}


def test_what_is_no_artifact(tmp_path: Path, iris_artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="no such artifact"):
        Reference(tmp_path / "nothing")
