"""HistGradientBoosting compares in float64, sends missing values where it learned to, and knows categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]
QUICK: dict[str, Any] = {"max_iter": 6, "min_samples_leaf": 5, "random_state": 0}


@pytest.fixture
def X() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.column_stack([random.normal(size=200), random.integers(0, 9, 200) / 10, random.normal(size=200) * 1e4])


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    return X[:, 0] + 3 * X[:, 1] + X[:, 2] / 1e4


@pytest.fixture
def frame(X: np.ndarray) -> pd.DataFrame:
    random = np.random.default_rng(2)
    sizes = pd.Categorical(random.choice(["S", "M", "L", "é", ""], 200), categories=["S", "M", "L", "é", "", "unused"])
    return pd.DataFrame({"weight": X[:, 0], "size": sizes, "height": X[:, 2]})


def at_thresholds(estimator: Any, X: np.ndarray, beside: Beside) -> np.ndarray:
    rows: list[np.ndarray] = []
    for iteration in estimator._predictors:
        for predictor in iteration:
            for node in predictor.nodes[~predictor.nodes["is_leaf"].astype(bool)][:8]:
                for value in beside([node["num_threshold"]]):
                    row = X[len(rows) % len(X)].copy()
                    row[node["feature_idx"]] = value
                    rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    "classes", [["no", "yes"], [False, True], [3, 1], [0, 1, 2], ["a", "b", "c", "d", "e"]], ids=str
)
def test_classifiers(classes: list[Any], X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same) -> None:
    target = np.array(classes)[np.digitize(y, np.quantile(y, np.linspace(0, 1, len(classes) + 1)[1:-1]))]
    fitted = HistGradientBoostingClassifier(**QUICK).fit(X, target)
    check_same(fitted, X, at_thresholds(fitted, X, beside))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "gamma", "poisson"])
def test_each_loss(loss: str, X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same) -> None:
    fitted = HistGradientBoostingRegressor(loss=loss, **QUICK).fit(X, np.exp(y / 3))
    check_same(fitted, X, at_thresholds(fitted, X, beside))


def test_quantiles(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(HistGradientBoostingRegressor(loss="quantile", quantile=0.9, **QUICK).fit(X, y), X)


@pytest.mark.parametrize(
    "settings",
    [{"monotonic_cst": [1, 0, -1]}, {"interaction_cst": [{0}, {1, 2}]}, {"max_bins": 4}, {"max_depth": 1}],
    ids=str,
)
def test_settings_of_training_do_not_matter(
    settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    check_same(HistGradientBoostingRegressor(**QUICK, **settings).fit(X, y), X)


@pytest.mark.parametrize("regress", [True, False])
def test_missing_and_infinite_values_go_where_training_sent_them(
    regress: bool, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    X[y > 2, 0] = X[::3, 1] = np.nan
    rows = np.array([[np.nan] * 3, [np.inf, -np.inf, np.inf], [-np.inf, np.nan, 0], [1e300, -1e300, -0.0]])
    fitted = (
        HistGradientBoostingRegressor(**QUICK).fit(X, y)
        if regress
        else HistGradientBoostingClassifier(**QUICK).fit(X, y > 1)
    )
    model = check_same(fitted, X, rows)
    assert model.manifest.inputs[0].missing
    assert model.manifest.inputs[0].infinite


def test_values_missing_for_the_first_time(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(HistGradientBoostingRegressor(**QUICK).fit(X, y), X, np.array([[np.nan, 0, 0], [0, np.nan, np.nan]]))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_other_dtypes_of_rows(dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    rows = (np.abs(X) * [30, 10, 0.005]).astype(dtype)
    check_same(HistGradientBoostingClassifier(**QUICK).fit(rows, y > 1), rows)


@pytest.mark.parametrize("mask", [[False, True, False], [1], [1, 2]], ids=str)
def test_categories_given_by_mask_or_index(mask: list[Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X = np.column_stack([X[:, 0], np.rint(X[:, 1] * 10), np.abs(X[:, 2]) // 1500])
    fitted = HistGradientBoostingRegressor(categorical_features=mask, **QUICK).fit(X, np.sin(y * 9))
    rows = np.array([[0, value, 1] for value in [0, 3, 8, 9, 250, 1e9, -1, -0.5, 0.5, 3.7, np.nan, np.inf, -np.inf]])
    check_same(fitted, X, rows)


def test_a_split_between_what_is_missing_and_all_categories(check_same: Same) -> None:
    X = np.tile([[0.0], [1.0], [2.0], [np.nan]], (30, 1))
    fitted = HistGradientBoostingRegressor(categorical_features=[0], **QUICK).fit(X, np.isnan(X[:, 0]).astype(float))
    check_same(fitted, X, np.array([[3.0], [np.nan], [0.0]]))


def test_many_categories(check_same: Same) -> None:
    X = np.random.default_rng(0).integers(0, 200, (300, 1)).astype(float)
    y = np.sin(X.ravel() * 7)
    fitted = HistGradientBoostingRegressor(categorical_features=[0], max_iter=5, min_samples_leaf=2)
    check_same(fitted.fit(X, y), X, np.arange(-3.0, 260.0)[:, None])


@pytest.mark.parametrize("target", ["two", "three", "numbers"])
def test_categories_of_a_frame(target: str, frame: pd.DataFrame, y: np.ndarray, check_same: Same) -> None:
    score = y + 2 * frame["size"].isin(["S", "L"]).to_numpy()
    fitted = {
        "two": lambda: HistGradientBoostingClassifier(**QUICK).fit(frame, score > 2),
        "three": lambda: HistGradientBoostingClassifier(**QUICK).fit(frame, np.digitize(score, [1, 3])),
        "numbers": lambda: HistGradientBoostingRegressor(**QUICK).fit(frame, score),
    }[target]()
    missing = frame.iloc[:3].assign(size=pd.Categorical([None, "S", "unused"], dtype=frame["size"].dtype))
    check_same(fitted, frame, missing)


def test_a_category_that_training_never_saw(frame: pd.DataFrame, y: np.ndarray, check_same: Same) -> None:
    fitted = HistGradientBoostingRegressor(**QUICK).fit(frame, y + 2 * frame["size"].isin(["S", "L"]).to_numpy())
    strange = frame.iloc[:3].assign(size=["XXL", "s", "M"])
    check_same(fitted, frame, strange)


def test_whole_numbers_as_categories_of_a_frame(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "code": pd.Categorical(np.rint(X[:, 1] * 10).astype(int) * 100)})
    check_same(HistGradientBoostingRegressor(**QUICK).fit(frame, np.sin(y * 9)), frame)


def test_categories_named_in_a_frame_of_strings(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    frame = table[["age", "city", "pay"]]
    check_same(HistGradientBoostingClassifier(categorical_features=["city"], **QUICK).fit(frame, labels), frame)


def test_stopped_early(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(HistGradientBoostingClassifier(early_stopping=True, random_state=0, max_iter=20).fit(X, y > 1), X)


def test_a_model_that_learned_nothing(X: np.ndarray, check_same: Same) -> None:
    check_same(HistGradientBoostingRegressor(**QUICK).fit(X, np.full(len(X), 2.5)), X)


def test_a_loss_without_converter_is_refused(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    fitted = HistGradientBoostingRegressor(**QUICK).fit(X, y)
    fitted._loss.link = type("HalfLogLink", (), {"inverse": staticmethod(np.exp)})()
    with pytest.raises(UnsupportedEstimator, match="loss='squared_error' is not converted"):
        check_same(fitted, X)
