"""The short way gives what the long way gives, or its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import FeedBuilder
from skerry.runtime.protocol.lane import Lane
from skerry.runtime.tensors import BEYOND_SINGLE, DTYPES, TensorSpec

BIG = np.nextafter(BEYOND_SINGLE, 0)
SAMPLES: dict[str, list[Any]] = {
    "FP64": [0.5, -0.0, 1e300, 5e-324, None],
    "FP32": [0.5, -0.0, 1e-46, BIG, None],
    "BYTES": ["a", "", "é", "\U0001f600", None],
    "BOOL": [True, False],
} | {
    name: [int(np.iinfo(dtype).min), 0, int(np.iinfo(dtype).max)] for name, dtype in DTYPES.items() if dtype.kind in "iu"
}  # fmt: skip


def columns(*datatypes: str, single: bool = False) -> FeedBuilder:
    specs = [
        TensorSpec(
            name=f"c{place}", datatype=name, shape=(-1, 1), missing=name in ("FP64", "FP32", "BYTES"), single=single
        )
        for place, name in enumerate(datatypes)
    ]
    return FeedBuilder(specs, "columns")


def assert_same(feeds: FeedBuilder, rows: list[tuple[Any, ...]]) -> None:
    found, expected = Lane(feeds)(rows), feeds.from_typed(rows)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize(
    "datatypes",
    [*((name,) for name in DTYPES), ("FP64",) * 3, tuple(DTYPES), tuple(DTYPES) * 2, ("BYTES", "FP64", "BYTES", "INT64")],
    ids=lambda datatypes: "-".join(datatypes)[:40],
)  # fmt: skip
def test_rows_of_every_datatype(datatypes: tuple[str, ...], count: int) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        rows = [tuple(SAMPLES[name][random.integers(len(SAMPLES[name]))] for name in datatypes) for _ in range(count)]
        assert_same(columns(*datatypes), rows)


@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_matrix(datatype: str, count: int) -> None:
    feeds = FeedBuilder([TensorSpec(name="X", datatype=datatype, shape=(-1, 2), missing=True)], "matrix")
    assert_same(feeds, [(1.5, -2.0)] * count)
    assert_same(feeds, [(1.5, None)] * count)


@pytest.mark.parametrize(
    ("datatype", "single", "wrong"),
    [
        ("FP32", False, BEYOND_SINGLE),
        ("FP64", True, BEYOND_SINGLE),
        ("FP64", True, -1e300),
        ("UINT64", False, 2**64),
        ("BYTES", False, "a\0"),
        ("BYTES", False, "\ud800"),
        ("BYTES", False, "\ufdd0"),
    ],
)
@pytest.mark.parametrize("others", [[], [None], [None, None]], ids=len)
def test_what_the_long_way_refuses(datatype: str, single: bool, wrong: Any, others: list[None]) -> None:
    good = SAMPLES[datatype][0]
    rows = [(good, None if datatype in ("FP64", "FP32", "BYTES") else good) for _ in others] + [(wrong, good)]
    with pytest.raises(InvalidInput, match=rf"^input 'c0' row {len(others)}: expected "):
        Lane(columns(datatype, datatype, single=single))(rows)
    with pytest.raises(InvalidInput, match=r"^expected at least one row, got none$"):
        Lane(columns(datatype))([])


@pytest.mark.parametrize("single", [False, True])
def test_numbers_within_the_range_of_float32_stay_float64(single: bool) -> None:
    feeds = columns("FP64", "FP64", single=single)
    for rows in ([(BIG, -BIG)], [(BIG, None)], [(1e200, 1.0)] if not single else [(1e38, 1e-320)]):
        assert_same(feeds, rows)
