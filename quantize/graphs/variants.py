"""``Variant``: one way to rewrite a graph, mild ones first; and all of them for a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import onnx

from skerry.export.wire import Array
from skerry.quantize.graphs.integers import integers
from skerry.quantize.graphs.leaves import leaves
from skerry.quantize.graphs.packing import packed
from skerry.quantize.graphs.precision import single
from skerry.quantize.graphs.storage import Storage, narrow
from skerry.runtime.errors import NoGain
from skerry.runtime.manifest import Step

Kind = Literal["lossless", "float32", "float16", "int8", "int8-arithmetic"]
"""What a user asks for."""
Arithmetic = Literal["as before", "float32", "int8"]
Feeds = dict[str, Array]

LEVELS: dict[Storage, int] = {"float16": 2**16, "int8": 2**8}
"""How many numbers the leaves of trees are rounded to."""
_ARITHMETIC: dict[Arithmetic, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "as before": lambda model: model,
    "float32": single,
    "int8": lambda model: integers(single(model)),
}


@dataclass(frozen=True)
class Variant:
    """How constants lie in the file, and what the graph computes in."""

    kind: Kind
    storage: Storage
    arithmetic: Arithmetic

    def content(self, model: onnx.ModelProto, feeds: Feeds | None = None) -> bytes:
        """The rewritten graph; with ``feeds`` the leaves of trees make up for each other's errors on these rows.

        Raises:
            NoGain: the graph has nothing that could be rewritten so, or cannot.
        """
        computed = _ARITHMETIC[self.arithmetic](model)
        if self.storage in LEVELS:
            computed = leaves(computed, LEVELS[self.storage], feeds)
        return packed(narrow(computed, self.storage))

    @property
    def step(self) -> Step:
        """The step of the lineage."""
        return Step(arrow="quantize", detail={"constants": self.storage, "arithmetic": self.arithmetic})


VARIANTS = (
    Variant("lossless", "exact", "as before"),
    Variant("float32", "exact", "float32"),
    Variant("float32", "float32", "as before"),
    Variant("float16", "float16", "float32"),
    Variant("float16", "float16", "as before"),
    Variant("int8", "int8", "float32"),
    Variant("int8", "int8", "as before"),
    Variant("int8-arithmetic", "float16", "int8"),
)
"""Mild ones first; of those that are as mild, the one that should be faster."""
LOSSLESS = VARIANTS[0].step.detail
"""What the step of the one that changes no answer says."""


def graph_variants(content: bytes, feeds: Feeds | None = None) -> Iterator[tuple[Step, bytes]]:
    """Graphs that answer almost as ``content`` does, each with its step; lazily, mild ones first, none twice.

    Only those that are shorter are given, or that compute in another arithmetic and are not longer. Whether they
    are faster, and what they lose, is for the caller to measure. ``feeds`` are training rows as the model is fed.
    """
    model = onnx.load_from_string(content)
    seen = {content}
    for variant in VARIANTS:
        try:
            made = variant.content(model, feeds)
        except NoGain:
            continue
        is_shorter = len(made) < len(content)
        if made not in seen and (is_shorter or (variant.arithmetic != "as before" and len(made) == len(content))):
            seen.add(made)
            yield variant.step, made
