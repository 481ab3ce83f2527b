"""``ServedModel``: a model that is ready to answer, and all that answering takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skerry.runtime.batching.batcher import Batcher
from skerry.runtime.batching.engine import Answers
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.feeds import Feeds
from skerry.runtime.model import Model
from skerry.runtime.protocol.inference import InferenceCodec
from skerry.runtime.protocol.predict import PredictCodec
from skerry.runtime.request_policy import RequestPolicy


@dataclass(frozen=True)
class ServedModel:
    """A model, its codecs, and what runs it. Requests of up to ``inline_rows`` rows may be answered by ``answer``, at once."""

    model: Model
    predict: PredictCodec
    inference: InferenceCodec
    batcher: Batcher
    answer: Callable[[Feeds, Sequence[str]], Answers]
    inline_rows: int

    @classmethod
    def of(cls, model: Model, policy: BatchPolicy | None = None, requests: RequestPolicy | None = None) -> ServedModel:
        """Measures the model, to choose how it is run."""
        batcher = Batcher(model, policy)
        asked = requests or RequestPolicy()
        predict = PredictCodec(model, extra_columns=asked.extra_columns, limits=asked.limits, redacted=asked.redacted)
        inference = InferenceCodec(model, asked.limits, redacted=asked.redacted)
        return cls(model, predict, inference, batcher, batcher.engine.answer, batcher.inline_rows)
