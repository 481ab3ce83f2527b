"""``Split``: which rows the arrows learn from, which the search judges by, and which prove what it chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skerry.quantize.teacher import Array, Task
from skerry.runtime.errors import InvalidRows

SHARES = (0.5, 0.25, 0.25)
"""Of the rows: to learn, to judge, to prove."""
FEWEST = 100
"""Different rows that there must be: of fewer, no bound worth asking for can be shown on a quarter."""


@dataclass(frozen=True)
class Split:
    """Three sets of row numbers, each sorted; no row is in two, nor are rows that are equal."""

    learn: Array
    judge: Array
    prove: Array


def split(X: Any, y: Any, *, task: Task, seed: int = 0) -> Split:
    """Divide rows by chance, the same way for the same seed; in classification each class by itself.

    Rows with the same values go together, so that none is proved by what was learned by heart.

    Raises:
        InvalidRows: there are too few.
    """
    same = same_rows(X, len(y))
    first = np.unique(same, return_index=True)[1]
    if len(first) < FEWEST:
        told = f"{len(y):,}" if len(first) == len(y) else f"{len(first):,} among {len(y):,}"
        raise InvalidRows(
            f"expected at least {FEWEST} different rows, to learn from, to judge by and to prove the result on; got {told}"
        )
    random = np.random.default_rng([seed, len(y)])
    strata = _strata(np.asarray(y), task)[first]
    parts = np.searchsorted(np.cumsum(SHARES)[:-1], _ranks(strata, random), side="right")[same]
    return Split(*(np.flatnonzero(parts == part) for part in range(3)))


def same_rows(X: Any, rows: int) -> Array:
    """A number for each row, the same for rows of the same values: (rows,) from 0 on, by first appearance."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        X = pd.DataFrame(X.reshape(rows, -1))
    if isinstance(X, pd.DataFrame):
        return pd.factorize(pd.util.hash_pandas_object(X, index=False).to_numpy())[0]
    return pd.factorize(np.array([repr(row) for row in X], dtype=object))[0]


def _strata(y: Array, task: Task) -> Array:
    """The class of each row; of several targets the combination; in regression all are one."""
    if task == "regression":
        return np.zeros(len(y), int)
    if y.ndim > 1:
        return np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
    return np.unique(y, return_inverse=True)[1]


def _ranks(strata: Array, random: np.random.Generator) -> Array:
    """Places by chance within each stratum, from 0 to 1."""
    order = random.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    counts = np.bincount(strata)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    ranks = np.empty(len(strata))
    # A stratum of one row must not always go to the same part.
    shift = np.repeat(random.random(len(counts)), counts)
    ranks[order] = (np.arange(len(strata)) - starts + shift) / counts[np.sort(strata)]
    return ranks
