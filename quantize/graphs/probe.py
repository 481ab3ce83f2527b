"""``values_of``: what values inside of a graph are, for rows that it is fed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from skerry.export.wire import Array
from skerry.runtime.session import Session

ROWS = 1_000
"""Rows that are looked at, at most, evenly spread."""


def values_of(model: onnx.ModelProto, names: Sequence[str], feeds: dict[str, Array]) -> list[Array]:
    """The values ``names`` of the model, inputs among them, for at most ``ROWS`` of the rows ``feeds``."""
    some = {name: _spread(values) for name, values in feeds.items()}
    inner = [name for name in names if name not in some]
    found = dict(zip(inner, _run(model, inner, some), strict=True)) if inner else {}
    return [found[name] if name in found else some[name] for name in names]


def _run(model: onnx.ModelProto, names: list[str], feeds: dict[str, Array]) -> list[Array]:
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = Session(shown.SerializeToString())
    return session.run({name: feeds[name] for name in session.inputs}, names)


def _spread(values: Array) -> Array:
    return values[np.linspace(0, len(values) - 1, min(len(values), ROWS)).astype(int)]
