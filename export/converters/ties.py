"""Rows at which scikit-learn's own answer hangs on the last bit: what ``Scope.ties`` is told.

Every mask is (rows,), and as tight as rounding allows.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

TIE, ROUNDED = 1e-12, 1e-6
"""How far float64 and float32 scores that should be equal may be apart, relative above 1."""


def tied(scores: np.ndarray) -> np.ndarray:
    """A mask of rows whose two highest scores differ by rounding alone."""
    if scores.shape[1] < 2:
        return np.zeros(len(scores), bool)
    second, first = np.sort(scores.astype(float), axis=1)[:, -2:].T
    return np.asarray(np.abs(first - second) <= TIE * np.maximum(1, np.abs(first)))


def tied_densities(joint: np.ndarray) -> np.ndarray:
    """A mask of rows whose class or probabilities hang on the last bit of their log-likelihoods."""
    return tied(joint) | _rounded(joint)


def _rounded(joint: np.ndarray) -> np.ndarray:
    """A mask of rows whose ``logsumexp`` in float32 hangs on the last bit of what is added to the highest score.

    That bit is small, but it can change how the far larger sum is rounded, and so all probabilities of the row.
    """
    if joint.dtype != np.float32:
        return np.zeros(len(joint), bool)
    top = joint.max(axis=1).astype(float)
    added = np.log(np.exp(joint - top[:, None]).sum(axis=1))
    doubt = 8 * np.finfo(np.float32).eps * added
    return np.asarray(np.float32(top + added - doubt) != np.float32(top + added + doubt))


def imprecise(estimator: Any, method: str, rows: Any) -> np.ndarray:
    """Rows where scikit-learn's float32 answer is off by an eighth of the tolerance, a bit or two: its sums of large terms
    that cancel depend on their order."""
    answered = getattr(estimator, method)(rows).reshape(len(rows), -1)
    exact = getattr(_widened(estimator), method)(rows.astype(np.float64)).reshape(len(rows), -1)
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
