"""``disagreements``: how far the contenders' answers to the same rows are from each other, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from skerry.runtime.feeds import Array

Answers = Mapping[str, Array]


def disagreements(answers: Mapping[str, Answers], reference: str, tolerance: float) -> list[str]:
    """A line for every contender and method whose answers are not those of ``reference``.

    ``answers`` are by contender and method, arrays of shape (rows, ...). Labels are to be equal; scores to be no further
    apart than ``tolerance``, relative above 1 and absolute below.
    """
    lines = [
        _difference(found[method], expected, tolerance, f"{name}: {{}} of {method} differ from {reference}'s")
        for name, found in answers.items()
        for method, expected in answers[reference].items()
        if name != reference
    ]
    return [line for line in lines if line]


def _difference(got: Array, expected: Array, tolerance: float, sentence: str) -> str:
    rows = len(expected)
    if got.size != expected.size or len(got) != rows:
        return sentence.format(f"all {rows:,} answers") + f": their shape is {got.shape}, not {expected.shape}"
    got, expected = got.reshape(rows, -1), expected.reshape(rows, -1)
    if got.dtype.kind != "f" or expected.dtype.kind != "f":
        wrong = int((got.astype(object) != expected.astype(object)).any(axis=1).sum())
        return sentence.format(f"{wrong:,} of {rows:,} labels") if wrong else ""
    apart = distance(got, expected)
    wrong = int((apart > tolerance).any(axis=1).sum())
    return sentence.format(f"{wrong:,} of {rows:,} answers") + f" by up to {apart.max():.1g}" if wrong else ""


def distance(got: Array, expected: Array) -> Array:
    """How far scores are apart: relative above 1, absolute below; inf where one is not finite and the other is another."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(got - expected, dtype=np.float64) / np.maximum(1, np.abs(expected))
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
