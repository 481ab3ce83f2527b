"""``table``: each case searched, and what was written measured beside the exact artifact and skl2onnx's graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from skerry.bench.intervals import ratio_interval
from skerry.bench.measured.compression.amounts import amount_of
from skerry.bench.measured.compression.cases import Case, Rows, parts_of
from skerry.bench.measured.compression.effort import Effort, each_in_turn
from skerry.bench.measured.compression.latency import ROWS, Call, calls_of, latencies, stock_calls
from skerry.bench.measured.compression.memory import memory_of
from skerry.bench.measured.compression.quality import answers_of, judged, metric_of
from skerry.bench.measured.compression.recorded import Recorded
from skerry.bench.measured.compression.records import Amount, Failure, Quality, Row, Side
from skerry.bench.stock import StockConversion
from skerry.export import export
from skerry.export.signature import take
from skerry.quantize.front import Front
from skerry.quantize.search import optimize
from skerry.runtime.artifact import MODEL, Artifact
from skerry.runtime.batching import cost
from skerry.runtime.errors import BenchError
from skerry.runtime.model import load
from skerry.runtime.session import SessionConfig

CHECKED = 2_000
"""Rows that the exact artifact is compared with scikit-learn on."""
ASKED = 4_000
"""Rows of which the timed calls have theirs."""


@dataclass(frozen=True)
class Found:
    """What a search came to, before anything is timed: artifacts on disk, and all that does not depend on the clock."""

    case: Case
    rows: tuple[int, int, int]
    source: str
    exact: Path
    stock: StockConversion | None
    front: Front
    amounts: tuple[Amount, Amount | None]
    qualities: tuple[Quality, Quality | None]


def table(cases: Sequence[Case], effort: Effort, say: Callable[[str], None]) -> Iterator[Row | Failure]:
    """Rows in the order of ``cases``. All are searched before the first is timed, which then has the machine for itself."""
    with TemporaryDirectory() as folder:
        tasks = {case.name: (case, Path(folder) / str(place), effort) for place, case in enumerate(cases)}
        for name, found in list(each_in_turn(searched, tasks, effort.jobs, say)):
            if isinstance(found, Exception):
                yield Failure(part="table", case=name, error=f"{type(found).__name__}: {found}"[:300])
            else:
                yield timed(found)
                say(f"timed {name}")


def searched(case: Case, folder: Path, effort: Effort) -> Found:
    """Fit, export, convert by skl2onnx, search, and judge on unseen rows."""
    cost.SECONDS = 0.0  # what is timed is timed below
    parts = parts_of(case.data, given=effort.given)
    teacher = case.fitted(parts.trained)
    metric = metric_of(parts.given.y)
    exact = export(teacher, parts.given.first(CHECKED).X, name="exact", to=folder)
    recorded = Recorded()
    front = optimize(
        teacher,
        parts.given.X,
        parts.given.y,
        max_loss=case.bound(len(parts.given)),
        metric=metric,
        budget=effort.budget,
        name="result",
        to=folder,
        arrows=recorded.arrows,
    )
    models = [teacher] if front.artifact is None else [teacher, load(front.artifact)]
    qualities = judged([answers_of(model, parts.unseen.X, metric) for model in models], parts.unseen.y, metric)
    smaller = None if front.best is None else recorded.model_of(front.best) or teacher
    return Found(
        case=case,
        rows=(len(parts.trained), len(parts.given), len(parts.unseen)),
        source=parts.source,
        exact=exact.directory,
        stock=_stock(teacher, parts.unseen),
        front=front,
        amounts=(amount_of(teacher), None if smaller is None else amount_of(smaller)),
        qualities=(qualities[0], qualities[1] if len(qualities) > 1 else None),
    )


def _stock(teacher: Any, rows: Rows) -> StockConversion | None:
    """None where skl2onnx has no conversion that runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return StockConversion.of(teacher, rows.first(100).X)
        except BenchError:
            return None


def timed(found: Found) -> Row:
    """Latency in turns, and memory."""
    unseen = parts_of(found.case.data).unseen
    X = take(unseen.X, np.arange(ASKED) % len(unseen))
    artifacts = {"teacher": Artifact.open(found.exact)} | (
        {"result": found.front.artifact} if found.front.artifact else {}
    )
    one = SessionConfig(intra_op_num_threads=1)
    calls: dict[str, Call] = {name: calls_of(load(artifact, one), X) for name, artifact in artifacts.items()}
    if found.stock is not None:
        calls["stock"] = stock_calls(found.stock, X)
    seconds = {rows: latencies(calls, rows, ASKED) for rows in ROWS}
    contents = {name: artifact.read()[MODEL] for name, artifact in artifacts.items()}
    if found.stock is not None:
        contents["stock"] = found.stock.content
    amounts = {"teacher": found.amounts[0], "result": found.amounts[1]}
    sides = {
        name: Side(
            size=len(content),
            latency={rows: median(taken[name]) for rows, taken in seconds.items()},
            memory=memory_of(content),
            amount=amounts.get(name),
        )
        for name, content in contents.items()
    }
    best = found.front.best
    return Row(
        case=found.case.name,
        family=found.case.family,
        source=found.source,
        rows=found.rows,
        bound=found.front.max_loss,
        teacher=sides["teacher"],
        stock=sides.get("stock"),
        teacher_quality=found.qualities[0],
        result=sides.get("result"),
        quality=found.qualities[1],
        ratios={
            rows: ratio_interval(np.log(np.divide(taken["result"], taken["teacher"])))
            for rows, taken in seconds.items()
            if "result" in taken
        },
        steps="" if best is None else best.name,
        seconds=found.front.seconds,
        reason=found.front.reason,
    )
