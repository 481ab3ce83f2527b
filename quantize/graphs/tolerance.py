"""``tolerance_of``: how exactly a rewritten model's answers must come out again on another machine."""

from __future__ import annotations

import numpy as np
import onnx

from skerry.export.converters.ties import ROUNDED
from skerry.export.wire import Array
from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.precision import single
from skerry.quantize.graphs.variants import Arithmetic, Feeds
from skerry.runtime.model import Model
from skerry.runtime.session import Session

REDONE = 8
"""Another machine may be so many times further off than what float32 makes of this model here."""
ROUGH = 1e-2
"""What other machines may make of answers computed in 8 bits, and at most of those computed in float32."""


def tolerance_of(parent: Model, content: bytes, arithmetic: Arithmetic, feeds: Feeds) -> float:
    """The tolerance for what was made of ``parent``, whose graph is ``content``: relative above 1, absolute below.

    In the same arithmetic it is the parent's own. Float32 sums come out otherwise wherever they are added in another order,
    by about as much as they differ from float64 ones: that is measured on the rows ``feeds``. Of 8 bits, one more or
    less can be anything up to a hundredth.
    """
    own = parent.manifest.parity.tolerance
    if arithmetic == "as before":
        return own
    if arithmetic == "int8":
        return max(own, ROUGH)
    rounding = _furthest(parent, Model(parent.manifest, Session(packed(single(onnx.load_from_string(content))))), feeds)
    return max(own, ROUNDED, min(ROUGH, REDONE * rounding))


def _furthest(expected: Model, got: Model, feeds: Feeds) -> float:
    """The largest finite difference of a score."""
    methods = expected.manifest.methods
    pairs = zip(expected.answer(feeds, methods), got.answer(feeds, methods), strict=True)
    return max((_difference(*pair) for pair in pairs), default=0.0)


def _difference(expected: Array, got: Array) -> float:
    if expected.dtype.kind != "f":
        return 0.0
    with np.errstate(invalid="ignore"):
        off = np.abs(got - expected) / np.maximum(1, np.abs(expected))
    return float(np.max(off, where=np.isfinite(off), initial=0))
