"""A measurement in words and tables: for a terminal, and as Markdown.

    Measurement ─▶ grids     what the tables hold, already as text; report.py draws the same
                ─▶ findings  sentences, the largest difference first
                ─▶ table     all of it for a terminal

A table for a page of documents: ``markdown(comparison(measurement))``.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import median

from skerry.bench.loads import Load, describe, labels, loads_of
from skerry.bench.results import HttpMeasurement, Knee, Latency, Machine, Measurement, ModelMeasurement, Point, Ratio
from skerry.bench.units import (
    BYTES,
    PLAIN,
    SECONDS,
    Amount,
    Unit,
    amount,
    chosen,
    number,
    percent,
    plural,
    size,
    unit_for,
    value_of,
)

WIDTH, NARROWEST = 100, 10
"""Columns of the terminal; characters that are left of a name at least."""
SENTENCES = 12
"""Findings that a terminal shows; the others are in the report."""
PERCENTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p99_9": "p99.9", "max": "max"}
"""Fields of ``Latency`` and what people call them."""


@dataclass(frozen=True)
class Column:
    """Cells as text; numbers stand to the right. What is not ``needed`` goes where there is no room."""

    name: str
    cells: tuple[str, ...]
    is_number: bool = True
    needed: bool = True


@dataclass(frozen=True)
class Grid:
    """A table: columns of equal length, and a note on how to read it."""

    title: str
    columns: tuple[Column, ...]
    note: str = ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells line by line."""
        return list(zip(*(column.cells for column in self.columns), strict=True))


def table(measurement: Measurement, *, width: int = WIDTH) -> str:
    """All of ``measurement`` as text with at most ``width`` characters a line, but where numbers alone need more."""
    parts = [
        _heading(measurement, width),
        *(_text(grid, width) for grid in grids(measurement)),
        _sentences(findings(measurement), width),
        "\n".join(_wrapped(f"warning: {warning}", width) for warning in measurement.warnings),
        _wrapped(machine_line(measurement.machine), width),
    ]
    return "\n\n".join(filter(None, parts))


def markdown(grid: Grid) -> str:
    """``grid`` as a Markdown table, ends with a newline."""
    head = [column.name for column in grid.columns]
    rule = ["---:" if column.is_number else "---" for column in grid.columns]
    lines = [head, rule, *grid.rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def comparison(measurement: HttpMeasurement, quantity: str = "requests per second") -> Grid:
    """A line for each target and load: rows per second, p50, p99, errors, and the ratio of ``quantity`` with its interval."""
    loads = loads_of(measurement.runs)
    ratios = {ratio.contender: ratio for ratio in measurement.ratios if ratio.quantity == quantity}
    baselines = {ratio.baseline for ratio in ratios.values()}
    cells = ["1" if load.target in baselines else _ratio(ratios.get(load.target)) for load in loads]
    shown = [column for column in _load_columns(loads) if column.name.partition(",")[0] in _COMPARED]
    beside = (_column(f"{quantity}, times {', '.join(sorted(baselines))}", cells),) if baselines else ()
    return Grid("Comparison", (*_names(loads), *shown, *beside))


_COMPARED = ("requests/s", "rows/s", "p50", "p99", "errors")


def grids(measurement: Measurement) -> list[Grid]:
    """The tables of ``measurement``, those first that people look at first; none is empty."""
    made = _model_grids(measurement) if isinstance(measurement, ModelMeasurement) else _http_grids(measurement)
    return [grid for grid in made if len(grid.columns) > 1 and grid.columns[0].cells]


def findings(measurement: Measurement) -> list[str]:
    """Sentences: differences that were shown, the largest first; knees; and what was not shown."""
    ordered = sorted(measurement.ratios, key=_weight, reverse=True)
    shown = [ratio.verdict for ratio in ordered if _weight(ratio) > 0]
    knees = [_knee(knee) for knee in measurement.knees] if isinstance(measurement, HttpMeasurement) else []
    return shown + knees + [ratio.verdict for ratio in ordered if _weight(ratio) <= 0]


def machine_line(machine: Machine) -> str:
    """Where it was measured, in one line."""
    quota = f" (quota {chosen(machine.quota)})" if machine.quota is not None else ""
    load = machine.load_average
    parts = [
        machine.processor,
        plural(machine.cores, "core") + quota,
        f"{size(machine.memory)} memory",
        machine.system,
        f"load {' '.join(f'{value:.2f}' for value in load)}" if load else "",
        f"noise {percent(machine.noise)}" if machine.noise is not None else "",
        f"steal {percent(machine.steal)}" if machine.steal is not None else "",
        ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
    ]
    return "; ".join(filter(None, map(printable, parts)))


def setting(measurement: Measurement) -> str:
    """How it was measured, in a sentence: what all the lines of the tables have in common."""
    if isinstance(measurement, ModelMeasurement):
        calls = sum(point.calls for point in measurement.points)
        threads = sorted({point.threads for point in measurement.points})
        return (
            f"In process, {plural(len(measurement.contenders), 'contender')}{' in turns' * (len(measurement.contenders) > 1)}, "
            f"{calls:,} timed calls on {_listed(map(str, threads))} thread{'s' * (threads != [1])}, rows that change with every call."
        )
    return _http_setting(measurement)


def printable(text: str) -> str:
    """``text`` without what could move the cursor of a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def short(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters: names differ at their ends, so the middle goes."""
    if len(text) <= length:
        return text
    kept = length - 1
    return text[: kept - kept // 2] + "…" + text[len(text) - kept // 2 :]


# Models


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
    columns = [_text_column("contender", [name for _, name in lines])]
    if len({threads for threads, _ in lines}) > 1:
        columns.append(_column("threads", [str(threads) for threads, _ in lines]))
    for rows in sorted({point.rows for point in points}):
        columns.extend(_amounts(plural(rows, "row"), [found.get((*line, rows)) for line in lines], units))
    return Grid(title, tuple(columns), note)


def _confidence(points: Sequence[Point]) -> str:
    if all(point.latency.low == point.latency.high for point in points):
        return "Medians."
    return f"Medians, and the intervals that hold them with {_levels([point.latency.confidence for point in points])} confidence."


def _levels(values: Iterable[float]) -> str:
    levels = sorted({f"{100 * value:.0f} %" for value in values if value})
    return levels[0] if len(levels) == 1 else f"{levels[0]} to {levels[-1]}" if levels else "unknown"


def _contenders(measurement: ModelMeasurement) -> Grid:
    all_of = measurement.contenders
    columns = (
        _text_column("contender", [each.name for each in all_of]),
        *_described([each.description for each in all_of]),
        *_amounts("load", [each.load for each in all_of], SECONDS),
        *_amounts("first call", [each.first_call for each in all_of], SECONDS),
        *_amounts("memory", [each.resident_memory for each in all_of], BYTES),
        *_amounts("file", [each.file_size for each in all_of], BYTES),
    )
    told = any(each.load or each.first_call for each in all_of)
    return Grid("Contenders", columns, "Load and first call: medians over fresh processes." if told else "")


# Servers


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
            f"Rates are medians of rounds with {_levels(load.requests_per_second.confidence for load in loads)} intervals; "
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
            _text_column("target", [load.target for load in loads]),
            _column("load", [kind + mark for kind, mark in zip(kinds, marks, strict=True)]),
        )
    if any(kinds):
        return (_column("load", [kind + mark for kind, mark in zip(kinds, marks, strict=True)]),)
    return (_text_column("target", [load.target + mark for load, mark in zip(loads, marks, strict=True)]),)


def _load_columns(loads: Sequence[Load]) -> tuple[Column, ...]:
    rows = [load.rows_per_second for load in loads]
    requests = [load.requests_per_second for load in loads]
    told_apart = [value_of(row) for row in rows] != [value_of(request) for request in requests]
    return (
        *_amounts("requests/s", requests, PLAIN),
        *(_amounts("rows/s", rows, PLAIN, needed=False) if told_apart else ()),
        *_percentiles([load.latency for load in loads]),
        *_counts("errors", [sum(load.errors.values()) for load in loads]),
    )


def _percentiles(latencies: Sequence[Latency | None]) -> tuple[Column, ...]:
    """All in one unit: they are compared with each other along the line."""
    picked = {field: [getattr(each, field) if each else None for each in latencies] for field in PERCENTILES}
    unit = unit_for([value for values in picked.values() for value in values], SECONDS)
    return tuple(
        column
        for field, name in PERCENTILES.items()
        for column in _amounts(name, picked[field], (unit,), needed=field not in ("p90", "p99_9"))
    )


def _error_grid(loads: Sequence[Load]) -> Grid:
    found = [(load, kind, count) for load in loads for kind, count in load.errors.items() if count]
    shares = [percent(count / (load.requests + sum(load.errors.values()))) for load, _, count in found]
    columns = (
        *_names([load for load, _, _ in found]),
        _text_column("error", [kind for _, kind, _ in found]),
        *_described([load.examples.get(kind, "") for load, kind, _ in found], "the first of them"),
        _column("count", [f"{count:,}" for _, _, count in found]),
        _column("of all requests", shares),
    )
    return Grid("Errors", columns, "They are in no percentile and no rate above.")


def _use_grid(loads: Sequence[Load]) -> Grid:
    """What server and generator used; the median round's processor time, the largest memory."""
    server = [load.runs[-1].server for load in loads]
    cores = [_middle([run.server.cores for run in load.runs if run.server]) for load in loads]
    memory = [max((run.server.resident_memory for run in load.runs if run.server), default=None) for load in loads]
    columns = (
        *_names(loads),
        *_amounts("server cores", cores, PLAIN),
        *_amounts("memory", memory, BYTES),
        *_counts("processes", [use.processes if use else None for use in server], needed=False),
        *(
            [_column("generator cores", list(map(_generator_cores, loads)))]
            if any(load.rate is None for load in loads)
            else []
        ),
        *_amounts("sent late", [_latest(load) for load in loads], SECONDS),
        *_counts("verified", [load.verified for load in loads]),
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
        _text_column("step", [step for _, step, _ in found]),
        *_percentiles([latency for _, _, latency in found]),
    )
    return Grid("The server's own account (Server-Timing)", columns)


def _target_grid(measurement: HttpMeasurement) -> Grid:
    all_of = measurement.targets
    columns = (
        _text_column("target", [each.name for each in all_of]),
        _text_column("URL", [each.url for each in all_of]),
        _text_column("protocol", [each.protocol for each in all_of]),
        *_counts("rows", [each.rows for each in all_of]),
        *_amounts("body", [each.body_size for each in all_of], BYTES),
        *_described([each.description for each in all_of]),
    )
    return Grid("Targets", columns)


def _http_setting(measurement: HttpMeasurement) -> str:
    loads = loads_of(measurement.runs)
    if not loads:
        return "Over HTTP; no run was measured."
    kinds = list(dict.fromkeys(describe(load) for load in loads))
    rates = [load.rate for load in loads if load.rate is not None]
    if len(set(rates)) > 2:
        opened = [load for load in loads if load.rate is not None]
        connections = sorted({load.connections for load in opened})
        kinds = [
            *dict.fromkeys(describe(load) for load in loads if load.rate is None),
            f"open loop at {len(set(rates))} rates from {number(min(rates))} to {number(max(rates))} requests/s "
            f"({_listed(dict.fromkeys(load.arrivals or 'constant' for load in opened))} arrivals), {_listed(map(str, connections))} connections",
        ]
    fewest, rounds = (pick(len(load.runs) for load in loads) for pick in (min, max))
    turns = f", {f'{fewest} to ' * (fewest < rounds)}{plural(rounds, 'round')}" if rounds > 1 else ""
    turns += " in turns" * (rounds > 1 and len(measurement.targets) > 1)
    several = f"{plural(len(measurement.targets), 'server')}, " if len(measurement.targets) > 1 else ""
    ceiling = (
        f" The generator alone reaches {number(measurement.ceiling)} requests/s against a constant answer."
        if measurement.ceiling
        else ""
    )
    return (
        f"Over HTTP, {several}{'; '.join(kinds[:4])}{'; and others' * (len(kinds) > 4)}, "
        f"{chosen(round(median(load.duration for load in loads), 1), SECONDS)} each{turns}.{ceiling}"
    )


def _knee(knee: Knee) -> str:
    if knee.rate is None:
        return f"{printable(knee.target)}: no rate that was tried keeps p99 under {chosen(knee.p99, SECONDS)}"
    return f"{printable(knee.target)}: {number(knee.rate)} requests/s is the highest rate at which p99 stays under {chosen(knee.p99, SECONDS)}"


# Ratios


def ratio_grid(ratios: Sequence[Ratio]) -> Grid:
    """A line for each ratio; what ``findings`` says in sentences."""
    columns = (
        _text_column("quantity", [ratio.quantity for ratio in ratios]),
        _text_column("contender", [ratio.contender for ratio in ratios]),
        _text_column("baseline", [ratio.baseline for ratio in ratios]),
        _column("times", [_ratio(ratio) for ratio in ratios]),
        _column("rounds", [str(ratio.rounds) for ratio in ratios]),
    )
    levels = _levels(ratio.interval.confidence for ratio in ratios if ratio.interval)
    return Grid("Ratios", columns, f"How many times the baseline's the contender's is, with {levels} intervals.")


def _ratio(ratio: Ratio | None) -> str:
    return "–" if ratio is None else amount(ratio.interval)


def _weight(ratio: Ratio) -> float:
    """How large a difference that was shown is; 0 where none was, less where nothing can be said."""
    interval = ratio.interval
    if interval is None:
        return -1.0
    return 0.0 if interval.low <= 1 <= interval.high or interval.value <= 0 else abs(log(interval.value))


# Columns


def _column(name: str, cells: Sequence[str]) -> Column:
    return Column(printable(name), tuple(map(printable, cells)))


def _text_column(name: str, cells: Sequence[str]) -> Column:
    return replace(_column(name, cells), is_number=False)


def _described(texts: Sequence[str], name: str = "what it is") -> tuple[Column, ...]:
    return (_text_column(name, texts),) if any(texts) else ()


def _amounts(
    name: str, values: Sequence[Amount], units: tuple[Unit, ...], *, needed: bool = True
) -> tuple[Column, ...]:
    """A column in the unit that fits its values; none where there is no value."""
    if all(value is None for value in values):
        return ()
    unit = unit_for(values, units)
    title = f"{name}, {unit.name}" if unit.name else name
    return (Column(title, tuple(amount(value, unit) for value in values), needed=needed),)


def _counts(name: str, values: Sequence[int | None], *, needed: bool = True) -> tuple[Column, ...]:
    if all(value is None for value in values):
        return ()
    return (Column(name, tuple("–" if value is None else f"{value:,}" for value in values), needed=needed),)


# Terminal


def _heading(measurement: Measurement, width: int) -> str:
    partial = (
        [] if measurement.complete else ["PARTIAL: broken off before its end; this is what was measured until then."]
    )
    lines = [printable(measurement.title), *partial, setting(measurement)]
    return "\n".join(_wrapped(line, width) for line in lines)


def _text(grid: Grid, width: int) -> str:
    columns = _fitted(grid.columns, width)
    widths = [_width_of(column) for column in columns]
    lines = [_line([column.name for column in columns], columns, widths)]
    lines.append("  ".join("─" * each for each in widths))
    lines += [_line(cells, columns, widths) for cells in zip(*(column.cells for column in columns), strict=True)]
    return "\n".join([grid.title, *lines, *([_wrapped(grid.note, width)] if grid.note else [])])


def _line(cells: Iterable[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = (
        " " * (width - _cells_of(cell)) + cell if column.is_number else cell + " " * (width - _cells_of(cell))
        for cell, column, width in zip(cells, columns, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _fitted(columns: Sequence[Column], width: int) -> list[Column]:
    """Names give way first, then the columns that are not needed."""
    fitted = list(columns)
    while (excess := _total(fitted) - width) > 0:
        texts = [column for column in fitted if not column.is_number and _width_of(column) > NARROWEST]
        spare = [column for column in fitted if not column.needed]
        if texts:
            widest = max(texts, key=_width_of)
            runner_up = max((_width_of(column) for column in texts if column is not widest), default=NARROWEST)
            length = max(_width_of(widest) - excess, min(runner_up, _width_of(widest) - 1), NARROWEST)
            fitted[fitted.index(widest)] = replace(widest, cells=tuple(_cut(cell, length) for cell in widest.cells))
        elif spare:
            fitted.remove(spare[0])
        else:
            break
    return fitted


def _cut(text: str, cells: int) -> str:
    length = len(text)
    while _cells_of(text) > cells:
        length -= 1
        text = short(text, length)
    return text


def _total(columns: Sequence[Column]) -> int:
    return sum(map(_width_of, columns)) + 2 * (len(columns) - 1)


def _width_of(column: Column) -> int:
    return max(map(_cells_of, (column.name, *column.cells)))


def _cells_of(text: str) -> int:
    """Cells of a terminal: Chinese, Japanese and Korean letters take two, marks over letters none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _sentences(sentences: Sequence[str], width: int) -> str:
    lines = [_wrapped(f"- {printable(sentence)}", width) for sentence in sentences[:SENTENCES]]
    more = len(sentences) - SENTENCES
    return "\n".join([*lines, *([f"- and {more} more in the report and in the JSON"] if more > 0 else [])])


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(printable(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _listed(parts: Iterable[str]) -> str:
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
