"""Pipelines on frames of mixed columns are exact, or refused with a reason: some of those that the benchmark has."""

from __future__ import annotations

import pytest

from skerry.bench.measured.pipeline_cases import all_cases
from skerry.bench.measured.pipelines import Result, markdown, measure

CASES = all_cases()
EXACT = [
    "most frequent words together",
    "hashed words beside numbers",
    "records",
    "best columns by information",
    "normal quantiles of the target",
    "clusters of scaled rows",
    "LightGBM of a frame with categories",
    "XGBoost of a frame with categories",
    "CatBoost of category columns",
]


@pytest.fixture(autouse=True)
def _measure_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a model takes is no concern of these tests."""
    monkeypatch.setattr("skerry.runtime.batching.cost.SECONDS", 0.0)


@pytest.mark.parametrize("name", EXACT)
def test_a_pipeline_is_exact(name: str) -> None:
    result = measure(name, CASES[name])
    assert (result.status, result.reason) == ("exact", "")
    assert result.max_error < (1e-6 if "XGBoost" in name else 1e-12)


def test_what_cannot_be_converted_is_refused_with_a_reason() -> None:
    result = measure("own", CASES["a function of one's own"])
    assert result.status == "refused"
    assert "func=<function" in result.reason


def test_the_table_has_a_line_for_each_pipeline() -> None:
    results = [
        Result("exact", max_error=2e-16, name="a", pipeline="A()", rows=9, refused=1, seconds=1.0),
        Result("refused", "why", name="b", pipeline="B()", seconds=1.0),
    ]
    assert markdown(results).splitlines()[2:] == [
        "| a | exact | 2e-16 | 9, 1, 0 |",
        "| b | refused: why | 0e+00 | 0, 0, 0 |",
    ]
