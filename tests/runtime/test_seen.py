"""The real server, as those see it who watch over it: metrics of several workers, the access log, spans."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

IRIS = Path(__file__).parents[2] / "artifacts" / "iris"
ROW = '{"X": [[5.1, 3.5, 1.4, 0.2]]}'


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``skerry serve`` on a free port; its process and the port."""
    command = [sys.executable, "-m", "skerry.cli", "serve", str(IRIS), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment})
    assert process.stdout is not None
    try:
        announced = re.search(rb"http://[\d.]+:(\d+)", process.stdout.readline())
        assert announced is not None
        yield process, int(announced[1])
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
            process.stdout.close()


def ask(port: int, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    """On a connection of its own: any worker may answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    found = reply.status, reply.read().decode()
    connection.close()
    return found


def answered(port: int) -> float:
    status, text = ask(port, "GET", "/metrics")
    assert status == 200
    found = re.search(r'^skerry_requests_total\{model="iris".*status="200".*\} (\d+)$', text, re.MULTILINE)
    return int(found[1]) if found else 0


def workers(port: int) -> dict[str, float]:
    """Number → when it started."""
    text = ask(port, "GET", "/metrics")[1]
    return {
        found[1]: float(found[2])
        for found in re.finditer(r'^process_start_time_seconds\{worker="(\d+)"\} (\S+)$', text, re.MULTILINE)
    }


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that loaded ONNX Runtime for it."""
    found = []
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if "onnxruntime" in Path(f"/proc/{pid}/maps").read_text():
            found.append(int(pid))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")
def test_several_workers_are_one_and_no_count_goes_back_when_one_dies() -> None:
    with serving("--workers", "2") as (process, port):
        until(lambda: len(workers(port)) == 2)
        for sent in range(1, 21):
            assert ask(port, "POST", "/predict", ROW)[0] == 200
            assert answered(port) <= sent
        until(lambda: answered(port) == 20)
        before = workers(port)
        os.kill(children(process)[0], signal.SIGKILL)
        told = 0.0
        for _ in range(20):
            now = answered(port)
            assert told <= now <= 20
            told = now
        until(lambda: len(set(workers(port).values()) - set(before.values())) == 1)
        until(lambda: answered(port) == 20)
        assert workers(port).keys() == before.keys()


@pytest.mark.parametrize("count", [1, 2])
def test_the_access_log_is_whole_when_the_server_ends(tmp_path: Path, count: int) -> None:
    log = tmp_path / "access.log"
    with serving("--workers", str(count), "--access-log", str(log)) as (_, port):
        for number in range(20):
            ask(port, "POST", "/predict", ROW, **{"X-Request-ID": f"n{number}"})
        ask(port, "GET", "/nothing")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(line["request_id"] for line in lines if line["status"] == 200) == sorted(f"n{n}" for n in range(20))
    assert {line["client"] for line in lines} == {"127.0.0.0"}
    assert [line["path"] for line in lines if line["status"] == 404] == ["/nothing"]


HOSTILE = [
    b"GARBAGE\r\n\r\n",
    b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a%0A%0D%00%1b[31m%E2%80%A8%C2%85%7F HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b'GET /%0a{"time":"forged","status":200} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Request-ID: %s\x1b[2J{}\xff\r\nConnection: close\r\n\r\n",
    b"GET /v2 HTTP/1.1\r\nHost: x\r\nTraceparent: " + b"0" * 10_000 + b"\r\nConnection: close\r\n\r\n",
    b"PUT /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
]


def say(port: int, request: bytes) -> int:
    """The status of what is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


def test_one_line_for_each_request_whatever_it_is(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with serving("--access-log", str(log)) as (_, port):
        statuses = [say(port, request) for request in HOSTILE]
        counted = sum(
            int(found)
            for found in re.findall(r"^skerry_requests_total.* (\d+)$", ask(port, "GET", "/metrics")[1], re.MULTILINE)
        )
    content = log.read_text(encoding="ascii")
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["status"] for line in lines] == [*statuses, 200]
    assert counted == len(HOSTILE)
    assert not any(ord(character) < 0x20 and character != "\n" for character in content)
    assert "forged" not in [line["time"] for line in lines]
    assert [line["error"] for line in lines if "error" in line] == [
        "malformed_request",
        "malformed_request",
        "not_found",
        "not_found",
        "malformed_request",
        "method_not_allowed",
    ]


def test_an_access_log_can_go_to_standard_output() -> None:
    with serving("--access-log", "-", "--access-log-clients", "none") as (process, port):
        ask(port, "POST", "/predict", ROW)
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
    assert (line["operation"], line["status"], "client" in line) == ("predict", 200, False)


@pytest.mark.parametrize("count", ["1", "2"])
def test_an_access_log_that_cannot_be_written_is_one_clear_line(tmp_path: Path, count: str) -> None:
    command = [sys.executable, "-m", "skerry.cli", "serve", str(IRIS), "--port", "0", "--workers", count]
    finished = subprocess.run(
        [*command, "--access-log", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 7
    assert finished.stderr == f"error[server_failed]: {tmp_path}: the access log cannot be written: Is a directory\n"


def test_spans_go_where_the_environment_says() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    try:
        with serving("--tracing", **settings) as (_, port):
            assert ask(port, "POST", "/predict", ROW, traceparent=f"00-{trace}-00f067aa0ba902b7-01")[0] == 200
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    (span,) = [
        span
        for body in received
        for resource in service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert (span.name, span.trace_id.hex()) == ("predict iris", trace)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 10e9
