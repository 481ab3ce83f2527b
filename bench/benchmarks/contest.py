"""``compare_servers``: install, start, measure and stop the servers of the table → a ``Comparison``.

install ─▶ line_up ─▶ measure, a load after the other ─▶ ask wrk ─▶ stop all
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec

from skerry.bench.benchmarks.comparison import Comparison, Load, LoadFigures, ServerFigures, Witness, summarize
from skerry.bench.benchmarks.environments import Environment, prepare
from skerry.bench.benchmarks.running import HOST, Running, ask, await_answer, start
from skerry.bench.benchmarks.servers import SERVERS, Route, Server
from skerry.bench.benchmarks.witness import SECONDS, ask_wrk, has_wrk
from skerry.bench.benchmarks.workload import Workload, make_exchanges, make_workload
from skerry.bench.http.ceiling import measure_ceiling
from skerry.bench.http.exchange import Exchange
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.measurement import measure_servers
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.target import Prepared
from skerry.bench.intervals import median_interval
from skerry.bench.machine import read_machine, warnings_of
from skerry.bench.results import HttpMeasurement, Machine, Target
from skerry.runtime.errors import BenchError

LOADS = (Load(rows=1, connections=32), Load(rows=1, connections=1), Load(rows=100, connections=32))
STARTS = 3
PEERS = Path("bench/peers")


@dataclass(frozen=True)
class Settings:
    """Times are seconds; ``folder`` has all that is made on the way."""

    servers: Sequence[Server] = SERVERS
    rounds: int = 7
    duration: float = 2.0
    warmup: float = 0.3
    folder: Path = Path("build/peers")


@dataclass
class Contest:
    """Who runs, what is known of them, and who is left out for which reason. ``say`` is told what is going on."""

    settings: Settings
    workload: Workload
    cores: tuple[int, int] | None
    say: Callable[[str], None]
    environments: dict[str, Environment]
    running: list[Running] = field(default_factory=list)
    figures: list[ServerFigures] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def leave_out(self, server: Server, reason: str) -> None:
        self.say(f"left out: {server.name}: {reason}")
        self.left_out[server.name] = reason


def compare_servers(settings: Settings, say: Callable[[str], None]) -> Comparison:
    """Raises BenchError when there is nobody to compare, or measuring was broken off."""
    began, machine = perf_counter(), read_machine()  # before there is any load of ours, and on all cores
    say("fitting and exporting the model")
    workload = make_workload(PEERS / "fit.py", settings.folder / "model")
    contest = Contest(settings, workload, two_cores(), say, environments_of(settings))
    say("measuring the load generator's own limit")
    ceiling = measure_ceiling(LoadPlan(connections=LOADS[0].connections, duration=settings.duration))
    with bound_to(contest.cores and contest.cores[1]), ExitStack() as stack:
        for server in settings.servers:
            line_up(server, contest, stack)
        if not contest.running:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in contest.left_out.items())
            raise BenchError(f"no server could be started: {reasons}")
        measurements = [measure(load, contest) for load in LOADS]
        loads = [summarize(found, load) for found, load in zip(measurements, LOADS, strict=True)]
        witness = ask_witness(LOADS[0], contest)
    drop_silent(contest, loads)
    machine = with_noise(machine, measurements)
    return Comparison(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        is_pinned=contest.cores is not None,
        rounds=settings.rounds,
        duration=settings.duration,
        warmup=settings.warmup,
        took=perf_counter() - began,
        ceiling=ceiling,
        servers=contest.figures,
        loads=loads,
        witness=witness,
        left_out=contest.left_out,
        warnings=[*warnings_of(machine), *warnings_of_runs(measurements)],
    )


def with_noise(machine: Machine, measurements: Sequence[HttpMeasurement]) -> Machine:
    """``machine`` with the worst that was seen in any of ``measurements``."""
    seen = {name: [getattr(found.machine, name) for found in measurements] for name in ("noise", "steal", "switches")}
    worst = {name: max((value for value in values if value is not None), default=None) for name, values in seen.items()}
    return msgspec.structs.replace(machine, **worst)


def warnings_of_runs(measurements: Sequence[HttpMeasurement]) -> list[str]:
    """What was noted about targets, once. What was noted about the machine was said of one of its cores."""
    found = (warning for each in measurements for warning in each.warnings if warning not in warnings_of(each.machine))
    return list(dict.fromkeys(found))


def environments_of(settings: Settings) -> dict[str, Environment]:
    names = {server.environment for server in settings.servers}
    return {name: Environment(settings.folder / name, PEERS / name / "requirements.txt") for name in names}


def two_cores() -> tuple[int, int] | None:
    """The core for servers and the one for the load; None where processes cannot be bound, or there is only one."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (cores[0], cores[-1]) if len(cores) > 1 else None


@contextmanager
def bound_to(core: int | None) -> Iterator[None]:
    """This process, and all that it starts and that is not bound elsewhere, stays on ``core`` (anywhere, if None)."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def line_up(server: Server, contest: Contest, stack: ExitStack) -> None:
    """Install and start ``server``, a few times, and let it run until ``stack`` closes; or leave it out."""
    environment = contest.environments[server.environment]
    try:
        contest.say(f"{server.name}: installing")
        prepare(environment)
        contest.say(f"{server.name}: starting")
        starts = [start_once(server, contest) for _ in range(STARTS - 1)]
        with ExitStack() as until_checked:
            running = until_checked.enter_context(launch(server, contest))
            starts.append(check_routes(running, contest))
            stack.push(until_checked.pop_all())
    except BenchError as error:
        contest.leave_out(server, error.text)
        return
    versions = environment.packages()
    contest.running.append(running)
    contest.figures.append(
        ServerFigures(
            name=server.name,
            settings=server.settings,
            start=median_interval(starts),
            packages=len(versions),
            install_size=environment.size(),
            versions=versions,
        )
    )


def launch(server: Server, contest: Contest) -> Running:
    environment, workload = contest.environments[server.environment], contest.workload
    places = {
        "folder": (PEERS / server.folder).absolute(),
        "model": workload.model_for(environment, PEERS / "fit.py"),
        "artifact": workload.artifacts,
        "answers": workload.answers,
    }
    log = contest.settings.folder / "logs" / f"{server.folder}.log"
    return start(server, environment, places, log=log, core=contest.cores and contest.cores[0])


def start_once(server: Server, contest: Contest) -> float:
    with launch(server, contest) as running:
        return check_routes(running, contest)


def check_routes(running: Running, contest: Contest) -> float:
    """Seconds to the first right answer. Raises BenchError unless every request of every route is answered rightly."""
    exchanges = [
        exchange
        for route in running.server.routes
        for rows in sorted({load.rows for load in LOADS})
        for exchange in make_exchanges(route, contest.workload, rows, f"{HOST}:{running.port}")
    ]
    seconds = await_answer(running, exchanges[0])
    for exchange in exchanges:
        if (wrong := ask(running.port, exchange)) is not None:
            raise BenchError(wrong)
    return seconds


def measure(load: Load, contest: Contest) -> HttpMeasurement:
    """All routes of all servers under ``load``, in interleaved rounds. A server that ends meanwhile is left out, and the
    others are measured again."""
    settings = contest.settings
    plan = LoadPlan(connections=load.connections, duration=settings.duration, warmup=settings.warmup)
    targets = {
        route.name: (running, prepare_route(route, running, contest, load))
        for running in contest.running
        for route in running.server.routes
    }
    if not targets:
        raise BenchError("no server is left to be measured")
    contest.say(f"measuring {load}: {len(targets)} routes, {settings.rounds} rounds of {settings.duration:g} s")
    found = measure_servers([target for _, target in targets.values()], plan, rounds=settings.rounds, ceiling=False)
    if found.complete:
        return found
    running, target = targets[found.runs[-1].target] if found.runs else next(iter(targets.values()))
    if ask(running.port, target.exchanges[0]) is None:
        raise KeyboardInterrupt  # the server is well: it was we who were interrupted
    contest.leave_out(running.server, f"ended while it was measured: {running.last_words()}")
    contest.running.remove(running)
    return measure(load, contest)


def prepare_route(route: Route, running: Running, contest: Contest, load: Load) -> Prepared:
    host = f"{HOST}:{running.port}"
    path = route.path.format(rows=load.rows)
    exchanges = make_exchanges(route, contest.workload, load.rows, host)
    size = sum(len(body_of(exchange)) for exchange in exchanges) // len(exchanges)
    target = Target(name=route.name, url=f"http://{host}{path}", protocol="body", rows=load.rows, body_size=size)
    return Prepared(target, Address(HOST, running.port), exchanges, verified=True)


def ask_witness(load: Load, contest: Contest) -> list[Witness]:
    """wrk and our generator one after the other, where wrk is installed."""
    if not has_wrk():
        contest.say("wrk is not installed: no witness")
        return []
    pairs = [(route, running) for running in contest.running for route in running.server.routes]
    found = [ask_both(prepare_route(route, running, contest, load), load, contest) for route, running in pairs]
    return [witness for witness in found if witness is not None]


def ask_both(prepared: Prepared, load: Load, contest: Contest) -> Witness | None:
    """None where one of them has no figure."""
    contest.say(f"wrk: {prepared.target.name}")
    body = contest.workload.folder / "wrk.json"
    body.write_bytes(body_of(prepared.exchanges[0]))
    seen = ask_wrk(prepared.target.url, body, PEERS / "post.lua", load.connections)
    plan = LoadPlan(connections=load.connections, duration=SECONDS, warmup=contest.settings.warmup)
    run = generate(prepared.address, prepared.exchanges, plan, target=prepared.target.name)
    return Witness(route=run.target, wrk=seen, ours=run.requests_per_second) if seen and run.requests else None


def body_of(exchange: Exchange) -> bytes:
    return exchange.request.partition(b"\r\n\r\n")[2]


def drop_silent(contest: Contest, loads: Sequence[LoadFigures]) -> None:
    """Leave out, too, who did not answer under some load; what there is of their figures stays."""
    for running in contest.running:
        for route in running.server.routes:
            silent = [str(each.load) for each in loads if route.name not in {figures.route for figures in each.figures}]
            if silent:
                contest.leave_out(
                    running.server, f"{route.name} did not answer {', '.join(silent)}: {running.last_words()}"
                )
