"""A server whose slowness is known: it sleeps before each answer, or stalls now and then.

    python -m skerry.bench.measured.delays [--sleep SECONDS] [--stall SECONDS --every SECONDS]

It prints its address, and answers until it is ended. ``GET /account`` gives the delays it really had, as JSON in
seconds, and begins to count anew. Stalls begin with the first request.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import re
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, cast

import msgspec
import numpy as np

from skerry.bench.http.generator import Address, new_event_loop

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nright"
_AWAKE = 0.003
"""Seconds before an answer is due at which the server stops sleeping: its timers are no finer than milliseconds."""


class Delays:
    """Answers that are due, in order, and the seconds by which each was really held back."""

    def __init__(self, sleep: float, stall: float, every: float) -> None:
        self._sleep, self._stall, self._every = sleep, stall, every
        self._due: deque[tuple[float, asyncio.Transport]] = deque()
        self._held = array("d")
        self._ticks = self._stalls = False

    def hold(self, transport: asyncio.Transport) -> None:
        """Answer after the sleep."""
        if self._stall and not self._stalls:
            self._stalls = True
            asyncio.get_running_loop().call_later(self._every, self._stop_the_world)
        self._due.append((perf_counter() + self._sleep, transport))
        if not self._ticks:
            self._tick()

    def account(self) -> bytes:
        """The delays since the last account."""
        held = np.array(self._held) if self._held else np.zeros(1)
        del self._held[:]
        found = dict(zip(("p50", "p99", "max"), np.quantile(held, [0.5, 0.99, 1]).tolist(), strict=True))
        return msgspec.json.encode(found)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = perf_counter()
        while self._due and self._due[0][0] <= now:
            due, transport = self._due.popleft()
            if not transport.is_closing():
                transport.write(ANSWER)
            now = perf_counter()
            self._held.append(now - due + self._sleep)
        self._ticks = bool(self._due)
        if self._ticks:
            wait = self._due[0][0] - now
            loop.call_later(wait - _AWAKE, self._tick) if wait > _AWAKE else loop.call_soon(self._tick)

    def _stop_the_world(self) -> None:
        asyncio.get_running_loop().call_later(self._every, self._stop_the_world)
        time.sleep(self._stall)


class _Server(asyncio.Protocol):
    def __init__(self, delays: Delays) -> None:
        self._delays = delays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"GET /account"):
            self._delays.hold(self._transport)
            return
        account = self._delays.account()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(account), account))


@contextmanager
def delaying_server(*arguments: str, command: tuple[str, ...] = ()) -> Iterator[Address]:
    """The server with these arguments while the block runs; ``command`` goes before it, such as one that pins it."""
    program = [*command, sys.executable, "-m", "skerry.bench.measured.delays", *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            announced = re.fullmatch(r"(.+):(\d+)\n", server.stdout.readline())
            assert announced is not None, "the server does not start"
            yield Address(announced[1], int(announced[2]))
        finally:
            server.kill()


def account_of(address: Address) -> dict[str, float]:
    """What the server says about its delays: ``p50``, ``p99`` and ``max`` in seconds."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=30)
    connection.request("GET", "/account")
    found: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return found


async def _serve(delays: Delays) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Server(delays), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sleep", type=float, default=0.0)
    parser.add_argument("--stall", type=float, default=0.0)
    parser.add_argument("--every", type=float, default=5.0)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(Delays(arguments.sleep, arguments.stall, arguments.every)))


if __name__ == "__main__":
    main()
