"""Pipelines, column transformers and unions route columns, dtypes and weights as scikit-learn does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, UnsupportedEstimator

Same = Callable[..., Model]

NUMBERS = ["age", "pay", "children"]
STRINGS = ["city", "plan"]


def mixed(**settings: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("strings", OneHotEncoder(handle_unknown="ignore"), STRINGS),
        ],
        **settings,
    )


def strange(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with categories never seen, empty strings, missing and extreme numbers."""
    return table.iloc[:6].assign(
        city=["Rom", "oslo", "", "Oslo ", "Kyōto", "東京"],
        plan=["c", "a", "b", "", "A", "a"],
        age=[np.nan, -0.0, 1e300, 5e-324, -1e15, 0.1],
        children=[2**53, -(2**31), 0, 1, 2, 3],
    )


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        RandomForestClassifier(6, max_depth=4, random_state=0),
        HistGradientBoostingClassifier(max_iter=4, random_state=0),
    ],
    ids=repr,
)
def test_numbers_and_strings_up_to_a_classifier(
    model: Any, table: pd.DataFrame, labels: np.ndarray, check_same: Same
) -> None:
    check_same(make_pipeline(mixed(sparse_threshold=0), model).fit(table, labels), table, strange(table))


SELECTIONS: dict[str, Any] = {
    "names": ["pay", "children"],
    "indices": [1, 2],
    "negative indices": [-5, -4],
    "slice": slice(1, 3),
    "slice of names": slice("pay", "children"),
    "mask": [False, True, True, False, False, False],
    "selector": make_column_selector("pay|children"),
    "callable": lambda frame: ["pay", "children"],
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_each_way_to_name_columns(selection: str, table: pd.DataFrame, check_same: Same) -> None:
    transformer = make_column_transformer((StandardScaler(), SELECTIONS[selection]), remainder="drop")
    check_same(transformer.fit(table), table, tolerance=0)


def test_columns_by_dtype(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    transformer = make_column_transformer(
        (make_pipeline(SimpleImputer(), MinMaxScaler()), make_column_selector(dtype_include=["float64", "int64"])),
        (OneHotEncoder(), make_column_selector(dtype_exclude=["float64", "int64"])),
    )
    check_same(make_pipeline(transformer, LogisticRegression(max_iter=1000)).fit(table, labels), table)


@pytest.mark.parametrize("remainder", ["drop", "passthrough", MaxAbsScaler()], ids=str)
def test_what_remains(remainder: Any, table: pd.DataFrame, check_same: Same) -> None:
    frame = table[["pay", "children", "city"]]
    transformer = make_column_transformer((OneHotEncoder(), ["city"]), remainder=remainder, sparse_threshold=0)
    check_same(transformer.fit(frame), frame, tolerance=0)


def test_what_remains_of_an_array(numbers: np.ndarray, check_same: Same) -> None:
    transformer = make_column_transformer((StandardScaler(), [2, 0]), remainder="passthrough")
    check_same(transformer.fit(numbers), numbers, tolerance=0)


def test_columns_taken_twice_and_in_another_order(table: pd.DataFrame, check_same: Same) -> None:
    transformer = make_column_transformer(
        (StandardScaler(), ["children", "pay"]), (MinMaxScaler(), ["pay"]), ("passthrough", ["pay", "children"])
    )
    check_same(transformer.fit(table), table, tolerance=0)


def test_columns_that_no_part_takes_are_inputs_all_the_same(table: pd.DataFrame, check_same: Same) -> None:
    model = check_same(make_column_transformer((StandardScaler(), ["pay"])).fit(table), table)
    assert [spec.name for spec in model.manifest.inputs] == list(table.columns)


def test_weights_of_parts(table: pd.DataFrame, check_same: Same) -> None:
    frame = table.drop(columns="age")
    transformer = ColumnTransformer(
        [
            ("a", StandardScaler(), ["pay"]),
            ("b", OneHotEncoder(sparse_output=False), ["city"]),
            ("c", "passthrough", ["children"]),
        ],
        transformer_weights={"a": 0.1, "b": 3, "c": -2},
    )
    check_same(transformer.fit(frame), frame)


def test_parts_that_drop_or_take_nothing(table: pd.DataFrame, check_same: Same) -> None:
    transformer = ColumnTransformer(
        [("a", "drop", ["age"]), ("b", StandardScaler(), []), ("c", StandardScaler(), ["pay"]), ("d", "drop", ["city"])]
    )
    check_same(transformer.fit(table), table, tolerance=0)


def test_transformers_inside_of_transformers(table: pd.DataFrame, labels: np.ndarray, check_same: Same) -> None:
    inner = make_column_transformer(
        (OneHotEncoder(drop="if_binary", sparse_output=False), ["plan"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
    )
    outer = make_column_transformer(
        (make_pipeline(inner, RobustScaler()), ["city", "plan"]),
        (
            make_pipeline(SimpleImputer(add_indicator=True), make_union(StandardScaler(), MaxAbsScaler())),
            ["age", "pay"],
        ),
        remainder="passthrough",
    )
    check_same(make_pipeline(outer, DecisionTreeClassifier(random_state=0)).fit(table, labels), table)


def test_float32_stays_float32_between_steps(numbers: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame(numbers.astype(np.float32), columns=list("abcd")).assign(e=["x", "y"] * 60)
    transformer = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), list("abcd")), (OneHotEncoder(dtype=np.float32), ["e"])
    )
    model = check_same(transformer.fit(frame), frame, tolerance=0)
    assert model.manifest.outputs[0].datatype == "FP32"


def test_parts_of_several_dtypes_side_by_side(numbers: np.ndarray, check_same: Same) -> None:
    frame = pd.DataFrame({"a": numbers[:, 0].astype(np.float32), "b": ["x", "y"] * 60})
    transformer = make_column_transformer(
        ("passthrough", ["a"]), (OneHotEncoder(dtype=np.int8, sparse_output=False), ["b"])
    )
    check_same(make_pipeline(transformer, StandardScaler()).fit(frame), frame, tolerance=0)


def test_unions(numbers: np.ndarray, check_same: Same) -> None:
    union = FeatureUnion(
        [
            ("a", StandardScaler()),
            ("b", "passthrough"),
            ("c", "drop"),
            ("d", make_pipeline(MinMaxScaler(), MaxAbsScaler())),
        ],
        transformer_weights={"a": 2.5},
    )
    check_same(union.fit(numbers), numbers, tolerance=0)
    check_same(make_pipeline(union, Ridge()).fit(numbers, numbers[:, 0]), numbers)


@pytest.mark.parametrize("skipped", ["passthrough", None, FunctionTransformer()], ids=str)
def test_steps_that_do_nothing(skipped: Any, numbers: np.ndarray, check_same: Same) -> None:
    steps = [("a", skipped), ("b", StandardScaler()), ("c", skipped), ("d", Ridge())]
    check_same(Pipeline(steps).fit(numbers, numbers[:, 0]), numbers)


def test_a_pipeline_that_only_transforms(numbers: np.ndarray, check_same: Same) -> None:
    check_same(make_pipeline(StandardScaler(), MinMaxScaler()).fit(numbers), numbers, tolerance=0)
    check_same(Pipeline([("a", StandardScaler()), ("b", "passthrough")]).fit(numbers), numbers, tolerance=0)


def test_searches_answer_with_the_best_they_found(numbers: np.ndarray, check_same: Same) -> None:
    y = np.where(numbers[:, 0] > 0, "up", "down")
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    grid = {"model__C": [0.1, 10.0], "scale": [MinMaxScaler(), "passthrough", StandardScaler()]}
    check_same(GridSearchCV(pipeline, grid, cv=2).fit(numbers / 100, y), numbers / 100)
    check_same(
        RandomizedSearchCV(pipeline, {"model__C": [0.1, 10.0]}, n_iter=2, cv=2).fit(numbers / 100, y), numbers / 100
    )


def test_frozen_estimators(numbers: np.ndarray, check_same: Same) -> None:
    frozen = FrozenEstimator(StandardScaler().fit(numbers))
    check_same(make_pipeline(frozen, Ridge()).fit(numbers, numbers[:, 0]), numbers)


def twice(X: np.ndarray) -> np.ndarray:
    return X * 2


def test_a_function_of_somebodys_own_is_refused(numbers: np.ndarray, check_same: Same) -> None:
    pipeline = make_pipeline(FunctionTransformer(twice), Ridge()).fit(np.abs(numbers), numbers[:, 0])
    with pytest.raises(
        UnsupportedEstimator, match=r"functiontransformer › FunctionTransformer: func=.* is not converted"
    ):
        check_same(pipeline, np.abs(numbers))


def test_a_transformer_that_drops_every_column_is_refused(table: pd.DataFrame, check_same: Same) -> None:
    with pytest.raises(UnsupportedEstimator, match="it drops every column"):
        check_same(make_column_transformer(("drop", ["age"])).fit(table), table)


def test_missing_values_are_admitted_column_by_column(
    table: pd.DataFrame, labels: np.ndarray, check_same: Same
) -> None:
    frame = table[["age", "pay", "city"]]
    transformer = make_column_transformer(
        (SimpleImputer(), ["age"]), ("passthrough", ["pay"]), (OneHotEncoder(handle_unknown="ignore"), ["city"])
    )
    fitted = make_pipeline(transformer, LogisticRegression(max_iter=5000)).fit(frame, labels)
    model = check_same(fitted, frame)
    assert {spec.name: spec.missing for spec in model.manifest.inputs} == {"age": True, "pay": False, "city": True}
    with pytest.raises(InvalidInput, match="'pay' row 1"):
        model.predict(frame.iloc[:2].assign(pay=[1.0, np.nan]))


def test_missing_values_are_admitted_column_by_column_in_an_array_too(numbers: np.ndarray, check_same: Same) -> None:
    X = numbers.copy()
    X[::5, 1] = np.nan
    transformer = make_column_transformer((SimpleImputer(), [1]), remainder="passthrough")
    rows = np.array([[1, np.nan, 1, 1], [1, 1, np.nan, 1], [np.inf, 1, 1, 1], [1, -np.inf, 1, 1]])
    model = check_same(make_pipeline(transformer, Ridge()).fit(X, numbers[:, 0]), X, rows)
    with pytest.raises(InvalidInput, match="row 0: expected"):
        model.predict(rows[1:2])


def test_wide_frames(check_same: Same) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(100, 40))).rename(columns=str)
    frame["s"] = random.choice(["a", "b", "c"], 100)
    transformer = make_column_transformer((OneHotEncoder(), ["s"]), remainder=StandardScaler())
    check_same(make_pipeline(transformer, Ridge()).fit(frame, frame["7"]), frame)
