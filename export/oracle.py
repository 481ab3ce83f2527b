"""Asking: the same question to scikit-learn and to the model, and which rows either of them refuses."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skerry.export.signature import take
from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array

METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")
"""What an estimator may answer with, in the order of an artifact's outputs."""

REFUSALS = (ValueError, TypeError, InvalidInput)
"""How scikit-learn and the model say that they do not take a row."""


@dataclass(frozen=True)
class Answers:
    """What was answered for the rows that were not refused, by method; ``refused`` is a mask over all rows."""

    outputs: dict[str, Array]
    refused: Array


def methods_of(estimator: Any, row: Any) -> tuple[str, ...]:
    """The methods this fitted estimator has; ``row`` is asked, for some are there only to say that they are not."""
    return tuple(method for method in METHODS if hasattr(estimator, method) and _is_implemented(estimator, method, row))


def _is_implemented(estimator: Any, method: str, row: Any) -> bool:
    try:
        call(estimator, method, row)
    except NotImplementedError:
        return False
    except REFUSALS:
        pass
    return True


def ask(target: Any, rows: Any, methods: Sequence[str]) -> Answers:
    """Answers for all rows; a batch that is refused is halved until the refused rows are found."""
    refused = np.zeros(len(rows), bool)
    parts = _ask(target, rows, np.arange(len(rows)), methods, refused)
    return Answers(
        {method: np.concatenate([part[method] for part in parts]) for method in methods} if parts else {}, refused
    )


def call(target: Any, method: str, rows: Any) -> Array:
    """One method's answer as a dense array."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answer = getattr(target, method)(rows)
    return answer.toarray() if sparse.issparse(answer) else np.asarray(answer)


def accepts(target: Any, rows: Any, methods: Sequence[str]) -> bool:
    """Whether the rows, taken together, are answered."""
    try:
        for method in methods:
            call(target, method, rows)
    except REFUSALS:
        return False
    return True


def _ask(target: Any, rows: Any, index: Array, methods: Sequence[str], refused: Array) -> list[dict[str, Array]]:
    if not len(index):
        return []
    try:
        return [{method: call(target, method, take(rows, index)) for method in methods}]
    except REFUSALS:
        if len(index) == 1:
            refused[index] = True
            return []
    middle = len(index) // 2
    return _ask(target, rows, index[:middle], methods, refused) + _ask(target, rows, index[middle:], methods, refused)
