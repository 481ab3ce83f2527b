"""Fewer rows for nearest neighbours: prototypes instead of all training rows.

Prototypes are the centres of clusters of each class, or of all rows (k-means, as in Hastie, Tibshirani and Friedman
2009, 13.2), where a row whose neighbours outvote it counts to their class (Wilson 1972). What each prototype answers
is fitted to the targets of all training rows: the answer is a sum over the nearest prototypes, so this is a regression
on how much each counts for a row. How many neighbours are asked is chosen anew, on rows put aside.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neighbors._base import _get_weights

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.scored import ScoredClassifier
from skerry.quantize.teacher import Array, Teacher, teacher_of
from skerry.runtime.errors import ExportError, UnsupportedEstimator
from skerry.runtime.manifest import Step

SHARES = (1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 20, 1 / 50)
"""Of the training rows, as many prototypes as candidates have."""
NEIGHBORS = (1, 3, 5, 8, 12, 20)
"""How many prototypes may be asked for a row."""
METRICS = ("euclidean", "l2", "manhattan", "l1", "cityblock", "chebyshev", "minkowski", "cosine")
"""Distances in which a centre of rows is near them."""
DISTANCES = 2e9
"""Distances that k-means computes, about: the more prototypes, the fewer iterations."""
PENALTIES = (0.1, 1.0)
"""What the square of a prototype's log-odds costs, or of its number's distance from the mean of its rows."""


def prune_prototypes(model: Any, *, keep: float = 0.1, seed: int = 0) -> Any:
    """The model with prototypes in the place of its training rows, which it carries; none are asked for.

    Metric and weights stay. A classifier becomes a ``ScoredClassifier`` whose prototypes hold log-odds, so it has
    probabilities finer than shares of neighbours.

    Args:
        model: fitted KNeighborsClassifier or KNeighborsRegressor, or a Pipeline that ends with one.
        keep: how many prototypes there are for each training row, above 0 and at most 1.
        seed: for the clusters, and for the rows put aside.

    Raises:
        UnsupportedEstimator: it has no training rows, or they have no centre.
    """
    teacher = teacher_of(model)
    if (reason := _refusal(teacher.final)) is not None:
        raise UnsupportedEstimator(f"{type(teacher.final).__name__}: {reason}")
    if not 0 < keep <= 1:
        raise ExportError(f"keep: expected a share above 0 and at most 1, got {keep}")
    return teacher.with_final(next(_condensed(teacher.final, keep, np.random.default_rng(seed))))


def prototype_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """Nearest neighbours among fewer and fewer prototypes."""
    if _refusal(teacher.final) is not None:
        return
    count = len(teacher.final._fit_X)
    for share in SHARES:
        for smaller in _condensed(teacher.final, share, rng):
            near = getattr(smaller, "regressor_", smaller)
            detail = {"prototypes": f"{len(near._fit_X)} of {count} rows", "neighbors": str(near.n_neighbors)}
            parameters = near._fit_X.size + near._y.size
            yield Candidate(teacher.with_final(smaller), (Step(arrow="prune", detail=detail),), parameters)


def _refusal(estimator: Any) -> str | None:
    """Why an estimator is not condensed."""
    if type(estimator) not in (KNeighborsClassifier, KNeighborsRegressor):
        return "expected a KNeighborsClassifier or KNeighborsRegressor, whose training rows are condensed"
    if callable(estimator.weights) or estimator.effective_metric_ not in METRICS:
        return f"prototypes are made for no weights of one's own, and for the metrics {', '.join(METRICS)}"
    if sparse.issparse(estimator._fit_X):
        return "it was fitted on a sparse matrix, whose centres are not sparse"
    if type(estimator) is KNeighborsClassifier and (estimator.outputs_2d_ or len(estimator.classes_) < 2):
        return "expected one target of at least two classes"
    return None


@dataclass(frozen=True)
class _Choice:
    """How many prototypes are asked, and what their numbers' squares cost."""

    count: int
    penalty: float


def _condensed(estimator: Any, share: float, rng: np.random.Generator) -> Iterator[Any]:
    """Nearest neighbours among prototypes: with the least loss on rows put aside, then, of a classifier, with the
    fewest errors where these are others."""
    rows = np.asarray(estimator._fit_X)
    rows = rows if rows.dtype.kind == "f" else rows.astype(float)
    classifies = type(estimator) is KNeighborsClassifier
    groups = _outvoted(estimator) if classifies else np.zeros(len(rows), int)
    choices = _chosen(estimator, rows, groups, share, rng)
    prototypes = _centres(rows, groups, share, rng)
    for choice in dict.fromkeys(choices):
        count = min(choice.count, len(prototypes))
        shares = _shares(estimator, prototypes, count, rows)
        near = _near(estimator, prototypes, count, _FITS[type(estimator)](shares, estimator._y, choice.penalty))
        yield ScoredClassifier.of(near, estimator.classes_) if classifies else near


def _chosen(estimator: Any, rows: Array, groups: Array, share: float, rng: np.random.Generator) -> list[_Choice]:
    """The best by each measure, on a fifth of the rows with prototypes of the others."""
    targets, fit = estimator._y, _FITS[type(estimator)]
    aside = rng.permutation(len(rows)) < len(rows) // 5
    if not aside.any() or (fit is _log_odds and len(np.unique(targets[~aside])) < len(estimator.classes_)):
        return [_Choice(estimator.n_neighbors, PENALTIES[-1])]
    prototypes = _centres(rows[~aside], groups[~aside], share, rng)
    measured = {}
    for count in (each for each in NEIGHBORS if each <= len(prototypes)):
        shares = _shares(estimator, prototypes, count, rows)
        for penalty in PENALTIES:
            answers = shares[aside] @ fit(shares[~aside], targets[~aside], penalty)
            measured[_Choice(count, penalty)] = _MEASURES[fit](answers, targets[aside])
    return [min(measured, key=lambda each: measured[each]), min(measured, key=lambda each: measured[each][::-1])]


def _outvoted(estimator: Any) -> Array:
    """The class of each training row, or of most of its neighbours where these outvote it: (rows,)."""
    count = min(estimator.n_neighbors, len(estimator._fit_X) - 1)
    near = estimator.kneighbors(n_neighbors=count, return_distance=False)
    one = np.eye(len(estimator.classes_))
    votes = one[estimator._y[near]].sum(axis=1) + one[estimator._y]
    return np.asarray((votes + 0.5 * one[estimator._y]).argmax(axis=1))


def _centres(rows: Array, groups: Array, share: float, rng: np.random.Generator) -> Array:
    """Centres of clusters of each group, ``share`` as many as it has rows, at least one: (centres, columns)."""
    parts = []
    for group in np.unique(groups):
        members = rows[groups == group]
        clusters = min(max(round(share * len(members)), 1), len(members))
        rounds = int(np.clip(DISTANCES / (len(members) * clusters * rows.shape[1]), 2, 20))
        means = KMeans(clusters, n_init=1, max_iter=rounds, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # rows that are the same, or rounds that are few
            parts.append(means.fit(members).cluster_centers_)
    return np.unique(np.vstack(parts).astype(rows.dtype), axis=0)


def _near(estimator: Any, centres: Array, count: int, values: Array) -> Any:
    """Nearest neighbours as the teacher measures and weighs them, among the centres."""
    near = KNeighborsRegressor(
        n_neighbors=count,
        weights=estimator.weights,
        algorithm=estimator.algorithm,
        leaf_size=estimator.leaf_size,
        p=estimator.p,
        metric=estimator.metric,
        metric_params=estimator.metric_params,
    ).fit(centres, values)
    if hasattr(estimator, "feature_names_in_"):
        near.feature_names_in_ = estimator.feature_names_in_
    return near


def _shares(estimator: Any, centres: Array, count: int, rows: Array) -> Any:
    """How much each centre counts for each row: sparse (rows, centres), summing to 1."""
    near = _near(estimator, centres, count, np.zeros(len(centres)))
    vars(near).pop("feature_names_in_", None)  # these rows have no names
    distances, indices = near.kneighbors(rows)
    weights = _get_weights(distances, estimator.weights)
    weights = np.ones(distances.shape) if weights is None else weights
    weights = weights / weights.sum(axis=1, keepdims=True)
    ends = np.arange(0, weights.size + 1, count)
    return sparse.csr_matrix((weights.ravel(), indices.ravel(), ends), shape=(len(rows), len(centres)))


def _log_odds(shares: Any, codes: Array, penalty: float) -> Array:
    """Each centre's log-odds of the classes: (centres, classes), of two classes (centres,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = LogisticRegression(C=1 / penalty, fit_intercept=False, max_iter=200).fit(shares, codes)
    return np.asarray(found.coef_[0] if len(found.coef_) == 1 else found.coef_.T)


def _values(shares: Any, targets: Array, penalty: float) -> Array:
    """Each centre's number, or numbers: those of its rows in the mean, and then as the neighbours' sums fit best."""
    sums = np.asarray(shares.sum(axis=0)).ravel()
    means = (shares.T @ targets) / np.maximum(sums, 1e-12).reshape(-1, *np.ones(targets.ndim - 1, int))
    change = Ridge(penalty, fit_intercept=False, solver="sparse_cg").fit(shares, targets - shares @ means)
    return np.asarray(means + change.coef_.T)


def _misjudged(scores: Array, codes: Array) -> tuple[float, float]:
    """Log loss and share of errors."""
    scores = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
    chances = softmax(scores, axis=1)
    loss = log_loss(codes, chances, labels=np.arange(scores.shape[1]))
    return float(loss), float((chances.argmax(axis=1) != codes).mean())


def _squared(answers: Array, targets: Array) -> tuple[float]:
    return (float(((answers - targets) ** 2).mean()),)


Fit = Callable[[Any, Array, float], Array]
_FITS: dict[type, Fit] = {KNeighborsClassifier: _log_odds, KNeighborsRegressor: _values}
_MEASURES: dict[Fit, Callable[[Array, Array], tuple[float, ...]]] = {_log_odds: _misjudged, _values: _squared}
