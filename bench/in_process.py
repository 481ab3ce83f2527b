"""``measure_models``: models called in process, in turns, over changing rows.

    warm-up      every cell (contender, rows, threads) is called, which also tells how long it takes
    rounds       every cell has a turn in each, in an order that changes; the value of a turn is its median
    footing      load time, first call and memory in fresh processes

A call is timed alone, with ``time.perf_counter`` and the garbage collector off; the clock's own time, well below a
microsecond, is in it. The first call of a turn finds the caches as another contender left them: it is not counted
where there are others.
"""

from __future__ import annotations

import gc
import re
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from skerry.bench import results
from skerry.bench.agreement import disagreements
from skerry.bench.contenders import Call, Contender
from skerry.bench.footing import Footing, stand
from skerry.bench.intervals import compare, median_interval
from skerry.bench.lineup import Lineup
from skerry.bench.machine import NoiseProbe, read_machine, warnings_of
from skerry.bench.model_rows import pick, shuffled, windows
from skerry.bench.turns import Cell, expected_call, schedule, turns_of
from skerry.bench.units import plural
from skerry.runtime.errors import BenchError, SkerryError
from skerry.runtime.feeds import Array
from skerry.runtime.session import available_cores

ROW_COUNTS = (1, 10, 100, 1_000, 10_000)
ROUNDS = 9
SECONDS = 30.0
"""For the warm-up and all rounds together, about; the fresh processes take half as long again at most."""
PROCESSES = 5
"""Fresh processes for each contender, at most."""
COMPARED = 1_000
"""Rows whose answers are compared before anything is measured, at most."""
LONGEST, SHORT = 0.25, 1.0
"""A cell is left out if one call of it would take more than this share of all seconds, and more than these seconds."""

Progress = Callable[[str, float], None]
"""Called with what is being done, and which share of everything is done."""


class Turn(NamedTuple):
    """Median seconds of a call, and how many calls."""

    seconds: float
    calls: int


@dataclass
class _Found:
    """What was measured, and what has to be said, so far: it outlives Ctrl-C."""

    warnings: list[str]
    first: dict[Cell, Turn] = field(default_factory=dict)
    turns: defaultdict[Cell, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    footings: defaultdict[str, list[Footing]] = field(default_factory=lambda: defaultdict(list))

    def of(self, cell: Cell) -> list[Turn]:
        """Its turns; where there was none, that of the warm-up."""
        return self.turns[cell] or [self.first[cell]]


def measure_models(
    lineup: Lineup,
    *,
    row_counts: Sequence[int] = ROW_COUNTS,
    threads: Sequence[int] = (),
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    processes: int = PROCESSES,
    progress: Progress = lambda what, share: None,
) -> results.ModelMeasurement:
    """Latency by rows and threads, load time, first call and memory of every contender, and ratios to the first.

    ``threads`` are by default 1 and all that this process may use. ``seconds`` bound the rounds: of calls that take long
    there are fewer, down to the one of the warm-up, and those that would take a quarter of it (and more than a second)
    are left out with a warning. Where many calls are long, the warm-up may take as long again. Ctrl-C ends the measurement: what was measured is in it, and ``complete`` is false.

    Raises:
        BenchError: a contender refuses a row.
        ArtifactError: an artifact is not what its manifest says.
    """
    machine = read_machine()
    found = _Found(list(lineup.warnings))
    used = sorted(set(threads)) or sorted({1, available_cores()})
    complete = True
    with NoiseProbe() as probe:
        try:
            progress("loading", 0.0)
            ready = _open(lineup, used, max(row_counts), found)
            cells = [Cell(name, rows, count) for count in used for name in ready for rows in sorted(set(row_counts))]
            progress("warming up", 0.05)
            for number in _rounds(ready, cells, rounds, seconds, found):
                progress(f"round {number + 1} of {rounds}", 0.1 + 0.6 * number / rounds)
                probe.sample()
            for number in _processes(ready, used[0], processes, seconds / 2, found):
                progress(f"fresh process {number + 1} of {processes}", 0.7 + 0.3 * number / processes)
        except KeyboardInterrupt:
            complete = False
    return _measurement(lineup, found, probe.note(machine), complete=complete)


@dataclass(frozen=True)
class _Ready:
    """A contender that is open, by threads; ``pool`` are its rows in another order, ``index`` the places they came from."""

    contender: Contender
    calls: dict[int, Call]
    pool: Any
    index: Array

    def turn(self, threads: int, places: Iterator[slice], seconds: float) -> list[float]:
        """Seconds of each call, as many as begin in ``seconds``, at least one."""
        times: list[float] = []
        call, part = self.calls[threads], slice(0)
        with call.threads(), _undisturbed():
            end = perf_counter() + seconds
            try:
                while not times or perf_counter() < end:
                    part = next(places)
                    rows = pick(self.pool, part)
                    start = perf_counter()
                    call.run(rows)
                    times.append(perf_counter() - start)
            except Exception as error:  # an estimator raises what it likes
                raise _refused(self.contender, error, lambda row: int(self.index[part.start + row])) from error
        return times[1:] or times


def _open(lineup: Lineup, threads: Sequence[int], most: int, found: _Found) -> dict[str, _Ready]:
    """Load everything, and compare the answers to the same rows."""
    rows = lineup.rows
    index = shuffled(len(rows), 2 * most)
    ready, answers = {}, {}
    for contender in lineup.contenders:
        calls = {count: contender.open(count) for count in threads}
        prepared = contender.prepare(rows)
        answers[contender.name] = _answers(contender, calls[threads[0]], pick(prepared, slice(0, COMPARED)))
        ready[contender.name] = _Ready(contender, calls, pick(prepared, index), index)
    found.warnings += disagreements(answers, lineup.reference, lineup.tolerance)
    if len(rows) < most:
        found.warnings.append(
            f"{rows.source}: there are {len(rows):,}, so calls of more repeat them, and every call finds them in warmer "
            "caches than new rows; give more with --data"
        )
    return ready


def _answers(contender: Contender, call: Call, rows: Any) -> dict[str, Array]:
    with call.threads(), _undisturbed():
        try:
            return call.answers(call.run(rows))
        except Exception as error:
            raise _refused(contender, error, lambda row: row) from error


_ROW = re.compile(r"\brow (\d+)")


def _refused(contender: Contender, error: Exception, place: Callable[[int], int]) -> BenchError:
    """The error for a row that is not taken, by the place it had where it came from."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if isinstance(error, SkerryError):
        text = _ROW.sub(lambda row: f"row {place(int(row[1]))}", text)
    return BenchError(
        f"{contender.name} does not answer the rows it was given: {text}", hint="give rows that it takes with --data"
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collector and no warnings, neither Python's nor NumPy's, while something is measured."""
    collecting = gc.isenabled()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        gc.disable()
        try:
            yield
        finally:
            if collecting:
                gc.enable()


def _rounds(
    ready: Mapping[str, _Ready], cells: Sequence[Cell], rounds: int, seconds: float, found: _Found
) -> Iterator[int]:
    """Warm up, then measure round after round; yields each round's number before it."""
    share = seconds / len(cells)
    places = {cell: windows(len(ready[cell.contender].index), cell.rows) for cell in cells}

    def turn(cell: Cell) -> Turn:
        times = ready[cell.contender].turn(cell.threads, places[cell], share / (rounds + 1))
        return Turn(median(times), len(times))

    _warm_up(cells, turn, max(LONGEST * seconds, SHORT), found)
    turns = turns_of({cell: first.seconds for cell, first in found.first.items()}, rounds, share)
    for number, order in enumerate(schedule(turns, rounds)):
        yield number
        for cell in order:
            found.turns[cell].append(turn(cell))


def _warm_up(cells: Sequence[Cell], turn: Callable[[Cell], Turn], longest: float, found: _Found) -> None:
    """A turn of every cell of which one call does not take longer than ``longest``, judged by the same with fewer rows."""
    known: defaultdict[tuple[str, int], list[tuple[int, float]]] = defaultdict(list)
    for cell in cells:
        before = known[cell.contender, cell.threads]
        expected = expected_call(before, cell.rows)
        if expected is not None and expected > longest:
            found.warnings.append(
                f"{cell.contender}: {quantity(cell)} left out, for one call would take about {expected:.2g} s; give more "
                "time to measure it"
            )
            continue
        found.first[cell] = turn(cell)
        before.append((cell.rows, found.first[cell].seconds))


def _processes(
    ready: Mapping[str, _Ready], threads: int, processes: int, seconds: float, found: _Found
) -> Iterator[int]:
    """Load everything in fresh processes, in turns, until ``seconds`` have passed; yields the number of each before it."""
    begun = perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        standing = {
            name: (arguments, pick(one.pool, slice(0, 1)))
            for name, one in ready.items()
            if (arguments := one.contender.footing(Path(directory))) is not None
        }
        for number in range(processes):
            if number and perf_counter() - begun > seconds:
                break
            yield number
            for name, (arguments, row) in list(standing.items()):
                try:
                    found.footings[name].append(stand(arguments, row, threads=threads))
                except BenchError as error:
                    found.warnings.append(error.text)
                    del standing[name]


def _measurement(
    lineup: Lineup, found: _Found, machine: results.Machine, *, complete: bool
) -> results.ModelMeasurement:
    names = [contender.name for contender in lineup.contenders]
    cells = sorted(found.first, key=lambda cell: (cell.threads, names.index(cell.contender), cell.rows))
    return results.ModelMeasurement(
        title=f"{names[0]} in process" + (f", beside {', '.join(names[1:])}" if names[1:] else ""),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=machine,
        contenders=[_contender(contender, found.footings[contender.name]) for contender in lineup.contenders],
        points=[_point(cell, found.of(cell)) for cell in cells],
        ratios=[
            _ratio(first, found.of(first), cell, found.of(cell))
            for cell in cells
            if (first := cell._replace(contender=names[0])) in found.first and first != cell
        ],
        warnings=found.warnings + warnings_of(machine),
        complete=complete,
    )


def quantity(cell: Cell) -> str:
    """What is compared, in words: ``latency, 100 rows, 1 thread``."""
    return f"latency, {plural(cell.rows, 'row')}, {plural(cell.threads, 'thread')}"


def _contender(contender: Contender, footings: Sequence[Footing]) -> results.Contender:
    return results.Contender(
        name=contender.name,
        description=contender.description,
        load=median_interval([footing.load for footing in footings]) if footings else None,
        first_call=median_interval([footing.first_call for footing in footings]) if footings else None,
        resident_memory=int(median(footing.resident_memory for footing in footings)) if footings else None,
        file_size=contender.file_size,
    )


def _point(cell: Cell, turns: Sequence[Turn]) -> results.Point:
    latency = median_interval([turn.seconds for turn in turns])
    return results.Point(
        contender=cell.contender,
        rows=cell.rows,
        threads=cell.threads,
        calls=sum(turn.calls for turn in turns),
        latency=latency,
        rows_per_second=cell.rows / latency.value,
    )


def _ratio(cell: Cell, turns: Sequence[Turn], baseline: Cell, others: Sequence[Turn]) -> results.Ratio:
    """Over the rounds in which both had a turn."""
    pairs = list(zip(turns, others, strict=False))
    return compare(
        quantity(cell),
        cell.contender,
        baseline.contender,
        [mine.seconds for mine, _ in pairs],
        [other.seconds for _, other in pairs],
        higher_is_better=False,
    )
