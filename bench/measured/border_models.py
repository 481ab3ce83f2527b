"""Two models at the border of which requests are tried: one of an array, one of named columns of every datatype."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.bench.measured.people import people, targets
from skerry.export import export

NUMBERS, PEOPLE = "numbers", "people"
MATRIX = "X"
DATATYPES = {"age": "FP64", "height in cm": "FP64", "children": "INT64", "member": "BOOL", "city": "BYTES"}
"""The columns of ``PEOPLE``."""
OPTIONAL = ("age", "city")
"""Those of which a value may be missing."""
WIDTH = 4
"""Columns of ``NUMBERS``, FP64, none of which may be missing."""

Row = Any
"""Of ``NUMBERS`` a list of floats, of ``PEOPLE`` an object; a missing value is None."""


@dataclass(frozen=True)
class BorderModel:
    """A fitted estimator, and rows that it takes."""

    estimator: Any
    rows: Sequence[Row]

    def answers(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """What scikit-learn says of ``rows``. Raises ``ValueError`` where it refuses them."""
        table = as_table(rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numbers that overflow are asked about, too
            return {method: getattr(self.estimator, method)(table).tolist() for method in ("predict", "predict_proba")}


def as_table(rows: Sequence[Row]) -> Any:
    """Rows as scikit-learn takes them."""
    if not isinstance(rows[0], Mapping):
        return np.array(rows, np.float64).reshape(-1, WIDTH)
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in DATATYPES})
    return frame.astype({"age": float, "height in cm": float, "children": "int64", "member": bool, "city": object})


def make_models(repository: Path) -> dict[str, BorderModel]:
    """Fit both, and export them to ``repository``."""
    X, y = load_iris(return_X_y=True)
    numbers = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    export(numbers, X, y, name=NUMBERS, to=repository)
    frame = people(400, seed=0)
    columns, target = _columns(frame), targets(frame)["grade"]
    estimator = make_pipeline(_transformer(), LogisticRegression(max_iter=500)).fit(columns, target)
    export(estimator, columns, target, name=PEOPLE, to=repository)
    fresh = _columns(people(60, seed=1)).astype(object)
    records = fresh.where(fresh.notna(), None).to_dict("records")
    return {NUMBERS: BorderModel(numbers, X[::3].tolist()), PEOPLE: BorderModel(estimator, records)}


def _columns(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(DATATYPES)].fillna({"city": "Oslo"})


def _transformer() -> Any:
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        (StandardScaler(), ["height in cm"]),
        ("passthrough", ["children", "member"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
