from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime import Model
from skerry.runtime.feeds import FeedBuilder
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.typed import TypedReader, is_typed
from skerry.runtime.tensors import MISSING, TensorSpec

NAN = float("nan")


class Envelope(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: str | None = None


def spec(name: str, datatype: str, width: int = 1, **settings: Any) -> TensorSpec:
    return TensorSpec(name=name, datatype=datatype, shape=(-1, width), **settings)


MIXED = [
    spec("a", "FP64", missing=True),
    spec("b", "FP32"),
    spec("c", "UINT64"),
    spec("d", "BYTES", missing=True),
    spec("e", "BOOL"),
    spec("f", "FP64", single=True),
]
COLUMNS = {
    "a": ("FP64", [1.5, None]),
    "b": ("FP32", [0.1, 3e38]),
    "c": ("UINT64", [2**64 - 1, 0]),
    "d": ("BYTES", ["Łódź", None]),
    "e": ("BOOL", [True, False]),
    "f": ("FP64", [1, -3e38]),
}


def read(reader: TypedReader, *tensors: dict[str, Any], **fields: Any) -> Any:
    return reader(json.dumps({"inputs": tensors, **fields}).encode())


def matrix(*, nested: bool = False, missing: bool = False) -> TypedReader:
    one = spec("X", "FP64", 2, missing=missing)
    return TypedReader(FeedBuilder([one], "matrix"), Envelope, one, Limits(max_rows=3), nested=nested)


def columns(*, nested: bool = False) -> TypedReader:
    return TypedReader(FeedBuilder(MIXED, "columns"), Envelope, None, Limits(max_rows=3), nested=nested)


def given(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [2, 1], "datatype": datatype, "data": data} | changed.get(name, {})
        for name, (datatype, data) in COLUMNS.items()
    ]


@pytest.mark.parametrize(("nested", "data"), [(False, [1, 2, 3.5, 4]), (True, [[1, 2], [3.5, 4]])])
def test_a_matrix_is_read_at_once(nested: bool, data: list[Any]) -> None:
    tensor = {"name": "X", "shape": [2, 2], "datatype": "FP64", "data": data}
    envelope, feeds = read(matrix(nested=nested), tensor, id="1")
    np.testing.assert_array_equal(feeds["X"], [[1.0, 2.0], [3.5, 4.0]], strict=True)
    assert envelope.id == "1"
    assert read(matrix(nested=not nested), tensor) is None


def test_null_is_a_missing_value_where_there_may_be_one() -> None:
    tensor = {"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [None, 2]}
    np.testing.assert_array_equal(read(matrix(missing=True), tensor)[1]["X"], [[NAN, 2.0]], strict=True)
    assert read(matrix(), tensor) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("nested", [False, True])
def test_columns_become_a_matrix_for_each_datatype(nested: bool, order: int) -> None:
    tensors = given()[::order]
    if nested:
        tensors = [tensor | {"data": [[value] for value in tensor["data"]]} for tensor in tensors]
    _, feeds = read(columns(nested=nested), *tensors)
    expected = {
        "FP64": np.array([[1.5, 1.0], [NAN, -3e38]]),
        "FP32": np.array([[0.1], [3e38]], np.float32),
        "UINT64": np.array([[2**64 - 1], [0]], np.uint64),
        "BYTES": np.array([["Łódź"], [MISSING]], object),
        "BOOL": np.array([[True], [False]]),
    }
    assert list(feeds) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(feeds[name], array, strict=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Y"}, {"datatype": "FP32"}, {"shape": [1, 4]}, {"shape": [4]}, {"shape": [2]}, {"shape": [0, 2], "data": []},
        {"shape": [4, 2], "data": [0] * 8}, {"data": [1, 2, 3]}, {"data": [1, 2, 3, "4"]}, {"data": [1, 2, 3, True]},
        {"data": None}, {"parameters": {}}, {"surprise": 1}, {"shape": []}, {"shape": [-2, -2]}, {"shape": [2.0, 2]},
    ],
)  # fmt: skip
def test_a_matrix_that_needs_a_closer_look_is_left(changed: dict[str, Any]) -> None:
    tensor = {"name": "X", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
    assert read(matrix(), tensor) is not None
    assert read(matrix(), tensor | changed) is None


@pytest.mark.parametrize("key", ["name", "shape", "datatype", "data"])
def test_every_key_is_needed(key: str) -> None:
    tensor = {"name": "X", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
    assert read(matrix(), {name: value for name, value in tensor.items() if name != key}) is None
    tensors = given()
    del tensors[0][key]
    assert read(columns(), *tensors) is None


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a", {"data": [1, "x"]}), ("a", {"shape": [2]}), ("a", {"shape": [2, 2]}), ("a", {"data": [1]}), ("a", {"name": "b"}),
        ("b", {"data": [1, 3.5e38]}), ("b", {"data": [1, None]}), ("c", {"data": [1, 2**64]}), ("c", {"data": [1, -1]}),
        ("d", {"data": ["a", "b\0"]}), ("d", {"data": ["a", MISSING]}), ("e", {"data": [True, 1]}), ("f", {"data": [1, 3.5e38]}),
    ],
)  # fmt: skip
def test_columns_that_need_a_closer_look_are_left(name: str, changed: dict[str, Any]) -> None:
    assert read(columns(), *given(**{name: changed})) is None


def test_no_tensor_and_no_json_are_left() -> None:
    for reader in (matrix(), matrix(nested=True), columns(), columns(nested=True)):
        for body in (b"", b"{}", b'{"inputs": []}', b'{"inputs": [{}]}', b"\xff", b"[" * 10_000):
            assert reader(body) is None
    assert read(columns(), *given()[:-1]) is None
    assert read(columns(), *given(), given()[0]) is None


def test_models_that_are_fed_more_than_their_columns(
    iris_model: Model, passengers_model: Model, reviews_model: Model, records_model: Model, vector_model: Model
) -> None:
    models = (iris_model, passengers_model, vector_model, reviews_model, records_model)
    assert [is_typed(model.feeds) for model in models] == [True, True, True, False, False]
