"""Whether every answer is right, and of the version that it names, while versions are swapped.

    python -m skerry.bench.measured.swaps [--requests 200000] [--swaps 50]

A model that answers x + 1000 · version, in three versions, asked on 32 connections by ``/infer`` and ``/predict`` without
a version; meanwhile aliases are set and deleted, versions unloaded, loaded and rolled back, and after each of these changes
another version answers.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sklearn.linear_model import LinearRegression

from skerry.bench.benchmarks.workload import request_bytes
from skerry.bench.http.exchange import Exchange, difference
from skerry.bench.http.generator import generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.serving import Served, serving
from skerry.export import export
from skerry.runtime.errors import BenchError

MODEL, VERSIONS, STEP = "steps", (1, 2, 3), 1000.0
CONNECTIONS, SECONDS = 32, 3.0


class Swap(NamedTuple):
    """A call that changes the model, and the version that answers from then on."""

    method: str
    path: str
    body: dict[str, Any] | None
    answering: int


_ALIAS = f"/models/{MODEL}/aliases/stable"


def _repository(call: str) -> str:
    return f"/v2/repository/models/{MODEL}/{call}"


COURSE = (
    Swap("PUT", _ALIAS, {"version": 1}, 1),
    Swap("PUT", _ALIAS, {"version": 2}, 2),
    Swap("POST", f"/models/{MODEL}/rollback", None, 1),
    Swap("DELETE", _ALIAS, None, 3),
    Swap("POST", _repository("unload"), {"parameters": {"version": "3"}}, 2),
    Swap("POST", _repository("load"), {"parameters": {"version": "3"}}, 3),
)
"""Beginning with all versions loaded, of which the newest answers, and ending so."""


@dataclass
class Swapped:
    """What came of it; ``examples`` has the first text of each kind of error."""

    verified: int = 0
    swaps: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        return self.errors.get("wrong answer", 0)

    @property
    def failed(self) -> int:
        return sum(self.errors.values()) - self.wrong


class RightForItsVersion:
    """The check of an answer for ``x``: it names a version, and is what that version answers."""

    def __init__(self, x: float) -> None:
        self._x = x

    def __call__(self, body: bytes) -> str | None:
        answer = msgspec.json.decode(body)
        version, values = (
            (int(answer["model_version"]), answer["outputs"][0]["data"])
            if "outputs" in answer
            else (answer["version"], answer["prediction"])
        )
        if version not in VERSIONS:
            return f"expected a version of {VERSIONS}, got {version}"
        return difference([self._x + STEP * version], values, f"version {version}")


def make_versions(repository: Path) -> None:
    """The model in its versions."""
    x = np.arange(100.0)[:, None]
    for version in VERSIONS:
        export(LinearRegression().fit(x, x[:, 0] + STEP * version), x, name=MODEL, to=repository)


def exchanges(host: str) -> list[Exchange]:
    """Requests of one row by each protocol."""
    made = []
    for number in range(16):
        x = number + 0.25
        tensor = {"name": "X", "shape": [1, 1], "datatype": "FP64", "data": [x]}
        bodies = {f"/v2/models/{MODEL}/infer": {"inputs": [tensor]}, f"/models/{MODEL}/predict": {"X": [[x]]}}
        for path, body in bodies.items():
            made.append(Exchange(request_bytes(path, msgspec.json.encode(body), host), 1, RightForItsVersion(x)))
    return made


class _Swapper:
    """Swaps versions one after the other, as answers come in: the next when there are ``every`` more."""

    def __init__(self, served: Served, every: float, most: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        self._every = every
        self._most = most
        self._over = threading.Event()
        self._course = cycle(COURSE)
        self.answers = 0
        self.swaps = 0
        self.error: BaseException | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._connection.close()
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._over.wait(0.01):
                if self.swaps < self._most and self.answers >= (self.swaps + 0.5) * self._every:
                    self._swap(next(self._course))
        except BaseException as error:
            self.error = error

    def _swap(self, swap: Swap) -> None:
        """Make the change, and see that the next answer is of the version that should answer from now on."""
        found = self._ask(swap.method, swap.path, swap.body)
        answer = self._ask("POST", f"/models/{MODEL}/predict", {"X": [[1.0]]})
        if (found["default_version"], answer["version"]) != (swap.answering, swap.answering):
            raise BenchError(f"{swap.method} {swap.path}: expected version {swap.answering} to answer, got {answer}")
        self.swaps += 1

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        self._connection.request(method, path, msgspec.json.encode(body) if body is not None else b"")
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise BenchError(f"{method} {path}: {response.status} {content[:300]!r}")
        return msgspec.json.decode(content)


def measure_swaps(requests: int, swaps: int, say: Callable[[str], None], core: int | None = None) -> Swapped:
    """Ask and swap until there are as many verified answers, and as many swaps."""
    with tempfile.TemporaryDirectory(prefix="skerry-swaps-") as folder:
        make_versions(Path(folder))
        with serving(Path(folder), "--admin", core=core) as served:
            return _measure(served, requests, swaps, say)


def _measure(served: Served, requests: int, swaps: int, say: Callable[[str], None]) -> Swapped:
    found = Swapped()
    swapper = _Swapper(served, requests / swaps, swaps)
    plan = LoadPlan(connections=CONNECTIONS, duration=SECONDS, warmup=0.0)
    asked = exchanges(str(served.address))

    def progress(elapsed: float, answers: int, errors: int) -> None:
        swapper.answers = found.verified + answers
        say(f"swaps: {swapper.swaps} of {swaps}, {swapper.answers:,} of {requests:,} answers, {errors} errors")

    with swapper.running():
        while (found.verified < requests or swapper.swaps < swaps) and not swapper.error:
            run = generate(served.address, asked, plan, target=MODEL, progress=progress)
            found.verified += run.verified or 0
            swapper.answers = found.verified
            for kind, count in run.errors.items():
                found.errors[kind] = found.errors.get(kind, 0) + count
            found.examples = run.examples | found.examples
            if not run.complete:
                raise BenchError(f"the server is gone: {run.examples}")
    found.swaps = swapper.swaps
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--swaps", type=int, default=50)
    arguments = parser.parse_args()
    found = measure_swaps(arguments.requests, arguments.swaps, lambda text: print(text, end="\r", flush=True))
    print(
        f"\n{found.verified:,} verified answers, {found.swaps} swaps, {found.wrong} wrong, {found.failed} failed {found.examples}"
    )


if __name__ == "__main__":
    main()
