"""The gate: the model must answer as scikit-learn does on every row, or there is no artifact."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.graph import Features, Graph, Tensor, Ties, Trace
from skerry.export.oracle import Answers, accepts, ask, call, method_of
from skerry.export.rows import KEPT, MadeRows
from skerry.export.signature import Signature, take
from skerry.runtime.errors import ModelFailure, ParityError
from skerry.runtime.feeds import Array, FeedBuilder
from skerry.runtime.golden import differing
from skerry.runtime.manifest import Parity, WorstRow
from skerry.runtime.model import Model
from skerry.runtime.session import Session

TRACED = 50
"""Wrong rows on which the first part that diverges is looked for."""
TIED = 2000
"""Rows looked at for ties at once: some compare each with all training rows."""
SINGLE_ROWS = 8
"""Rows that are also asked for one at a time."""
HINT = "nothing was written"
MOSTLY = 0.5
"""Where more of the user's rows than this differ and are ties, there is nothing to be sure of."""
SHOWN = 3
"""Rows shown in an error."""
ROUNDING, SOME = 1e-4, 0.5
"""What float32 may make of a score, relative above 1; and the share of rows up to which some, not all, are wrong."""


@dataclass(frozen=True)
class Comparison:
    """Answers of both sides for the same rows; ``wrong`` marks the rows that differ, ``tied`` those that differ
    where scikit-learn's own answer hangs on the last bit."""

    rows: Any
    expected: Answers
    got: Answers
    wrong: Array
    tied: Array
    errors: dict[str, Array]

    @property
    def max_error(self) -> float:
        return max((float(error.max(initial=0)) for error in self.errors.values()), default=0.0)


def compare(estimator: Any, model: Model, rows: Any, ties: Sequence[Ties] = ()) -> Comparison:
    """Ask both for all methods of the model. Rows that one side refuses and the other answers are wrong."""
    methods = model.manifest.methods
    expected, got = ask(estimator, rows, methods), _answers(model, rows)
    wrong = expected.refused != got.refused
    answered = ~(expected.refused | got.refused)
    mislabelled, errors = np.zeros(len(wrong), bool), {}
    for method in methods if answered.any() else ():
        ours, theirs = (
            got.outputs[method][answered[~got.refused]],
            expected.outputs[method][answered[~expected.refused]],
        )
        off = differing(ours, theirs, tolerance=model.manifest.parity.tolerance)
        wrong[answered] |= off
        if method == "predict":
            mislabelled[answered] = off
        errors[method] = _spread(_distance(ours, theirs), answered)
    total = sum(errors.values(), np.zeros(len(wrong)))
    tied = ties_among(ties, rows, wrong & answered & ~(mislabelled & _same_decision(expected, got, answered)), total)
    errors = {method: np.where(tied, 0.0, error) for method, error in errors.items()}
    return Comparison(rows, expected, got, wrong & ~tied, tied, errors)


def _same_decision(expected: Answers, got: Answers, answered: Array) -> Array:
    """Rows to whose decision function both give the very same numbers: no last bit excuses another label."""
    same = np.zeros(len(answered), bool)
    if answered.any() and "decision_function" in expected.outputs:
        theirs = expected.outputs["decision_function"][answered[~expected.refused]]
        ours = got.outputs["decision_function"][answered[~got.refused]]
        same[answered] = ~differing(ours, theirs, tolerance=0)
    return same


def _answers(model: Model, rows: Any) -> Answers:
    """The model's answers, one for each row that it does not refuse."""
    try:
        got = ask(model, rows, model.manifest.methods)
    except ModelFailure as error:
        raise ParityError(
            f"the converted model fails on rows that scikit-learn takes: {error.text}", hint=HINT
        ) from None
    except ValueError as error:  # of np.concatenate
        raise ParityError(
            f"the model's answers to batches of different sizes do not fit together: {error}", hint=HINT
        ) from None
    count = int(np.sum(~got.refused))
    for method, answer in got.outputs.items():
        if np.shape(answer)[:1] != (count,):
            raise ParityError(f"{method}: the model answers {count} rows with shape {np.shape(answer)}", hint=HINT)
    return got


def ties_among(ties: Sequence[Ties], rows: Any, mask: Array, errors: Array | None = None) -> Array:
    """Which of the rows in ``mask``, all of which scikit-learn answers, are ties somewhere inside the estimator; and
    have ``errors`` no larger than such a tie explains."""
    index = np.flatnonzero(mask)
    tied = np.zeros(len(mask), bool)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for part in np.split(index, np.arange(TIED, len(index), TIED)) if len(index) else ():
            for tie in ties:
                explained = True if errors is None else errors[part] <= tie.within
                tied[part] |= np.asarray(tie.marked(tie.rows(take(rows, part))), bool) & explained
    return tied


def check_parity(
    estimator: Any, model: Model, rows: Any, made: MadeRows, graph: Graph, signature: Signature
) -> tuple[Parity, Comparison]:
    """Compare on the user's rows and on made ones, in batches, one by one, and with none; also gives the comparison of
    the made rows.

    Raises:
        ParityError: with the worst rows, and the first step of the estimator that diverges.
    """
    users = compare(estimator, model, rows, graph.ties)
    mades = compare(estimator, model, made.rows, graph.ties)
    singles = _singles(estimator, model, rows, graph.ties)
    for comparison in (users, mades, *singles):
        if comparison.wrong.any():
            raise _failure(comparison, graph, signature, model)
    if not accepts(estimator, take(rows, slice(0)), model.manifest.methods) and accepts(
        model, take(rows, slice(0)), model.manifest.methods
    ):
        raise ParityError("no rows at all: scikit-learn refuses them, the model does not", hint=HINT)
    if (share := users.tied.mean()) > MOSTLY:
        raise ParityError(
            f"on {share:.0%} of the rows given, scikit-learn's own answer hangs on the last bit and the model's is another",
            hint=HINT,
        )
    parity = Parity(
        rows=len(users.wrong) + len(mades.wrong),
        made=len(mades.wrong),
        refused=int(mades.expected.refused.sum()),
        mismatches=0,
        tied=int(users.tied.sum() + mades.tied.sum()),
        max_error=max(users.max_error, mades.max_error),
        tolerance=model.manifest.parity.tolerance,
        methods=model.manifest.methods,
        worst=tuple(_worst(mades, made, signature)),
    )
    return parity, mades


def _singles(estimator: Any, model: Model, rows: Any, ties: Sequence[Ties]) -> Iterator[Comparison]:
    for index in range(min(SINGLE_ROWS, len(rows))):
        yield compare(estimator, model, take(rows, slice(index, index + 1)), ties)


def _distance(got: Array, expected: Array) -> Array:
    """The largest difference of each row's scores, relative above 1 and absolute below; 0 for labels, which are equal or not."""
    if got.shape != expected.shape or expected.dtype.kind != "f" or got.dtype.kind != "f":
        return np.zeros(len(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.where(
            (got == expected) | (np.isnan(got) & np.isnan(expected)),
            0.0,
            np.abs(got - expected) / np.maximum(1, np.abs(expected)),
        )
    return np.nan_to_num(distance, nan=np.inf).reshape(len(expected), -1).max(axis=1, initial=0)


def _spread(values: Array, mask: Array) -> Array:
    full = np.zeros(len(mask))
    full[mask] = values
    return full


def _worst(comparison: Comparison, made: MadeRows, signature: Signature) -> Iterator[WorstRow]:
    for method, found in comparison.errors.items():
        errors = np.where(made.kinds == KEPT, 0.0, found)
        for index in np.argsort(errors)[::-1][:1]:
            if errors[index] > 0:
                yield WorstRow(
                    method=method,
                    kind=str(made.kinds[index]),
                    error=float(errors[index]),
                    row=_printed(comparison.rows, index, signature),
                )


def _printed(rows: Any, index: int, signature: Signature, limit: int = 12) -> dict[str, str]:
    row = take(rows, slice(index, index + 1))
    return {
        name: repr(_plain(signature.column(row, column)[0]))[:40] for column, name in enumerate(signature.names[:limit])
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _failure(comparison: Comparison, graph: Graph, signature: Signature, model: Model) -> ParityError:
    wrong = np.flatnonzero(comparison.wrong)
    total = sum((errors[wrong] for errors in comparison.errors.values()), np.zeros(len(wrong)))
    lines = [
        f"the model differs from scikit-learn on {len(wrong)} of {len(comparison.wrong)} rows{_pattern(comparison, total)}"
    ]
    if step := first_divergence(comparison, graph, model.feeds, model.manifest.parity.tolerance):
        lines.append(f"first at {step}")
    lines += [
        f"row {index}: {_difference(comparison, index)}; {_printed(comparison.rows, index, signature)}"
        for index in wrong[np.argsort(total)[::-1]][:SHOWN]
    ]
    return ParityError("; ".join(lines), hint=HINT)


def _pattern(comparison: Comparison, off: Array) -> str:
    """What the wrong rows have in common, which tells where to look; ``off`` is how far each is."""
    wrong = comparison.wrong
    if (comparison.expected.refused | comparison.got.refused)[wrong].all():
        return ", which only one of them refuses"
    if 0 < off.max() < ROUNDING and (off > 0).all():
        return f", by at most {off.max():.3g}, as rounding does"
    if wrong.mean() < SOME:
        return ", the others are exact: so it is where a comparison or a category goes another way"
    return ""


def _difference(comparison: Comparison, index: int) -> str:
    if comparison.expected.refused[index] != comparison.got.refused[index]:
        return (
            "scikit-learn refuses it, the model answers"
            if comparison.expected.refused[index]
            else "scikit-learn answers, the model refuses it"
        )
    parts = []
    for method in comparison.errors:
        expected = comparison.expected.outputs[method][np.sum(~comparison.expected.refused[:index])]
        got = comparison.got.outputs[method][np.sum(~comparison.got.refused[:index])]
        if not np.array_equal(expected, got):
            parts.append(
                f"{method}: expected {np.array2string(np.asarray(expected), threshold=6)}, got {np.array2string(np.asarray(got), threshold=6)}"
            )
    return ", ".join(parts)


def first_divergence(comparison: Comparison, graph: Graph, feeds: FeedBuilder, tolerance: float) -> str | None:
    """The first part of the estimator whose own answers differ, with how far, for the rows that came out wrong."""
    wrong = comparison.wrong & ~comparison.expected.refused
    both = wrong & ~comparison.got.refused
    index = np.flatnonzero(both if both.any() else wrong)[:TRACED]
    rows = take(comparison.rows, index)
    for trace in graph.traces if len(index) else ():
        if found := _diverges(trace, rows, graph, feeds, tolerance):
            return f"{trace.path}: {found}"
    return None


def _diverges(trace: Trace, rows: Any, graph: Graph, feeds: FeedBuilder, tolerance: float) -> str | None:
    for method, value in trace.outputs.items():
        if not hasattr(trace.estimator, method_of(method)):
            continue
        for part in (rows, *(take(rows, slice(index, index + 1)) for index in range(len(rows)))):
            try:
                expected = call(trace.estimator, method, trace.rows(part))
                got = _evaluate(graph, value, feeds.from_rows(part))
            except Exception:  # the part refuses the row, or cannot be fed: the error at hand matters more
                continue
            if found := _told(method, got, expected, tolerance):
                return found
            if len(part) == len(rows):
                break  # all of them are the same
    return None


def _told(method: str, got: Array, expected: Array, tolerance: float) -> str:
    if expected.dtype.kind != got.dtype.kind:
        expected = expected.astype(got.dtype)
    if got.shape != expected.shape and got.size == expected.size:  # a column, where the last step is made of a matrix
        got = got.reshape(expected.shape)
    wrong = differing(got, expected, tolerance=tolerance)
    if not wrong.any():
        return ""
    if got.shape != expected.shape:
        return f"{method} has shape {got.shape}, expected {expected.shape}"
    if expected.dtype.kind != "f":
        return f"{method} differs on {int(wrong.sum())} of {len(wrong)} rows"
    return f"{method} differs by up to {_distance(got, expected).max(initial=0):.3g}"


def _evaluate(graph: Graph, value: Tensor | Features, feeds: dict[str, Array]) -> Array:
    """One value inside the graph."""
    tensor = graph.matrix(value) if isinstance(value, Features) else value
    session = Session(graph.model({"value": tensor}))
    return session.run({name: feeds[name] for name in session.inputs}, ["value"])[0]
