"""The table of arrows: what a search draws candidates from, and what it does to the best of their graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from skerry.quantize.candidate import Arrow
from skerry.quantize.distill import DISTILLED
from skerry.quantize.graphs.variants import graph_variants
from skerry.quantize.pruning.columns import column_candidates
from skerry.quantize.pruning.prototypes import prototype_candidates
from skerry.quantize.pruning.trees import forest_candidates, tree_candidates
from skerry.quantize.pruning.units import unit_candidates
from skerry.quantize.pruning.vectors import vector_candidates
from skerry.quantize.pruning.weights import weight_candidates
from skerry.runtime.feeds import Feeds
from skerry.runtime.manifest import Step

GraphArrow = Callable[[bytes, Feeds], Iterator[tuple[Step, bytes]]]
"""Proposes graphs in the place of one, mild ones first; the feeds are rows to calibrate with."""

PRUNING: dict[str, Arrow] = {
    "trees": tree_candidates,
    "first trees": forest_candidates,
    "vectors": vector_candidates,
    "prototypes": prototype_candidates,
    "weights": weight_candidates,
    "units": unit_candidates,
    "columns": column_candidates,
}
"""Family → what proposes estimators; each knows some kinds, and proposes nothing for the rest."""

ARROWS: dict[str, Arrow] = {**PRUNING, **DISTILLED}

GRAPH_ARROWS: dict[str, GraphArrow] = {"graph": graph_variants}
"""Family → what proposes graphs."""
