"""LightGBM compares and sums in float64, takes tiny numbers for zero, and knows categories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skerry.runtime import Model
from skerry.runtime.errors import UnsupportedEstimator

lightgbm = pytest.importorskip("lightgbm")

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]
QUICK: dict[str, Any] = {"n_estimators": 6, "num_leaves": 7, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
ZERO = float(np.float32(1e-35))
TINY = [0.0, -0.0, 1e-36, -1e-36, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 5e-324]
UGLY = np.array(
    [
        [np.nan] * 3,
        [np.inf, -np.inf, np.inf],
        [-np.inf, np.nan, 0],
        [1e300, -1e300, -0.0],
        *([tiny, tiny, tiny] for tiny in TINY),
    ]
)


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
    sizes = pd.Categorical(random.choice(["S", "M", "L", "é", "XXL"], 200), categories=["S", "M", "L", "é", "XXL", "u"])
    grades = pd.Categorical(random.choice(["low", "mid", "high"], 200), ["low", "mid", "high"], ordered=True)
    table = pd.DataFrame(
        {
            "weight": X[:, 0],
            "size": sizes,
            "stars": pd.Categorical(random.choice([3, 5, 9, 11, 40], 200)),
            "grade": grades,
            "member": random.integers(0, 2, 200).astype(bool),
            "height": X[:, 2].astype(np.float32),
        }
    )
    table.loc[::7, ["weight", "size", "stars"]] = np.nan
    return table


def effect(frame: pd.DataFrame) -> np.ndarray:
    sizes, stars = frame["size"].cat.codes.to_numpy(), frame["stars"].cat.codes.to_numpy()
    return np.asarray(
        np.nan_to_num(frame["weight"].to_numpy())
        + np.sin(sizes * 2.3) * 3
        + np.cos(stars * 1.7)
        + frame["grade"].cat.codes
    )


def at_thresholds(estimator: Any, X: np.ndarray, beside: Beside) -> np.ndarray:
    nodes = estimator.booster_.trees_to_dataframe().dropna(subset="split_feature").head(40)
    rows: list[np.ndarray] = []
    for feature, threshold in zip(nodes["split_feature"].str[7:].astype(int), nodes["threshold"], strict=True):
        for value in beside([float(threshold)]):
            row = X[len(rows) % len(X)].copy()
            row[feature] = value
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    "classes", [["no", "yes"], [False, True], [3, 1], [0, 1, 2], ["a", "b", "c", "d", "e"]], ids=str
)
def test_classifiers(classes: list[Any], X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same) -> None:
    target = np.array(classes)[np.digitize(y, np.quantile(y, np.linspace(0, 1, len(classes) + 1)[1:-1]))]
    fitted = lightgbm.LGBMClassifier(**QUICK).fit(X, target)
    check_same(fitted, X, np.concatenate([at_thresholds(fitted, X, beside), UGLY]))


@pytest.mark.parametrize(
    "objective",
    [
        "cross_entropy_lambda",
        "fair",
        "gamma",
        "huber",
        "mape",
        "poisson",
        "quantile",
        "regression",
        "regression_l1",
        "tweedie",
        "xentropy",
    ],
)
def test_each_objective_of_regression(
    objective: str, X: np.ndarray, y: np.ndarray, beside: Beside, check_same: Same
) -> None:
    target = 1 / (1 + np.exp(-y)) if "entropy" in objective else np.exp(y / 3)
    fitted = lightgbm.LGBMRegressor(objective=objective, **QUICK).fit(X, target)
    check_same(fitted, X, np.concatenate([at_thresholds(fitted, X, beside), UGLY]))


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "huber"])
def test_roots_of_the_target(objective: str, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    check_same(lightgbm.LGBMRegressor(objective=objective, reg_sqrt=True, **QUICK).fit(X, y), X, UGLY)


@pytest.mark.parametrize(
    "settings",
    [
        {"boosting_type": "dart", "drop_rate": 0.5},
        {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
        {"data_sample_strategy": "goss", "learning_rate": 0.5},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"extra_trees": True},
        {"n_estimators": 60},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    X = X.copy()
    X[::5, 0] = np.nan
    for target in (y, -y):  # either way round, for the default direction
        target = np.nan_to_num(target)
        check_same(lightgbm.LGBMRegressor(**QUICK | settings).fit(X, target), X, UGLY)
        check_same(lightgbm.LGBMClassifier(**QUICK | settings).fit(X, np.digitize(target, [0, 1])), X, UGLY)


@pytest.mark.parametrize(
    "settings",
    [{"objective": "multiclassova"}, {"is_unbalance": True}, {"objective": "binary", "sigmoid": 2.5}],
    ids=str,
)
def test_settings_of_classification(settings: dict[str, Any], X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    target = y > 0.5 if "sigmoid" in settings else np.digitize(y, [0, 1])
    check_same(lightgbm.LGBMClassifier(**QUICK | settings).fit(X, target), X, UGLY)


def test_rankers(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    for objective in ("lambdarank", "rank_xendcg"):
        fitted = lightgbm.LGBMRanker(objective=objective, **QUICK).fit(X, np.digitize(y, [0, 1]), group=[20] * 10)
        check_same(fitted, X, UGLY)


def test_early_stopping_answers_with_the_best_iteration(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    noise = y + np.random.default_rng(3).normal(size=len(y)) * 2
    for kind, truth in ((lightgbm.LGBMRegressor, noise), (lightgbm.LGBMClassifier, np.digitize(noise, [0, 1]))):
        fitted = kind(**QUICK | {"n_estimators": 60, "learning_rate": 0.6}).fit(
            X[:120],
            truth[:120],
            eval_X=X[120:],
            eval_y=truth[120:],
            callbacks=[lightgbm.early_stopping(3, verbose=False)],
        )
        assert fitted.best_iteration_ < 60
        check_same(fitted, X, UGLY)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8])
def test_other_dtypes_of_rows(dtype: Any, X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    big = (X * 10).astype(dtype) if dtype == np.int8 else (X * 1e6).astype(dtype)
    rows = np.array([[2**24 + 1, -1, 0], [2**24 - 1, 2**24 + 3, 1]]).astype(dtype)
    for given, more in ((big, rows), (pd.DataFrame(big, columns=list("abc")), pd.DataFrame(rows, columns=list("abc")))):
        check_same(lightgbm.LGBMRegressor(**QUICK).fit(given, y), given, more)


@pytest.mark.parametrize(
    "settings", [{}, {"min_data_per_group": 1, "cat_smooth": 0.0, "max_cat_to_onehot": 1}], ids=str
)
def test_categories_of_a_frame(settings: dict[str, Any], frame: pd.DataFrame, check_same: Same) -> None:
    fitted = lightgbm.LGBMClassifier(**QUICK, **settings).fit(frame, effect(frame) > 0)
    check_same(fitted, frame, frame.iloc[::-1])
    other = frame.assign(size=frame["size"].cat.set_categories(["XXL", "new", "L", "S"]))
    other.loc[:9, "size"] = "new"
    check_same(fitted, other)


def test_many_categories_as_numbers_of_an_array(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    random = np.random.default_rng(4)
    X = np.concatenate([X] * 5)
    X[:, 1] = random.integers(0, 300, len(X))
    fitted = lightgbm.LGBMRegressor(**QUICK, min_data_per_group=1, cat_smooth=0.0, max_cat_threshold=200)
    fitted.fit(X, np.sin(X[:, 1]) * 3 + X[:, 0], categorical_feature=[1])
    odd = (-1, -0.5, -0.99, 2.5, 8.99, 9, 400, 2**24, 2**31, 2**33 + 5, 1e300, -np.inf, np.inf, np.nan)
    check_same(fitted, X, np.array([[0, value, 0] for value in odd]))


def test_pipelines(frame: pd.DataFrame, check_same: Same) -> None:
    plain = frame.assign(size=frame["size"].astype(object).fillna("none"), grade=1, stars=2).astype({"size": object})
    for encoder in (OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()):
        columns = ColumnTransformer(
            [("numbers", StandardScaler(), ["weight", "height"]), ("size", encoder, ["size"])],
            remainder="passthrough",
            sparse_threshold=1.0,
        )
        model = make_pipeline(columns, lightgbm.LGBMClassifier(**QUICK | {"n_estimators": 2}))
        check_same(model.fit(plain, effect(frame) > 0), plain)


def test_columns_with_spaces_in_their_names(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(X, columns=["an hour", "b", "c  d"])
    model = check_same(lightgbm.LGBMRegressor(**QUICK).fit(frame, y), frame)
    assert model.feeds.names == list(frame.columns)


def test_training_continued_on_other_data(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    gaps = np.where(np.arange(200)[:, None] % 5 == 0, np.nan, X)
    first = lightgbm.LGBMRegressor(**QUICK).fit(X, y)
    check_same(lightgbm.LGBMRegressor(**QUICK).fit(gaps, y, init_model=first), gaps, UGLY)
    zeros = lightgbm.LGBMRegressor(**QUICK, zero_as_missing=True).fit(X, y, init_model=first)
    with pytest.raises(UnsupportedEstimator, match="missing values are of several kinds"):
        check_same(zeros, X)


def test_what_is_refused(X: np.ndarray, y: np.ndarray, check_same: Same) -> None:
    def squared(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return guess - truth, np.ones_like(truth)

    for settings in ({"objective": squared}, {"linear_tree": True}, {"pred_early_stop": True}):
        with pytest.raises(UnsupportedEstimator, match="is not converted"):
            check_same(lightgbm.LGBMRegressor(**QUICK, **settings).fit(X, y), X)
