"""``quantize``: artifact → artifact, smaller or faster in single precision, narrow storage or integers; or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import onnx

from skerry.quantize.derived import agreement_of, rewritten
from skerry.quantize.graphs.gain import Gain, measure_gain
from skerry.quantize.graphs.tolerance import tolerance_of
from skerry.quantize.graphs.variants import VARIANTS, Feeds, Kind, Variant
from skerry.quantize.teacher import Array
from skerry.runtime.artifact import GOLDEN, MODEL, Artifact
from skerry.runtime.errors import ExportError, InferenceError, NoGain, UnsafeModel, nearest
from skerry.runtime.golden import Golden, decode_golden
from skerry.runtime.manifest import Agreement, Step
from skerry.runtime.model import Model
from skerry.runtime.session import Session

AGREED = 0.99
"""So many labels must stay, where the caller does not say."""
STRAYED = 0.01
"""The mean error of scores without labels may be this share of their standard deviation, where the caller does not say."""
CLEAR = 1e-3
"""Golden rows are made to lie where labels change: without other rows, those whose best two scores differ by less are
not judged by."""
LARGEST = 1e15
"""Nor are golden rows with larger numbers, which no data has."""
HARDLY = 1.15
"""So many times the shortest file is hardly longer."""


def quantize(
    artifact: str | os.PathLike[str] | Artifact,
    X: Any = None,
    y: Any = None,
    *,
    to: str | os.PathLike[str],
    kind: Kind | Literal["auto"] = "auto",
    name: str | None = None,
    max_error: float | None = None,
    min_agreement: float | None = None,
) -> Artifact:
    """Write a smaller or faster version of an artifact, whose answers are almost the same.

    Args:
        artifact: the parent, or its directory.
        X: rows as the model takes them, best those it was not trained on. By every other one it is judged; by the rest
            the leaves of trees are rounded so that errors cancel. Without them it is judged by the parent's golden rows.
        y: the truth for ``X``; with it the new artifact carries an evaluation.
        to, name: the repository, and the model's name there; default the parent's.
        kind: ``lossless``: the file is shorter, every answer the same. ``float32``: computed in it, or, where this is
            no better, only stored. ``float16``, ``int8``: large matrices and the leaves of trees are stored so.
            ``int8-arithmetic``: products with large matrices in integers. ``auto``: of all these that keep the limits
            the shortest, or a faster one that is hardly longer.
        max_error: how far a score may be from the parent's, an absolute difference. Default: of answers that are no
            labels, the mean error may be 1 % of their standard deviation.
        min_agreement: the share of rows whose label must stay, default 0.99.

    Raises:
        NoGain: it would not be smaller without being slower, nor faster without being larger; or it differs more than
            allowed. The text has the numbers, and nothing was written.
        ExportError: there is no such kind, or a limit is no number from 0 on.
        ArtifactError: the parent is none.
        InvalidInput: the parent refuses a row of ``X``.
    """
    _check_settings(kind, max_error=max_error, min_agreement=min_agreement)
    parent = artifact if isinstance(artifact, Artifact) else Artifact.open(artifact)
    judge = _Judge.of(parent, X, _Limits.of(max_error, min_agreement))
    best = _best(judge.accepted(kind))
    tolerance = tolerance_of(judge.model, judge.content, best.variant.arithmetic, judge.feeds)
    return rewritten(parent, best.content, step=best.step, X=X, y=y, to=to, name=name, tolerance=tolerance)


def _check_settings(kind: str, **limits: float | None) -> None:
    known = ["auto", *dict.fromkeys(variant.kind for variant in VARIANTS)]
    if kind not in known:
        raise ExportError(f"kind: expected one of {', '.join(known)}, got {kind!r}{nearest(kind, known)}")
    for name, limit in limits.items():
        if limit is not None and not limit >= 0:
            raise ExportError(f"{name}: expected a number from 0 on, got {limit}")


@dataclass(frozen=True)
class Quantized:
    """A rewritten graph that was measured."""

    variant: Variant
    content: bytes
    gain: Gain
    agreement: Agreement

    @property
    def step(self) -> Step:
        """The step of the lineage, with what it brought."""
        step = self.variant.step
        return msgspec.structs.replace(step, detail=step.detail | {"measured": str(self.gain)})

    def __str__(self) -> str:
        return f"{self.gain}; {_told(self.agreement)}"


@dataclass(frozen=True)
class _Limits:
    """What a result may lose; None: anything. ``share`` is of the scores' standard deviation."""

    max_error: float | None
    min_agreement: float
    share: float | None

    @classmethod
    def of(cls, max_error: float | None, min_agreement: float | None) -> _Limits:
        agreed = AGREED if min_agreement is None else min_agreement
        return cls(max_error, agreed, STRAYED if max_error is None else None)

    def broken(self, found: Agreement, deviation: float) -> str:
        """Which limit is not kept, "" where all are."""
        if found.max_error is not None and not np.isfinite(found.max_error):
            return "some answers are no numbers where the parent's are"
        if self.max_error is not None and (found.max_error or 0) > self.max_error:
            return f"expected scores within {self.max_error:g}"
        if found.labels is not None and found.labels < self.min_agreement:
            return f"expected {self.min_agreement:.2%} of the labels"
        if self.share is not None and found.labels is None and (found.mean_error or 0) > self.share * deviation:
            return f"expected a mean error of at most {self.share * deviation:.3g}"
        return ""


@dataclass(frozen=True)
class _Judge:
    """The parent, the rows it is compared on as it is fed, and what it answers to them."""

    content: bytes
    model: Model
    feeds: Feeds
    learned: Feeds | None
    golden: Golden
    answers: dict[str, Array]
    limits: _Limits

    @classmethod
    def of(cls, parent: Artifact, X: Any, limits: _Limits) -> _Judge:
        files = parent.read()
        model = Model(parent.manifest, Session(files[MODEL]))
        golden = decode_golden(files[GOLDEN])
        given = _clear(golden) if X is None else model.feeds.from_rows(X)
        learned, feeds = (None, given) if X is None else _halves(given)
        return cls(files[MODEL], model, feeds, learned, golden, _answers(model, feeds), limits)

    def accepted(self, kind: str) -> list[Quantized]:
        """What is a gain within the limits.

        Raises:
            NoGain: nothing is.
        """
        found, reasons = [], []
        for variant in (variant for variant in VARIANTS if kind in ("auto", variant.kind)):
            try:
                found.append(self.judged(variant))
            except NoGain as error:
                reasons.append(error.text)
        if not found:
            raise NoGain("; ".join(reasons), hint="nothing was written")
        return found

    def judged(self, variant: Variant) -> Quantized:
        """The parent rewritten so, and measured.

        Raises:
            NoGain: it brings nothing, or differs too much.
        """
        called = f"{variant.kind} ({variant.arithmetic})"
        content = variant.content(onnx.load_from_string(self.content), self.learned)
        try:
            agreement = self._agreement(content)
        except (InferenceError, UnsafeModel) as error:
            raise NoGain(f"{called}: {error.text}") from None
        if reason := self.limits.broken(agreement, _deviation(self.answers)):
            raise NoGain(f"{called}: {reason}, got {_told(agreement)}")
        gain = measure_gain(self.content, content, self.feeds)
        if not gain.is_one or (variant.arithmetic == "as before" and not gain.is_smaller):
            raise NoGain(f"{called}: no gain: {gain}")
        return Quantized(variant, content, gain, agreement)

    def _agreement(self, content: bytes) -> Agreement:
        """With the parent, on the rows to judge by; where a golden row is answered with no number, on the golden rows."""
        model = Model(self.model.manifest, Session(content))
        golden = agreement_of(self.golden.answers, _answers(model, self.golden.feeds))
        is_number = golden.max_error is None or np.isfinite(golden.max_error)
        return agreement_of(self.answers, _answers(model, self.feeds)) if is_number else golden


def _best(found: Sequence[Quantized]) -> Quantized:
    """The fastest, where it is least so, of the shortest and of those that are hardly longer."""
    limit = HARDLY * min(len(each.content) for each in found)
    return min((each for each in found if len(each.content) <= limit), key=lambda each: each.gain.worst)


def _halves(feeds: Feeds) -> tuple[Feeds, Feeds]:
    """Every other row, to learn from; and the rest, to judge by."""
    rows = len(next(iter(feeds.values())))
    if rows < 2:
        return feeds, feeds
    first, second = ({name: values[start::2] for name, values in feeds.items()} for start in (0, 1))
    return first, second


def _answers(model: Model, feeds: Feeds) -> dict[str, Array]:
    methods = model.manifest.methods
    return dict(zip(methods, model.answer(feeds, methods), strict=True))


def _deviation(answers: dict[str, Array]) -> float:
    """The standard deviation of the scores that are no labels."""
    scores = [values for values in answers.values() if values.dtype.kind == "f"]
    finite = scores[-1][np.isfinite(scores[-1])] if scores else np.empty(0)
    return float(finite.std()) if finite.size else 0.0


def _clear(golden: Golden) -> Feeds:
    """The golden rows by which a model may be judged; all of them where there are none."""
    kept = np.logical_and.reduce([*map(_is_plain, golden.feeds.values()), *_decided(golden.answers)])
    return {name: values[kept] if kept.any() else values for name, values in golden.feeds.items()}


def _is_plain(values: Array) -> Array:
    if values.dtype.kind != "f":
        return np.ones(len(values), bool)
    return np.asarray(~(np.abs(np.nan_to_num(values, nan=0.0)) > LARGEST).reshape(len(values), -1).any(axis=1))


def _decided(answers: dict[str, Array]) -> Iterator[Array]:
    """Masks of the rows whose best two scores are ``CLEAR`` of each other, or whose only one is clear of 0."""
    for method, scores in answers.items():
        if method.startswith(("predict_proba", "decision_function")):
            columns = np.sort(np.atleast_2d(scores.T).T, axis=1)
            second = columns[:, -2] if columns.shape[1] > 1 else 0.0
            yield np.asarray(np.abs(columns[:, -1] - second) >= CLEAR)


def _told(agreement: Agreement) -> str:
    parts = [f"{agreement.rows:,} rows"]
    if agreement.labels is not None:
        parts.append(f"{agreement.labels:.2%} of the labels the same")
    if agreement.max_error is not None:
        parts.append(f"scores off by {agreement.mean_error:.2g} on average, {agreement.max_error:.2g} at most")
    return ", ".join(parts)
