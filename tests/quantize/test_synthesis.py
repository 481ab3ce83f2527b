"""Synthesised rows are such as the user's could have been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.quantize.synthesis import synthesise


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=400),
            "count": random.integers(0, 9, 400).astype(np.int32),
            "whole": random.integers(0, 9, 400).astype(np.float32),
            "maybe": pd.array(random.integers(0, 3, 400), dtype="Int64"),
            "flag": random.random(400) < 0.2,
            "kind": pd.Categorical(random.choice(list("abc"), 400), categories=list("cabx")),
            "city": random.choice(["Oslo", "Łódź"], 400),
            "same": np.full(400, 7.5),
        },
        index=np.arange(400) * 3,
    )
    frame.loc[::4, "size"] = np.nan
    frame.loc[::5, "maybe"] = pd.NA
    frame.loc[::10, "city"] = None
    return frame


def made(X: Any, count: int = 3000, seed: int = 0) -> Any:
    return synthesise(X, count, np.random.default_rng(seed))


def test_a_frame_keeps_its_columns_and_dtypes(frame: pd.DataFrame) -> None:
    rows = made(frame)
    pd.testing.assert_series_equal(rows.dtypes, frame.dtypes)
    assert list(rows.index) == list(range(3000))


def test_values_stay_within_what_was_seen(frame: pd.DataFrame) -> None:
    rows = made(frame)
    for name in ("size", "count", "whole", "maybe", "same"):
        assert (rows[name].min(), rows[name].max()) >= (frame[name].min(), frame[name].min())
        assert rows[name].max() <= frame[name].max()
    for name in ("kind", "city", "flag"):
        assert set(rows[name].dropna()) == set(frame[name].dropna())
    assert (rows["same"] == 7.5).all()


def test_whole_numbers_stay_whole(frame: pd.DataFrame) -> None:
    rows = made(frame)
    np.testing.assert_array_equal(rows["whole"] % 1, 0)
    assert len(set(rows["size"].dropna()) - set(frame["size"])) > 500


def test_values_are_missing_about_as_often(frame: pd.DataFrame) -> None:
    np.testing.assert_allclose(made(frame, 20_000).isna().mean(), frame.isna().mean(), atol=0.05)


def test_the_same_seed_makes_the_same_rows(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(made(frame, seed=5), made(frame, seed=5))
    assert not made(frame, seed=5).equals(made(frame, seed=6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
def test_arrays_keep_their_dtype(dtype: Any) -> None:
    X = np.random.default_rng(1).integers(0, 2, size=(50, 3)).astype(dtype)
    rows = made(X, 200)
    assert (rows.shape, rows.dtype) == ((200, 3), np.dtype(dtype))
    assert set(np.unique(rows)) == {dtype(0), dtype(1)}


def test_rows_are_near_those_they_are_made_of() -> None:
    """Two clusters: no row lies between them."""
    random = np.random.default_rng(2)
    X = np.concatenate([random.normal(0, 1, (200, 2)), random.normal(100, 1, (200, 2))])
    rows = made(X)
    assert (np.abs(rows - rows.mean(axis=1, keepdims=True)) < 10).all()
    np.testing.assert_allclose((rows > 50).all(axis=1).mean(), 0.5, atol=0.05)


def test_numbers_beyond_all_bounds_do_no_harm() -> None:
    X = np.array([[np.inf, 1e308], [-np.inf, -1e308], [np.nan, 0.0], [3.0, 5e-324]])
    rows = made(X, 500)
    assert np.isfinite(rows[:, 1]).all()
    assert {np.inf, -np.inf, 3.0} <= set(rows[:, 0][~np.isnan(rows[:, 0])])


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_texts_are_spliced(kind: Any) -> None:
    texts = kind(["good film indeed", "bad story", "", "Łódź"])
    rows = made(texts, 300)
    assert type(rows) is type(texts)
    assert {word for text in rows for word in text.split()} <= {"good", "film", "indeed", "bad", "story", "Łódź"}
    assert "good story" in set(rows)


def test_of_one_row_and_of_records_there_are_none() -> None:
    assert made(np.ones((1, 3))).shape == (0, 3)
    assert made([{"a": 1}, {"b": 2}, {"c": 3}]) == []
    assert len(made(np.ones((2, 3)))) == 3000
