"""Records: DictVectorizer and FeatureHasher, alone and before a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.tree import DecisionTreeClassifier

from skerry.export import export
from skerry.runtime.errors import UnsupportedEstimator

Check = Callable[..., Any]

RECORDS: list[dict[str, Any]] = [
    {"city": ["Oslo", "Łódź", "日本", ""][i % 4], "age": i % 7 - 2.5, "ok": bool(i % 2), "n": i} for i in range(40)
]
Y = np.array([["low", "mid", "high"][i % 3] for i in range(40)])
LISTS = [record | {"tags": ["a", "b", "é"][: i % 4]} for i, record in enumerate(RECORDS)]
UGLY: list[dict[str, Any]] = [
    {},
    {"unseen": 1, "city": "unseen"},
    {"city": 3, "age": "Oslo", "ok": "True"},
    {"city=Oslo": 2, "city": "Oslo"},
    {"age": np.nan},
    {"age": np.inf},
    {"age": -0.0, "n": 10**300},
    {"age": {}},
    {"age": b"1"},
    {"": "", "=": 1},
    {"age": None},
    {"age": ["Oslo"]},
    {"city": ["Oslo", "Oslo", "日本"]},
    {"city": [1]},
]


@pytest.mark.parametrize(
    "settings",
    [{}, {"separator": "", "sparse": False}, {"separator": " : "}, {"sort": False}, {"dtype": np.float32}],
    ids=str,
)
def test_dicts_become_columns(settings: dict[str, Any], check_same: Check) -> None:
    vectorizer = DictVectorizer(**settings).fit(LISTS)
    check_same(vectorizer, LISTS, UGLY, tolerance=1e-6 if "dtype" in settings else 1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_features": 32},
        {"n_features": 1},
        {"n_features": 7, "alternate_sign": False},
        {"n_features": 2**12},
        {"n_features": 50, "dtype": np.float32},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["dict", "pair", "string"])
def test_names_become_columns_by_their_hash(form: str, settings: dict[str, Any], check_same: Check) -> None:
    given: Callable[[Any], Any] = {
        "dict": lambda record: record,
        "pair": lambda record: [*record.items(), *record.items()],
        "string": lambda record: [str(value) for value in record.values()],
    }[form]
    ugly = UGLY if form != "string" else [*UGLY[:4], {"a": "\U0001f600", "b": "x" * 300}]
    hasher = FeatureHasher(input_type=form, **settings)
    rows = [given(record) for record in RECORDS]
    check_same(hasher, rows[:8], [given(record) for record in ugly], tolerance=1e-6 if "dtype" in settings else 1e-12)


PIPELINES = {
    "dicts, linear": make_pipeline(DictVectorizer(), RidgeClassifier()),
    "dicts, scaled": make_pipeline(DictVectorizer(), MaxAbsScaler(), LogisticRegression()),
    "dicts, imputed": make_pipeline(DictVectorizer(sparse=False), SimpleImputer(), DecisionTreeClassifier(max_depth=4)),
    "a million hashes, linear": make_pipeline(FeatureHasher(), SGDClassifier(random_state=0)),
    "a few hashes, tree": make_pipeline(FeatureHasher(64), DecisionTreeClassifier(max_depth=4)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_takes_records(name: str, check_same: Check) -> None:
    check_same(PIPELINES[name].fit(RECORDS, Y), RECORDS, UGLY)


@pytest.mark.parametrize(
    ("estimator", "records", "reason"),
    [
        (FeatureHasher(), RECORDS, "transform would answer 1,048,576 numbers a row"),
        (FeatureHasher(8, dtype=np.int64), RECORDS, "dtype=int64"),
        (DictVectorizer(dtype=np.int64), RECORDS, "dtype=int64"),
        (DictVectorizer(), [{1: 2.0}, {2: 1.0}], "names that are not strings"),
    ],
    ids=["too wide", "integers by hash", "integers", "numbers as names"],
)
def test_what_cannot_be_exact_is_refused(estimator: Any, records: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedEstimator, match=reason):
        export(estimator.fit(records), records, name="model", to=tmp_path)
