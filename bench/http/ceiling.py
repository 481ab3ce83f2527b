"""``measure_ceiling``: how many requests per second the generator sends when the server is hardly the limit.

    python -m skerry.bench.http.ceiling ANSWER REQUEST     a server that gives every request the same answer, until it is ended

The server parses nothing, and writes one answer, with a body of ANSWER bytes, for every REQUEST bytes it reads: a request
needs little but the system calls of either side. It has a process of its own, on a core of its own where there is one.
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

_HEAD = "{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Length: {size}\r\n\r\n"


def measure_ceiling(plan: LoadPlan, answer_size: int = 200, body_size: int = 0) -> float:
    """Requests per second of the generator, with the connections and processes of ``plan`` in a closed loop, against a
    constant answer: what is sent and what comes back have bodies of so many bytes. It takes 2.5 seconds at most.

    Raises:
        BenchError: the constant server does not answer.
        KeyboardInterrupt: half a ceiling is none.
    """
    return ceiling_run(plan, answer_size, body_size).requests_per_second


def ceiling_run(plan: LoadPlan, answer_size: int = 200, body_size: int = 0) -> Run:
    """The run that ``measure_ceiling`` makes."""
    short = msgspec.structs.replace(
        plan,
        rate=None,
        duration=min(plan.duration, _LONGEST.duration),
        warmup=min(plan.warmup, _LONGEST.warmup),
    )
    request = constant_request(body_size)
    with constant_server(answer_size, len(request)) as address:
        run = generate(address, [Exchange(request, None, None)], short, target="constant answer")
    if run.errors:
        kind, text = next(iter(run.examples.items()))
        hint = "`ulimit -n` says how many connections there may be" if "open files" in text else None
        raise BenchError(f"the constant server, which measures the generator, gave errors: {kind}: {text}", hint=hint)
    if not run.complete:
        raise KeyboardInterrupt  # nothing else ends it
    return run


def constant_request(body_size: int = 0) -> bytes:
    """A whole request with a body of so many bytes."""
    head = _HEAD.format(method="POST" if body_size else "GET", size=body_size)
    return head.encode() + b"x" * body_size


@contextmanager
def constant_server(answer_size: int = 200, request_size: int = 0, command: tuple[str, ...] = ()) -> Iterator[Address]:
    """A constant server while the block runs, which answers every ``request_size`` bytes (0: all that it reads at once);
    ``command`` goes before it, such as one that pins it to a core."""
    program = [*command, sys.executable, "-m", "skerry.bench.http.ceiling", str(answer_size), str(request_size)]
    # in a session of its own, so that Ctrl-C reaches only us
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            assert server.stdout is not None
            announced = re.fullmatch(r"(.+):(\d+)\n", server.stdout.readline())
            if announced is None:
                raise BenchError("the constant server, which measures the generator, does not start")
            yield Address(announced[1], int(announced[2]))
        finally:
            server.kill()


class _ConstantAnswer(asyncio.Protocol):
    def __init__(self, answer: bytes, request_size: int) -> None:
        self._answer = answer
        self._request_size = self._missing = request_size

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            self._missing = self._request_size
            self._write(self._answer)


async def _serve(answer_size: int, request_size: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {answer_size}\r\n\r\n"
    answer = head.encode() + b"x" * answer_size
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _ConstantAnswer(answer, request_size), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await server.serve_forever()


def main() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(*map(int, sys.argv[1:3])))


if __name__ == "__main__":
    main()
