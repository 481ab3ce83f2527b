"""Versions swap under a real server while it answers."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 20.0


@pytest.fixture
def steps(steps_repository: Path, tmp_path: Path) -> Path:
    """A repository with ``steps`` in version 1; 2 and 3 lie in ``later``."""
    shutil.copytree(steps_repository / "steps" / "1", tmp_path / "models" / "steps" / "1")
    shutil.copytree(steps_repository / "steps", tmp_path / "later")
    return tmp_path / "models"


def arrives(repository: Path, version: int) -> Path:
    return shutil.copytree(repository.parent / "later" / str(version), repository / "steps" / str(version))


@contextmanager
def serving(repository: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``skerry serve --admin`` on a free port: the process, and its address."""
    command = [sys.executable, "-m", "skerry.cli", "serve", str(repository), "--port", "0", "--admin", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        announced = re.search(r"http://([\d.:]+)", process.stdout.readline())
        assert announced is not None, process.stderr.read()
        yield process, announced[1]
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


class Client:
    """One connection, which is kept until the end of a ``with``; or else one for each request."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        self._headers = {"connection": "close"}

    def __enter__(self) -> Client:
        self._headers = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def change(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.ask(method, path, body)
        assert status == 200, answer
        return answer

    def predict(self, x: float, version: str = "") -> tuple[int, float]:
        """The version that the answer names, and its answer without ``x``."""
        path = f"/models/steps/versions/{version}/predict" if version else "/models/steps/predict"
        answer = self.change("POST", path, {"X": [[x]]})
        return answer["version"], answer["prediction"][0] - x

    def infer(self, x: float) -> tuple[int, float]:
        tensor = {"name": "X", "shape": [1, 1], "datatype": "FP64", "data": [x]}
        answer = self.change("POST", "/v2/models/steps/infer", {"inputs": [tensor]})
        return int(answer["model_version"]), answer["outputs"][0]["data"][0] - x

    def load(self, version: int) -> None:
        self.change("POST", "/v2/repository/models/steps/load", {"parameters": {"version": version}})

    def unload(self, version: int) -> None:
        self.change("POST", "/v2/repository/models/steps/unload", {"parameters": {"version": version}})


def until(condition: Callable[[], object]) -> float:
    """Seconds until ``condition`` holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.02)
    return time.monotonic() - began


def resident(process: subprocess.Popen[str]) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096


class Load:
    """Connections that ask without a pause, each in a thread, and compare every answer with the version it names."""

    def __init__(self, address: str, connections: int) -> None:
        self.wrong: list[object] = []
        self._counts = [Counter[int]() for _ in range(connections)]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(address, place)) for place in range(connections)]

    @property
    def answered(self) -> Counter[int]:
        """How often each version answered so far."""
        return sum(map(Counter, self._counts), Counter())

    def wait(self, version: int, *, answers: int) -> None:
        """Until ``version`` gave so many more."""
        least = self.answered[version] + answers
        until(lambda: self.wrong or self.answered[version] >= least)

    def _run(self, address: str, place: int) -> None:
        counted = self._counts[place]
        try:
            with Client(address) as client:
                ask = client.predict if place % 2 else client.infer
                while not self._stop.is_set():
                    version, answer = ask(float(counted.total() % 1000))
                    if abs(answer - 1000 * version) > 1e-6:
                        self.wrong.append((version, answer))
                    counted[version] += 1
        except Exception as error:
            self.wrong.append(error)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_every_answer_is_that_of_the_version_it_names_while_versions_swap(steps: Path) -> None:
    arrives(steps, 2)
    with serving(steps) as (_, address):
        client = Client(address)
        client.unload(1)
        with Load(address, connections=6) as load:
            for swap in range(20):
                comes, goes = (1, 2) if swap % 2 == 0 else (2, 1)
                client.load(comes)
                client.unload(goes)
                load.wait(comes, answers=200)
        assert load.wrong == []
        assert min(load.answered[1], load.answered[2]) > 2000


def test_every_answer_is_that_of_the_version_it_names_while_an_alias_moves(steps: Path) -> None:
    arrives(steps, 2)
    with serving(steps) as (_, address):
        client = Client(address)
        with Load(address, connections=4) as load:
            for swap in range(20):
                client.change("PUT", "/models/steps/aliases/stable", {"version": 1 + swap % 2})
                assert client.predict(0.0)[0] == 1 + swap % 2
                time.sleep(0.02)
        assert (load.wrong, set(load.answered)) == ([], {1, 2})


def test_parallel_loads_are_refused_but_for_one_at_a_time(steps: Path) -> None:
    arrives(steps, 2)
    with serving(steps) as (_, address):
        statuses: list[int] = []

        def load(place: int) -> None:
            call = "load" if place % 2 else "unload"
            path = f"/v2/repository/models/steps/{call}"
            statuses.append(Client(address).ask("POST", path, {"parameters": {"version": 2}})[0])

        threads = [threading.Thread(target=load, args=(place,)) for place in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=PATIENCE)
        assert len(statuses) == 32
        assert set(statuses) <= {200, 404, 409}
        client = Client(address)
        client.load(2)
        assert client.predict(0.0)[0] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="memory is given back as glibc does")
def test_memory_stays_where_it_is_over_swaps(steps: Path) -> None:
    arrives(steps, 2)
    with serving(steps) as (process, address):
        client = Client(address)

        def swap() -> None:
            client.unload(2)
            client.load(2)
            client.predict(0.0)

        for _ in range(5):
            swap()
        before = resident(process)
        for _ in range(20):
            swap()
        assert resident(process) - before < 8 * 2**20


def test_other_workers_follow_within_a_second(steps: Path) -> None:
    with serving(steps, "--workers", "2") as (_, address):
        until(lambda: set(versions_answering(address)) == {1})
        arrives(steps, 2)
        Client(address).load(2)
        assert until(lambda: set(versions_answering(address)) == {2}) < 3
        Client(address).change("PUT", "/models/steps/aliases/stable", {"version": 1})
        assert until(lambda: set(versions_answering(address)) == {1}) < 3
        Client(address).change("POST", "/models/steps/rollback")
        assert until(lambda: set(versions_answering(address)) == {2}) < 3


def test_with_several_workers_every_answer_is_that_of_the_version_it_names(steps: Path) -> None:
    arrives(steps, 2)
    with serving(steps, "--workers", "2") as (_, address):
        client = Client(address)
        client.unload(1)
        until(lambda: set(versions_answering(address)) == {2})
        with Load(address, connections=4) as load:
            for swap in range(6):
                comes, goes = (1, 2) if swap % 2 == 0 else (2, 1)
                client.load(comes)
                client.unload(goes)
                until(lambda comes=comes: set(versions_answering(address)) == {comes})  # type: ignore[misc]
        assert (load.wrong, set(load.answered)) == ([], {1, 2})


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_hangup_brings_what_is_new(steps: Path, workers: str) -> None:
    with serving(steps, "--workers", workers) as (process, address):
        until(lambda: set(versions_answering(address)) == {1})
        arrives(steps, 2)
        with Load(address, connections=2) as load:
            process.send_signal(signal.SIGHUP)
            until(lambda: set(versions_answering(address)) == {2})
        assert load.wrong == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_hangup_leaves_a_model_alone_of_which_something_is_refused(steps: Path, workers: str) -> None:
    with serving(steps, "--workers", workers) as (process, address):
        until(lambda: set(versions_answering(address)) == {1})
        (arrives(steps, 2) / "card.md").write_bytes(b"changed")
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert "model steps stays as it is: " in process.stderr.readline()
        assert set(versions_answering(address)) == {1}
        assert Client(address).ask("GET", "/v2/health/ready")[0] == 200


def versions_answering(address: str) -> list[int]:
    """Which versions answer, over connections that reach every worker in all likelihood."""
    return [Client(address).predict(0.0)[0] for _ in range(12)]


def test_an_unmodified_tritonclient_lists_loads_and_unloads(steps: Path) -> None:
    triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)
    errors = pytest.importorskip("tritonclient.utils", exc_type=ImportError)
    with serving(steps) as (_, address), triton.InferenceServerClient(address) as client:
        arrives(steps, 2)
        assert [(entry["name"], entry["version"], entry["state"]) for entry in client.get_model_repository_index()] == [
            ("steps", "1", "READY"),
            ("steps", "2", "UNAVAILABLE"),
        ]
        client.load_model("steps")
        assert client.is_model_ready("steps", "2")
        client.unload_model("steps", unload_dependents=True)
        assert not client.is_model_ready("steps")
        assert client.is_server_ready()
        client.load_model("steps")
        assert client.is_model_ready("steps")
        with pytest.raises(errors.InferenceServerException, match=r"parameter 'config': not taken from a request"):
            client.load_model("steps", config="{}")
        with pytest.raises(errors.InferenceServerException, match=r"model 'stesp': not found .*did you mean 'steps'"):
            client.load_model("stesp")
        assert "model_repository" in client.get_server_metadata()["extensions"]
