"""Losses are those of scikit-learn's metrics, and their limits hold what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from skerry.quantize.answering import answering
from skerry.quantize.loss import Comparison, rows_needed
from skerry.quantize.metrics import METRICS, metric_for
from skerry.runtime.errors import InvalidRows

World = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Rows by chance → their truth, the teacher's answers and the result's."""


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray, Any]:
    """Rows, labels that are strings, and a model of three classes."""
    X, y = load_iris(return_X_y=True)
    labels = np.array(["b", "c", "a"])[y]
    return X, labels, LogisticRegression(C=0.01).fit(X, labels)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray, Any]:
    """Rows, two labels, and a model of them that is often wrong."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3))
    y = np.where(X[:, 0] + random.normal(size=300) > 0.5, "yes", "no")
    return X, y, LogisticRegression().fit(X, y)


ORACLES: dict[str, Callable[[Any, Any, Any], float]] = {
    "accuracy": lambda m, X, y: m.score(X, y),
    "balanced_accuracy": lambda m, X, y: metrics.balanced_accuracy_score(y, m.predict(X)),
    "f1": lambda m, X, y: metrics.f1_score(y, m.predict(X), **_average(m)),
    "precision": lambda m, X, y: metrics.precision_score(y, m.predict(X), **_average(m)),
    "recall": lambda m, X, y: metrics.recall_score(y, m.predict(X), **_average(m)),
    "roc_auc": lambda m, X, y: metrics.roc_auc_score(
        y, m.predict_proba(X)[:, 1] if len(m.classes_) == 2 else m.predict_proba(X), multi_class="ovr"
    ),
    "average_precision": lambda m, X, y: metrics.average_precision_score(y == m.classes_[1], m.predict_proba(X)[:, 1]),
    "log_loss": lambda m, X, y: metrics.log_loss(y, m.predict_proba(X)),
    "brier": lambda m, X, y: metrics.brier_score_loss(y, m.predict_proba(X), scale_by_half=len(m.classes_) == 2),
}


def _average(model: Any) -> dict[str, Any]:
    if len(model.classes_) == 2:
        return {"average": "binary", "pos_label": model.classes_[1]}
    return {"average": "macro", "zero_division": 0.0}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("which", ["iris", "pair"])
def test_a_metric_has_scikit_learns_value(name: str, which: str, request: pytest.FixtureRequest) -> None:
    X, y, model = request.getfixturevalue(which)
    if METRICS[name].classes == "two" and which == "iris":
        return
    asked = answering(METRICS[name], model, model.classes_)
    value = METRICS[name].value(asked.truth(y), asked.ask(model, X), len(model.classes_))
    assert value == pytest.approx(ORACLES[name](model, X, y), rel=1e-12)


def test_every_metric_of_classes_has_an_oracle_here() -> None:
    assert set(ORACLES) == {name for name, metric in METRICS.items() if metric.task == "classification"}


@pytest.mark.parametrize("name", ["r2", "mae", "mse", "rmse"])
def test_a_metric_of_numbers_has_scikit_learns_value(name: str) -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 2)), random.normal(size=(50, 2))
    model = LinearRegression().fit(X, y)
    oracle = {
        "r2": metrics.r2_score,
        "mae": metrics.mean_absolute_error,
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
    }[name]
    asked = answering(METRICS[name], model, None)
    assert METRICS[name].value(asked.truth(y), asked.ask(model, X), 0) == oracle(y, model.predict(X))


def test_ties_of_scores_count_half_as_in_scikit_learn() -> None:
    y, scores = np.array([0, 1, 0, 1, 1, 0]), np.array([0.5, 0.5, 0.1, 0.9, 0.1, 0.5])
    assert METRICS["roc_auc"].value(y, scores, 2) == pytest.approx(metrics.roc_auc_score(y, scores))


def test_decisions_rank_as_well_as_probabilities(pair: tuple[np.ndarray, np.ndarray, Any]) -> None:
    X, y, _ = pair
    model = LinearSVC().fit(X, y)
    asked = answering(METRICS["roc_auc"], model, model.classes_)
    expected = metrics.roc_auc_score(y == "yes", model.decision_function(X))
    assert METRICS["roc_auc"].value(asked.truth(y), asked.ask(model, X), 2) == pytest.approx(expected)


def test_a_loss_is_what_is_worse_than_the_teacher() -> None:
    y = np.arange(40) % 2
    worse = np.where(np.arange(40) < 4, 1 - y, y)
    found = Comparison(METRICS["accuracy"], y, y).loss(worse)
    assert (found.teacher, found.result, found.rows) == (1.0, 0.9, 40)
    assert found.loss == pytest.approx(0.1)
    errors = Comparison(METRICS["mae"], np.zeros(40), np.zeros(40)).loss(np.full(40, 0.5))
    assert errors.loss == 0.5


def test_no_difference_seen_is_not_certainty() -> None:
    """The rule of three: of n rows without a change, up to 3 in n may be changed."""
    y = np.arange(600) % 2
    found = Comparison(METRICS["accuracy"], y, y).loss(y)
    assert found.loss == 0
    assert 3 / 600 <= found.high < 5 / 600


def test_equal_rows_say_no_more_than_one_of_them() -> None:
    random = np.random.default_rng(0)
    y, teacher, result = _accuracy(40, random)
    alone = Comparison(METRICS["accuracy"], y, teacher).loss(result)
    copied = [np.tile(part, 25) for part in (y, teacher, result)]
    same = np.tile(np.arange(40), 25)
    found = Comparison(METRICS["accuracy"], copied[0], copied[1], same=same).loss(copied[2])
    assert (found.rows, found.loss) == (1000, alone.loss)
    assert found.high == pytest.approx(alone.high, rel=0.05)
    assert Comparison(METRICS["accuracy"], copied[0], copied[1]).loss(copied[2]).high < alone.high


def test_where_the_teacher_has_no_error_its_result_may_have_some() -> None:
    codes = np.arange(400) % 2
    sure = np.eye(2)[codes]
    numbers = np.linspace(0, 1, 400)
    for name, y, answers in (
        ("brier", codes, sure),
        ("log_loss", codes, sure),
        ("mae", numbers, numbers),
        ("mse", numbers, numbers),
        ("rmse", numbers, numbers),
        ("r2", numbers, numbers),
    ):
        found = Comparison(METRICS[name], y, answers, classes=2).loss(answers)
        assert (found.loss, found.high > 1e-5) == (0, True), name


@pytest.mark.parametrize("name", ["recall", "precision", "f1", "roc_auc", "average_precision"])
def test_a_change_of_a_rare_class_weighs_as_much_as_it_costs(name: str) -> None:
    """Without one seen, it allows for one more or fewer of 20 positives that the teacher finds, or thinks to find."""
    y = (np.arange(1000) < 20).astype(int)
    metric = METRICS[name]
    found = Comparison(metric, y, y, classes=2).loss(y)
    changed = y.copy()
    changed[0] = 0
    assert found.high > metric.value(y, y, 2) - metric.value(y, changed, 2) > 0.01 or name == "precision"
    changed[0], changed[500] = 1, 1
    assert found.high > metric.value(y, y, 2) - metric.value(y, changed, 2)


@pytest.mark.parametrize(
    ("name", "y", "answers"),
    [
        ("r2", np.zeros(100), np.zeros(100)),
        ("r2", np.arange(100.0) == 50, np.zeros(100)),
        ("f1", np.zeros(100, int), np.zeros(100, int)),
        ("recall", np.zeros(100, int), np.ones(100, int)),
        ("average_precision", np.zeros(100, int), np.linspace(0, 1, 100)),
        ("roc_auc", np.zeros(100, int), np.linspace(0, 1, 100)),
    ],
)
def test_rows_that_say_nothing_are_no_proof(name: str, y: np.ndarray, answers: np.ndarray) -> None:
    assert not Comparison(METRICS[name], y.astype(y.dtype if y.dtype == int else float), answers, classes=2).is_defined


def test_a_mean_over_classes_is_over_the_same_ones_for_teacher_and_result() -> None:
    """Rows of two of three classes; only the teacher ever says the third."""
    y = np.arange(300) % 2
    teacher = np.where(np.arange(300) < 30, 2, y)
    found = Comparison(METRICS["f1"], y, teacher, classes=3).loss(y)
    expected = [metrics.f1_score(y, each, average="macro", labels=[0, 1, 2], zero_division=0) for each in (teacher, y)]
    assert (found.teacher, found.result) == tuple(expected)


def test_the_result_is_asked_as_the_teacher_is(iris: tuple[np.ndarray, np.ndarray, Any]) -> None:
    X, y, model = iris
    teacher = LinearSVC().fit(X, y)  # has no probabilities
    asked = answering(METRICS["roc_auc"], teacher, teacher.classes_)
    np.testing.assert_array_equal(asked.ask(model, X), model.decision_function(X))


def test_scores_of_pairs_of_classes_are_refused(iris: tuple[np.ndarray, np.ndarray, Any]) -> None:
    X, y, _ = iris
    for model in (SVC(decision_function_shape="ovo"), make_pipeline(SVC(decision_function_shape="ovo"))):
        model.fit(X, y)
        with pytest.raises(InvalidRows, match="needs scores of classes, those of the model are of pairs"):
            answering(METRICS["roc_auc"], model, model.classes_)


def test_limits_are_in_order_and_fresh_rows_are_less_certain() -> None:
    random = np.random.default_rng(0)
    y, teacher, result = _accuracy(500, random)
    found = Comparison(METRICS["accuracy"], y, teacher).loss(result)
    assert found.low < found.loss < found.high < found.fresh


def test_the_groups_are_the_same_for_the_same_seed() -> None:
    y, teacher, result = _area(500, np.random.default_rng(0))
    one, again, other = (Comparison(METRICS["roc_auc"], y, teacher, seed=seed).loss(result) for seed in (1, 1, 2))
    assert one == again
    assert one.high != other.high


def _accuracy(rows: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = (random.random(rows) < 0.5).astype(int)
    teacher = np.where(random.random(rows) < 0.9, y, 1 - y)
    return y, teacher, np.where(random.random(rows) < 0.02, 1 - teacher, teacher)


def _area(rows: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = (random.random(rows) < 0.2).astype(int)
    teacher = random.normal(size=rows) + 1.5 * y
    return y, teacher, teacher + 0.3 * random.normal(size=rows)


def _r2(rows: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """With heavy tails, of truth and of the change."""
    x = random.normal(size=rows)
    return x + 0.5 * random.standard_t(4, size=rows), x, x + 0.1 * random.standard_t(4, size=rows)


@pytest.mark.parametrize(("name", "world"), [("accuracy", _accuracy), ("roc_auc", _area), ("r2", _r2)])
def test_limits_cover_as_often_as_they_say(name: str, world: World) -> None:
    """Of 100 samples of 400 rows, about 5 may miss the true loss on one side, and the loss on as many fresh rows."""
    metric, random = METRICS[name], np.random.default_rng(0)

    def lost(y: np.ndarray, teacher: np.ndarray, result: np.ndarray) -> float:
        return metric.sign * (metric.value(y, teacher, 2) - metric.value(y, result, 2))

    truth = lost(*world(200_000, random))
    missed = np.zeros(3)
    for seed in range(100):
        y, teacher, result = world(400, random)
        found = Comparison(metric, y, teacher, classes=2, seed=seed).loss(result)
        missed += (found.high < truth, found.low > truth, found.fresh < lost(*world(400, random)))
    assert (missed <= 11).all(), missed  # more has a chance of 1 in 200 where each has 5 %


def test_rows_needed_are_four_times_as_many_for_half_the_room() -> None:
    y, teacher, result = _accuracy(2000, np.random.default_rng(0))
    found = Comparison(METRICS["accuracy"], y, teacher, bound=0.1).loss(result)
    room = found.fresh - found.loss
    tight = Comparison(METRICS["accuracy"], y, teacher, bound=found.loss + room / 2).loss(result)
    assert rows_needed(tight) == pytest.approx(8000, rel=0.01)
    assert rows_needed(Comparison(METRICS["accuracy"], y, teacher, bound=found.loss / 2).loss(result)) is None


def test_a_metric_that_does_not_fit_is_refused(iris: tuple[np.ndarray, np.ndarray, Any]) -> None:
    X, y, model = iris
    with pytest.raises(
        InvalidRows, match=r"expected one of accuracy.*for classification, got 'acuracy' \(did you mean"
    ):
        metric_for("acuracy", "classification")
    with pytest.raises(InvalidRows, match="for regression, got 'f1'"):
        metric_for("f1", "regression")
    with pytest.raises(InvalidRows, match="average_precision is for two classes, the model has 3"):
        answering(METRICS["average_precision"], model, model.classes_)
    with pytest.raises(InvalidRows, match="log_loss needs predict_proba"):
        answering(METRICS["log_loss"], LinearSVC().fit(X, y), model.classes_)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.array(["a", "b", "d"]), "expected labels of the model, 'a', 'b', 'c'; got 'd' in row 2"),
        (np.array([["a"], ["b"]]), "expected one label for each row"),
        (np.array([{}, "a"], object), "expected labels of the model, 'a', 'b', 'c'; got {} in row 0"),
    ],
)
def test_a_truth_that_the_model_does_not_know_is_refused(
    y: np.ndarray, text: str, iris: tuple[np.ndarray, np.ndarray, Any]
) -> None:
    model = iris[2]
    with pytest.raises(InvalidRows, match=text):
        answering(METRICS["accuracy"], model, model.classes_).truth(y)


@pytest.mark.parametrize(
    ("y", "text"), [(np.array([1.0, np.nan]), "got nan in row 1"), (np.array(["a"]), "expected numbers")]
)
def test_a_truth_that_is_no_number_is_refused(y: np.ndarray, text: str) -> None:
    with pytest.raises(InvalidRows, match=text):
        answering(METRICS["r2"], LinearRegression(), None).truth(y)
