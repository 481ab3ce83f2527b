"""``measure_ceiling``: how many requests per second the generator sends when the server is hardly the limit.

    python -m skerry.bench.http.ceiling [SIZE]     a server that gives every request the same answer, until it is ended

The server parses nothing, and writes one answer for what it reads: a request needs little but the system calls of
either side. It has a process of its own, on a core of its own where there is one.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import msgspec

from skerry.bench.http.exchange import Exchange
from skerry.bench.http.generator import Address, generate, new_event_loop
from skerry.bench.http.plan import LoadPlan
from skerry.bench.results import Run
from skerry.runtime.errors import BenchError

_LONGEST = LoadPlan(duration=2.0, warmup=0.5)
"""No more seconds than these."""

_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"


def measure_ceiling(plan: LoadPlan, answer_size: int = 200) -> float:
    """Requests per second of the generator, with the connections and processes of ``plan`` in a closed loop, against a
    constant answer with a body of ``answer_size`` bytes. It takes 2.5 seconds at most.

    Raises:
        BenchError: the constant server does not answer.
    """
    return ceiling_run(plan, answer_size).requests_per_second


def ceiling_run(plan: LoadPlan, answer_size: int = 200) -> Run:
    """The run that ``measure_ceiling`` makes."""
    short = msgspec.structs.replace(
        plan,
        rate=None,
        duration=min(plan.duration, _LONGEST.duration),
        warmup=min(plan.warmup, _LONGEST.warmup),
    )
    with constant_server(answer_size) as address:
        run = generate(address, [Exchange(_REQUEST, None, None)], short, target="constant answer")
    if run.errors:
        kind, text = next(iter(run.examples.items()))
        raise BenchError(f"the constant server, which measures the generator, gave errors: {kind}: {text}")
    return run


@contextmanager
def constant_server(answer_size: int = 200, command: tuple[str, ...] = ()) -> Iterator[Address]:
    """A constant server while the block runs; ``command`` goes before it, such as one that pins it to a core."""
    program = [*command, sys.executable, "-m", "skerry.bench.http.ceiling", str(answer_size)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            announced = re.fullmatch(r"(.+):(\d+)\n", server.stdout.readline())
            if announced is None:
                raise BenchError("the constant server, which measures the generator, does not start")
            yield Address(announced[1], int(announced[2]))
        finally:
            server.kill()


class _ConstantAnswer(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._write(self._answer)


async def _serve(answer_size: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {answer_size}\r\n\r\n"
    answer = head.encode() + b"x" * answer_size
    server = await asyncio.get_running_loop().create_server(lambda: _ConstantAnswer(answer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await server.serve_forever()


def main() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 200))


if __name__ == "__main__":
    main()
