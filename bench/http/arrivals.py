"""When the requests of an open loop are due."""

from __future__ import annotations

import numpy as np

from skerry.bench.http.plan import LoadPlan


def intended_starts(plan: LoadPlan, process: int = 0) -> np.ndarray:
    """Seconds from the start of the warm-up at which this process is to send, ascending, float64.

    The processes take turns in one schedule, so together they keep it exactly, however many they are. Over a time T the
    arrivals of a Poisson process are Poisson(rate · T) many, uniform in it and independent (Kingman, Poisson Processes,
    section 2.4).
    """
    assert plan.rate is not None
    seconds = plan.warmup + plan.duration
    if plan.arrivals == "constant":
        starts = np.arange(np.ceil(plan.rate * seconds - 1e-6)) / plan.rate  # 400 · 1.1 is 440.00000000000006
    else:
        random = np.random.default_rng(plan.seed)
        starts = np.sort(random.uniform(0, seconds, random.poisson(plan.rate * seconds)))
    return starts[process :: plan.processes]
