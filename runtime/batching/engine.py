"""``Engine``: runs requests to one model as one, and gives each its own answers, or its own error.

A row's answers are the same alone and beside others, to the bit, which takes two things of a run (onnxruntime 1.31.1,
x86-64). Exp, Log, Tanh and Softmax of float64 are computed two values at a time, and an odd one at the end otherwise,
so ``row_multiple`` can fill the rows up. Sums over a row are rounded by how long it is, so texts and records are only run
with others that are filled up to the same width: ``shape``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.model import Model
from skerry.runtime.protocol.request import Request

Answers = list[Array]


class Engine:
    """Runs a model. Safe to share between threads."""

    def __init__(self, model: Model, *, row_multiple: int = 1) -> None:
        self._model = model
        self._row_multiple = row_multiple
        self.methods = model.manifest.methods
        self.answer: Callable[[Feeds, Sequence[str]], Answers] = model.answer if row_multiple == 1 else self._fill_up
        """The model's answers to feeds."""
        self._keys = tuple(extractor.keys for extractor in model.manifest.extractors)

    def shape(self, request: Request) -> Hashable:
        """What requests must have in common to be run as one: widths that differ by request."""
        return tuple(request.feeds[name].shape[1] for name in self._keys) if self._keys else None

    def run(self, requests: Sequence[Request]) -> list[Answers | Exception]:
        """For each request its answers, views of those of the whole run, or why there are none.

        If the run fails, each half is run alone, and so on: a request fails for reasons of its own, which name its own
        rows.
        """
        try:
            return self._run(requests)
        except Exception as error:
            if len(requests) == 1:
                return [error]
        middle = len(requests) // 2
        return [*self.run(requests[:middle]), *self.run(requests[middle:])]

    def _run(self, requests: Sequence[Request]) -> list[Answers | Exception]:
        first = requests[0]
        if len(requests) == 1:
            return [self.answer(first.feeds, first.methods)]
        feeds = {name: np.concatenate([request.feeds[name] for request in requests]) for name in first.feeds}
        methods = _union(requests)
        found = dict(zip(methods, self.answer(feeds, methods), strict=True))
        answers: list[Answers | Exception] = []
        start = 0
        for request in requests:
            stop = start + request.rows
            answers.append([found[method][start:stop] for method in request.methods])
            start = stop
        return answers

    def _fill_up(self, feeds: Feeds, methods: Sequence[str]) -> Answers:
        """With the last row, to a multiple of rows."""
        missing = -rows_of(feeds) % self._row_multiple
        if not missing:
            return self._model.answer(feeds, methods)
        filled = {name: np.concatenate([array, *[array[-1:]] * missing]) for name, array in feeds.items()}
        return [array[:-missing] for array in self._model.answer(filled, methods)]


def _union(requests: Sequence[Request]) -> tuple[str, ...]:
    """The methods that anybody asks for. What a method costs beside others is small next to another run."""
    methods = requests[0].methods
    if all(request.methods == methods for request in requests):
        return methods
    return tuple(dict.fromkeys(method for request in requests for method in request.methods))
