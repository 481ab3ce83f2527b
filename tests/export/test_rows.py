"""Made rows: at every threshold, with every troublesome value, and nobody's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skerry.export.converters.scope import Scope
from skerry.export.estimators import convert
from skerry.export.graph import Graph
from skerry.export.rows import BASE_ROWS, FLOATS, STRINGS, RowMaker, join
from skerry.export.signature import Signature, read_signature


def maker_of(estimator: Any, X: Any, seed: int = 0) -> tuple[RowMaker, Signature]:
    signature, rows = read_signature(estimator, X)
    graph = Graph()
    convert(estimator, signature.features(graph), Scope(graph, convert, rows=lambda X: X))
    return RowMaker(signature, graph, rows, seed=seed), signature


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 2)) * [1, 1e4]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_both_sides_of_every_threshold_of_a_tree(dtype: Any, X: np.ndarray) -> None:
    X = X.astype(dtype)
    tree = DecisionTreeRegressor(random_state=0).fit(X, X[:, 0])
    maker, _ = maker_of(tree, X)
    made = maker.crossing(maker.ordinary()).rows
    for node in np.flatnonzero(tree.tree_.feature >= 0):
        column = made[:, tree.tree_.feature[node]].astype(np.float32)
        below = column[column <= tree.tree_.threshold[node]].max()
        above = column[column > tree.tree_.threshold[node]].min()
        assert np.nextafter(below, np.float32(np.inf)) == above


def test_both_sides_of_every_threshold_behind_a_scaler(X: np.ndarray) -> None:
    fitted = make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=2)).fit(X, X[:, 0])
    maker, _ = maker_of(fitted, X)
    made = np.unique(maker.crossing(maker.ordinary()).rows[:, 0])
    scaled = fitted[0].transform(np.column_stack([made, made]))[:, 0]
    for predictor in (predictor for iteration in fitted[1]._predictors for predictor in iteration):
        for node in predictor.nodes[~predictor.nodes["is_leaf"].astype(bool)]:
            if node["feature_idx"] == 0:
                last = int(np.flatnonzero(scaled <= node["num_threshold"])[-1])
                assert np.nextafter(made[last], np.inf) == made[last + 1]


def test_thresholds_between_whole_numbers() -> None:
    X = np.arange(40)[:, None] * 3
    tree = DecisionTreeRegressor(max_depth=3).fit(X, X.ravel())
    maker, _ = maker_of(tree, X)
    made = maker.crossing(maker.ordinary()).rows
    assert made.dtype == X.dtype
    for threshold in tree.tree_.threshold[tree.tree_.feature >= 0]:
        assert {int(np.floor(threshold)), int(np.floor(threshold)) + 1} <= set(made.ravel().tolist())


def test_no_thresholds_make_no_crossings(X: np.ndarray) -> None:
    maker, _ = maker_of(StandardScaler().fit(X), X)
    assert len(maker.crossing(maker.ordinary())) == 0


def test_every_special_number_in_every_column(X: np.ndarray) -> None:
    maker, _ = maker_of(StandardScaler().fit(X), X)
    made = maker.special(maker.ordinary())
    for column in range(2):
        bits = {np.float64(value).tobytes() for value in made.rows[:, column]}
        assert {np.float64(value).tobytes() for value in FLOATS} <= bits
    assert "column 0 = nan" in made.kinds
    assert "column 1 = -0.0" in made.kinds


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_special_integers_fit_their_dtype(dtype: Any) -> None:
    X = np.arange(20, dtype=dtype).reshape(10, 2)
    maker, _ = maker_of(StandardScaler().fit(X), X)
    made = maker.special(maker.ordinary()).rows
    assert made.dtype == dtype
    assert np.iinfo(dtype).max in made or dtype in (np.int8, np.uint8)
    assert 0 in made


@pytest.fixture
def frame(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"a": X[:, 0], "flag": X[:, 1] > 0, "city": ["Oslo", "Rome"] * 50, "name": [f"Person {i}" for i in range(100)]}
    )


def encoder(frame: pd.DataFrame) -> Any:
    parts = [(OneHotEncoder(handle_unknown="ignore"), ["city"]), (FunctionTransformer(), ["a", "flag"])]
    return make_column_transformer(*parts).fit(frame)


def test_strings_are_learned_or_made_up(frame: pd.DataFrame) -> None:
    maker, _ = maker_of(encoder(frame), frame)
    base = maker.ordinary()
    assert set(base.rows["city"]) == {"Oslo", "Rome"}
    assert not set(base.rows["name"]) & set(frame["name"])
    made = maker.special(base)
    assert set(STRINGS) | {"Oslo ", "oSLO", "Osl"} <= set(made.rows["city"].dropna())
    assert made.rows["city"].isna().any()
    assert not set(join(base, made).rows["name"].dropna()) & set(frame["name"])


def test_no_number_of_the_given_rows_is_made(X: np.ndarray, frame: pd.DataFrame) -> None:
    maker, _ = maker_of(DecisionTreeRegressor().fit(X, X[:, 0]), X)
    base = maker.ordinary()
    made = join(base, maker.special(base), maker.crossing(base)).rows
    assert not set(made.ravel().tolist()) & set(X.ravel().tolist())


def test_made_rows_have_the_form_of_the_given_ones(frame: pd.DataFrame) -> None:
    frame["size"] = pd.Categorical(["S", "L"] * 50)
    maker, _ = maker_of(encoder(frame), frame)
    base = maker.ordinary()
    for made in (base, maker.special(base), maker.crossing(base)):
        assert list(made.rows.columns) == list(frame.columns)
        assert made.rows.dtypes.tolist() == frame.dtypes.tolist()
        assert len(made) == len(made.rows) == len(made.kinds)


def test_ordinary_numbers_lie_where_most_of_a_column_lies(X: np.ndarray) -> None:
    maker, _ = maker_of(StandardScaler().fit(X), X)
    base = maker.ordinary()
    assert len(base) == BASE_ROWS
    low, high = np.percentile(X, [4, 96], axis=0)
    assert ((base.rows > low) & (base.rows < high)).all()


@pytest.mark.parametrize(
    "column", [np.full(10, np.nan), np.full(10, np.inf), np.full(10, 3.25)], ids=["nan", "inf", "same"]
)
def test_columns_without_a_spread(column: np.ndarray) -> None:
    signature, rows = read_signature(object(), column[:, None])
    maker = RowMaker(signature, Graph(), rows)
    assert np.isfinite(maker.ordinary().rows).all()


def test_the_same_seed_makes_the_same_rows(X: np.ndarray) -> None:
    tree = DecisionTreeRegressor(max_depth=2).fit(X, X[:, 0])
    first, again, other = (maker_of(tree, X, seed)[0].ordinary().rows for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_some_made_rows(X: np.ndarray) -> None:
    maker, _ = maker_of(StandardScaler().fit(X), X)
    base = maker.ordinary()
    some = base.take(np.array([3, 1]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.rows, base.rows[[3, 1]])


def test_few_rows_tell_only_their_sign_and_power_of_ten() -> None:
    X = np.array([[31.0, -52_000.0, 0.0], [38.0, -48_000.0, 0.0]])
    signature, rows = read_signature(LinearRegression().fit(X, [0, 1]), X)
    made = RowMaker(signature, Graph(), rows).ordinary(1000).rows
    assert [made[:, index].min() < half < made[:, index].max() for index, half in ((0, 50), (1, -50_000))] == [
        True,
        True,
    ]
    assert (made[:, 0] >= 0).all()
    assert (made[:, 1] <= 0).all()
    assert (made[:, 2] == 0).all()


def passed(tree: DecisionTreeRegressor, rows: np.ndarray) -> np.ndarray:
    """Which nodes each row comes through."""
    return tree.decision_path(rows).toarray().astype(bool)


@pytest.mark.parametrize("scaled", [False, True])
def test_every_split_of_a_deep_tree_is_reached_at_its_threshold(scaled: bool, X: np.ndarray) -> None:
    tree = DecisionTreeRegressor(random_state=0)
    fitted = (make_pipeline(StandardScaler(), tree) if scaled else tree).fit(X, X[:, 0] * X[:, 1])
    maker, _ = maker_of(fitted, X)
    made = maker.crossing(maker.ordinary()).rows
    rows = fitted[0].transform(made) if scaled else made
    visits = passed(tree, rows)
    assert visits.any(axis=0).all()
    for node in np.flatnonzero(tree.tree_.feature >= 0):
        column = rows[visits[:, node], tree.tree_.feature[node]].astype(np.float32)
        least, most = (
            column[column > tree.tree_.threshold[node]].min(),
            column[column <= tree.tree_.threshold[node]].max(),
        )
        assert np.nextafter(most, np.float32(np.inf)) == least or scaled


def test_every_split_is_reached_where_unseen_numbers_are_refused() -> None:
    """By those that were seen; columns in which nothing is refused are searched through as ever."""
    random = np.random.default_rng(0)
    X = np.column_stack([random.choice([1.5, 20, 300, 4e3], 200), random.normal(size=200)])
    encoded = make_column_transformer((OrdinalEncoder(), [0]), ("passthrough", [1]))
    tree = DecisionTreeRegressor(max_depth=6, random_state=0)
    fitted = make_pipeline(encoded, tree).fit(X, X[:, 0] * X[:, 1])
    maker, _ = maker_of(fitted, X)
    made = maker.crossing(maker.ordinary()).rows
    rows = fitted[0].transform(made)
    visits = passed(tree, rows)
    assert visits.any(axis=0).all()
    for node in np.flatnonzero(tree.tree_.feature == 1):
        column = rows[visits[:, node], 1].astype(np.float32)
        is_below = column <= tree.tree_.threshold[node]
        assert np.nextafter(column[is_below].max(), np.float32(np.inf)) == column[~is_below].min()


def test_values_are_missing_at_every_split_where_they_may_be(X: np.ndarray) -> None:
    X[::3, 0] = np.nan
    tree = DecisionTreeRegressor(random_state=0).fit(X, np.nan_to_num(X[:, 0]) * X[:, 1])
    maker, _ = maker_of(tree, X)
    made = maker.crossing(maker.ordinary(), np.array([True, False])).rows
    gaps = np.isnan(made)
    visits = passed(tree, made)
    for node in np.flatnonzero(tree.tree_.feature == 0):
        above = [
            up for up in np.flatnonzero(tree.tree_.feature == 0) if up != node and visits[visits[:, node], up].all()
        ]
        assert (gaps[:, 0] & visits[:, node]).any() or above  # NaN goes another way above
    assert not gaps[:, 1].any()


def test_one_value_in_all_columns(frame: pd.DataFrame) -> None:
    maker, _ = maker_of(encoder(frame), frame)
    made = maker.whole(maker.ordinary())
    assert made.kinds.tolist() == [
        f"every column = {value!r}" for value in (0.0, -0.0, 1.0, -1.0, np.nan, "", "unseen")
    ]
    assert made.rows["a"].iloc[0] == 0
    assert made.rows["city"].iloc[-1] == made.rows["name"].iloc[-1] == "unseen"


def test_several_values_missing_of_those_that_may_be(X: np.ndarray) -> None:
    X = np.column_stack([X, X])
    maker, _ = maker_of(StandardScaler().fit(X), X)
    gaps = np.isnan(maker.gaps(maker.ordinary(), np.array([True, True, False, True])).rows)
    assert gaps[0].tolist() == [True, True, False, True]
    assert len({tuple(row) for row in gaps.tolist()}) > 4
    assert not gaps[:, 2].any()
    assert len(maker.gaps(maker.ordinary(), np.zeros(4, bool))) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_both_sides_of_where_the_label_changes(dtype: Any, X: np.ndarray) -> None:
    X = X.astype(dtype)
    fitted = LogisticRegression().fit(X, np.where(X[:, 0] > 0.2, "yes", "no"))
    maker, _ = maker_of(fitted, X)
    base = maker.ordinary()
    made = maker.boundaries(base, fitted.predict, nearness=1e-5)
    first, second = np.split(made.rows, 2)
    assert made.rows.dtype == dtype
    assert (fitted.predict(first) != fitted.predict(second)).all()
    assert np.abs(fitted.decision_function(made.rows)).max() < 1e-3 * np.abs(fitted.decision_function(base.rows)).max()


def test_no_label_changes_where_there_is_one_or_numbers_are_predicted(X: np.ndarray) -> None:
    fitted = LinearRegression().fit(X, X[:, 0])
    maker, _ = maker_of(fitted, X)
    assert len(maker.boundaries(maker.ordinary(), fitted.predict, nearness=1e-5)) == 0
    assert len(maker.boundaries(maker.ordinary(), lambda rows: np.zeros(len(rows), int), nearness=1e-5)) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_come_to_the_estimator_as_some_it_has_kept(dtype: Any, X: np.ndarray) -> None:
    X = X.astype(dtype)
    fitted = make_pipeline(StandardScaler(), KNeighborsRegressor(1, weights="distance")).fit(X, X[:, 0])
    maker, _ = maker_of(fitted, X)
    made = maker.kept(maker.ordinary())
    distances, _ = fitted[1].kneighbors(fitted[0].transform(made.rows))
    assert len(made) == len(distances) > 2
    assert (distances == 0).all()


def test_nothing_is_kept_by_a_linear_model(X: np.ndarray) -> None:
    maker, _ = maker_of(LinearRegression().fit(X, X[:, 0]), X)
    assert len(maker.kept(maker.ordinary())) == 0
