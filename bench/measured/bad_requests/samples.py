"""``Samples``: models, and rows that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.draws import FEW, MODELS, Draw
from skerry.bench.measured.border_models import Row

Rows = Sequence[Row]


class Samples:
    """Draws models and rows of them."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        self._rows = {
            model: st.lists(st.sampled_from(list(known)), min_size=1, max_size=3) for model, known in rows.items()
        }
        self._complete = {
            model: [row for row in known if not isinstance(row, Mapping) or None not in row.values()]
            for model, known in rows.items()
        }

    def draw(self, draw: Draw, model: str | None = None) -> tuple[str, list[Row]]:
        model = model or draw(MODELS)
        return model, deepcopy(draw(self._rows[model]))

    def complete(self, draw: Draw, model: str | None = None) -> tuple[str, list[Row]]:
        """Rows without a missing text, which binary tensors have no bytes for."""
        model = model or draw(MODELS)
        return model, [deepcopy(draw(st.sampled_from(self._complete[model]))) for _ in range(draw(FEW))]
