"""``Held``: a model that runs when it is told to, so that requests pile up without a sleep."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from skerry.runtime import Model
from skerry.runtime.feeds import Array, Feeds, rows_of


class Held(Model):
    """``model``, each of whose runs begins when ``go`` is set; ``runs`` has the rows of each, ``began`` is set by the first."""

    def __init__(self, model: Model) -> None:
        self.__dict__.update(model.__dict__)
        self.runs: list[int] = []
        self.began = threading.Event()
        self.go = threading.Event()

    def answer(self, feeds: Feeds, methods: Sequence[str]) -> list[Array]:
        self.runs.append(rows_of(feeds))
        self.began.set()
        assert self.go.wait(10)
        return super().answer(feeds, methods)
