"""Rows at which scikit-learn's own answer hangs on the last bit: what ``Scope.ties`` is told.

Every mask is (rows,), and as tight as rounding allows.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from scipy import sparse

TIE = 1e-12
"""How far scores or distances that should be equal may be apart: scikit-learn's own sums round as much."""
EXACT, ROUNDED = 1e-9, 1e-6
"""How far a score may be from scikit-learn's where the user does not say: of models that compute in float64 throughout,
and of those where float32 is involved, by the data or by the estimator, or whose converter is not ours."""


NOISE = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-3}
"""What rounding can make of a score whose terms cancel, by the dtype they are computed in."""


def tied(scores: np.ndarray, limit: float = TIE) -> np.ndarray:
    """A mask of rows whose two highest scores differ by rounding alone."""
    if scores.shape[1] < 2:
        return np.zeros(len(scores), bool)
    second, first = np.sort(scores.astype(float), axis=1)[:, -2:].T
    return np.asarray(np.abs(first - second) <= limit * np.maximum(1, np.abs(first)))


def tied_probabilities(estimator: Any, rows: Any, dtype: Any = np.float64) -> np.ndarray:
    """A mask of rows whose two likeliest classes, of any target, differ by what rounding in ``dtype`` makes."""
    answers = estimator.predict_proba(rows)
    targets = answers if isinstance(answers, list) else [answers]
    return np.any([tied(shares, ROUNDED if dtype == np.float32 else TIE) for shares in targets], axis=0)


def tied_densities(joint: np.ndarray) -> np.ndarray:
    """A mask of rows whose class or probabilities hang on the last bit of their log-likelihoods."""
    return tied(joint) | _rounded(joint)


def _rounded(joint: np.ndarray) -> np.ndarray:
    """A mask of rows whose ``logsumexp`` hangs on the last bit of what is added to the highest score.

    That bit is small, but it can change how the far larger sum is rounded, and so all probabilities of the row. In
    float64 that shows of scores in the thousands, between classes that are both likely.
    """
    top = joint.max(axis=1).astype(float)
    with np.errstate(invalid="ignore"):  # -inf for all classes
        added = np.log(np.exp(joint - top[:, None]).sum(axis=1))
    if joint.dtype != np.float32:
        return np.asarray((4 * np.finfo(float).eps * np.abs(top) > TIE) & (added > TIE))
    doubt = 8 * np.finfo(np.float32).eps * added
    return np.asarray(np.float32(top + added - doubt) != np.float32(top + added + doubt))


def cancelling(rows: Any, weights: np.ndarray, bias: np.ndarray, dtype: Any) -> np.ndarray:
    """Rows of which ``rows @ weights + bias`` is small beside its terms, so that their rounding shows: the bound of its
    error is over an eighth of the tolerance (Higham, Accuracy and Stability of Numerical Algorithms, 3.1)."""
    X = rows if sparse.issparse(rows) else np.asarray(rows, np.float64)
    weights = weights.astype(np.float64).reshape(len(weights), -1)
    size = abs(X) @ np.abs(weights) + np.abs(bias)
    limit = (ROUNDED if dtype == np.float32 else EXACT) / 8
    off = np.finfo(dtype).eps * np.log2(2 + len(weights)) * size > limit * np.maximum(1, np.abs(X @ weights + bias))
    return np.asarray(off.any(axis=1))


def imprecise(estimator: Any, method: str, rows: Any) -> np.ndarray:
    """Rows where scikit-learn's float32 answer is off by an eighth of the tolerance, a bit or two: its sums of large terms
    that cancel depend on their order."""
    answered = getattr(estimator, method)(rows)
    answered = answered.reshape(len(answered), -1)  # of sparse rows there is no len
    exact = getattr(_widened(estimator), method)(rows.astype(np.float64)).reshape(len(answered), -1)
    off = np.abs(answered - exact) > ROUNDED / 8 * np.maximum(1, np.abs(exact))
    return np.asarray(off.any(axis=1))


def _widened(estimator: Any) -> Any:
    """The same estimator in float64."""
    wide = copy(estimator)
    vars(wide).update({name: _wide(value) for name, value in vars(estimator).items()})
    return wide


def _wide(value: Any) -> Any:
    if isinstance(value, list):
        return [_wide(each) for each in value]
    return value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value
