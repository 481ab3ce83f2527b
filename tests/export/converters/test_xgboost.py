"""XGBoost compares and sums in float32, sends missing values where it learned to, and knows categories."""

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
from skerry.runtime.errors import InvalidInput, UnsupportedEstimator

xgboost = pytest.importorskip("xgboost")

Same = Callable[..., Model]
QUICK: dict[str, Any] = {"n_estimators": 8, "max_depth": 3, "n_jobs": 1}
UGLY = np.array(
    [
        [np.nan] * 3,
        [np.inf, -np.inf, np.inf],
        [-np.inf, np.nan, 0],
        [1e300, -1e300, -0.0],
        [3.4e38, 1e39, 5e-324],
        [0, -0.0, 1e-45],
    ]
)
TOLERANCE = 1e-6


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
    sizes = pd.Categorical(random.choice(["S", "M", "L", "é", "XXL", "s"], 200), categories=[*"SMLsu", "é", "XXL"])
    stars = pd.Categorical(random.choice([3, 5, 9, 11], 200))
    table = pd.DataFrame({"weight": X[:, 0], "size": sizes, "stars": stars, "height": X[:, 2].astype(np.float32)})
    table.loc[::7, ["weight", "size", "stars"]] = np.nan
    return table


def effect(frame: pd.DataFrame) -> np.ndarray:
    sizes, stars = frame["size"].cat.codes.to_numpy(), frame["stars"].cat.codes.to_numpy()
    return np.nan_to_num(frame["weight"].to_numpy()) + np.sin(sizes * 2.3) * 3 + np.cos(stars * 1.7)


def near_thresholds(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Rows at each threshold, beside it in float32, and beside that in float64."""
    nodes = estimator.get_booster().trees_to_dataframe()
    nodes = nodes[nodes["Feature"] != "Leaf"].head(40)
    rows: list[np.ndarray] = []
    for feature, split in zip(nodes["Feature"].str[1:].astype(int), nodes["Split"].astype(np.float32), strict=True):
        below = np.nextafter(split, np.float32(-np.inf))
        between = (float(split) + float(below)) / 2
        for value in (split, below, between, np.nextafter(between, -np.inf), np.nextafter(between, np.inf)):
            row = X[len(rows) % len(X)].copy()
            row[feature] = value
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_classifiers(classes: int, dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    target = np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]))
    fitted = xgboost.XGBClassifier(**QUICK).fit(X, target)
    with np.errstate(over="ignore"):
        rows = np.concatenate([near_thresholds(fitted, X), UGLY]).astype(dtype)
    check_same(fitted, X.astype(dtype), rows, tolerance=TOLERANCE)


@pytest.mark.parametrize(
    "objective",
    [
        "count:poisson",
        "reg:absoluteerror",
        "reg:gamma",
        "reg:pseudohubererror",
        "reg:squarederror",
        "reg:squaredlogerror",
        "reg:tweedie",
        "survival:cox",
    ],
)
def test_each_objective_of_regression(objective: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    for base_score in (None, 0.3):
        fitted = xgboost.XGBRegressor(objective=objective, base_score=base_score, **QUICK).fit(X, np.exp(y / 3))
        check_same(fitted, X, np.concatenate([near_thresholds(fitted, X), UGLY]), tolerance=TOLERANCE)


@pytest.mark.parametrize(
    "objective", ["binary:logistic", "binary:logitraw", "binary:hinge", "reg:logistic", "multi:softmax"]
)
def test_each_objective_of_classification(objective: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    target = (y > 1).astype(int) + (y > 2 if objective.startswith("multi") else 0)
    for settings in ({}, {"base_score": 0.3} | ({"scale_pos_weight": 3} if "logi" in objective else {})):
        check_same(
            xgboost.XGBClassifier(objective=objective, **settings, **QUICK).fit(X, target), X, UGLY, tolerance=TOLERANCE
        )


def test_quantiles(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    fitted = xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], **QUICK).fit(X, y)
    check_same(fitted, X, UGLY, tolerance=TOLERANCE)


def test_several_targets_and_labels(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    targets = np.column_stack([y, -y, y**2])
    check_same(xgboost.XGBRegressor(**QUICK).fit(X, targets), X, UGLY, tolerance=TOLERANCE)
    check_same(xgboost.XGBClassifier(**QUICK).fit(X, (targets > 1).astype(int)), X, UGLY, tolerance=TOLERANCE)


@pytest.mark.parametrize(
    "settings",
    [
        {"booster": "dart", "rate_drop": 0.4},
        {"booster": "gblinear", "max_depth": None},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"grow_policy": "lossguide", "max_leaves": 5},
        {"tree_method": "exact"},
        {"missing": 0.5},
        {"n_estimators": 150, "learning_rate": 0.5},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    target = np.digitize(y, [1, 2])
    check_same(xgboost.XGBRegressor(**QUICK | settings).fit(X, y + 100), X, UGLY, tolerance=TOLERANCE)
    check_same(xgboost.XGBClassifier(**QUICK | settings).fit(X, target), X, UGLY, tolerance=TOLERANCE)


def test_random_forests_and_rankers(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(xgboost.XGBRFRegressor(**QUICK).fit(X, y), X, UGLY, tolerance=TOLERANCE)
    check_same(xgboost.XGBRFClassifier(**QUICK).fit(X, np.digitize(y, [1, 2])), X, UGLY, tolerance=TOLERANCE)
    ranker = xgboost.XGBRanker(**QUICK).fit(X, np.digitize(y, [1, 2]), qid=np.repeat(np.arange(10), 20))
    check_same(ranker, X, UGLY, tolerance=TOLERANCE)


def test_early_stopping_answers_with_the_best_iteration(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    noise = y + np.random.default_rng(3).normal(size=len(y)) * 2
    for booster in ("gbtree", "dart"):
        stopping = xgboost.XGBRegressor(
            booster=booster, n_estimators=60, max_depth=4, learning_rate=0.6, early_stopping_rounds=3, n_jobs=1
        )
        fitted = stopping.fit(X[:120], noise[:120], eval_set=[(X[120:], noise[120:])], verbose=False)
        assert fitted.best_iteration < len(fitted.get_booster().get_dump()) - 1
        check_same(fitted, X, UGLY, tolerance=TOLERANCE)


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_margins_are_those_of_xgboost_to_the_last_bit(
    booster: str, X: np.ndarray, y: np.ndarray, check_same: Same
) -> None:
    """Trees whose leaves are large beside what they add up to, and base scores whose logarithms are hard to round."""
    for seed in range(4):
        settings = QUICK | {"booster": booster, "n_estimators": 30, "random_state": seed}
        plain = xgboost.XGBRegressor(**settings, **({"rate_drop": 0.2} if booster == "dart" else {}))
        check_same(plain.fit(X, y * 50 + seed), X, UGLY, tolerance=0)
        counts = xgboost.XGBRegressor(objective="count:poisson", **settings).fit(X, np.exp(y / 2) * 20 + seed)
        check_same(counts, X, UGLY, tolerance=2e-7)


@pytest.mark.parametrize("one_hot", [1, 100], ids=["sets", "one-hot"])
def test_categories_of_a_frame(one_hot: int, frame: pd.DataFrame, check_same: Same) -> None:
    fitted = xgboost.XGBRegressor(enable_categorical=True, max_cat_to_onehot=one_hot, **QUICK)
    fitted.fit(frame, effect(frame))
    reordered = frame.assign(size=frame["size"].cat.set_categories(["L", "S", "M"]))
    model = check_same(fitted, frame, frame.iloc[::-1], tolerance=TOLERANCE)
    check_same(fitted, reordered, tolerance=TOLERANCE)
    with pytest.raises(InvalidInput, match="expected a category known from training, got another"):
        model.predict(frame.assign(size="Large"))
    with pytest.raises(UnsupportedEstimator, match="a category that training had not"):
        check_same(fitted, frame.assign(size=frame["size"].cat.set_categories(["L", "new"])))


def test_categories_as_numbers_of_an_array(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X[:, 1] = np.rint(X[:, 1] * 10)
    fitted = xgboost.XGBRegressor(
        enable_categorical=True, feature_types=["q", "c", "q"], max_cat_to_onehot=2, **QUICK
    ).fit(X, np.sin(X[:, 1]) + y)
    odd = np.array(
        [[0, value, 0] for value in (-1, -0.5, 2.5, 8.99, 9, 400, 2**24, 2**31, 1e300, -np.inf, np.inf, np.nan)]
    )
    check_same(fitted, X, odd, tolerance=TOLERANCE)


def test_pipelines(frame: pd.DataFrame, check_same: Same) -> None:
    plain = frame.assign(size=frame["size"].astype(object).fillna("none"), stars=1).astype({"size": object})
    for sparse_output in (True, False):
        columns = ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["weight", "height"]),
                ("size", OneHotEncoder(sparse_output=sparse_output, handle_unknown="ignore"), ["size"]),
            ],
            sparse_threshold=1.0,
        )
        model = make_pipeline(columns, xgboost.XGBClassifier(**QUICK | {"n_estimators": 2}))
        check_same(model.fit(plain, effect(frame) > 0), plain, tolerance=TOLERANCE)


def test_a_marker_of_missing_values_beside_categories_is_refused(frame: pd.DataFrame, check_same: Same) -> None:
    fitted = xgboost.XGBRegressor(enable_categorical=True, missing=0.0, **QUICK).fit(frame, effect(frame))
    with pytest.raises(UnsupportedEstimator, match=r"missing=0.0 beside columns of categories"):
        check_same(fitted, frame)


def test_what_is_refused(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    def squared(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return guess - truth, np.ones_like(truth)

    trees = xgboost.XGBRegressor(multi_strategy="multi_output_tree", **QUICK).fit(X, np.column_stack([y, y]))
    for fitted in (xgboost.XGBRegressor(objective=squared, **QUICK).fit(X, y), trees):
        with pytest.raises(UnsupportedEstimator, match="is not converted"):
            check_same(fitted, X)
