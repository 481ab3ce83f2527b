"""Rows in the form that an artifact's model takes, in whatever form they come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skerry.export import export
from skerry.quantize.model_teacher import rows_for
from skerry.runtime import Model, load
from skerry.runtime.errors import InvalidRows


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.normal(size=80),
            "rooms": random.integers(0, 5, 80),
            "city": random.choice(np.array(["Oslo", "Bergen", None], object), 80),
            "old": random.random(80) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def named(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Model:
    encoder = ColumnTransformer([("city", OneHotEncoder(), ["city"])], remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(frame, np.arange(80) % 2)
    return load(export(model, frame, name="named", to=tmp_path_factory.mktemp("named")))


@pytest.fixture(scope="module", params=[np.float64, np.float32])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(request.param)
    return load(export(LinearRegression().fit(X, X[:, 0]), X, name="plain", to=tmp_path_factory.mktemp("plain")))


def _forms(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "the frame": frame,
        "columns in another order, and one more": frame.assign(more=1)[["old", "more", "city", "rooms", "age"]],
        "records": frame.to_dict("records"),
        "rows": frame.to_numpy().tolist(),
        "strings of pandas": frame.astype({"city": "string", "age": "Float64"}),
    }


@pytest.mark.parametrize(
    "form", ["the frame", "columns in another order, and one more", "records", "rows", "strings of pandas"]
)
def test_a_frame_is_that_of_the_export(form: str, frame: pd.DataFrame, named: Model) -> None:
    pd.testing.assert_frame_equal(rows_for(named, _forms(frame)[form]), frame)


def test_whole_numbers_become_what_the_model_takes(plain: Model) -> None:
    dtype = plain.manifest.inputs[0].datatype
    for rows in ([[1, 2, 3], [4, 5, 6]], np.array([[1, 2, 3], [4, 5, 6]]), pd.DataFrame([[1, 2, 3], [4, 5, 6]])):
        found = rows_for(plain, rows)
        assert (found.tolist(), found.dtype) == (
            [[1, 2, 3], [4, 5, 6]],
            {"FP64": np.float64, "FP32": np.float32}[dtype],
        )


def test_rows_that_the_model_does_not_take_are_refused(plain: Model, named: Model, frame: pd.DataFrame) -> None:
    with pytest.raises(InvalidRows, match="expected 3 values a row, got 2"):
        rows_for(plain, [[1, 2]])
    with pytest.raises(InvalidRows, match="input 'city': missing"):
        rows_for(named, frame.drop(columns="city"))
