"""Constants in every form must be, once the model is loaded, what they were; and no node may be left of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from skerry.quantize.graphs.forms import Stored, cast, exact_forms, half, levels, listed, sparse
from skerry.runtime.session import Session

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)

MOSTLY_ZERO = np.where(RANDOM.random((70, 90)) < 0.02, RANDOM.normal(size=(70, 90)), 0.0)
FAR_APART = np.zeros(5_000)
FAR_APART[[0, 255, 511, 766, 4_999]] = [1.5, -2.0, 0.1, np.nan, np.inf]

CONSTANTS: dict[str, Array] = {
    "float64": RANDOM.normal(size=(30, 40)),
    "float32": RANDOM.normal(size=(30, 40)).astype(np.float32),
    "whole numbers": RANDOM.integers(-100, 100, (30, 40)).astype(float),
    "halves": RANDOM.integers(-(2**9), 2**9, (30, 40)) / 4,
    "singles in float64": RANDOM.normal(size=(30, 40)).astype(np.float32).astype(float),
    "few distinct": RANDOM.normal(size=7)[RANDOM.integers(0, 7, (30, 40))],
    "many distinct": RANDOM.normal(size=400)[RANDOM.integers(0, 400, (50, 40))],
    "mostly zero": MOSTLY_ZERO,
    "mostly zero, float32": MOSTLY_ZERO.astype(np.float32),
    "zeros far apart": FAR_APART,
    "all zero": np.zeros((40, 50)),
    "negative zero": np.where(RANDOM.random(600) < 0.5, -0.0, 1.0),
    "not finite": np.resize([np.nan, np.inf, -np.inf, 1.0, -0.0], 600),
    "beyond every other": np.resize([1e300, -1e-300, 5e-324], 600),
    "int64": RANDOM.integers(0, 2**40, 500),
    "small int64": RANDOM.integers(0, 300, 500),
    "negative int64": RANDOM.integers(-300, 300, 500),
    "int32": RANDOM.integers(-(2**15), 2**15, 500).astype(np.int32),
}


@pytest.fixture
def loaded(constant_model: Callable[..., bytes]) -> Callable[[Stored, Array], Array]:
    """What a stored constant is in a session."""

    def load(stored: Stored, like: Array) -> Array:
        content = constant_model(stored.tensors, stored.nodes, "c", like.dtype)
        return Session(content).run({"x": np.zeros(1, np.float32)}, ["y"])[0]

    return load


@pytest.mark.parametrize("name", CONSTANTS)
def test_an_exact_form_gives_back_every_bit(name: str, loaded: Callable[[Stored, Array], Array]) -> None:
    array = CONSTANTS[name]
    for stored in exact_forms(array, "c"):
        got = loaded(stored, array)
        assert (got.dtype, got.shape, got.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize(
    ("name", "bytes_each"),
    [("whole numbers", 1), ("halves", 2), ("singles in float64", 4), ("few distinct", 1), ("small int64", 2)],
)
def test_a_constant_takes_no_more_bytes_than_its_numbers_need(name: str, bytes_each: float) -> None:
    array = CONSTANTS[name]
    assert min(stored.size for stored in exact_forms(array, "c")) < array.size * bytes_each + 300


def test_zeros_take_no_room() -> None:
    count = np.count_nonzero(MOSTLY_ZERO)
    assert sparse(MOSTLY_ZERO, "c").size < 9 * count + 600


def test_no_form_is_offered_that_cannot_hold_the_numbers() -> None:
    assert list(cast(CONSTANTS["float64"], "c")) == []
    assert list(listed(CONSTANTS["float64"], "c")) == []
    assert len(list(cast(CONSTANTS["negative zero"], "c"))) == 1  # float16 knows it, whole numbers do not


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e4, 1e9])
def test_float16_loses_at_most_its_own_digits_at_any_scale(
    scale: float, dtype: type, loaded: Callable[[Stored, Array], Array]
) -> None:
    array: Array = (RANDOM.normal(size=(40, 50)) * scale).astype(dtype)
    for stored in half(array, "c"):
        assert np.abs(loaded(stored, array) - array).max() <= np.abs(array).max() * 2.0**-11


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [0, 1])
def test_levels_are_within_half_a_step_of_their_row_or_column(
    columns: int, dtype: type, loaded: Callable[[Stored, Array], Array]
) -> None:
    array: Array = RANDOM.normal(size=(40, 50)).astype(dtype)
    array *= np.logspace(-3, 3, array.shape[columns]).reshape((-1, 1) if columns == 0 else (1, -1)).astype(dtype)
    got = loaded(levels(array, "c"), array)
    axis = 1 - columns
    step = (array.max(axis, keepdims=True) - array.min(axis, keepdims=True)) / 255
    assert (np.abs(got - array) <= step * 1.01).all()
    assert np.abs(got - array).mean() < 0.3 * step.mean()


def test_levels_keep_zeros_and_constant_columns(loaded: Callable[[Stored, Array], Array]) -> None:
    array = np.where(RANDOM.random((40, 50)) < 0.5, 0, RANDOM.normal(size=(40, 50)) + 3)
    array[:, 7] = 0
    got = loaded(levels(array, "c"), array)
    assert (got[array == 0] == 0).all()


@pytest.mark.parametrize("name", ["whole numbers", "few distinct", "mostly zero"])
def test_a_session_does_not_see_how_a_constant_lay_in_the_file(name: str, constant_model: Callable[..., bytes]) -> None:
    array = CONSTANTS[name]
    written = [numpy_helper.from_array(array, "c")]
    plain = Session(constant_model(written, (), "c", array.dtype))
    for stored in (*exact_forms(array, "c"), *half(array, "c"), levels(array, "c")):
        session = Session(constant_model(stored.tensors, stored.nodes, "c", array.dtype))
        assert session.placement.nodes == plain.placement.nodes
