"""What batching does for models that are dear, and for one that is not: as it is by default, and turned off.

    python -m skerry.bench.measured.batching

Each model by two servers on one core, in turns: requests per second on 32 connections, and the median latency on one.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from skerry.bench.benchmarks.contest import bound_to, two_cores
from skerry.bench.benchmarks.workload import request_bytes
from skerry.bench.http.exchange import Exchange, SameFields
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.rounds import Runs, as_target, medians, rates, ratio, take_turns
from skerry.bench.measured.serving import serving
from skerry.export import export

ROUNDS, SECONDS, WARMUP = 6, 1.0, 0.2
ROWS, WIDTH = 20_000, 30
BY_DEFAULT, OFF = "by default", "off"
OPTIONS: dict[str, tuple[str, ...]] = {BY_DEFAULT: (), OFF: ("--max-batch-size", "1")}
MODELS: dict[str, tuple[Callable[[], Any], int]] = {
    "MLPClassifier (1024, 1024)": (lambda: MLPClassifier((1024, 1024), max_iter=1, random_state=0), 500),
    "RandomForestClassifier, 1,000 trees": (
        lambda: RandomForestClassifier(1_000, max_depth=8, n_jobs=-1, random_state=0),
        1_000,
    ),
    "KNeighborsClassifier, 20,000 rows": (KNeighborsClassifier, ROWS),
    "GradientBoostingClassifier": (lambda: GradientBoostingClassifier(random_state=0), 1_000),
}
"""Estimators, and the rows that each is fitted on."""
GOALS = {"MLPClassifier (1024, 1024)": "at least 1.6"}


def table(say: Callable[[str], None]) -> Iterator[str]:
    """A line for each model."""
    head = (
        "requests/s on 32 connections: off",
        BY_DEFAULT,
        "ratio",
        "goal",
        "p50 on 1 connection: off",
        BY_DEFAULT,
        "ratio",
        "goal",
    )
    yield f"| model | {' | '.join(head)} |"
    yield f"| --- {'| --- ' * len(head)}|"
    X, y = make_classification(ROWS + 100, WIDTH, n_informative=15, random_state=0)
    with tempfile.TemporaryDirectory(prefix="skerry-batching-") as folder:
        for number, (name, (make, fitted)) in enumerate(MODELS.items()):
            say(f"batching: {name}")
            artifact = Path(folder) / str(number)
            estimator = _export(make(), X[:fitted], y[:fitted], artifact)
            many, single = measure(artifact, X[ROWS:], estimator)
            yield _line(name, many, single)


def _export(estimator: Any, X: np.ndarray, y: np.ndarray, to: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a network that is trained no longer than it takes to have weights
        estimator.fit(X, y)
    export(estimator, X[:200], y[:200], name="model", to=to)
    return estimator


def measure(repository: Path, rows: np.ndarray, estimator: Any) -> tuple[Runs, Runs]:
    """Runs on 32 connections, and on one, of both servers."""
    cores = two_cores() or (None, None)
    with ExitStack() as stack:
        targets = []
        for name, options in OPTIONS.items():
            served = stack.enter_context(serving(repository, *options, core=cores[0]))
            targets.append(as_target(name, served.address, exchanges(rows, estimator, str(served.address))))
        stack.enter_context(bound_to(cores[1]))
        plan = LoadPlan(connections=32, duration=SECONDS, warmup=WARMUP)
        single = LoadPlan(connections=1, duration=SECONDS, warmup=WARMUP)
        return take_turns(targets, plan, ROUNDS), take_turns(targets, single, ROUNDS)


def exchanges(rows: np.ndarray, estimator: Any, host: str) -> list[Exchange]:
    """Requests of one row each, and what scikit-learn says of it."""
    expected = estimator.predict_proba(rows).tolist()
    return [
        Exchange(
            request_bytes("/predict", msgspec.json.encode({"X": [row], "outputs": ["predict_proba"]}), host),
            1,
            SameFields({"probabilities": [answer]}),
        )
        for row, answer in zip(rows.tolist(), expected, strict=True)
    ]


def _line(name: str, many: Runs, single: Runs) -> str:
    off, on = rates(many[OFF]), rates(many[BY_DEFAULT])
    slow, fast = medians(single[OFF]), medians(single[BY_DEFAULT])
    cells = [
        name,
        f"{np.median(off):,.0f}",
        f"{np.median(on):,.0f}",
        ratio(on, off),
        GOALS.get(name, "not below 1"),
        f"{1e6 * np.median(slow):,.0f} µs",
        f"{1e6 * np.median(fast):,.0f} µs",
        ratio(fast, slow),
        "not above 1",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    for line in table(lambda text: None):
        print(line, flush=True)


if __name__ == "__main__":
    main()
