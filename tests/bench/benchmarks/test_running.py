"""Servers are started, waited for, and gone afterwards, with all that they started."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from skerry.bench.benchmarks.environments import Environment
from skerry.bench.benchmarks.running import Running, ask, await_answer, free_ports, marked, pin, start
from skerry.bench.benchmarks.servers import SERVERS, Server
from skerry.bench.benchmarks.workload import request_bytes
from skerry.bench.http.exchange import Exchange
from skerry.runtime.errors import BenchError

PEERS = Path(__file__).parents[3] / "bench" / "peers"
HERE = Environment(Path(sys.prefix), PEERS / "skerry" / "requirements.txt")
CONSTANT = SERVERS[0]
HELLO = b'{"hello": "world"}'


def server(program: str) -> Server:
    return Server("made", "skerry", "made", ("python", "-c", program, "{port}"), (), "a program of this test")


def exchange(path: str = "/1", expected: bytes = HELLO) -> Exchange:
    wrong = f"expected {expected!r}"
    return Exchange(request_bytes(path, b"{}", "here"), 1, lambda body: None if body == expected else wrong)


@pytest.fixture
def places(tmp_path: Path) -> Mapping[str, Path]:
    answers = tmp_path / "answers.json"
    answers.write_text('{"/1": "{\\"hello\\": \\"world\\"}"}')
    return {"folder": PEERS / "constant", "model": tmp_path, "artifact": tmp_path, "answers": answers}


def test_a_server_answers_and_is_gone_afterwards(places: Mapping[str, Path], tmp_path: Path) -> None:
    with start(CONSTANT, HERE, places, log=tmp_path / "log") as running:
        assert await_answer(running, exchange()) > 0
        assert ask(running.port, exchange()) is None
        assert (ask(running.port, exchange(expected=b"other")) or "").endswith("/1: wrong answer: expected b'other'")
        assert "expected an answer with status 200, got 500 " in (ask(running.port, exchange("/unknown")) or "")
    assert running.process.poll() is not None
    assert "connection refused" in (ask(running.port, exchange()) or "")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
def test_a_server_stays_on_its_core(places: Mapping[str, Path], tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    with start(CONSTANT, HERE, places, log=tmp_path / "log", core=core) as running:
        await_answer(running, exchange())
        assert os.sched_getaffinity(running.process.pid) == {core}
    assert pin(None) is None


def test_a_server_that_ends_is_an_error_with_its_last_words(places: Mapping[str, Path], tmp_path: Path) -> None:
    with (
        start(server("import sys; sys.exit('no such model')"), HERE, places, log=tmp_path / "log") as running,
        pytest.raises(BenchError, match=r"^ended with status 1: no such model$"),
    ):
        await_answer(running, exchange())


def test_a_server_that_never_answers_is_given_up(places: Mapping[str, Path], tmp_path: Path) -> None:
    with (
        start(server("import time; time.sleep(60)"), HERE, places, log=tmp_path / "log") as running,
        pytest.raises(BenchError, match=r"^no right answer in 0 s: .*connection refused"),
    ):
        await_answer(running, exchange(), patience=0.1)


STUBBORN = """
import signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def test_a_server_that_will_not_end_is_ended_with_what_it_started(
    places: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skerry.bench.benchmarks.running.GRACE", 0.1)
    with start(server(STUBBORN), HERE, places, log=tmp_path / "log") as running:
        wait_for(running, "ready")
        assert len(marked(running.mark)) == 2
    assert marked(running.mark) == []


LEAVING = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
"""


def test_what_a_server_left_behind_is_ended(places: Mapping[str, Path], tmp_path: Path) -> None:
    with start(server(LEAVING), HERE, places, log=tmp_path / "log") as running:
        running.process.wait()
        assert len(marked(running.mark)) == 1
    assert marked(running.mark) == []


def wait_for(running: Running, word: str) -> None:
    until = time.monotonic() + 20
    while word not in running.log.read_text() and time.monotonic() < until:
        time.sleep(0.01)


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(5))) == 5
