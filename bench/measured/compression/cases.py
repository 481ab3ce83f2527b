"""``CASES``: fitted models as people have them, and the rows each part of the measurement gets."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from xgboost import XGBClassifier, XGBRegressor

from skerry.bench.measured.compression.data import Array, load
from skerry.export.signature import take

TRAINED, GIVEN = 0.3, 0.4
"""Shares of the rows: the teacher is fitted on the first, the search is given the second; the rest is for judging both."""
MOST_TRAINED, MOST_GIVEN = 8_000, 24_000
BOUNDS = ((20_000, 0.005), (3_000, 0.01), (1_000, 0.02), (0, 0.03))
"""From so many given rows on, so much may be lost: fewer rows cannot show less."""
TREES = 100
"""Of a forest: scikit-learn's default."""


@dataclass(frozen=True)
class Rows:
    """Rows and their truth."""

    X: Any
    y: Array

    def __len__(self) -> int:
        return len(self.y)

    def first(self, count: int) -> Rows:
        return Rows(take(self.X, slice(count)), self.y[:count])


@dataclass(frozen=True)
class Parts:
    """The rows of a data set: for the teacher, for the search, and for nobody but the measurement."""

    trained: Rows
    given: Rows
    unseen: Rows
    source: str


@dataclass(frozen=True)
class Case:
    """An unfitted model and the name of a data set; ``family`` is the goal it counts for."""

    family: str
    data: str
    model: Any

    @property
    def name(self) -> str:
        final = self.model.steps[-1][1] if isinstance(self.model, Pipeline) else self.model
        return f"{type(final).__name__}, {self.data}"

    def bound(self, given: int) -> float:
        """The loss that is asked for."""
        return next(bound for fewest, bound in BOUNDS if given >= fewest)

    def fitted(self, rows: Rows) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what scikit-learn says of networks that stop early
            return clone(self.model).fit(rows.X, rows.y)


def parts_of(name: str, *, trained: int = MOST_TRAINED, given: int = MOST_GIVEN, seed: int | None = None) -> Parts:
    """Split the data set ``name``; with a ``seed`` it is shuffled once more before. What ``trained`` and ``given`` leave
    over is unseen."""
    data = load(name)
    order = np.arange(len(data.y)) if seed is None else np.random.default_rng(seed).permutation(len(data.y))
    first = min(trained, int(len(order) * TRAINED))
    second = first + min(given, int(len(order) * GIVEN))
    X, y = take(data.X, order), data.y[order]
    fitted, searched, rest = (
        Rows(_numbered(take(X, part)), y[part]) for part in np.split(np.arange(len(y)), [first, second])
    )
    return Parts(fitted, searched, rest, data.source)


def _numbered(X: Any) -> Any:
    return X.reset_index(drop=True) if isinstance(X, pd.DataFrame) else X


# Models


def _numbers_and_names(names: Any, *numbers: Any) -> Any:
    return make_column_transformer(
        (make_pipeline(*numbers) if numbers else "passthrough", make_column_selector(dtype_include=float)),
        (names, make_column_selector(dtype_include=object)),
    )


def _one_hot(model: Any, *, scaled: bool = False) -> Any:
    """What most people put in front of a forest over a frame."""
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    scaler = [StandardScaler()] if scaled else []
    return make_pipeline(_numbers_and_names(names, SimpleImputer(strategy="median"), *scaler), model)


def _ordinal(model: Any) -> Any:
    """For boosting, which takes missing values itself."""
    return make_pipeline(
        _numbers_and_names(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), model
    )


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def _words(model: Any) -> Any:
    return make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), model)


FORESTS, BOOSTING, NETWORKS, KERNELS, NEIGHBOURS, TEXTS = (
    "forests", "boosting", "MLP", "SVC and SVR", "kNN", "TF-IDF and linear",
)  # fmt: skip

CASES = [
    Case(FORESTS, "flights, late", _one_hot(RandomForestClassifier(TREES, random_state=0))),
    Case(FORESTS, "diamonds", _one_hot(RandomForestRegressor(TREES, random_state=0))),
    Case(FORESTS, "movies", _one_hot(RandomForestRegressor(TREES, random_state=0))),
    Case(FORESTS, "crashes", _one_hot(RandomForestClassifier(TREES, random_state=0))),
    Case(FORESTS, "jobs", _one_hot(RandomForestClassifier(TREES, random_state=0))),
    Case(FORESTS, "digits", RandomForestClassifier(TREES, random_state=0)),
    Case(FORESTS, "waveform", RandomForestClassifier(TREES, random_state=0)),
    Case(FORESTS, "Friedman 1", RandomForestRegressor(TREES, random_state=0)),
    Case(FORESTS, "deliveries", _one_hot(ExtraTreesRegressor(TREES, random_state=0))),
    Case(FORESTS, "Hastie 10.2", ExtraTreesClassifier(TREES, random_state=0)),
    Case(FORESTS, "MNIST", ExtraTreesClassifier(TREES, random_state=0)),
    Case(FORESTS, "LED", ExtraTreesClassifier(TREES, random_state=0)),
    Case(BOOSTING, "churn", _one_hot(GradientBoostingClassifier(random_state=0))),
    Case(BOOSTING, "diamonds", _one_hot(GradientBoostingRegressor(random_state=0))),
    Case(BOOSTING, "Madelon", GradientBoostingClassifier(random_state=0)),
    Case(BOOSTING, "flights, late", _ordinal(HistGradientBoostingClassifier(random_state=0))),
    Case(BOOSTING, "hotel rates", _ordinal(HistGradientBoostingRegressor(random_state=0))),
    Case(BOOSTING, "waveform", HistGradientBoostingClassifier(random_state=0)),
    Case(BOOSTING, "churn, telephone", _ordinal(LGBMClassifier(random_state=0, n_jobs=1, verbosity=-1))),
    Case(BOOSTING, "deliveries", _ordinal(LGBMRegressor(random_state=0, n_jobs=1, verbosity=-1))),
    Case(BOOSTING, "flights, minutes", _ordinal(XGBRegressor(random_state=0, n_jobs=1))),
    Case(BOOSTING, "LED", XGBClassifier(random_state=0, n_jobs=1)),
    Case(NETWORKS, "MNIST", MLPClassifier((256,), early_stopping=True, random_state=0)),
    Case(NETWORKS, "waveform", _scaled(MLPClassifier((100, 100), early_stopping=True, random_state=0))),
    Case(
        NETWORKS,
        "Friedman 1",
        _scaled(MLPRegressor(hidden_layer_sizes=(100, 100), early_stopping=True, random_state=0)),
    ),
    Case(NETWORKS, "diamonds", _one_hot(MLPRegressor(hidden_layer_sizes=(100, 100), random_state=0), scaled=True)),
    Case(KERNELS, "digits", _scaled(SVC())),
    Case(KERNELS, "MNIST", SVC()),
    Case(KERNELS, "ringnorm", _scaled(SVC())),
    Case(KERNELS, "churn", _one_hot(SVC(), scaled=True)),
    Case(KERNELS, "Friedman 2", _scaled(SVR(C=1_000.0))),
    Case(NEIGHBOURS, "digits", KNeighborsClassifier()),
    Case(NEIGHBOURS, "MNIST", KNeighborsClassifier()),
    Case(NEIGHBOURS, "twonorm", _scaled(KNeighborsClassifier(15))),
    Case(NEIGHBOURS, "waveform", _scaled(KNeighborsClassifier(15))),
    Case(NEIGHBOURS, "Friedman 3", _scaled(KNeighborsRegressor())),
    Case(TEXTS, "reviews", _words(LogisticRegression(C=10.0, max_iter=500))),
    Case(TEXTS, "docstrings", _words(LinearSVC())),
]
"""Default settings, or what is usual; forests are grown to the end."""
