"""What the tests of export share: export an estimator, load it, and ask both the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from skerry.export import export
from skerry.export.oracle import REFUSALS, call
from skerry.export.signature import take
from skerry.runtime import Model, load

ALONE = 10
"""Rows that are also asked for one at a time."""


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Small models on many threads wait for each other, the more so where tests run side by side."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _measure_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a model takes is no concern of these tests."""
    monkeypatch.setattr("skerry.runtime.batching.cost.SECONDS", 0.0)


@pytest.fixture
def check_same(tmp_path: Path) -> Callable[..., Model]:
    """Export, load, and compare every method on ``X`` and on ``rows``: all at once, and one by one.

    What scikit-learn refuses must be refused; labels, dtypes and shapes must be equal, scores within
    ``tolerance``, relative above 1.
    """

    def compare(estimator: Any, X: Any, rows: Any = None, *, tolerance: float = 1e-12, **options: Any) -> Model:
        model = load(export(estimator, X, name="model", to=tmp_path, **options))
        for given in (X,) if rows is None else (X, rows):
            alone = np.linspace(0, len(given) - 1, min(ALONE, len(given))).astype(int)
            for index in (np.arange(len(given)), *(np.array([row]) for row in alone)):
                for method in model.manifest.methods:
                    _check(estimator, model, method, take(given, index), tolerance)
        return model

    return compare


@pytest.fixture
def beside() -> Callable[[Any], np.ndarray]:
    """Each value, and its two neighbours."""

    def neighbours(values: Any) -> np.ndarray:
        values = np.unique(np.asarray(values))
        return np.concatenate([values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf)])

    return neighbours


@pytest.fixture
def numbers() -> np.ndarray:
    """120 rows of 4 numbers on different scales."""
    return np.random.default_rng(0).normal(size=(120, 4)) * [1, 10, 1e-3, 1e3] + [0, 5, 0, -2e3]


@pytest.fixture
def table() -> pd.DataFrame:
    """120 rows: two numbers, one of them with gaps, a whole number, a boolean and two strings."""
    random = np.random.default_rng(1)
    age = random.normal(40, 10, 120)
    age[::9] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "pay": random.lognormal(3, 1, 120),
            "children": random.integers(0, 4, 120),
            "member": random.integers(0, 2, 120).astype(bool),
            "city": random.choice(["Oslo", "Kyōto", "", "São Paulo"], 120),
            "plan": random.choice(["a", "b"], 120),
        }
    )


@pytest.fixture
def labels(table: pd.DataFrame) -> np.ndarray:
    return np.where(table["pay"].to_numpy() + 5 * table["member"].to_numpy() > 22, "yes", "no")


def _check(estimator: Any, model: Model, method: str, rows: Any, tolerance: float) -> None:
    expected, got = _outcome(estimator, method, rows), _outcome(model, method, rows)
    if isinstance(expected, Exception) or isinstance(got, Exception):
        refusals = [isinstance(outcome, Exception) for outcome in (expected, got)]
        assert all(refusals), f"{method} of {rows!r}: {expected!r}, {got!r}"
        return
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
    else:
        wide = np.asarray(expected, np.float64)
        scale = np.maximum(1, np.abs(np.where(np.isfinite(wide), wide, 1)))
        np.testing.assert_allclose(np.asarray(got, np.float64) / scale, wide / scale, rtol=0, atol=tolerance)


def _outcome(target: Any, method: str, rows: Any) -> Any:
    try:
        return call(target, method, rows)
    except REFUSALS as refusal:
        return refusal
