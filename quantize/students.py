"""``STUDENTS``: the families of small models that learn from a teacher, each with settings from large to small."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone, is_regressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_array, has_fit_parameter

from skerry.quantize.clipped import ClippedRegressor
from skerry.quantize.lesson import Lesson, rows_of
from skerry.quantize.scored import ScoredClassifier
from skerry.quantize.student_inputs import Wanted
from skerry.quantize.teacher import Array
from skerry.runtime.errors import UnsupportedEstimator

Settings = Mapping[str, Any]
UPDATES = 3000
"""Steps of Adam that a perceptron learns by, about."""
BATCH = 128
DRAWS = 8
"""Labels drawn for a row where several targets are told at once."""


@dataclass(frozen=True)
class Student:
    """A family. ``fit(lesson, settings, rng)`` gives a fitted estimator; ``settings`` go from large to small.

    ``wanted`` says which rows it learns from, ``extra`` how many are synthesised for each of the user's, ``least`` at least; ``default`` is
    the place of the settings for somebody who asks for none.
    """

    fit: Callable[[Lesson, Settings, np.random.Generator], Any]
    settings: Sequence[Settings]
    wanted: Wanted
    extra: int
    least: int = 2000
    default: int = 0
    takes_sparse: bool = True
    is_linear: bool = False
    several: bool = False
    """Also classes of several targets at once."""
    knows_categories: bool = False
    decides: bool = True
    """Has ``decision_function``, of a classifier."""
    size: Callable[[Settings, int, int], int] = lambda settings, columns, targets: 0
    """Settings, columns of a row and targets → how many parameters it will have: of trees, where they grow as they may."""
    widest: float = float("inf")
    """Columns times targets up to which a search tries it: of more it learns for minutes."""


def boosting(lesson: Lesson, settings: Settings, rng: np.random.Generator) -> Any:
    """Boosted trees that keep categories as such: of a classifier by cross-entropy against its probabilities."""
    shared = {"early_stopping": False, "random_state": _seed(rng), **settings}
    if lesson.values is None:
        index, labels, weights = lesson.weighted_labels()
        classifier = HistGradientBoostingClassifier(**shared)
        return classifier.fit(rows_of(lesson.rows, index), labels, sample_weight=weights)
    regressor: Any = HistGradientBoostingRegressor(**shared)
    if lesson.values.shape[1] > 1:
        return MultiOutputRegressor(regressor).fit(lesson.rows, lesson.values)
    return _answering(regressor.fit(lesson.rows, _column(lesson.values)), lesson)


def forest(lesson: Lesson, settings: Settings, rng: np.random.Generator) -> Any:
    """A forest of small trees; of several classified targets on labels drawn by their probabilities."""
    shared = {"random_state": _seed(rng), "max_features": 0.5, **settings}
    if lesson.values is not None:
        return _answering(RandomForestRegressor(**shared).fit(lesson.rows, _column(lesson.values)), lesson)
    if isinstance(lesson.shares, tuple):
        index, labels = lesson.drawn_labels(DRAWS, rng)
        return RandomForestClassifier(**shared).fit(rows_of(lesson.rows, index), labels)
    index, labels, weights = lesson.weighted_labels()
    return RandomForestClassifier(**shared).fit(rows_of(lesson.rows, index), labels, sample_weight=weights)


def perceptron(lesson: Lesson, settings: Settings, rng: np.random.Generator) -> Any:
    """A perceptron on log-odds or values (J. Ba and R. Caruana, Do deep nets really need to be deep?, NIPS 2014)."""
    X, targets = _scaled(_numbers(lesson.rows)), _scaled(lesson.targets)
    epochs = int(np.clip(UPDATES * BATCH // len(X.values), 20, 400))
    network = MLPRegressor(
        batch_size=min(BATCH, len(X.values)),
        learning_rate_init=4e-3,
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=_seed(rng),
        warm_start=True,
        **settings,
    )
    values = _column(targets.values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X.values, values)
        network.set_params(learning_rate_init=5e-4, max_iter=max(epochs // 3, 1)).fit(X.values, values)
    _fold(network, X, targets)
    return _answering(_bounded(_named(network, lesson.rows), lesson), lesson)


def linear(lesson: Lesson, settings: Settings, rng: np.random.Generator) -> Any:
    """Logistic regression by cross-entropy against the teacher's probabilities, or ridge regression on its values."""
    X = None if sparse.issparse(lesson.rows) else _scaled(_numbers(lesson.rows))
    rows = lesson.rows if X is None else X.values
    if lesson.values is not None:
        model: Any = Ridge(alpha=1 / settings["C"]).fit(rows, _column(lesson.values))
    else:
        index, labels, weights = lesson.weighted_labels()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(max_iter=300, **settings).fit(rows[index], labels, sample_weight=weights)
    if X is not None:
        model.coef_ = model.coef_ / X.scale
        model.intercept_ = model.intercept_ - model.coef_ @ X.mean
    named = _named(model, lesson.rows)
    return named if lesson.values is None else _answering(_bounded(named, lesson), lesson)


def student_of(estimator: Any) -> Student:
    """A family of one: this estimator of scikit-learn, fitted anew."""
    boosted = isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor)
    fit = partial(_taught, estimator)
    return Student(fit, [{}], wanted="trees" if boosted else "numbers", extra=1, is_linear=True, several=True)


def _taught(estimator: Any, lesson: Lesson, settings: Settings, rng: np.random.Generator) -> Any:
    """A regressor learns values or log-odds, a classifier labels: with weights where it takes them, else the likeliest."""
    student = clone(estimator)
    if is_regressor(student):
        return _answering(student.fit(lesson.rows, _column(lesson.targets)), lesson)
    if lesson.values is not None:
        raise UnsupportedEstimator(f"student: expected a regressor for a regressor, got {type(student).__name__}")
    if isinstance(lesson.shares, tuple):
        index, labels = lesson.drawn_labels(DRAWS, rng)
        return student.fit(rows_of(lesson.rows, index), labels)
    if has_fit_parameter(student, "sample_weight"):
        index, labels, weights = lesson.weighted_labels()
        return student.fit(rows_of(lesson.rows, index), labels, sample_weight=weights)
    return student.fit(lesson.rows, np.asarray(lesson.classes)[lesson.shares.argmax(axis=1)])


@dataclass(frozen=True)
class _Scaled:
    values: Array
    mean: Array
    scale: Array


def _scaled(values: Array) -> _Scaled:
    """Columns of mean 0 and deviation 1; one that is constant is 0."""
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-12 * np.maximum(1, np.abs(mean)), scale, 1.0)
    return _Scaled((values - mean) / scale, mean, scale)


def _fold(network: Any, X: _Scaled, targets: _Scaled) -> None:
    """Scaling before and after becomes part of the weights."""
    network.intercepts_[-1] = network.intercepts_[-1] * targets.scale + targets.mean
    network.coefs_[-1] = network.coefs_[-1] * targets.scale
    network.coefs_[0] = network.coefs_[0] / X.scale[:, None]
    network.intercepts_[0] = network.intercepts_[0] - X.mean @ network.coefs_[0]


def _bounded(regressor: Any, lesson: Lesson) -> Any:
    """Of values, cut to the range that is known: on rows far from all others it would go on without end."""
    return regressor if lesson.ends is None else ClippedRegressor.of(regressor, *lesson.ends)


def _answering(regressor: Any, lesson: Lesson) -> Any:
    """The regressor in the form that the teacher answers in."""
    if lesson.values is None:
        return ScoredClassifier.of(regressor, lesson.classes)
    if lesson.is_flat or lesson.values.shape[1] > 1:
        return regressor
    around = MultiOutputRegressor(regressor)
    around.estimators_ = [regressor]
    return around


def _column(targets: Array) -> Array:
    """(rows,) of one target."""
    return targets[:, 0] if targets.shape[1] == 1 else targets


def _numbers(rows: Any) -> Array:
    """Dense float64; infinity is refused as scikit-learn refuses it."""
    return np.asarray(check_array(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64))


def _named(model: Any, rows: Any) -> Any:
    """A model fitted on an array, with the names of the frame it stands for."""
    if isinstance(rows, pd.DataFrame) and all(isinstance(name, str) for name in rows.columns):
        model.feature_names_in_ = np.asarray(rows.columns, object)
    return model


def _layered(widths: Sequence[int]) -> int:
    """Weights and intercepts of layers of so many units."""
    return sum((given + 1) * units for given, units in pairwise(widths))


def _nodes(trees: int, leaves: int) -> int:
    return trees * (2 * leaves - 1)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


STUDENTS: dict[str, Student] = {
    "perceptron": Student(
        perceptron,
        [{"hidden_layer_sizes": (units,)} for units in (64, 32, 16, 8, 4)],
        wanted="numbers",
        extra=4,
        least=8000,
        default=1,
        size=lambda settings, columns, targets: _layered((columns, *settings["hidden_layer_sizes"], targets)),
    ),
    "boosting": Student(
        boosting,
        [
            {"max_iter": rounds, "max_leaf_nodes": leaves, "learning_rate": round(min(0.3, 8 / rounds), 2)}
            for rounds in (100, 50, 25, 12)
            for leaves in (31, 16, 8)
        ],
        wanted="trees",
        extra=1,
        default=3,
        takes_sparse=False,
        knows_categories=True,
        widest=3_000,
        size=lambda settings, columns, targets: targets * _nodes(settings["max_iter"], settings["max_leaf_nodes"]),
    ),
    "linear": Student(
        linear,
        [{"C": strength} for strength in (100.0, 1.0)],
        wanted="numbers",
        extra=1,
        is_linear=True,
        size=lambda settings, columns, targets: _layered((columns, targets)),
    ),
    "forest": Student(
        forest,
        [{"n_estimators": trees, "max_leaf_nodes": leaves} for trees in (20, 10, 4) for leaves in (128, 32)],
        wanted="numbers",
        extra=1,
        default=2,
        several=True,
        decides=False,
        size=lambda settings, columns, targets: _nodes(settings["n_estimators"], settings["max_leaf_nodes"]),
    ),
}
"""Family → how it is taught."""
