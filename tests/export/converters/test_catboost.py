"""CatBoost compares in float32, sums in float64, and looks categories up by their hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

catboost = pytest.importorskip("catboost")

Same = Callable[..., Model]
QUICK: dict[str, Any] = {
    "iterations": 6,
    "depth": 3,
    "verbose": 0,
    "thread_count": 1,
    "allow_writing_files": False,
    "random_seed": 0,
}
UGLY = np.array(
    [[np.nan] * 3, [np.inf, -np.inf, np.inf], [-np.inf, np.nan, 0], [1e300, -1e300, -0.0], [5e-324, 0, 1e39]]
)
CITIES = ["Oslo", "Kyōto", "", "São Paulo", 'a"b', "what?", "back\\slash", "new\nline"]


@pytest.fixture
def X() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.column_stack([random.normal(size=200), random.integers(-4, 5, 200) / 10, random.normal(size=200) * 1e4])


@pytest.fixture
def y(X: np.ndarray) -> np.ndarray:
    return X[:, 0] + 3 * X[:, 1] + X[:, 2] / 1e4


@pytest.fixture
def frame(X: np.ndarray) -> pd.DataFrame:
    random = np.random.default_rng(2)
    weight = X[:, 0].copy()
    weight[::7] = np.nan
    return pd.DataFrame(
        {
            "weight": weight,
            "city": random.choice(CITIES, 200),
            "stars": random.choice([3, 5, -9, 11, 40], 200),
            "plan": pd.Categorical(random.choice(["a", "b", "c"], 200), categories=["c", "b", "a"]),
            "height": X[:, 2].astype(np.float32),
        }
    )


CATEGORICAL = ["city", "stars", "plan"]


def effect(frame: pd.DataFrame) -> np.ndarray:
    cities = frame["city"].map(dict(zip(CITIES, np.sin(np.arange(8) * 2.3) * 3, strict=True)))
    plans = frame["plan"].astype(object).map({"a": -1.0, "b": 2.0, "c": 0.3}).to_numpy(float)
    sign = np.where(frame["stars"] > 4, 1, -1)
    return np.asarray(np.nan_to_num(frame["weight"].to_numpy()) + cities.to_numpy(float) * sign + plans)


def at_borders(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Rows at each border, beside it in float32, and beside that in float64."""
    rows: list[np.ndarray] = []
    for feature, borders in estimator.get_borders().items():
        for border in np.array(borders[:10], np.float32):
            above = np.nextafter(border, np.float32(np.inf))
            between = (float(border) + float(above)) / 2
            for value in (border, above, between, np.nextafter(between, -np.inf), np.nextafter(between, np.inf)):
                row = X[len(rows) % len(X)].copy()
                row[feature] = value
                rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    "classes", [["no", "yes"], [False, True], [3, 1], [0, 1, 2], ["a", "b", "c", "d", "e"], [0.5, 1.5]], ids=str
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_classifiers(classes: list[Any], dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    target = np.array(classes)[np.digitize(y, np.quantile(y, np.linspace(0, 1, len(classes) + 1)[1:-1]))]
    fitted = catboost.CatBoostClassifier(**QUICK).fit(X, target)
    with np.errstate(over="ignore"):
        rows = np.concatenate([at_borders(fitted, X), UGLY]).astype(dtype)
    check_same(fitted, X.astype(dtype), rows)


@pytest.mark.parametrize(
    "loss",
    ["RMSE", "MAE", "Quantile:alpha=0.3", "Poisson", "Tweedie:variance_power=1.5", "LogLinQuantile", "Huber:delta=1"],
)
def test_each_loss_of_regression(loss: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    fitted = catboost.CatBoostRegressor(loss_function=loss, **QUICK).fit(X, np.exp(y / 3))
    check_same(fitted, X, np.concatenate([at_borders(fitted, X), UGLY]))


def test_several_targets_and_rankers(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    targets = np.column_stack([y, -y, y**2])
    check_same(catboost.CatBoostRegressor(loss_function="MultiRMSE", **QUICK).fit(X, targets), X, UGLY)
    ranker = catboost.CatBoostRanker(loss_function="YetiRank", **QUICK)
    check_same(ranker.fit(X, np.digitize(y, [0, 1]), group_id=np.repeat(np.arange(10), 20)), X, UGLY)


@pytest.mark.parametrize(
    "settings", [{"loss_function": "MultiClassOneVsAll"}, {"auto_class_weights": "Balanced"}], ids=str
)
def test_settings_of_classification(settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(catboost.CatBoostClassifier(**QUICK, **settings).fit(X, np.digitize(y, [0, 1])), X, UGLY)


@pytest.mark.parametrize(
    "settings",
    [
        {"grow_policy": "Lossguide"},
        {"grow_policy": "Depthwise"},
        {"boosting_type": "Ordered"},
        {"nan_mode": "Max"},
        {"iterations": 60},
        {"depth": 1},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X = X.copy()
    X[::5, 0] = np.nan
    check_same(catboost.CatBoostRegressor(**QUICK | settings).fit(X, y + 100), X, UGLY)
    check_same(catboost.CatBoostClassifier(**QUICK | settings).fit(X, np.digitize(y, [0, 1])), X, UGLY)


def test_early_stopping_answers_with_the_best_iteration(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    noise = y + np.random.default_rng(3).normal(size=len(y)) * 2
    fitted = catboost.CatBoostRegressor(**QUICK | {"iterations": 60}, early_stopping_rounds=3)
    fitted.fit(X[:120], noise[:120], eval_set=(X[120:], noise[120:]))
    assert fitted.tree_count_ < 60
    check_same(fitted, X, UGLY)


@pytest.mark.parametrize(
    "settings",
    [
        {"one_hot_max_size": 255},
        {"one_hot_max_size": 4, "max_ctr_complexity": 1},
        {"max_ctr_complexity": 4, "iterations": 30},
        {"simple_ctr": ["Buckets", "Counter"], "combinations_ctr": ["Borders", "Counter"]},
        {"grow_policy": "Lossguide"},
    ],
    ids=str,
)
def test_categories(settings: dict[str, Any], frame: pd.DataFrame, check_same: Same) -> None:
    truth = effect(frame)
    rows = frame.assign(
        city=np.where(np.arange(200) % 3, frame["city"], "unseen"), stars=frame["stars"] + np.arange(200) % 2
    )
    for estimator, target in (
        (catboost.CatBoostRegressor(cat_features=CATEGORICAL, **QUICK | settings), truth),
        (catboost.CatBoostClassifier(cat_features=CATEGORICAL, **QUICK | settings), np.digitize(truth, [-1, 1])),
    ):
        check_same(estimator.fit(frame, target), frame, rows)


def test_rows_that_lack_categories_of_training_are_refused(frame: pd.DataFrame, check_same: Same) -> None:
    for size in (1, 255):
        fitted = catboost.CatBoostRegressor(
            cat_features=CATEGORICAL, one_hot_max_size=size, **QUICK | {"iterations": 40}
        )
        fitted.fit(frame, effect(frame))
        with pytest.raises(UnsupportedEstimator, match="with every category, such as those of training"):
            check_same(fitted, frame[frame["city"] == "Oslo"])


def test_pipelines(frame: pd.DataFrame, check_same: Same) -> None:
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["weight", "height"]),
            ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
        ],
        remainder="drop",
    )
    model = make_pipeline(columns, catboost.CatBoostClassifier(**QUICK | {"iterations": 2}))
    check_same(model.fit(frame, effect(frame) > 0), frame)


@pytest.mark.parametrize("loss", ["RMSEWithUncertainty", "MultiLogloss"])
def test_what_is_refused(loss: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    kind = catboost.CatBoostClassifier if loss == "MultiLogloss" else catboost.CatBoostRegressor
    target = np.column_stack([y > 0, y > 1]).astype(int) if loss == "MultiLogloss" else y
    with pytest.raises(UnsupportedEstimator, match="not converted"):
        check_same(kind(loss_function=loss, **QUICK).fit(X, target), X)
