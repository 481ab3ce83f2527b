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
from skerry.bench.http.knee import Trial, find_knee, is_held, next_rate, slack
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.server_use import ServerWatch
from skerry.bench.http.target import Prepared
from skerry.bench.intervals import compare
from skerry.bench.machine import NoiseProbe, read_machine, warnings_of
from skerry.bench.results import HttpMeasurement, Knee, Latency, Ratio, Run
from skerry.runtime.errors import BenchError

CEILING = 2.0
"""Seconds that the ceiling is measured at most."""
NEAR_CEILING = 0.8
"""From this share of the ceiling on, the generator may be the limit."""
BUSY = 0.9
"""Likewise in closed loop from this processor time per second of one of its processes on."""
LATE = 0.1
"""Likewise in open loop where its own lateness is more than this share of the 99th percentile."""


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
    machine = noise.note(machine)
    measured = HttpMeasurement(
        title=_title(targets, plan, knee_p99),
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
        size = max(target.answer_size for target in self._targets)
        return measure_ceiling(msgspec.structs.replace(self._plan, rate=None, **short), size)

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
            complete=run.complete and not is_gone(run),
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


def is_gone(run: Run) -> bool:
    """Whether there was no server during a run: nothing was answered, not even wrongly, for want of connections."""
    return not run.requests and bool(run.errors) and run.errors.keys() <= {"connect", "closed"}


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
    """Round and target: all targets in every round, in the opposite order of the round before (ABBA), so that none is
    always the one that comes after another."""
    for round in range(rounds):
        for target in targets if round % 2 == 0 else reversed(targets):
            yield round, target


QUANTITIES: tuple[tuple[str, Callable[[Run], float | None], bool], ...] = (
    ("requests per second", lambda run: run.requests_per_second if run.rate is None else None, True),
    ("p50 latency", lambda run: _of(run.latency, "p50"), False),
    ("p99 latency", lambda run: _of(run.latency, "p99"), False),
)
"""What is compared: its name, how a run has it (None: not at all), and whether more of it is better. In open loop
requests per second are given, not found."""


def _of(latency: Latency | None, name: str) -> float | None:
    return getattr(latency, name) if latency else None


def compare_targets(names: Sequence[str], runs: Sequence[Run]) -> list[Ratio]:
    """Each target with the first, over the rounds in which both have the quantity."""
    ratios = []
    for contender in names[1:]:
        for quantity, read, higher_is_better in QUANTITIES:
            pairs = _pairs(contender, names[0], runs, read)
            if pairs:
                values, baseline = zip(*pairs, strict=True)
                ratios.append(
                    compare(quantity, contender, names[0], values, baseline, higher_is_better=higher_is_better)
                )
    return ratios


def _pairs(
    contender: str, baseline: str, runs: Sequence[Run], read: Callable[[Run], float | None]
) -> list[tuple[float, float]]:
    found: dict[str, dict[int, float]] = {contender: {}, baseline: {}}
    for run in runs:
        if run.target in found and run.complete and (value := read(run)) is not None:
            found[run.target][run.round] = value
    first, second = found[contender], found[baseline]
    return [(first[round], second[round]) for round in sorted(first.keys() & second.keys())]


def find_warnings(measured: HttpMeasurement, main_runs: Sequence[Run], targets: Sequence[Prepared]) -> list[str]:
    """What a reader must know before believing it, a sentence each."""
    found: list[str] = []
    for target in targets:
        name = target.target.name
        mine = [run for run in main_runs if run.target == name]
        swept = [run for run in measured.runs if run.target == name]
        found += _of_generator(name, swept, measured.ceiling)
        found += _of_rate(name, mine)
        found += _of_errors(name, mine)
        if not target.verified:
            found.append(f"{name}: the answers were not verified: nobody said what is right")
    return found


def _of_generator(name: str, runs: Sequence[Run], ceiling: float | None) -> Iterator[str]:
    """The first of the signs that the generator was the limit."""
    reached = max((run.requests_per_second for run in runs), default=0.0)
    busy = max((run.generator.cores for run in runs if run.rate is None), default=0.0)
    late = max((run.generator.lateness or 0.0 for run in runs if _is_late(run)), default=0.0)
    signs = {
        f"it reached {reached:,.0f} of the {ceiling or 0:,.0f} requests/s that it is capable of": (
            ceiling and reached > NEAR_CEILING * ceiling
        ),
        f"it was busy {busy:.0%} of the time": busy > BUSY,
        f"it sent requests up to {late * 1000:.3g} ms late": late,
    }
    sign = next((text for text, seen in signs.items() if seen), None)
    if sign:
        yield f"{name}: the generator, not the server, may be the limit: {sign}; give it more processes, or a quieter machine"


def _is_late(run: Run) -> bool:
    lateness = run.generator.lateness
    return bool(lateness and run.rate is not None and run.latency and lateness > LATE * run.latency.p99)


def _of_rate(name: str, runs: Sequence[Run]) -> Iterator[str]:
    missed = [run for run in runs if run.rate is not None and _is_short(run)]
    if missed:
        worst = min(missed, key=lambda run: run.requests_per_second)
        yield (
            f"{name}: the rate was not reached: {worst.requests_per_second:,.0f} of {worst.rate:,.0f} requests/s "
            "were answered, so latencies grow with the duration"
        )


def _is_short(run: Run) -> bool:
    assert run.rate is not None
    return run.requests_per_second < run.rate * (1 - slack(run.rate * run.duration, run.arrivals))


def _of_errors(name: str, runs: Sequence[Run]) -> Iterator[str]:
    """A sentence for each kind: how many of how many, and the first text."""
    total = sum(run.requests + sum(run.errors.values()) for run in runs)
    for kind in dict.fromkeys(kind for run in runs for kind in run.errors):
        count = sum(run.errors.get(kind, 0) for run in runs)
        text = next((run.examples[kind] for run in runs if run.examples.get(kind)), "")
        if count:
            yield f"{name}: {count:,} of {total:,} requests failed: {kind}" + (f": {text}" if text else "")


def _title(targets: Sequence[Prepared], plan: LoadPlan, knee_p99: float | None) -> str:
    names = [each.target.name for each in targets]
    load = f"{plan.connections} connection{'s' * (plan.connections != 1)}"
    if plan.rate is not None:
        load = f"{plan.rate:,g} requests/s ({plan.arrivals}) on {load}"
    knee = f", and the knee at a p99 of {knee_p99 * 1000:g} ms" if knee_p99 else ""
    return f"{' against '.join(names)}: {load}{knee}"
