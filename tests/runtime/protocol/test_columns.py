from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, TooLarge
from skerry.runtime.feeds import FeedBuilder
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.columns import ColumnContract, answer_columns
from skerry.runtime.tensors import TensorSpec


def named(*names: str) -> FeedBuilder:
    return FeedBuilder([TensorSpec(name=name, datatype="FP64", shape=(-1, 1)) for name in names], "columns")


MATRIX = FeedBuilder([TensorSpec(name="X", datatype="FP64", shape=(-1, 2))], "matrix")
VECTOR = FeedBuilder([TensorSpec(name="X", datatype="FP64", shape=(-1,))], "vector")


@pytest.mark.parametrize(
    ("feeds", "extra", "names", "expected"),
    [
        (named("age", "city"), "refuse", ["city", "age"], [(1, "age"), (0, "city")]),
        (named("age", "city"), "ignore", ["x", "city", "y", "age"], [(3, "age"), (1, "city")]),
        (named("age", "city"), "refuse", ["__index_level_0__", "age", "city"], [(1, "age"), (2, "city")]),
        (named("__index_level_0__"), "refuse", ["__index_level_0__"], [(0, "__index_level_0__")]),
        (MATRIX, "refuse", ["b", "a"], [(0, "b"), (1, "a")]),
        (MATRIX, "ignore", ["b", "__index_level_0__", "a"], [(0, "b"), (2, "a")]),
        (VECTOR, "refuse", ["anything"], [(0, "anything")]),
    ],
)
def test_columns_are_found_by_name_or_taken_in_order(
    feeds: FeedBuilder, extra: Any, names: list[str], expected: list[tuple[int, str]]
) -> None:
    found = ColumnContract(feeds, extra).columns(names)
    assert [(column.place, column.name) for column in found] == expected
    assert [column.spec for column in found] == (list(feeds.inputs) if feeds.layout == "columns" else [feeds.inputs[0]] * len(found))  # fmt: skip


@pytest.mark.parametrize(
    ("feeds", "extra", "names", "error"),
    [
        (named("age", "city"), "refuse", ["age"], "input 'city': missing"),
        (named("age", "city"), "refuse", ["age", "citi"], "input 'city': missing (did you mean 'citi'?)"),
        (named("age", "city"), "ignore", ["age", "citi"], "input 'city': missing (did you mean 'citi'?)"),
        (named("age", "city"), "refuse", ["age", "city", "ages"], "input 'ages': unknown (did you mean 'age'?)"),
        (named("age", "city"), "ignore", ["age", "city", "age"], "column 'age': expected once, got 2 times"),
        (named("age", "city"), "ignore", ["age", "city", "x", "x"], "column 'x': expected once, got 2 times"),
        (MATRIX, "refuse", ["a"], "expected 2 columns, got 1: 'a'"),
        (MATRIX, "ignore", ["a", "b", "c"], "expected 2 columns, got 3: 'a', 'b', 'c'"),
        (MATRIX, "refuse", ["a", "a"], "column 'a': expected once, got 2 times"),
        (VECTOR, "refuse", [], "expected 1 column, got 0"),
    ],
)
def test_other_columns_are_refused(feeds: FeedBuilder, extra: Any, names: list[str], error: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(error)}$"):
        ColumnContract(feeds, extra).columns(names)


def test_errors_of_a_matrix_have_the_names_of_the_table() -> None:
    contract = ColumnContract(MATRIX)
    columns = contract.columns(["width", "height"])
    assert contract.feeds(columns, [np.array([1, 2]), np.array([0.5, 1.5])])["X"].tolist() == [[1.0, 0.5], [2.0, 1.5]]
    with pytest.raises(InvalidInput, match=r"^input 'height' row 1: expected a number, got a missing value$"):
        contract.feeds(columns, [np.array([1, 2]), np.array([0.5, None], object)])


def test_sizes_are_limited() -> None:
    contract = ColumnContract(MATRIX, limits=Limits(max_rows=10, max_elements=30))
    contract.check_size(10, 3)
    with pytest.raises(TooLarge, match=r"^expected at most 10 rows, got 11$"):
        contract.check_size(11)
    with pytest.raises(TooLarge, match=r"^expected at most 30 values, got 40$"):
        contract.check_size(10, 4)


def test_answers_have_plain_names_and_those_of_the_classes(iris_model: Model) -> None:
    manifest = msgspec.structs.replace(iris_model.manifest, classes=("a", "b"))
    scores = np.array([[0.25, 0.75]])
    found = answer_columns(
        manifest, ["predict", "predict_proba", "transform"], [np.array(["b"]), scores, np.ones((1, 3))]
    )
    assert {name: column.tolist() for name, column in found.items()} == {
        "prediction": ["b"],
        "probabilities_a": [0.25],
        "probabilities_b": [0.75],
        "transform_0": [1.0],
        "transform_1": [1.0],
        "transform_2": [1.0],
    }
