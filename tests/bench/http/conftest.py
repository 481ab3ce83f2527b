"""Runs as they come: made numbers, real types."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from skerry.bench.histogram import summarize
from skerry.bench.results import GeneratorUse, Run


@pytest.fixture
def made_run() -> Callable[..., Run]:
    """Makes a run of ten seconds, closed loop: a thousand answers that all took as long."""

    def run(target: str = "a", round: int = 0, reached: float = 100.0, seconds: float = 0.01, **changes: object) -> Run:
        made = Run(
            target=target,
            connections=8,
            rate=None,
            arrivals=None,
            duration=10.0,
            round=round,
            requests=1000,
            requests_per_second=reached,
            rows_per_second=None,
            latency=summarize(np.full(1000, seconds)),
            errors={},
            verified=1000,
            generator=GeneratorUse(processes=1, cores=0.1),
        )
        return msgspec.structs.replace(made, **changes)

    return run
