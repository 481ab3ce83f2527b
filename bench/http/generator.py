"""``generate``: a load on a server → a ``Run``.

runner of one process         Load on an event loop (uvloop, asyncio's own on Windows)
runner of several processes   the same in each; they tell when they are connected, begin at one moment, and send
                              their tallies back, which are added up
"""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from time import perf_counter
from typing import Any

import msgspec

from skerry.bench.http.exchange import Exchange
from skerry.bench.http.load import Address, Load, Progress
from skerry.bench.http.loops import ClosedLoop, OpenLoop
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.tally import Tally, merged
from skerry.bench.results import Run
from skerry.runtime.errors import BenchError

__all__ = ["Address", "generate"]

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # Windows
    new_event_loop = asyncio.new_event_loop

_HEAD_START = 0.05
"""Seconds between the word to begin and the beginning, for the word to reach every process."""


def generate(
    address: Address,
    exchanges: Sequence[Exchange],
    plan: LoadPlan,
    *,
    target: str,
    round: int = 0,
    progress: Progress | None = None,
) -> Run:
    """Send ``exchanges`` in turn as ``plan`` says, judge every answer, and count.

    A request that is sent or due after the warm-up is in the latencies if it was answered rightly, else in the errors:

        connect          no connection; one error for each attempt, also while warming up
        closed           the connection ended before the answer did
        timeout          no whole answer within ``plan.timeout``
        unanswered       not answered, or not even sent, at ``plan.timeout`` after the end
        not HTTP         what came is no HTTP/1.1 answer, or more than one
        status 500       and other statuses that are not 200 to 299
        wrong answer     the exchange's check says so

    ``progress`` gets seconds since the warm-up began, right answers and errors, about four times a second. The run ends
    early, with ``complete`` false and everything answered so far, at a KeyboardInterrupt, or when the server is gone: no
    connection for 3 seconds. With several processes the exchanges, with their checks, must be picklable.

    Raises:
        BenchError: there is nothing to send, or a process of the generator ended by itself.
    """
    if not exchanges:
        raise BenchError("expected at least one request to send, got none")
    plan = msgspec.structs.replace(plan, processes=min(plan.processes, plan.connections))
    tell = progress or (lambda *_: None)
    tallies = (
        [_run_here(address, exchanges, plan, tell)] if plan.processes == 1 else _spread(address, exchanges, plan, tell)
    )
    return merged(tallies, plan, target=target, round=round)


def make_load(address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, process: int = 0) -> Load:
    """The share of a process: the connections split evenly, every n-th request of the schedule, the exchanges in turn
    from another one on."""
    connections = plan.connections // plan.processes + (process < plan.connections % plan.processes)
    first = process * len(exchanges) // plan.processes
    turned = [*exchanges[first:], *exchanges[:first]]
    if plan.rate is None:
        return ClosedLoop(address, turned, plan, connections)
    return OpenLoop(address, turned, plan, connections, process)


def _run_here(address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, tell: Progress) -> Tally:
    async def start() -> float:
        return perf_counter()

    load = make_load(address, exchanges, plan)
    with _no_garbage_collection(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(load.run(start, tell, lambda: False))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A collection in the middle of a run would be taken for a slow server."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


# several processes: "ready" and (seconds, answers, errors) and a Tally come from them, a moment or "stop" goes to them


def _spread(address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, tell: Progress) -> list[Tally]:
    pipes: list[Pipe] = []
    workers: list[SpawnProcess] = []
    try:
        with _interrupts_noted() as interrupts:
            for process in range(plan.processes):
                pipe, worker = _start(address, exchanges, plan, process)
                pipes.append(pipe)
                workers.append(worker)
        return _gather(pipes, tell, stopped=bool(interrupts))
    finally:
        for pipe, worker in zip(pipes, workers, strict=True):
            pipe.close()
            worker.join(5)
            worker.kill()


def _start(address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, process: int) -> tuple[Pipe, SpawnProcess]:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    worker = spawn.Process(target=_work, args=(theirs, address, list(exchanges), plan, process), daemon=True)
    worker.start()
    theirs.close()
    return ours, worker


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """No interrupt breaks what is done here, but each is noted; and none reaches the processes that are started here, which
    inherit the mask."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    has_mask = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if has_mask else set()
    try:
        yield noted
    finally:
        if has_mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)


def _gather(pipes: Sequence[Pipe], tell: Progress, *, stopped: bool = False) -> list[Tally]:
    """What the processes have to say, until each has sent its tally; the first interrupt stops them."""
    board = _Board(pipes, tell)
    if stopped:
        board.stop()
    while len(board.tallies) < len(pipes):
        try:
            board.read()
        except KeyboardInterrupt:
            if board.is_stopped:
                raise
            board.stop()
    return [board.tallies[pipe] for pipe in pipes]


class _Board:
    """What each process has said last."""

    def __init__(self, pipes: Sequence[Pipe], tell: Progress) -> None:
        self._pipes = pipes
        self._tell = tell
        self._ready: set[Pipe] = set()
        self._counts: dict[Pipe, tuple[float, int, int]] = {}
        self.tallies: dict[Pipe, Tally] = {}
        self.is_stopped = False

    def read(self) -> None:
        for pipe in wait([pipe for pipe in self._pipes if pipe not in self.tallies]):
            assert isinstance(pipe, Pipe)
            try:
                self._take(pipe, pipe.recv())
            except (EOFError, ConnectionError):
                raise BenchError("a process of the load generator ended by itself, with nothing to show") from None

    def stop(self) -> None:
        self.is_stopped = True
        self._say("stop")

    def _take(self, pipe: Pipe, said: Any) -> None:
        if isinstance(said, Tally):
            self.tallies[pipe] = said
        elif said == "ready":
            self._ready.add(pipe)
            if len(self._ready) == len(self._pipes) and not self.is_stopped:
                self._say(perf_counter() + _HEAD_START)
        else:
            self._counts[pipe] = said
            if pipe is self._pipes[0]:
                elapsed, answers, errors = zip(*self._counts.values(), strict=True)
                self._tell(max(elapsed), sum(answers), sum(errors))

    def _say(self, word: float | str) -> None:
        for pipe in self._pipes:
            if pipe not in self.tallies:
                with suppress(OSError):  # it has just ended
                    pipe.send(word)


def _work(pipe: Pipe, address: Address, exchanges: Sequence[Exchange], plan: LoadPlan, process: int) -> None:
    """What a process of the generator does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt reaches all processes; the first one says what to do

    async def start() -> float:
        pipe.send("ready")
        while not pipe.poll():
            await asyncio.sleep(0.002)
        word = pipe.recv()
        if word == "stop":
            raise asyncio.CancelledError
        return float(word)

    load = make_load(address, exchanges, plan, process)
    with _no_garbage_collection(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        tally = runner.run(load.run(start, lambda *counts: pipe.send(counts), pipe.poll))
    pipe.send(tally)
