"""``synthesise``: rows like the user's, between each and its neighbours, for a teacher to answer.

After MUNGE (Buciluă, Caruana and Niculescu-Mizil, Model Compression, KDD 2006): each row is mixed column by column with
one near it. Numbers are drawn between the two, so they stay within what was seen; categories, and what is missing, are
taken from either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from skerry.export.signature import take
from skerry.quantize.teacher import Array
from skerry.runtime.feeds import is_missing

NEAR = 8
"""Neighbours that a row is mixed with."""
POOL = 4096
"""Rows among which neighbours are looked for, drawn from all: the search takes the square of it."""
FAR = 5.0
"""Deviations from the mean beyond which numbers are all as far."""
WIDTH = 4
"""Numbers that place a category: random ones, so that any two are about as far apart."""


def synthesise(X: Any, count: int, rng: np.random.Generator) -> Any:
    """``count`` rows of the form of ``X``: a frame with its dtypes, an array of its dtype, or a list of texts.

    Whole numbers stay whole, categories are of those seen together, values are missing about as often. Of fewer than
    two rows, and of records, there are none: an empty selection of ``X``.
    """
    if len(X) < 2 or not _is_mixable(X):
        return take(X, slice(0, 0))
    if not isinstance(X, pd.DataFrame | np.ndarray) or (X.ndim == 1 and X.dtype.kind in "OU"):
        return _spliced(X, count, rng)
    pool = take(X, rng.permutation(len(X))[:POOL])
    first = rng.integers(len(pool), size=count)
    second = _neighbours(pool, rng)[first, rng.integers(min(NEAR, len(pool) - 1), size=count)]
    columns = [_mixed(column, first, second, rng) for column in _columns(pool)]
    return _assembled(columns, pool)


def _is_mixable(X: Any) -> bool:
    return isinstance(X, pd.DataFrame | np.ndarray) or all(isinstance(row, str) for row in X)


def _columns(X: Any) -> list[Any]:
    """The columns of a frame as series, of an array as arrays."""
    if isinstance(X, pd.DataFrame):
        return [X.iloc[:, index] for index in range(X.shape[1])]
    return list(X.T) if X.ndim == 2 else [X]


def _assembled(columns: list[Any], X: Any) -> Any:
    if isinstance(X, pd.DataFrame):
        return pd.concat([column.reset_index(drop=True) for column in columns], axis=1)
    return np.stack(columns, axis=1) if X.ndim == 2 else columns[0]


def _mixed(column: Any, first: Array, second: Array, rng: np.random.Generator) -> Any:
    """One column of the rows between ``first`` and ``second``: half of the values are the first row's."""
    either = rng.random(len(first)) < 0.5
    if column.dtype.kind not in "iuf" or not isinstance(column.dtype, np.dtype):
        return take_values(column, np.where(either, first, second))
    values = np.asarray(column, float)
    share = np.where(either, 0.0, rng.random(len(first)))
    with np.errstate(invalid="ignore", over="ignore"):
        between = values[first] + share * (values[second] - values[first])
    if _are_whole(values):
        between = np.rint(between)
    mixed = np.where(np.isfinite(between), between, values[np.where(either, first, second)]).astype(column.dtype)
    return pd.Series(mixed, name=column.name) if isinstance(column, pd.Series) else mixed


def take_values(column: Any, index: Array) -> Any:
    return column.iloc[index] if isinstance(column, pd.Series) else column[index]


def _are_whole(values: Array) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == np.rint(finite)).all())


def _neighbours(X: Any, rng: np.random.Generator) -> Array:
    """For each row the numbers of those nearest to it, itself left out: (rows, neighbours)."""
    places = np.column_stack([_places(column, rng) for column in _columns(X)])
    found = NearestNeighbors(n_neighbors=min(NEAR, len(X) - 1), algorithm="brute").fit(places)
    return np.asarray(found.kneighbors(return_distance=False))


def _places(column: Any, rng: np.random.Generator) -> Array:
    """Where the values of a column are, for distances: numbers in deviations from their mean, where also those are that
    are missing; each category somewhere at random."""
    if column.dtype.kind in "iufb" and isinstance(column.dtype, np.dtype):
        values = np.asarray(column, float)
        finite = np.isfinite(values)
        with np.errstate(all="ignore"):
            deviations = (values - values[finite].mean()) / values[finite].std() if finite.any() else values
        return np.clip(np.nan_to_num(deviations), -FAR, FAR)[:, None]
    codes, categories = pd.factorize(pd.Series(column).astype(object), use_na_sentinel=True)
    return rng.normal(0, 1 / np.sqrt(2 * WIDTH), size=(len(categories) + 1, WIDTH))[codes]


def _spliced(texts: Any, count: int, rng: np.random.Generator) -> Any:
    """The first words of one text and the last words of another."""
    words = [[] if is_missing(text) else str(text).split() for text in texts]
    first, second = rng.integers(len(words), size=(2, count))
    cuts = rng.random((2, count))
    spliced = [
        " ".join(words[a][: round(start * len(words[a]))] + words[b][round(end * len(words[b])) :])
        for a, b, start, end in zip(first, second, *cuts, strict=True)
    ]
    if isinstance(texts, pd.Series):
        return pd.Series(spliced, dtype=texts.dtype, name=texts.name)
    if isinstance(texts, np.ndarray):
        dtype = None if texts.dtype.kind == "U" else texts.dtype
        return np.asarray(spliced, dtype)
    return spliced
