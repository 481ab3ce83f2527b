"""``measure_servers``: load on one or more servers, in turns → an ``HttpMeasurement``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import msgspec

from skerry.bench.http.ceiling import measure_ceiling
from skerry.bench.http.generator import generate
from skerry.bench.http.knee import Trial, find_knee, is_held, next_rate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.ratios import compare_targets
from skerry.bench.http.server_use import ServerWatch
from skerry.bench.http.target import Prepared
from skerry.bench.http.warnings import find_warnings
from skerry.bench.machine import NoiseProbe, read_machine, warnings_of
from skerry.bench.results import HttpMeasurement, Knee, Machine, Run
from skerry.bench.turns import order
from skerry.bench.units import plural
from skerry.runtime.errors import BenchError

CEILING = 2.0
"""Seconds that the ceiling is measured at most."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is going on: ``step`` of ``steps`` (from 1, and 0 for the ceiling; None where nobody knows how many there will be) is ``what``,
    ``elapsed`` of its ``duration`` in seconds, with so many right answers and errors so far."""

    step: int
    steps: int | None
    what: str
    elapsed: float
    duration: float
    answers: int
    errors: int

    def __str__(self) -> str:
        """One line for people."""
        step = f"{self.step}{f' of {self.steps}' if self.steps else ''}, " if self.step else ""
        failed = f", {self.errors:,} errors" if self.errors else ""
        return f"{step}{self.what}: {self.elapsed:.1f} of {self.duration:g} s, {self.answers:,} answers{failed}"


def measure_servers(
    targets: Sequence[Prepared],
    plan: LoadPlan,
    *,
    rounds: int = 1,
    knee_p99: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    ceiling: bool = True,
) -> HttpMeasurement:
    """Put the load of ``plan`` on each of ``targets``, ``rounds`` times in turns, with ``knee_p99`` (seconds) look for the
    highest rate whose 99th percentile stays under it, and compare all targets with the first.

    Interrupted, or when a server is gone, it ends early: what was measured so far is kept, and ``complete`` is false.

    Raises:
        BenchError: nothing could be measured.
    """
    targets = distinct(targets)
    course = _Course(targets, plan, rounds, knee_p99, progress)
    machine = read_machine()  # before there is any load of ours
    with NoiseProbe() as noise:
        try:
            course.follow(noise.sample, ceiling=ceiling)
        except KeyboardInterrupt:
            course.broken_off = "interrupted"
        except BenchError as error:
            if not course.runs:
                raise
            course.broken_off = error.text
    return _measurement(course, targets, noise.note(machine), title=_title(targets, plan, knee_p99))


def _measurement(course: _Course, targets: Sequence[Prepared], machine: Machine, *, title: str) -> HttpMeasurement:
    measured = HttpMeasurement(
        title=title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        targets=[each.target for each in targets],
        ceiling=course.ceiling,
        runs=course.runs,
        knees=course.knees,
        ratios=compare_targets([each.target.name for each in targets], course.main_runs),
        complete=course.broken_off is None,
    )
    broken = [f"broken off, and so only a part: {course.broken_off}"] if course.broken_off else []
    warnings = [*broken, *warnings_of(machine), *find_warnings(measured, course.main_runs, targets)]
    return msgspec.structs.replace(measured, warnings=warnings)


def trial_plan(plan: LoadPlan, rate: float, p99: float) -> LoadPlan:
    """The plan of a try at ``rate``. What takes many times ``p99`` (seconds) has failed; there is no need to wait for it."""
    return msgspec.structs.replace(plan, rate=rate, timeout=min(plan.timeout, max(1.0, 20 * p99)))


class _BrokenOff(BenchError):
    """A run ended early; it is among those measured."""


class _Course:
    """The steps of a measurement, and what has come out of them so far."""

    def __init__(
        self,
        targets: Sequence[Prepared],
        plan: LoadPlan,
        rounds: int,
        knee_p99: float | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._targets = targets
        self._plan = plan
        self._rounds = rounds
        self._p99 = knee_p99
        self._progress = progress
        self._step = 0
        self._steps = None if knee_p99 else rounds * len(targets)
        self.ceiling: float | None = None
        self.main_runs: list[Run] = []
        self.runs: list[Run] = []
        self.knees: list[Knee] = []
        self.broken_off: str | None = None

    def follow(self, between: Callable[[], None], *, ceiling: bool) -> None:
        """Every step; ``between`` is called after each."""
        if ceiling:
            self.ceiling = self._measure_ceiling()
        for round, target in schedule(self._targets, self._rounds):
            self.main_runs.append(self._run(target, self._plan, round))
            between()
        if self._p99 is not None:
            self._find_knees(self._p99, between)

    def _measure_ceiling(self) -> float:
        short = {"duration": min(CEILING, self._plan.duration), "warmup": min(0.5, self._plan.warmup)}
        if self._progress:
            self._report("the generator's ceiling", short["duration"], 0.0, 0, 0)
        sizes = [(target.answer_size, target.target.body_size) for target in self._targets]
        return measure_ceiling(
            msgspec.structs.replace(self._plan, rate=None, **short), *map(max, zip(*sizes, strict=True))
        )

    def _find_knees(self, p99: float, between: Callable[[], None]) -> None:
        """Rates on all targets in turns, as long as there is one that is not known yet."""
        tried: dict[int, list[Trial]] = {place: [] for place in range(len(self._targets))}
        highest = {place: self._reached(target) for place, target in enumerate(self._targets)}
        while open := {place: rate for place in tried if (rate := next_rate(highest[place], tried[place]))}:
            for place, rate in open.items():
                round = self._rounds + len(tried[place])
                run = self._run(self._targets[place], trial_plan(self._plan, rate, p99), round)
                tried[place].append(Trial(rate, is_held(run, p99)))
                between()
        self.knees = [
            find_knee(target.target.name, p99, trials)
            for target, trials in zip(self._targets, tried.values(), strict=True)
        ]

    def _reached(self, target: Prepared) -> float:
        """Requests per second of the closed loop, measured now if the plan has a rate."""
        closed = [run for run in self.main_runs if run.target == target.target.name and run.rate is None]
        if not closed:
            closed = [self._run(target, msgspec.structs.replace(self._plan, rate=None), self._rounds)]
        highest = max(run.requests_per_second for run in closed)
        if not highest:
            raise BenchError(f"{target.target.url}: no right answer in closed loop, so there is no knee to be found")
        return highest

    def _run(self, target: Prepared, plan: LoadPlan, round: int) -> Run:
        self._step += 1
        name = target.target.name
        what = name if plan.rate is None else f"{name} at {plan.rate:,.0f} requests/s"
        report = partial(self._report, what, plan.duration) if self._progress else None
        with ServerWatch(target.address) as watch:
            run = generate(target.address, target.exchanges, plan, target=name, round=round, progress=report)
        run = msgspec.structs.replace(
            run,
            server=watch.use(plan.warmup + _answered_after(run)),
            verified=run.verified if target.verified else None,
        )
        self.runs.append(run)
        if not run.complete:
            raise _BrokenOff(f"the run on {name} ended early{_why(run)}")
        return run

    def _report(self, what: str, duration: float, elapsed: float, answers: int, errors: int) -> None:
        assert self._progress is not None
        self._progress(
            Progress(
                step=self._step,
                steps=self._steps,
                what=what,
                elapsed=elapsed,
                duration=duration,
                answers=answers,
                errors=errors,
            )
        )


def _answered_after(run: Run) -> float:
    """Seconds from the warm-up's end to the last answer, and at least to the last request."""
    return run.requests / run.requests_per_second if run.requests_per_second else run.duration


def _why(run: Run) -> str:
    kind = max(run.errors, key=lambda kind: run.errors[kind], default=None)
    return f": {kind}: {run.examples.get(kind, '')}".rstrip(": ") if kind else ""


def distinct(targets: Sequence[Prepared]) -> list[Prepared]:
    """The targets under different names: the second of a kind, as in a comparison of a server with itself, is ``name (2)``."""
    seen: Counter[str] = Counter()
    named = []
    for target in targets:
        seen[target.target.name] += 1
        count, name = seen[target.target.name], target.target.name
        renamed = msgspec.structs.replace(target.target, name=f"{name} ({count})" if count > 1 else name)
        named.append(replace(target, target=renamed))
    return named


def schedule(targets: Sequence[Prepared], rounds: int) -> Iterator[tuple[int, Prepared]]:
    """Round and target: all targets in every round, in an ``order`` that changes."""
    return ((round, target) for round in range(rounds) for target in order(targets, round))


def _title(targets: Sequence[Prepared], plan: LoadPlan, knee_p99: float | None) -> str:
    names = [each.target.name for each in targets]
    load = plural(plan.connections, "connection")
    if plan.rate is not None:
        load = f"{plan.rate:,g} requests/s ({plan.arrivals}) on {load}"
    knee = f", and the knee at a p99 of {knee_p99 * 1000:g} ms" if knee_p99 else ""
    return f"{' against '.join(names)}: {load}{knee}"
