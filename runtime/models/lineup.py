"""``Lineup``: what of a model answers, and to which names."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.runtime.models.served import ServedModel
from skerry.runtime.models.wanted import Wanted


class Lineup:
    """What is loaded of a model, and what was wanted: a value, replaced as a whole.

    ``labels`` has the model that answers for everything a request may call a version: its number, an alias, or None.
    """

    def __init__(self, loaded: Mapping[int, ServedModel], wanted: Wanted) -> None:
        self.loaded = loaded
        self.wanted = wanted
        named = {**{str(version): version for version in loaded}, **wanted.aliases.aliases}
        self.labels: dict[str | None, ServedModel] = {
            label: loaded[version] for label, version in named.items() if version in loaded
        }
        answering = wanted.aliases.answering(loaded)
        if answering is not None and answering in loaded:
            self.labels[None] = loaded[answering]
