"""Whether a column may be missing or infinite is what scikit-learn itself says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skerry.export.admission import Admission, admit, probe
from skerry.export.graph import Graph
from skerry.export.oracle import methods_of
from skerry.export.signature import read_signature, take

N = np.random.default_rng(0).normal(size=(40, 2))


@pytest.mark.parametrize(
    ("estimator", "missing", "infinite"),
    [
        (LinearRegression(), [False, False], [False, False]),
        (StandardScaler(), [True, True], [False, False]),
        (DecisionTreeRegressor(max_depth=2), [True, True], [False, False]),
        (HistGradientBoostingRegressor(max_iter=2), [True, True], [True, True]),
        (make_column_transformer((SimpleImputer(), [1]), remainder="passthrough"), [True, True], [True, False]),
        (
            make_pipeline(make_column_transformer((SimpleImputer(), [1]), remainder="passthrough"), LinearRegression()),
            [False, True],
            [False, False],
        ),
        (make_column_transformer((SimpleImputer(), [1])), [True, True], [True, False]),
    ],
    ids=str,
)
def test_each_column_of_an_array(estimator: Any, missing: list[bool], infinite: list[bool]) -> None:
    estimator.fit(N, N[:, 0])
    signature, rows = read_signature(estimator, N)
    found = probe(estimator, signature, take(rows, slice(1)), methods_of(estimator, take(rows, slice(1))))
    assert (found.missing.tolist(), found.infinite.tolist()) == (missing, infinite)


def test_each_column_of_a_frame() -> None:
    frame = pd.DataFrame(
        {
            "a": N[:, 0],
            "b": N[:, 1],
            "whole": np.arange(40),
            "city": ["x", "y"] * 20,
            "plan": ["p", None] * 20,
            "flag": N[:, 0] > 0,
        }
    )
    estimator = make_column_transformer(
        (SimpleImputer(), ["a"]),
        (make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=2)).fit(N, N[:, 0])[0], ["b", "whole"]),
        (OneHotEncoder(), ["city", "plan"]),
        remainder="passthrough",
    ).fit(frame)
    signature, rows = read_signature(estimator, frame)
    found = probe(estimator, signature, take(rows, slice(1)), ("transform",))
    assert dict(zip(frame.columns, found.missing.tolist(), strict=True)) == {
        "a": True,
        "b": True,
        "whole": False,
        "city": False,
        "plan": True,
        "flag": False,
    }
    assert not found.infinite.any()
    inputs = admit(signature, found, signature.features(Graph()), Graph())
    assert [spec.missing for spec in inputs] == found.missing.tolist()


def test_texts_are_never_missing() -> None:
    class Lengths:
        def transform(self, rows: Any) -> Any:
            return np.array([[len(row or "")] for row in rows])

    signature, rows = read_signature(Lengths(), ["a", "b"])
    assert not probe(Lengths(), signature, rows[:1], ("transform",)).missing.any()


@pytest.mark.parametrize(
    ("missing", "infinite", "guards"),
    [
        ([True, True], [False, False], []),
        ([False, False], [True, True], []),
        ([True, False], [False, False], [("X column 1",)]),
        ([True, False], [False, True], [("X column 1",), ("X column 0",)]),
    ],
)
def test_columns_of_one_array_that_differ_are_guarded(
    missing: list[bool], infinite: list[bool], guards: list[tuple[str, ...]]
) -> None:
    signature, _ = read_signature(object(), N)
    graph = Graph()
    (spec,) = admit(signature, Admission(np.array(missing), np.array(infinite)), signature.features(graph), graph)
    assert (spec.missing, spec.infinite) == (any(missing), any(infinite))
    assert [guard.columns for guard in graph.guards] == guards
