"""Rows of names and values are filled up to the longest."""

from __future__ import annotations

import numpy as np
import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.extraction import Extraction
from skerry.runtime.manifest import Hashing, RecordExtractor
from skerry.runtime.tensors import MISSING


def extraction(hashing: Hashing | None = None) -> Extraction:
    return Extraction(
        RecordExtractor(
            input="X", keys="k", values="v", hashing=hashing, width=0, form="dict", separator="=", lists=True
        )
    )


def test_names_are_filled_up_with_no_name() -> None:
    feeds = extraction()([{"a": 2}, {}, {"b": "c", "d": -1.5}])
    expected = np.array([["a", MISSING], [MISSING, MISSING], ["b=c", "d"]], object)
    np.testing.assert_array_equal(feeds["k"], expected, strict=True)
    np.testing.assert_array_equal(feeds["v"], np.array([[2.0, 0.0], [0.0, 0.0], [1.0, -1.5]]), strict=True)


def test_columns_are_filled_up_with_one_beyond_the_last() -> None:
    feeds = extraction(Hashing(n_features=5, alternate_sign=False))([{}, {"a": 2, "b": 3}])
    assert feeds["k"].dtype == np.int64
    assert feeds["k"][0].tolist() == [5] * feeds["k"].shape[1]
    assert feeds["v"].sum(axis=1).tolist() == [0.0, 5.0]


def test_rows_without_any_name_still_have_a_column() -> None:
    assert extraction()([{}])["k"].tolist() == [[MISSING]]


def test_the_row_that_is_wrong_is_named() -> None:
    with pytest.raises(InvalidInput, match="input 'X' row 1: expected a number or a string"):
        extraction()([{}, {"a": {}}])
