"""Students stand in for their teachers: the same rows, the same methods, nearly the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, make_friedman1
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skerry.export import export
from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.distill import DISTILLED, distill
from skerry.quantize.lesson import teach
from skerry.quantize.model_teacher import model_teacher
from skerry.quantize.parameters import parameters_of
from skerry.quantize.students import STUDENTS
from skerry.quantize.teacher import Teacher, teacher_of
from skerry.runtime import load
from skerry.runtime.errors import InvalidRows, UnsupportedEstimator
from skerry.runtime.manifest import Step


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """Few steps of learning: what is tested is not how good a student becomes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skerry.quantize.students.UPDATES", 600)
        yield


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 10, 600),
            "children": random.integers(0, 4, 600),
            "member": random.random(600) < 0.5,
            "city": random.choice(["Oslo", "Kyōto", "", "São Paulo"], 600),
            "plan": pd.Categorical(random.choice(list("abc"), 600)),
        }
    )
    frame.loc[::9, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def labels(table: pd.DataFrame) -> np.ndarray:
    score = table["age"].fillna(20) + 10 * table["member"] - 8 * table["city"].isin(["Oslo", ""])
    return np.where(score > 40, "yes", "no")


@pytest.fixture(scope="module")
def mixed(table: pd.DataFrame, labels: np.ndarray) -> Any:
    """A pipeline whose steps make sparse rows, with gaps."""
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", ["age", "children", "member"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
        ],
        sparse_threshold=1.0,
    )
    columns.set_params(words__sparse_output=True)
    return make_pipeline(columns, RandomForestClassifier(10, random_state=0)).fit(
        table.fillna({"age": 20}).iloc[:300], labels[:300]
    )


def agreement(student: Any, teacher: Any, X: Any) -> float:
    return float((np.asarray(student.predict(X)) == np.asarray(teacher.predict(X))).mean())


@pytest.mark.parametrize("family", ["perceptron", "boosting", "linear", "forest"])
def test_every_family_behind_steps_that_make_sparse_rows(
    family: str, mixed: Any, table: pd.DataFrame, tmp_path: Path
) -> None:
    X = table.fillna({"age": 20})
    student = distill(mixed, X, student=family, synthesised=500)
    model = load(export(student, X, name="student", to=tmp_path))
    assert {"predict", "predict_proba"} <= set(model.manifest.methods)
    np.testing.assert_array_equal(student.classes_, mixed.classes_)
    assert student.predict(X).dtype == mixed.predict(X).dtype
    assert agreement(student, mixed, X) > 0.8


@pytest.mark.parametrize("family", ["perceptron", "boosting", "linear"])
def test_gaps_and_categories_that_the_teacher_takes_itself(
    family: str, table: pd.DataFrame, labels: np.ndarray, tmp_path: Path
) -> None:
    X = table.drop(columns="city")
    teacher = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, labels)
    student = distill(teacher, X, labels, student=family, synthesised=300)
    export(student, X, name="student", to=tmp_path)
    unseen = X.iloc[:3].assign(age=np.nan, plan=pd.Categorical(["z", None, "a"]))
    assert student.predict_proba(unseen).shape == (3, 2)
    assert (family == "boosting") == isinstance(student, HistGradientBoostingClassifier)
    if family == "boosting":
        np.testing.assert_array_equal(student.is_categorical_, teacher.is_categorical_)


def test_columns_that_the_teacher_was_told_are_categories() -> None:
    random = np.random.default_rng(3)
    X = np.column_stack([random.integers(0, 6, 400), random.normal(size=400)]).astype(float)
    y = np.isin(X[:, 0], [0, 2, 5]).astype(int)
    teacher = HistGradientBoostingClassifier(max_iter=10, categorical_features=[0]).fit(X, y)
    student = distill(teacher, X, student="boosting", synthesised=100)
    np.testing.assert_array_equal(student.is_categorical_, [True, False])


@pytest.mark.parametrize("family", [*STUDENTS, None])
def test_an_artifact_teaches(family: str | None, passengers_artifact: Any, passengers_rows: pd.DataFrame) -> None:
    model = load(passengers_artifact)
    if family == "forest":  # the artifact has decision_function
        with pytest.raises(UnsupportedEstimator, match="RandomForestClassifier lacks decision_function"):
            distill(model, passengers_rows, student=family, synthesised=100)
        return
    student = distill(passengers_artifact, passengers_rows, student=family, synthesised=100)
    assert student.predict(passengers_rows).dtype == model.predict(passengers_rows).dtype
    assert student.predict_proba(passengers_rows.iloc[:1]).shape == (1, 3)
    assert agreement(student, model, passengers_rows) > 0.75


def test_an_artifact_that_takes_texts_teaches_words(reviews_artifact: Any, reviews_rows: list[str]) -> None:
    student = distill(load(reviews_artifact), reviews_rows * 5, synthesised=50)
    assert [type(step).__name__ for _, step in student.steps] == ["TfidfVectorizer", "LogisticRegression"]
    assert agreement(student, load(reviews_artifact), reviews_rows) == 1


def test_an_artifact_that_only_transforms_is_refused(diabetes_rows: pd.DataFrame, tmp_path: Path) -> None:
    model = load(export(PCA(2).fit(diabetes_rows), diabetes_rows, name="pca", to=tmp_path))
    with pytest.raises(UnsupportedEstimator, match="expected a classifier or a regressor with predict, got transf"):
        distill(model, diabetes_rows)


@pytest.mark.parametrize(
    "teacher",
    [
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(StandardScaler(), MLPClassifier((30,), max_iter=60, random_state=0)),
        KNeighborsClassifier(3),
        RidgeClassifier(),
        ExtraTreesClassifier(20, random_state=0),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ten_classes_of_any_teacher(teacher: Any) -> None:
    X, y = load_digits(return_X_y=True)
    teacher.fit(X[:900], y[:900])
    student: Any = distill(teacher, X[900:1500], y[900:1500], student="perceptron", synthesised=2400)
    assert agreement(student, teacher, X[1500:]) > 0.8
    assert {"predict", *teacher_of(teacher).methods} <= set(dir(student))
    assert student.decision_function(X[:2]).shape == (2, 10)


@pytest.mark.parametrize("family", ["perceptron", "boosting", "linear", "forest", None])
@pytest.mark.parametrize("targets", [(), (1,), (3,)], ids=str)
def test_values_have_the_shape_of_the_teachers(family: str | None, targets: tuple[int, ...], tmp_path: Path) -> None:
    X, y = make_friedman1(400, 6, random_state=0)
    y = y if not targets else np.column_stack([y, y**2, -y])[:, : targets[0]]
    teacher = KNeighborsRegressor(4).fit(X, y)
    student = distill(teacher, X, student=family, synthesised=200)
    assert student.predict(X).shape == teacher.predict(X).shape
    errors = ((student.predict(X) - teacher.predict(X)) ** 2).mean() / teacher.predict(X).var()
    assert errors < 0.5
    export(student, X, name="student", to=tmp_path)


@pytest.mark.parametrize("family", ["perceptron", "linear"])
@pytest.mark.parametrize("knows_truth", [True, False])
def test_values_far_from_all_rows_stay_in_the_range_that_is_known(family: str, knows_truth: bool) -> None:
    X, y = make_friedman1(400, 6, random_state=0)
    teacher = KNeighborsRegressor(4).fit(X, y)
    student = distill(teacher, X, y if knows_truth else None, student=family, synthesised=200)
    known = y if knows_truth else teacher.predict(X)
    assert set(student.predict(np.vstack([1e6 * X, -1e6 * X]))) == {known.min(), known.max()}


@pytest.mark.parametrize(
    ("columns", "y", "text"),
    [
        (2, np.zeros(400), "expected 2 targets for each row, got 1"),
        (1, np.full(400, np.nan), "expected finite numbers"),
        (1, np.full(400, "a"), "expected numbers, as the model predicts them"),
        (1, np.zeros(399), "expected one value for each of 400 rows, got 399"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(columns: int, y: Any, text: str) -> None:
    X, values = make_friedman1(400, 6, random_state=0)
    teacher = KNeighborsRegressor(4).fit(X, np.column_stack([values, -values])[:, :columns])
    with pytest.raises(InvalidRows, match=text):
        distill(teacher, X, y, student="linear", synthesised=200)


@pytest.mark.parametrize("family", ["forest", None])
def test_classes_of_several_targets(family: str | None, tmp_path: Path) -> None:
    X, y = make_friedman1(400, 6, random_state=0)
    Y = np.column_stack([np.digitize(y, [12, 16]), y > 14])
    teacher = RandomForestClassifier(20, random_state=0).fit(X, Y)
    student = distill(teacher, X, Y, student=family, synthesised=200)
    assert agreement(student, teacher, X) > 0.8
    assert [shares.shape for shares in student.predict_proba(X)] == [(400, 3), (400, 2)]
    artifact = export(student, X, name="student", to=tmp_path)
    assert model_teacher(load(artifact)).methods == ("predict", "predict_proba")


def test_several_labels_a_row_are_refused() -> None:
    X, y = make_friedman1(100, 6, random_state=0)
    teacher = MLPClassifier((4,), max_iter=2000, tol=1e-2).fit(X, np.column_stack([y > 14, y > 16]).astype(int))
    with pytest.raises(UnsupportedEstimator, match="a table of 2 labels a row is not distilled"):
        distill(teacher, X, student="perceptron", synthesised=10)


def test_estimators_of_ones_own_are_students() -> None:
    X, y = load_digits(return_X_y=True)
    teacher = ExtraTreesClassifier(20, random_state=0).fit(X[:900], y[:900])
    given: dict[str, Any] = {
        "DecisionTreeClassifier": DecisionTreeClassifier(max_depth=9, random_state=0),  # takes weights
        "KNeighborsClassifier": KNeighborsClassifier(3),  # takes none
        "ScoredClassifier": Ridge(),  # learns log-odds
    }
    for name, estimator in given.items():
        student = distill(teacher, X[900:], student=estimator, synthesised=200)
        assert type(getattr(student, "steps", [("", student)])[-1][1]).__name__ == name  # behind what fills gaps
        assert agreement(student, teacher, X) > 0.7
        assert not hasattr(estimator, "n_features_in_")


def test_what_cannot_be_a_student_is_refused() -> None:
    X, y = make_friedman1(60, 6, random_state=0)
    teacher = LinearRegression().fit(X, y)
    for student, expected in [
        ("perceptrons", "expected one of perceptron, boosting, linear, forest or an estimator, got 'perceptrons'"),
        (PCA(), r"expected a classifier or a regressor, got PCA\(\)"),
        (KNeighborsClassifier(), "expected a regressor for a regressor, got KNeighborsClassifier"),
    ]:
        with pytest.raises(UnsupportedEstimator, match=expected):
            distill(teacher, X, student=student, synthesised=10)
    with pytest.raises(InvalidRows, match="expected at least two rows to learn from, got 1"):
        distill(teacher, X[:1], student="linear")
    with pytest.raises(InvalidRows, match="expected one value for each of 60 rows, got 59"):
        distill(teacher, X, y[:-1])


def test_a_class_that_no_row_speaks_for_is_kept() -> None:
    """Weighted labels name every class once at least, though its share be small."""
    X, y = load_digits(return_X_y=True)
    teacher = RandomForestClassifier(20, random_state=0).fit(X, y)
    rows = X[y < 9]
    for family in ("boosting", "linear", "perceptron"):
        student = distill(teacher, rows[:200], student=family, synthesised=100)
        np.testing.assert_array_equal(student.classes_, np.arange(10))


def test_truth_is_mixed_in_where_it_is_known() -> None:
    X, y = load_digits(n_class=3, return_X_y=True)
    teacher = teacher_of(RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, y))
    rng = np.random.default_rng(0)
    told, alone = teach(teacher, X, y, 10, rng), teach(teacher, X, None, 0, rng)
    np.testing.assert_allclose(told.shares[: len(X)], 0.7 * alone.shares + 0.3 * np.eye(3)[y])
    np.testing.assert_allclose(told.shares.sum(axis=1), 1)
    foreign = teach(teacher, X, np.full(len(X), 99), 0, rng)
    np.testing.assert_array_equal(foreign.shares, alone.shares)


def test_the_same_seed_teaches_the_same(table: pd.DataFrame, mixed: Any) -> None:
    X = table.fillna({"age": 20})
    for family in ("perceptron", "boosting"):
        first, second, other = [
            distill(mixed, X, student=family, synthesised=100, seed=seed).predict_proba(X) for seed in (1, 1, 2)
        ]
        np.testing.assert_array_equal(first, second)
        assert (first != other).any()


def proposals(teacher: Teacher, X: Any, y: Any) -> dict[str, Iterator[Candidate]]:
    """What each family proposes, nothing of it made yet."""
    rows = TrainingRows(X, y, teacher.prepared(X), teacher.scores(X))
    return {family: DISTILLED[f"distill {family}"](teacher, rows, np.random.default_rng(0)) for family in STUDENTS}


def test_the_arrows_go_from_large_to_small_and_say_how() -> None:
    X, y = make_friedman1(500, 6, random_state=0)
    teacher = teacher_of(RandomForestRegressor(30, random_state=0).fit(X[:300], y[:300]))
    found = list(proposals(teacher, X[300:], y[300:])["perceptron"])
    assert [candidate.parameters for candidate in found] == [8 * units + 1 for units in (64, 32, 16, 8, 4)]
    assert found[0].steps == (
        Step(arrow="distill", detail={"student": "perceptron", "units": "64", "synthesised": "8000"}),
    )
    assert all(candidate.parameters == parameters_of(candidate.model) for candidate in found)


class Asked(Ridge):  # type: ignore[misc]
    """Counts the rows that it is asked about."""

    rows = 0

    def predict(self, X: Any) -> np.ndarray:
        Asked.rows += len(X)
        return np.asarray(super().predict(X))


def test_students_larger_than_their_teacher_are_not_proposed_nor_taught() -> None:
    X, y = make_friedman1(200, 6, random_state=0)
    found = proposals(teacher_of(Asked().fit(X, y)), X, y)
    Asked.rows = 0
    assert {family: list(each) for family, each in found.items()} == {family: [] for family in STUDENTS}
    assert Asked.rows <= len(STUDENTS)  # to see how many numbers it says of a row


def test_boosted_trees_are_not_tried_on_wide_rows_of_many_classes() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(300, 400)), np.arange(300) % 10
    teacher = teacher_of(RandomForestClassifier(30, random_state=0).fit(X, y))
    assert list(proposals(teacher, X, y)["boosting"]) == []
    assert next(proposals(teacher, X, y)["perceptron"]).parameters > 0


@pytest.mark.parametrize("targets", [1, 3])
def test_how_large_a_student_will_be_is_known_before(targets: int) -> None:
    X, y = make_friedman1(300, 6, random_state=0)
    y = y if targets == 1 else np.column_stack([y, y**2, -y])
    found = proposals(teacher_of(ExtraTreesRegressor(200, random_state=0).fit(X, y)), X, y)
    for family in STUDENTS:
        student = STUDENTS[family]
        known, made = student.size(student.settings[0], 6, targets), next(found[family]).parameters
        assert made == known if family in ("perceptron", "linear") else 0.5 * known < made <= known, family


def test_of_texts_only_linear_students_learn() -> None:
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(1500)]
    texts = [" ".join(random.choice(words, 30)) for _ in range(300)]
    y = np.array(["word7" in text or "word9" in text for text in texts])
    teacher = teacher_of(make_pipeline(TfidfVectorizer(), ComplementNB()).fit(texts, y))
    found = {family: list(each) for family, each in proposals(teacher, texts, y).items()}
    assert [family for family, each in found.items() if each] == ["linear"]
    np.testing.assert_array_equal(found["linear"][0].model.classes_, [False, True])
