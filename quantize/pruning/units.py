"""Fewer units in the hidden layers of a multilayer perceptron.

Layer by layer, those units are kept from which the next layer's sums are best recovered, and their outgoing weights
are fitted to these sums (as ThiNet does for channels; Luo, Wu and Lin 2017). A unit that is constant, or like another,
so costs nothing. Then the whole is tuned to what the teacher's last layer adds up (Ba and Caruana 2014).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._base import ACTIVATIONS

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.pruning.recovery import ranked, refitted
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator
from skerry.runtime.manifest import Step

SHARES = (0.75, 0.5, 0.33, 0.25, 0.15, 0.1, 0.05)
"""Of the units, those that candidates keep."""
MOST_ROWS = 5000
"""Rows that units are chosen and tuned by, at most."""
STEPS = 200
"""Steps of L-BFGS in which the smaller network is tuned."""

Layers = list[tuple[Array, Array]]
"""Weights (units, next units) and intercept (next units,) of each layer."""


def prune_units(model: Any, X: Any, *, keep: float = 0.25, tune: bool = True, seed: int = 0) -> Any:
    """The model with a share of each hidden layer's units.

    Args:
        model: fitted MLPClassifier or MLPRegressor, or a Pipeline that ends with one.
        X: rows as it takes them.
        keep: the share of the units that is kept, above 0 and at most 1; at least one unit is.
        tune: whether all weights are then fitted to the teacher's last sums once more.
        seed: for the rows that are put aside to choose by.

    Raises:
        UnsupportedEstimator: it is no multilayer perceptron.
    """
    teacher = teacher_of(model)
    if type(teacher.final) not in (MLPClassifier, MLPRegressor):
        raise UnsupportedEstimator(
            f"{type(teacher.final).__name__}: expected an MLPClassifier or MLPRegressor, whose hidden units are pruned"
        )
    if not 0 < keep <= 1:
        raise ExportError(f"keep: expected a share above 0 and at most 1, got {keep}")
    rng = np.random.default_rng(seed)
    kept = _kept(_sizes(teacher.final), keep)
    return teacher.with_final(_smaller(teacher.final, _some(teacher.prepared(X), rng), kept, rng, tune=tune))


def unit_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """Perceptrons with fewer and fewer hidden units, of the same number of layers."""
    if type(teacher.final) not in (MLPClassifier, MLPRegressor):
        return
    few = _some(rows.prepared, rng)
    sizes = _sizes(teacher.final)
    for kept in dict.fromkeys(_kept(sizes, share) for share in SHARES):
        if kept == sizes:
            continue
        smaller = _smaller(teacher.final, few, kept, rng, tune=True)
        step = Step(arrow="prune", detail={"units": f"{_text(kept)} of {_text(sizes)}"})
        parameters = sum(part.size for part in (*smaller.coefs_, *smaller.intercepts_))
        yield Candidate(teacher.with_final(smaller), (step,), parameters)


def _smaller(estimator: Any, rows: Any, kept: tuple[int, ...], rng: np.random.Generator, *, tune: bool) -> Any:
    layers: Layers = [
        (np.asarray(weights, float), np.asarray(intercept, float))
        for weights, intercept in zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ]
    smaller, sums = _reduced(estimator.activation, layers, rows, kept, rng)
    if tune:
        smaller = _tuned(estimator, smaller, rows, sums, rng)
    return _with_layers(estimator, smaller)


def _reduced(
    activation: str, layers: Layers, rows: Any, sizes: tuple[int, ...], rng: np.random.Generator
) -> tuple[Layers, Array]:
    """Layers of fewer units, and what the teacher's last layer adds up for the rows."""
    (weights, intercept), *following = layers
    sums = known = rows @ weights + intercept
    smaller: Layers = []
    for size, (after, offset) in zip(sizes, following, strict=True):
        answers = _activated(activation, known)
        sums = _activated(activation, sums) @ after + offset
        kept = np.sort(ranked(answers, sums, after, size))
        smaller.append((weights[:, kept], intercept[kept]))
        weights, intercept = refitted(answers[:, kept], sums, after[kept], rng)
        known = answers[:, kept] @ weights + intercept
    return [*smaller, (weights, intercept)], sums


def _tuned(estimator: Any, layers: Layers, rows: Any, sums: Array, rng: np.random.Generator) -> Layers:
    """All weights fitted to the last sums, by scikit-learn's own solver; as they were where that is no better.

    Sums of a softmax count as they lie about their mean. They are scaled to a deviation of 1 while fitted.
    """
    if estimator.out_activation_ == "softmax":
        sums = sums - sums.mean(axis=1, keepdims=True)
    scale = float(sums.std()) or 1.0
    aside = rng.permutation(len(sums)) < len(sums) // 10
    scaled = [*layers[:-1], (layers[-1][0] / scale, layers[-1][1] / scale)]
    student = _student(estimator, scaled, rows[~aside], sums[~aside] / scale)
    *hidden, (weights, intercept) = list(zip(student.coefs_, student.intercepts_, strict=True))
    tuned: Layers = [*hidden, (weights * scale, intercept * scale)]
    if not aside.any():
        return tuned
    return min((tuned, layers), key=lambda each: _error(estimator, each, rows[aside], sums[aside]))


def _student(estimator: Any, layers: Layers, rows: Any, sums: Array) -> Any:
    """A regressor that starts from these layers."""
    student = MLPRegressor(
        hidden_layer_sizes=tuple(len(intercept) for _, intercept in layers[:-1]),
        activation=estimator.activation,
        solver="lbfgs",
        alpha=estimator.alpha,
        max_iter=1,
        random_state=0,
    )
    targets = sums[:, 0] if sums.shape[1] == 1 else sums
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
        student.fit(rows[:2], targets[:2])
        student.coefs_ = [weights.copy() for weights, _ in layers]
        student.intercepts_ = [intercept.copy() for _, intercept in layers]
        return student.set_params(warm_start=True, max_iter=STEPS).fit(rows, targets)


def _error(estimator: Any, layers: Layers, rows: Any, sums: Array) -> float:
    """The mean squared error of the last sums."""
    found = _sums(estimator.activation, layers, rows)
    if estimator.out_activation_ == "softmax":
        found = found - found.mean(axis=1, keepdims=True)
    return float(((found - sums) ** 2).mean())


def _sums(activation: str, layers: Layers, rows: Any) -> Array:
    (weights, intercept), *following = layers
    sums = rows @ weights + intercept
    for weights, intercept in following:
        sums = _activated(activation, sums) @ weights + intercept
    return np.asarray(sums)


def _activated(activation: str, sums: Array) -> Array:
    answers = np.array(sums)
    ACTIVATIONS[activation](answers)  # in place
    return answers


def _with_layers(estimator: Any, layers: Layers) -> Any:
    smaller, dtype = copy(estimator), estimator.coefs_[0].dtype
    smaller.coefs_ = [weights.astype(dtype) for weights, _ in layers]
    smaller.intercepts_ = [intercept.astype(dtype) for _, intercept in layers]
    smaller.hidden_layer_sizes = _sizes(smaller)
    vars(smaller).pop("_optimizer", None)  # it holds the teacher's weights
    return smaller


def _some(rows: Any, rng: np.random.Generator) -> Any:
    rows = rows.tocsr() if hasattr(rows, "tocsr") else np.asarray(rows, float)
    return rows[np.sort(rng.permutation(rows.shape[0])[:MOST_ROWS])]


def _sizes(estimator: Any) -> tuple[int, ...]:
    return tuple(len(intercept) for intercept in estimator.intercepts_[:-1])


def _kept(sizes: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(max(round(share * size), 1) for size in sizes)


def _text(sizes: tuple[int, ...]) -> str:
    return " + ".join(str(size) for size in sizes)
