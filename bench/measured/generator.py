"""Whether the load generator of ``skerry bench`` is fast, punctual and honest.

    python -m skerry.bench.measured.generator [--markdown FILE]

Its requests per second against wrk's; latencies of servers whose delays are known; a server that stalls, in an open and
in a closed loop. The generator is pinned to one core and the servers to another, where the system lets it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from skerry.bench.histogram import percentile_curve
from skerry.bench.http.ceiling import constant_server
from skerry.bench.http.exchange import Exchange, SameBytes
from skerry.bench.http.generator import Address, generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.intervals import compare
from skerry.bench.measured.delays import REQUEST, account_of, delaying_server
from skerry.bench.measured.page import measure_page, page_options
from skerry.bench.results import Run

ROUNDS, SECONDS, CONNECTIONS = 7, 2, 32
"""Of each tool in turns, for each server of the comparison."""

SLEEPS, RATE, SLEEP_SECONDS = (0.001, 0.005, 0.02), 200, 6
STALL, EVERY, STALL_SECONDS = 0.5, 5, 14

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_BODY = b'{"prediction": ["constant"]}'


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[object]], send: Callable[[object], Awaitable[None]]
) -> None:
    """A constant answer, with nothing around it, for uvicorn."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _BODY})


def pin(core: int) -> None:
    """This process, and those it starts from now on, to one core; to any where there is only one."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, {_CORES[core]})


@contextmanager
def on_another_core(server: AbstractContextManager[Address]) -> Iterator[Address]:
    """The server on the first core, the generator on the second."""
    pin(0)
    with server as address:
        pin(1)
        yield address


@contextmanager
def uvicorn_server() -> Iterator[Address]:
    """``app`` in a uvicorn of one worker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = Address(*free.getsockname())
    program = [sys.executable, "-m", "uvicorn", "skerry.bench.measured.generator:app", "--port", str(address.port)]
    options = ["--no-access-log", "--log-level", "warning", "--http", "httptools", "--lifespan", "off"]
    with subprocess.Popen([*program, *options]) as server:
        try:
            _await_listening(address, until=time.monotonic() + 30)
            yield address
        finally:
            server.kill()


def _await_listening(address: Address, until: float) -> None:
    while True:
        try:
            return socket.create_connection((address.host, address.port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@dataclass(frozen=True)
class Speed:
    """Requests per second, and processor seconds that the tool itself spent on each."""

    requests_per_second: float
    cost: float


def ours(address: Address) -> Speed:
    plan = LoadPlan(connections=CONNECTIONS, duration=SECONDS, warmup=0.3)
    run = generate(address, [Exchange(REQUEST, 1, None)], plan, target="constant")
    assert run.complete, run.examples
    return Speed(run.requests_per_second, run.generator.cores / run.requests_per_second)


def wrk(address: Address) -> Speed:
    """wrk with one thread."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://{address}/"]
    before = os.times()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = os.times()
    found = re.search(r"(\d+) requests in .*Requests/sec:\s+([\d.]+)", said, re.DOTALL)
    assert found is not None, said
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Speed(float(found[2]), used / int(found[1]))


def throughput() -> Iterator[str]:
    """Requests per second on a server that people use, and on one that hardly costs anything."""
    has_wrk = shutil.which("wrk") is not None
    yield "| server | skerry bench: requests/s | processor time each | wrk: requests/s | processor time each | ratio of requests/s |"
    yield "| --- | --- | --- | --- | --- | --- |"
    servers = {"uvicorn, constant ASGI app": uvicorn_server(), "constant answer, nothing parsed": constant_server()}
    for name, server in servers.items():
        speeds: list[Speed] = []
        others: list[Speed] = []
        with on_another_core(server) as address:
            for round in range(ROUNDS):  # the two take turns in going first
                others += [wrk(address)] if has_wrk and round % 2 else []
                speeds.append(ours(address))
                others += [wrk(address)] if has_wrk and not round % 2 else []
        yield f"| {' | '.join([name, *_cells(speeds), *_cells(others), _ratio(speeds, others)])} |"
    if not has_wrk:
        yield "\nwrk is not installed here, so its figures are missing."


def _cells(speeds: Sequence[Speed]) -> list[str]:
    if not speeds:
        return ["", ""]
    rate, cost = median(each.requests_per_second for each in speeds), median(each.cost for each in speeds)
    return [f"{rate:,.0f}", f"{1e6 * cost:.1f} µs"]


def _ratio(speeds: Sequence[Speed], others: Sequence[Speed]) -> str:
    if not others:
        return ""
    ours, theirs = ([each.requests_per_second for each in part] for part in (speeds, others))
    ratio = compare("requests/s", "skerry bench", "wrk", ours, theirs, higher_is_better=True).interval
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else ""


def known_delays() -> Iterator[str]:
    """What was measured beside what the server really did."""
    yield "| server sleeps | it really held answers back: p50 | p99 | measured: p50 | p99 | sent late by (p99) |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for sleep in SLEEPS:
        plan = LoadPlan(connections=CONNECTIONS, rate=RATE, arrivals="poisson", duration=SLEEP_SECONDS, warmup=0.5)
        with on_another_core(delaying_server("--sleep", str(sleep))) as address:
            run = _checked(address, plan)
            held = account_of(address)
        assert run.latency is not None
        cells = [sleep, held["p50"], held["p99"], run.latency.p50, run.latency.p99, run.generator.lateness or 0]
        yield f"| {' | '.join(f'{1000 * seconds:.2f} ms' for seconds in cells)} |"


def stalls() -> Iterator[str]:
    """The same stalls, seen by an open and by a closed loop."""
    yield "| load | requests | p50 | p90 | p99 | p99.9 | p99.99 | max |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, rate in {f"open loop, {RATE} requests/s": float(RATE), "closed loop": None}.items():
        plan = LoadPlan(connections=CONNECTIONS, rate=rate, duration=STALL_SECONDS, warmup=0.5)
        with on_another_core(delaying_server("--stall", str(STALL), "--every", str(EVERY))) as address:
            latency = _checked(address, plan).latency
        assert latency is not None
        quantiles, seconds = percentile_curve(latency)
        rare = float(seconds[quantiles.searchsorted(0.9999)])
        cells = [latency.p50, latency.p90, latency.p99, latency.p99_9, rare, latency.max]
        yield f"| {name} | {latency.count:,} | {' | '.join(f'{1000 * each:.2f} ms' for each in cells)} |"


def _checked(address: Address, plan: LoadPlan) -> Run:
    run = generate(address, [Exchange(REQUEST, 1, SameBytes(b"right"))], plan, target="delays")
    assert run.complete, run.examples
    assert not run.errors, run.examples
    return run


PARTS = (
    (
        "How fast",
        f"{CONNECTIONS} connections in a closed loop, {ROUNDS} rounds of {SECONDS} seconds, in turns with `wrk -t1`; the\n"
        "medians, and the ratio with the interval that holds it with 95% confidence. The second server does next to nothing:\n"
        "that is the generator's ceiling. Both sides then make the same system calls, so that the true ceiling may be\n"
        "higher than what is seen here, and not lower. The processor time is the tool's own.",
        throughput,
    ),
    (
        "How exact",
        f"Poisson arrivals at {RATE} requests per second. The server notes how long it really held each answer back.",
        known_delays,
    ),
    (
        "How honest",
        f"The server stands still for {1000 * STALL:.0f} ms every {EVERY} seconds, {100 * STALL / EVERY:.0f}% of the time.\n"
        "An open loop counts what was due meanwhile; a closed loop does not ask while nobody answers (coordinated\n"
        "omission), so that it sees one slow answer on each connection.",
        stalls,
    ),
)

TITLE = """# The load generator

What `skerry bench` measures servers with, itself measured: the generator on one core, the server on another. Made by
`python -m skerry.bench.measured.generator --markdown docs/measured/generator.md`.
"""


def main() -> None:
    arguments = page_options(__doc__).parse_args()
    measure_page(TITLE, ((heading, text, lines()) for heading, text, lines in PARTS), arguments.markdown)


if __name__ == "__main__":
    main()
