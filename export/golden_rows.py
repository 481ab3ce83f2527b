"""Which made rows become golden: those whose answers change first where a runtime computes otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skerry.export.graph import Ties
from skerry.export.oracle import Answers, call
from skerry.export.parity import Comparison, ties_among
from skerry.export.rows import KEPT, MadeRows
from skerry.export.signature import take
from skerry.runtime.feeds import Array
from skerry.runtime.golden import Golden, differing
from skerry.runtime.model import Model

KINDS = 64
"""Rows of different kinds, at most."""
OTHERS = 64
"""Rows whose answers are close to being others, off the most, or the largest and smallest; at most."""
NEAREST, EXTREMES = 16, 24
"""Of these: rows next to another label or least exact, and rows with an output's extremes."""


SAFE = 0.25
"""Another machine rounds otherwise: no golden row is off by more than this share of the tolerance."""


def choose_golden(estimator: Any, model: Model, made: MadeRows, comparison: Comparison, ties: Sequence[Ties]) -> Golden:
    """Some of the made rows, which were compared, and scikit-learn's own answers to them; none that another machine may
    answer otherwise, because it is a tie or as inexact as to be rounded beyond the tolerance there."""
    answered = ~comparison.expected.refused & (made.kinds != KEPT)
    tolerance = SAFE * model.manifest.parity.tolerance
    exact = sum(comparison.errors.values(), np.zeros(len(made))) <= tolerance
    clear = answered & ~ties_among(ties, made.rows, answered)
    usable = next(mask for mask in (clear & exact, clear, answered) if mask.any())
    chosen = golden_rows(made.kinds, comparison.expected, comparison.errors, usable)
    rows = take(made.rows, chosen)
    golden = Golden(
        model.feeds.from_rows(rows), {method: call(estimator, method, rows) for method in model.manifest.methods}
    )
    return _only(golden, _steady(model, golden, tolerance))


def _steady(model: Model, golden: Golden, tolerance: float) -> Array:
    """Rows that are as exact among the golden ones as among all: matrix products round by how many rows there are."""
    off = [
        differing(got, golden.answers[method], tolerance=tolerance)
        for method, got in zip(golden.answers, model.answer(golden.feeds, list(golden.answers)), strict=True)
    ]
    steady = ~np.any(off, axis=0)
    return np.flatnonzero(steady) if steady.any() else np.arange(len(steady))


def _only(golden: Golden, rows: Array) -> Golden:
    feeds, answers = ({name: values[rows] for name, values in part.items()} for part in (golden.feeds, golden.answers))
    return Golden(feeds, answers)


def golden_rows(kinds: Array, answers: Answers, errors: dict[str, Array], usable: Array) -> Array:
    """The places of the golden rows among the made ones: at most ``KINDS + OTHERS``, in order.

    ``answers`` are scikit-learn's, ``errors`` how far the model's are from them; both, ``kinds`` and the mask ``usable``
    are over all made rows, but the answers only over those that scikit-learn takes.
    """
    answered = np.flatnonzero(~answers.refused)
    kept = usable[answered]
    allowed = answered[kept]
    outputs = {method: values[kept] for method, values in answers.outputs.items()}
    chosen = _first_of_each(kinds[allowed])
    special = _unique([*_closest(outputs), *_least_exact(errors, allowed), *_extremes(outputs)])
    special = special[~np.isin(special, chosen)][:OTHERS]
    rest = np.setdiff1d(np.arange(len(allowed)), np.concatenate([chosen, special]))
    others = _spread(rest, KINDS + OTHERS - len(chosen) - len(special))
    return allowed[np.sort(np.concatenate([chosen, special, others]))]


def _first_of_each(kinds: Array) -> Array:
    """The first row of each kind; of many kinds some, in the order of the rows, so that no value is left out."""
    _, first = np.unique(kinds.astype(str), return_index=True)
    return _spread(np.sort(first), KINDS)


def _spread(places: Array, limit: int) -> Array:
    return places if len(places) <= limit else places[np.linspace(0, len(places) - 1, limit).astype(int)]


def _closest(outputs: dict[str, Array]) -> Iterator[Array]:
    """Rows whose two highest scores are nearest to each other, or whose only one to 0."""
    for method in ("decision_function", "predict_proba"):
        if method in outputs:
            scores = outputs[method].astype(float)
            with np.errstate(invalid="ignore"):  # inf from inf
                margin = np.abs(scores) if scores.ndim == 1 else np.ptp(np.sort(scores, axis=1)[:, -2:], axis=1)
            yield np.argsort(margin, kind="stable")[:NEAREST]  # NaN last


def _least_exact(errors: dict[str, Array], allowed: Array) -> Iterator[Array]:
    for error in errors.values():
        off = error[allowed]
        yield np.argsort(-off, kind="stable")[:NEAREST][np.sort(off)[::-1][:NEAREST] > 0]


def _extremes(outputs: dict[str, Array]) -> Iterator[Array]:
    """Of each column of each output, the rows with the largest and the smallest number."""
    for values in outputs.values():
        columns = values.reshape(len(values), -1)
        if values.dtype.kind in "fiu" and len(columns):
            picked = columns[:, _spread(np.arange(columns.shape[1]), EXTREMES // 2)]
            finite = np.where(np.isfinite(picked), picked, np.nan)
            there = ~np.isnan(finite).all(axis=0)
            yield from (np.nanargmax(finite[:, there], axis=0), np.nanargmin(finite[:, there], axis=0))


def _unique(parts: list[Array]) -> Array:
    """The places of all parts, each once, in turn: the first of every part, then the second."""
    width = max((len(part) for part in parts), default=0)
    table = np.full((len(parts), width), -1)
    for row, part in zip(table, parts, strict=True):
        row[: len(part)] = part
    flat = table.T.ravel()
    flat = flat[flat >= 0]
    _, first = np.unique(flat, return_index=True)
    return flat[np.sort(first)]
