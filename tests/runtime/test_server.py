"""The real server, in a process of its own."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

IRIS = Path(__file__).parents[2] / "artifacts" / "iris"

LISTING = """
import json, sys, threading
from skerry.cli.main import run

def tell():
    sys.stdin.readline()
    print(json.dumps(sorted(sys.modules)), flush=True)

threading.Thread(target=tell, daemon=True).start()
run(sys.argv[1:])
"""
"""Serves as the command does, and lists its modules when told to."""


@contextmanager
def serving(
    *arguments: str, program: tuple[str, ...] = ("-m", "skerry.cli")
) -> Iterator[tuple[subprocess.Popen[str], http.client.HTTPConnection]]:
    """``skerry serve`` on a free port, and a connection to it."""
    command = [sys.executable, *program, "serve", str(IRIS), "--port", "0", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        announced = re.search(r"http://([\d.:]+)", process.stdout.readline())
        assert announced is not None, process.stderr.read()
        connection = http.client.HTTPConnection(announced[1], timeout=30)
        yield process, connection
        connection.close()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> tuple[int, object]:
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_a_request_is_answered() -> None:
    with serving() as (_, connection):
        assert ask(connection, "POST", "/predict", '{"X": [[5.1, 3.5, 1.4, 0.2]]}') == (
            200,
            {"prediction": ["setosa"], "model": "iris", "version": 1},
        )


def test_a_serving_process_imports_nothing_that_trains_converts_or_unpickles() -> None:
    forbidden = {"sklearn", "skl2onnx", "onnx", "pandas", "joblib", "cloudpickle", "dill", "skops", "scipy", "pyarrow"}
    with serving(program=("-c", LISTING)) as (process, connection):
        assert ask(connection, "POST", "/predict", '{"X": [[5.1, 3.5, 1.4, 0.2]]}')[0] == 200
        assert ask(connection, "POST", "/predict", '{"X": "no"}')[0] == 400
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        modules = {name.split(".")[0] for name in json.loads(process.stdout.readline())}
    assert "onnxruntime" in modules
    assert modules & forbidden == set()


def test_an_interrupt_ends_the_server_quietly() -> None:
    with serving() as (process, connection):
        assert ask(connection, "GET", "/v2/health/ready") == (200, {"ready": True, "live": True})
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_several_workers_answer_from_one_port() -> None:
    with serving("--workers", "2") as (process, connection):
        answers = [ask(connection, "POST", "/predict", '{"X": [[6.0, 2.9, 4.5, 1.5]]}') for _ in range(4)]
        assert answers == [(200, {"prediction": ["versicolor"], "model": "iris", "version": 1})] * 4
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def test_workers_that_the_server_chose_are_told_with_the_reason() -> None:
    command = [sys.executable, "-m", "skerry.cli", "serve", str(IRIS), "--port", "0", "--workers", "auto"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    told = r"serving iris on http://[\d.:]+( with (\d+) workers)?, \d+ threads? each \((\d+) cores?; 100 MiB of memory each\)\n"
    found = re.fullmatch(told, line)
    assert found is not None, line
    assert (found[2] or "1") == found[3]


def test_a_model_that_is_not_where_it_was_asked_to_be_is_told() -> None:
    arguments = ["--port", "0", "--provider", "cuda", "--provider-fallback", "warn"]
    with subprocess.Popen(
        [sys.executable, "-m", "skerry.cli", "serve", str(IRIS), *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
    assert lines[1].startswith("iris version 1 runs on c"), lines


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "skerry.cli", "serve", str(IRIS), "--port", str(port)]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 7
    assert (
        finished.stderr
        == f"error[server_failed]: 127.0.0.1:{port}: cannot listen: Address already in use (choose another with --port)\n"
    )


@pytest.mark.parametrize("name", ["ORT_DISABLE_TELEMETRY"])
def test_the_runtime_turns_telemetry_off_before_onnxruntime_is_imported(name: str) -> None:
    program = f"import os; os.environ.pop({name!r}, None); import skerry.runtime; print(os.environ[{name!r}])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "1\n"
