"""``grids``: what a measurement's tables hold, already as text; terminal.py and report.py draw the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from skerry.bench.grid import (
    Column,
    Grid,
    amount_columns,
    count_columns,
    described_column,
    levels_of,
    number_column,
    text_column,
)
from skerry.bench.loads import Load, describe, labels, loads_of
from skerry.bench.results import HttpMeasurement, Latency, Measurement, ModelMeasurement, Point, Ratio
from skerry.bench.units import BYTES, PLAIN, SECONDS, Amount, Unit, amount, percent, plural, unit_for, value_of

PERCENTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99_9": "p99.9", "max": "max"}
"""Fields of ``Latency`` and what people call them."""


def grids(measurement: Measurement) -> list[Grid]:
    """The tables of ``measurement``, those first that people look at first; none is empty."""
    made = _model_grids(measurement) if isinstance(measurement, ModelMeasurement) else _http_grids(measurement)
    return [grid for grid in made if len(grid.columns) > 1 and grid.columns[0].cells]


def comparison(measurement: HttpMeasurement, quantity: str = "requests per second") -> Grid:
    """A line for each target and load: rows per second, p50, p99, errors, and the ratio of ``quantity`` with its interval."""
    loads = loads_of(measurement.runs)
    ratios = {ratio.contender: ratio for ratio in measurement.ratios if ratio.quantity == quantity}
    baselines = {ratio.baseline for ratio in ratios.values()}
    cells = ["1" if load.target in baselines else _ratio(ratios.get(load.target)) for load in loads]
    shown = [column for column in _load_columns(loads) if column.name.partition(",")[0] in _COMPARED]
    beside = (number_column(f"{quantity}, times {', '.join(sorted(baselines))}", cells),) if baselines else ()
    return Grid("Comparison", (*_names(loads), *shown, *beside))


_COMPARED = ("requests/s", "rows/s", "p50", "p99", "errors")


def ratio_grid(ratios: Sequence[Ratio]) -> Grid:
    """A line for each ratio; what ``findings`` says in sentences."""
    columns = (
        text_column("quantity", [ratio.quantity for ratio in ratios]),
        text_column("contender", [ratio.contender for ratio in ratios]),
        text_column("baseline", [ratio.baseline for ratio in ratios]),
        number_column("times", [_ratio(ratio) for ratio in ratios]),
        number_column("rounds", [str(ratio.rounds) for ratio in ratios]),
    )
    levels = levels_of(ratio.interval.confidence for ratio in ratios if ratio.interval)
    return Grid("Ratios", columns, f"How many times the baseline's the contender's is, with {levels} intervals.")


def _ratio(ratio: Ratio | None) -> str:
    return "–" if ratio is None else amount(ratio.interval)


def _model_grids(measurement: ModelMeasurement) -> list[Grid]:
    latency = "Latency of a call"
    rate = "Rows per second"
    return [
        _by_rows(latency, measurement.points, lambda point: point.latency, SECONDS, _confidence(measurement.points)),
        _by_rows(rate, measurement.points, lambda point: point.rows_per_second, PLAIN, ""),
        _contenders(measurement),
    ]


def _by_rows(
    title: str, points: Sequence[Point], pick: Callable[[Point], Amount], units: tuple[Unit, ...], note: str
) -> Grid:
    """A line for each contender and count of threads, a column for each count of rows."""
    lines = sorted(
        dict.fromkeys((point.threads, point.contender) for point in points), key=lambda line: line[0]
    )  # contenders stay in the order in which they came
    found = {(point.threads, point.contender, point.rows): pick(point) for point in points}
    columns = [text_column("contender", [name for _, name in lines])]
    if len({threads for threads, _ in lines}) > 1:
        columns.append(number_column("threads", [str(threads) for threads, _ in lines]))
    for rows in sorted({point.rows for point in points}):
        columns.extend(amount_columns(plural(rows, "row"), [found.get((*line, rows)) for line in lines], units))
    return Grid(title, tuple(columns), note)


def _confidence(points: Sequence[Point]) -> str:
    if all(point.latency.low == point.latency.high for point in points):
        return "Medians."
    return f"Medians, and the intervals that hold them with {levels_of([point.latency.confidence for point in points])} confidence."


def _contenders(measurement: ModelMeasurement) -> Grid:
    all_of = measurement.contenders
    columns = (
        text_column("contender", [each.name for each in all_of]),
        *described_column([each.description for each in all_of]),
        *amount_columns("load", [each.load for each in all_of], SECONDS),
        *amount_columns("first call", [each.first_call for each in all_of], SECONDS),
        *amount_columns("memory", [each.resident_memory for each in all_of], BYTES),
        *amount_columns("file", [each.file_size for each in all_of], BYTES),
    )
    told = any(each.load or each.first_call for each in all_of)
    return Grid("Contenders", columns, "Load and first call: medians over fresh processes." if told else "")


def _http_grids(measurement: HttpMeasurement) -> list[Grid]:
    loads = loads_of(measurement.runs)
    return [
        *_load_grids(loads),
        _error_grid(loads),
        _use_grid(loads),
        _timing_grid(loads),
        _target_grid(measurement),
    ]


def _load_grids(loads: Sequence[Load]) -> list[Grid]:
    """One table; or, where several targets each had several loads, one for each of whichever are fewer."""
    by_load: dict[tuple[object, ...], list[Load]] = {}
    by_target: dict[tuple[object, ...], list[Load]] = {}
    for load in loads:
        by_target.setdefault((load.target,), []).append(load)
        by_load.setdefault((load.connections, load.rate, load.arrivals), []).append(load)
    if len(by_target) == 1 or len(by_load) == 1:
        return [_load_grid("Answers", loads)]
    if len(by_target) <= len(by_load):
        return [_load_grid(group[0].target, group) for group in by_target.values()]
    return [_load_grid(_capital(describe(group[0])), group) for group in by_load.values()]


def _load_grid(title: str, loads: Sequence[Load]) -> Grid:
    notes = []
    if any(load.rate is not None for load in loads):
        notes.append("Open loop: latency counts from the intended start.")
    if max((len(load.runs) for load in loads), default=0) > 1:
        notes.append(
            f"Rates are medians of rounds with {levels_of(load.requests_per_second.confidence for load in loads)} intervals; "
            "percentiles are of all rounds together."
        )
    if not all(load.complete for load in loads):
        notes.append("* broken off before its end.")
    return Grid(title, (*_names(loads), *_load_columns(loads)), " ".join(notes))


def _names(loads: Sequence[Load]) -> tuple[Column, ...]:
    """What tells the loads apart: the target, the load, or both."""
    marks = ["" if load.complete else " *" for load in loads]
    kinds = labels(loads)
    several = len({load.target for load in loads}) > 1
    if several and any(kinds):
        return (
            text_column("target", [load.target for load in loads]),
            number_column("load", [kind + mark for kind, mark in zip(kinds, marks, strict=True)]),
        )
    if any(kinds):
        return (number_column("load", [kind + mark for kind, mark in zip(kinds, marks, strict=True)]),)
    return (text_column("target", [load.target + mark for load, mark in zip(loads, marks, strict=True)]),)


def _load_columns(loads: Sequence[Load]) -> tuple[Column, ...]:
    rows = [load.rows_per_second for load in loads]
    requests = [load.requests_per_second for load in loads]
    told_apart = [value_of(row) for row in rows] != [value_of(request) for request in requests]
    return (
        *amount_columns("requests/s", requests, PLAIN),
        *(amount_columns("rows/s", rows, PLAIN, needed=False) if told_apart else ()),
        *_percentiles([load.latency for load in loads]),
        *count_columns("errors", [sum(load.errors.values()) for load in loads]),
    )


def _percentiles(latencies: Sequence[Latency | None]) -> tuple[Column, ...]:
    """All in one unit: they are compared with each other along the line."""
    picked = {field: [getattr(each, field) if each else None for each in latencies] for field in PERCENTILES}
    unit = unit_for([value for values in picked.values() for value in values], SECONDS)
    return tuple(
        column
        for field, name in PERCENTILES.items()
        for column in amount_columns(name, picked[field], (unit,), needed=field not in ("p90", "p99_9"))
    )


def _error_grid(loads: Sequence[Load]) -> Grid:
    found = [(load, kind, count) for load in loads for kind, count in load.errors.items() if count]
    shares = [percent(count / (load.requests + sum(load.errors.values()))) for load, _, count in found]
    columns = (
        *_names([load for load, _, _ in found]),
        text_column("error", [kind for _, kind, _ in found]),
        *described_column([load.examples.get(kind, "") for load, kind, _ in found], "the first of them"),
        number_column("count", [f"{count:,}" for _, _, count in found]),
        number_column("of all requests", shares),
    )
    return Grid("Errors", columns, "They are in no percentile and no rate above.")


def _use_grid(loads: Sequence[Load]) -> Grid:
    """What server and generator used; the median round's processor time, the largest memory."""
    server = [load.runs[-1].server for load in loads]
    cores = [_middle([run.server.cores for run in load.runs if run.server]) for load in loads]
    memory = [max((run.server.resident_memory for run in load.runs if run.server), default=None) for load in loads]
    columns = (
        *_names(loads),
        *amount_columns("server cores", cores, PLAIN),
        *amount_columns("memory", memory, BYTES),
        *count_columns("processes", [use.processes if use else None for use in server], needed=False),
        *(
            [number_column("generator cores", list(map(_generator_cores, loads)))]
            if any(load.rate is None for load in loads)
            else []
        ),
        *amount_columns("sent late", [_latest(load) for load in loads], SECONDS),
        *count_columns("verified", [load.verified for load in loads]),
    )
    late = any(_latest(load) is not None for load in loads)
    notes = ["Cores are processor seconds per second."]
    if late:
        notes.append("Sent late: how late the generator itself was, 99th percentile.")
    return Grid("Server and generator", columns, " ".join(notes))


def _generator_cores(load: Load) -> str:
    """Of an open loop none: it waits awake."""
    if load.rate is not None:
        return f"– of {load.runs[-1].generator.processes}"
    return f"{_middle([run.generator.cores for run in load.runs]):.2f} of {load.runs[-1].generator.processes}"


def _middle(values: list[float]) -> float | None:
    return median(values) if values else None


def _latest(load: Load) -> float | None:
    return max((run.generator.lateness for run in load.runs if run.generator.lateness is not None), default=None)


def _timing_grid(loads: Sequence[Load]) -> Grid:
    found = [(load, step, latency) for load in loads for step, latency in load.server_timing.items()]
    columns = (
        *_names([load for load, _, _ in found]),
        text_column("step", [step for _, step, _ in found]),
        *_percentiles([latency for _, _, latency in found]),
    )
    return Grid("The server's own account (Server-Timing)", columns)


def _target_grid(measurement: HttpMeasurement) -> Grid:
    all_of = measurement.targets
    columns = (
        text_column("target", [each.name for each in all_of]),
        text_column("URL", [each.url for each in all_of]),
        text_column("protocol", [each.protocol for each in all_of]),
        *count_columns("rows", [each.rows for each in all_of]),
        *amount_columns("body", [each.body_size for each in all_of], BYTES),
        *described_column([each.description for each in all_of]),
    )
    return Grid("Targets", columns)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
