"""Asking: the same question to scikit-learn and to the model, and which rows either of them refuses."""

from __future__ import annotations

import re
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

REFUSALS = (ValueError, TypeError, IndexError, OverflowError, StopIteration, InvalidInput)
"""How scikit-learn and the model say that they do not take a row; StopIteration is FeatureHasher's for no rows at all."""

OWN_REFUSALS = ("CatBoostError", "LightGBMError")
"""How libraries that are not imported here say so; XGBoost's error is a ValueError. And inside a ColumnTransformer a
StopIteration becomes a RuntimeError."""


@dataclass(frozen=True)
class Answers:
    """What was answered for the rows that were not refused, by method; ``refused`` is a mask over all rows."""

    outputs: dict[str, Array]
    refused: Array


_PART = re.compile(r"(.*[a-z])_(\d+)")
"""A method's answer for one of several targets: ``predict_proba_1`` is ``predict_proba(rows)[1]``."""


def methods_of(estimator: Any, row: Any) -> tuple[str, ...]:
    """The methods this fitted estimator has, or their parts; ``row`` is asked, for some are there only to say that
    they are not, and some answer with a list of arrays."""
    return tuple(part for method in METHODS if hasattr(estimator, method) for part in _parts(estimator, method, row))


def method_of(part: str) -> str:
    """The method that a part belongs to."""
    found = _PART.fullmatch(part)
    return found[1] if found else part


def _parts(estimator: Any, method: str, row: Any) -> tuple[str, ...]:
    try:
        answer = _call(estimator, method, row)
    except (NotImplementedError, AttributeError):  # such as a member that lacks it
        return ()
    except REFUSALS:
        return (method,)
    return tuple(f"{method}_{index}" for index in range(len(answer))) if isinstance(answer, list) else (method,)


def ask(target: Any, rows: Any, methods: Sequence[str]) -> Answers:
    """Answers for all rows; a batch that is refused is halved until the refused rows are found."""
    refused = np.zeros(len(rows), bool)
    parts = _ask(target, rows, np.arange(len(rows)), methods, refused)
    return Answers(
        {method: np.concatenate([part[method] for part in parts]) for method in methods} if parts else {}, refused
    )


def call(target: Any, method: str, rows: Any) -> Array:
    """One method's answer, or one part of it, as a dense array."""
    part = _PART.fullmatch(method)
    answer = _call(target, part[1], rows)[int(part[2])] if part else _call(target, method, rows)
    answer = answer.toarray() if sparse.issparse(answer) else np.asarray(answer)
    return answer.reshape(1, -1) if method == "transform" and _lacks_an_axis(target, answer, rows) else answer


def _lacks_an_axis(target: Any, answer: Array, rows: Any) -> bool:
    """SparsePCA gives one row without its first axis; others transform each row to one value."""
    if answer.ndim != 1 or len(rows) != 1:
        return False
    return answer.shape != (1,) or np.ndim(_call(target, "transform", take(rows, np.array([0, 0])))) == 2


def _call(target: Any, method: str, rows: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return getattr(target, method)(rows)
        except Exception as error:
            if type(error).__name__ not in OWN_REFUSALS and not isinstance(error.__cause__, StopIteration):
                raise
            raise ValueError(str(error)) from error


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
