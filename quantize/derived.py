"""``rewritten``: a graph changed → a new version of its artifact; ``agreement``: how far answers have moved.

What is made smaller as an estimator goes through ``skerry.export.export``, with ``parent``, ``steps`` and
``derivation``. What is made smaller as a graph has no estimator to be compared with: it comes through here, and is
compared with its parent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from skerry.export.converters.ties import ROUNDED
from skerry.export.evaluation import evaluate
from skerry.export.exporter import now, write_model
from skerry.export.oracle import call, methods_of
from skerry.export.signature import take
from skerry.quantize.teacher import Array
from skerry.runtime.artifact import GOLDEN, MODEL, Artifact
from skerry.runtime.batching.cost import measure_cost
from skerry.runtime.errors import ExportError, InferenceError, InvalidRows
from skerry.runtime.feeds import Feeds
from skerry.runtime.golden import Golden, check_golden, decode_golden
from skerry.runtime.manifest import Agreement, Derivation, Manifest, Parity, Step
from skerry.runtime.model import Model
from skerry.runtime.session import Session
from skerry.runtime.structure import check_structure

Answers = Mapping[str, Array]
"""Answers to the same rows, by method."""

SCORES = ("predict_proba", "decision_function", "score_samples", "transform", "predict")
"""Methods whose answers are numbers; the first of them that there is tells how far a model has moved."""


def rewritten(
    parent: Artifact,
    content: bytes,
    *,
    step: Step,
    X: Any = None,
    y: Any = None,
    to: str | os.PathLike[str],
    name: str | None = None,
    tolerance: float | None = None,
    derivation: Derivation | None = None,
) -> Artifact:
    """Write ``content``, another graph in the place of ``parent``'s model.onnx, as a new version in the repository ``to``.

    Its golden rows are the parent's with the answers that it gives itself; its parity and its agreement are against
    the parent, on those rows and on ``X``. Lineage goes on: the parent's digest, the parent's steps and ``step``.

    Args:
        parent: the artifact whose graph was rewritten; inputs, outputs and classes stay as they are.
        content: the new graph, serialised.
        step: what was done, ``Step(arrow="quantize", detail={...})``.
        X, y: rows as the parent takes them, and their truth; with it the artifact carries an evaluation.
        to, name: where to, default the parent's name.
        tolerance: how exactly its own answers must come out again on other machines, relative above 1, absolute below.
            Default the parent's, and at least 1e-6. Rows whose label hangs on less are not among its golden rows.
        derivation: how it compares with the teacher, where somebody else has measured that; else it tells how far it is
            from the parent, and no loss.

    Raises:
        ArtifactError: the graph is not one that may be served, or takes and gives other tensors.
        ExportError: it refuses or fails on golden rows of the parent.
    """
    files = parent.read()
    check_structure(content)
    before = Model(parent.manifest, Session(files[MODEL]))
    after = Model(parent.manifest, Session(content))
    tolerance = max(parent.manifest.parity.tolerance, ROUNDED) if tolerance is None else tolerance
    made = decode_golden(files[GOLDEN])
    golden = Golden(made.feeds, _answered(after, made.feeds))
    pairs = [(made.answers, golden.answers), *([] if X is None else [_both(before, after, X)])]
    manifest = msgspec.structs.replace(
        parent.manifest,
        name=name or parent.manifest.name,
        parent=parent.digest,
        steps=(*parent.manifest.steps, step),
        derivation=derivation or _derivation(parent, len(files[MODEL]), agreement_of(*pairs[-1])),
        parity=_parity(pairs, rows_made=len(next(iter(made.answers.values()))), tolerance=tolerance),
        evaluation=None if X is None or y is None else evaluate(after, X, y),
        cost=measure_cost(after, made.feeds),
        created=now(),
    )
    golden = _steady(golden, manifest)
    check_golden(Model(manifest, Session(content)), golden)
    compress = parent.manifest.files[MODEL].encoding == "zstd"
    return write_model(manifest, content, golden, to, compress=compress)


def agreement(teacher: Any, model: Any, X: Any) -> Agreement:
    """How far ``model``'s answers are from ``teacher``'s on the rows ``X``: estimators or loaded artifacts.

    Raises:
        InvalidRows: there are no rows, or either refuses one.
    """
    if not len(X):
        raise InvalidRows("expected at least one row to compare answers on, got none")
    methods = [method for method in methods_of(teacher, take(X, slice(1))) if hasattr(model, _base(method))]
    try:
        return agreement_of(*({method: call(each, method, X) for method in methods} for each in (teacher, model)))
    except (ValueError, InferenceError) as error:
        raise InvalidRows(f"expected rows that both models take: {str(error).splitlines()[0]}") from None


def agreement_of(expected: Answers, got: Answers) -> Agreement:
    """The same of answers: of each method an array (rows, ...)."""
    rows = len(next(iter(expected.values())))
    labels = expected.get("predict")
    is_label = labels is not None and _is_label(expected)
    same = _same_rows(labels, got["predict"]) if labels is not None and is_label else None
    errors = _errors(expected, got)
    return Agreement(
        rows=rows,
        labels=None if same is None else float(same.mean()),
        mean_error=None if errors is None else float(errors.mean()),
        max_error=None if errors is None else float(errors.max()),
    )


def _base(method: str) -> str:
    """``predict_proba`` of ``predict_proba_1``."""
    return method.rstrip("0123456789").rstrip("_")


def _is_label(answers: Answers) -> bool:
    """What is predicted is a label where it is no float, or where scores come with it."""
    return answers["predict"].dtype.kind != "f" or any(
        _base(method) in ("predict_proba", "decision_function") for method in answers
    )


def _same_rows(expected: Array, got: Array) -> Array:
    return np.asarray(np.asarray(expected == got).reshape(len(expected), -1).all(axis=1))


def _errors(expected: Answers, got: Answers) -> Array | None:
    """Absolute differences of the most telling scores; None where all answers are labels."""
    for kind in SCORES:
        parts = [name for name in expected if _base(name) == kind and expected[name].dtype.kind == "f"]
        if parts and not (kind == "predict" and _is_label(expected)):
            return np.concatenate([_apart(expected[name], got[name]) for name in parts])
    return None


def _apart(expected: Array, got: Array) -> Array:
    """Absolute differences, flat; equal infinities and two NaN are none."""
    expected, got = np.asarray(expected, float).ravel(), np.asarray(got, float).ravel()
    with np.errstate(invalid="ignore"):
        differences = np.abs(expected - got)
    return np.where((expected == got) | (np.isnan(expected) & np.isnan(got)), 0.0, differences)


def _answered(model: Model, feeds: Feeds) -> dict[str, Array]:
    methods = model.manifest.methods
    try:
        return dict(zip(methods, model.answer(feeds, methods), strict=True))
    except InferenceError as error:
        raise ExportError(f"the rewritten model does not answer the golden rows of its parent: {error.text}") from None


def _both(before: Model, after: Model, X: Any) -> tuple[Answers, Answers]:
    """Answers of both to rows as users have them; InvalidInput: the parent refuses one."""
    feeds = before.feeds.from_rows(X)
    methods = before.manifest.methods
    return dict(zip(methods, before.answer(feeds, methods), strict=True)), _answered(after, feeds)


def _derivation(parent: Artifact, size: int, agreement: Agreement) -> Derivation:
    """Of a parent that was derived itself the teacher stays the same; the agreement is with the parent."""
    known = parent.manifest.derivation
    if known is None:
        return Derivation(teacher=parent.manifest.estimator, teacher_size=size, agreement=agreement, loss=None)
    return msgspec.structs.replace(known, agreement=agreement, loss=None)


def _parity(pairs: list[tuple[Answers, Answers]], *, rows_made: int, tolerance: float) -> Parity:
    """How far the new answers are from the parent's: labels, and any other score relative above 1."""
    methods = tuple(pairs[0][0])
    return Parity(
        rows=sum(len(next(iter(expected.values()))) for expected, _ in pairs),
        made=rows_made,
        refused=0,
        mismatches=sum(_mismatches(expected, got) for expected, got in pairs),
        tied=0,
        max_error=max(_furthest(expected, got) for expected, got in pairs),
        tolerance=tolerance,
        methods=methods,
    )


def _mismatches(expected: Answers, got: Answers) -> int:
    """Rows on which an answer that is no number differs."""
    wrong = [~_same_rows(expected[name], got[name]) for name in expected if expected[name].dtype.kind != "f"]
    return int(np.any(wrong, axis=0).sum()) if wrong else 0


def _furthest(expected: Answers, got: Answers) -> float:
    """The largest difference of a score, relative above 1."""
    scores = [name for name in expected if expected[name].dtype.kind == "f"]
    scales = {name: np.maximum(1, np.abs(np.nan_to_num(np.ravel(expected[name])))) for name in scores}
    return max((float(np.max(_apart(expected[name], got[name]) / scales[name])) for name in scores), default=0.0)


def _steady(golden: Golden, manifest: Manifest) -> Golden:
    """Without the rows whose label another machine may give otherwise, as two scores are closer than its tolerance."""
    keep = ~_close(golden.answers, manifest.parity.tolerance)
    if keep.all() or not keep.any():
        return golden
    return Golden(
        {name: array[keep] for name, array in golden.feeds.items()},
        {name: array[keep] for name, array in golden.answers.items()},
    )


def _close(answers: Answers, tolerance: float) -> Array:
    """Rows whose best two classes are as good as equal, by any scores that there are; (rows,)."""
    rows = len(next(iter(answers.values())))
    close = np.zeros(rows, bool)
    for name, scores in answers.items():
        if _base(name) in ("predict_proba", "decision_function") and "predict" in answers:
            close |= _margin(scores) <= 2 * tolerance * np.maximum(1, np.abs(scores).reshape(rows, -1).max(axis=1))
    return close


def _margin(scores: Array) -> Array:
    """Between the best class and the next; of one score its distance from 0."""
    if scores.ndim == 1 or scores.shape[1] == 1:
        return np.abs(scores.reshape(len(scores)))
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0])
