"""``skerry bench`` as people call it: what is printed, where, and how it exits, above all when something is wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from skerry.bench.results import HttpMeasurement, Measurement, ModelMeasurement
from skerry.cli.main import run
from skerry.runtime import Artifact

Capture = pytest.CaptureFixture[str]
BRIEF = ["--connections", "2", "--duration", "0.1", "--warmup", "0", "--timeout", "0.3"]
DYING = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Dying(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    left = 40

    def do_GET(self):
        Dying.left -= 1
        if not Dying.left:
            os._exit(1)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *unused):
        pass

server = HTTPServer(("127.0.0.1", 0), Dying)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""A server of one connection at a time that ends with its fortieth request."""


@pytest.fixture
def dying() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", DYING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        finally:
            process.kill()


@pytest.fixture
def broken(iris_artifact: Artifact, tmp_path: Path) -> str:
    """A copy of an artifact of which one byte is another."""
    copy = shutil.copytree(iris_artifact.directory, tmp_path / "broken")
    content = bytearray((copy / "model.onnx").read_bytes())
    content[100] ^= 1
    (copy / "model.onnx").write_bytes(content)
    return str(copy)


def bench(*arguments: str | Path) -> int:
    return run(["bench", *map(str, arguments)])


def complaint(capture: Capture) -> str:
    """The one line that is said when there is nothing to show."""
    out, err = capture.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


def decode(out: str, kind: type[Measurement] = HttpMeasurement) -> Measurement:
    measurement = msgspec.json.decode(out, type=Measurement)
    assert isinstance(measurement, kind)
    return measurement


# all is well


def test_a_server_is_measured_and_every_answer_verified(
    skerry_server: str, repository: Path, tmp_path: Path, capsys: Capture
) -> None:
    url, picture = f"{skerry_server}/models/iris/predict", tmp_path / "iris.svg"
    status = bench(url, "--artifact", repository / "iris", *BRIEF, "--timeout", "10", "--json", "--report", picture)
    out, err = capsys.readouterr()
    assert (status, err) == (0, f"report: {picture}\n")
    measured = decode(out)
    assert isinstance(measured, HttpMeasurement)
    assert measured.complete
    assert [(each.requests > 0, each.requests == each.verified, each.errors) for each in measured.runs] == [
        (True, True, {})
    ]
    assert picture.read_text().lstrip().startswith(("<svg", "<?xml"))


def test_models_are_measured(iris_artifact: Artifact, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "iris.html"
    options = ["--rows", "1,10", "--threads", "1", "--rounds", "1", "--duration", "0.1", "--method", "predict"]
    status = bench(iris_artifact.directory, *options, "--json", "--report", page)
    out, err = capsys.readouterr()
    assert (status, err) == (0, f"report: {page}\n")
    measured = decode(out, ModelMeasurement)
    assert isinstance(measured, ModelMeasurement)
    assert [(point.rows, point.threads) for point in measured.points] == [(1, 1), (10, 1)]
    assert "<svg" in page.read_text()


def test_a_table_is_for_people(skerry_server: str, models: object, capsys: Capture) -> None:
    assert bench(f"{skerry_server}/v2/models/iris/infer", *BRIEF, "--timeout", "10") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "requests/s" in out
    assert "the answers were not verified" in " ".join(out.split())


def test_no_warm_up_is_no_warm_up(serve: Callable[..., str], http: Callable[..., bytes], capsys: Capture) -> None:
    """The server sees the question before the run, and the four requests of 0.1 s at 40 a second."""
    seen: list[bytes] = []

    def reply(request: bytes) -> bytes:
        seen.append(request)
        return http(b"ok")

    assert bench(serve(reply), *BRIEF, "--rate", "40") == 0
    assert len(seen) == 1 + 4


# a server that is not well


def test_a_server_that_is_down(capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert bench(f"http://127.0.0.1:{port}/x", *BRIEF) == 5
    assert complaint(capsys) == (
        f"error[bench_failed]: http://127.0.0.1:{port}/x: no connection to 127.0.0.1 port {port}: connection refused "
        "(is the server running?)"
    )


def test_a_server_that_hangs(serve: Callable[..., str], capsys: Capture) -> None:
    leave = threading.Event()
    url = serve(lambda request: leave.wait(10) and None)
    try:
        assert bench(url, *BRIEF) == 5
        assert complaint(capsys) == f"error[bench_failed]: {url}: no whole answer within 0.3 s"
    finally:
        leave.set()


NOT_WELL = {
    "500": (
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 14\r\n\r\nout of memory\n",
        "expected an answer with status 200, got 500 Internal Server Error: out of memory",
    ),
    "404": (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "expected an answer with status 200, got 404 Not Found (give the endpoint itself, such as "
        "http://127.0.0.1:8000/predict)",
    ),
    "garbage": (b"SSH-2.0-OpenSSH_9.2\r\n", "expected HTTP, got SSH-2.0-OpenSSH_9.2"),
    "cut": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1, 2",
        "the answer ended early, after 5 bytes of its body",
    ),
    "wrong": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[1,3]", "wrong answer: [1]: expected 2, got 3"),
}


@pytest.mark.parametrize("kind", NOT_WELL)
def test_a_server_that_does_not_answer_rightly(
    kind: str, serve: Callable[..., str], tmp_path: Path, capsys: Capture
) -> None:
    answer, line = NOT_WELL[kind]
    answers = iter([answer])
    (tmp_path / "right.json").write_text("[1, 2]")
    url = serve(lambda request: next(answers, None))
    if kind == "cut":
        url = _cut_server(serve, answer)
    assert bench(url, *BRIEF, "--expect", tmp_path / "right.json") == 5
    assert complaint(capsys) == f"error[bench_failed]: {url}: {line}"


def _cut_server(serve: Callable[..., str], answer: bytes) -> str:
    """A server that closes the connection after a part of the answer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def attend() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

    threading.Thread(target=attend, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_tls_where_there_is_none(skerry_server: str, models: object, capsys: Capture) -> None:
    url = skerry_server.replace("http:", "https:") + "/v2/models/iris/infer"
    assert bench(url, *BRIEF) == 5
    assert complaint(capsys).startswith(f"error[bench_failed]: {url.removesuffix('/infer')}: TLS failed: ")


def test_the_binary_form_is_not_spoken_by_all(
    serve: Callable[..., str], http: Callable[..., bytes], capsys: Capture
) -> None:
    def reply(request: bytes) -> bytes:
        if request.startswith(b"GET"):
            return http(b'{"inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 4]}]}')
        return http(b'{"error": "expected JSON"}', "400 Bad Request")

    url = serve(reply) + "/v2/models/iris/infer"
    assert bench(url, "--binary", *BRIEF) == 5
    assert complaint(capsys) == (
        f"error[bench_failed]: {url}: expected an answer with status 200, got 400 Bad Request: expected JSON (not every "
        "server speaks the binary form)"
    )


def test_requests_that_fail_while_it_is_measured(
    serve: Callable[..., str], http: Callable[..., bytes], capsys: Capture
) -> None:
    """The table is printed, and the exit code says that it is not to be taken for a success."""
    answers = iter([http(b"ok")] * 3)
    url = serve(lambda request: next(answers, None) or http(b"out of memory", "500 Internal Server Error"))
    assert bench(url, *BRIEF) == 5
    out, err = capsys.readouterr()
    assert "status 500: out of memory" in " ".join(out.split())
    assert re.fullmatch(r"error\[bench_failed\]: [\d,]+ requests failed: status 500 \([\d,]+\)\n", err)


def test_a_server_that_dies_leaves_what_was_measured(dying: str, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "partial.html"
    options = ["--connections", "1", "--duration", "0.4", "--warmup", "0", "--rate", "50", "--rounds", "5"]
    assert bench(dying, *options, "--json", "--report", page) == 5
    out, err = capsys.readouterr()
    measured = decode(out)
    assert isinstance(measured, HttpMeasurement)
    assert not measured.complete
    assert measured.runs[0].requests == 20
    assert [each.complete for each in measured.runs] == [True, False]
    assert measured.warnings[0].startswith("broken off, and so only a part: ")
    assert err.splitlines() == [
        f"report: {page}",
        "error[bench_failed]: the measurement was broken off; what is shown is a part of it",
    ]
    assert "Partial result" in page.read_text()


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_leaves_what_was_measured(processes: int, serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    """As a terminal sends it: to every process of the group."""
    seen: list[bytes] = []

    def reply(request: bytes) -> bytes:
        seen.append(request)
        time.sleep(0.001)
        return http(b"ok")

    options = ["--connections", "2", "--duration", "60", "--warmup", "0", "--processes", str(processes), "--json"]
    command = [sys.executable, "-m", "skerry.cli", "bench", serve(reply), *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        until = time.monotonic() + 60
        while len(seen) < 30 and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 5
    assert err == "error[bench_failed]: the measurement was broken off; what is shown is a part of it\n"
    measured = decode(out)
    assert isinstance(measured, HttpMeasurement)
    assert not measured.complete
    assert measured.runs[0].requests > 10
    assert measured.runs[0].errors == {}


# what was asked for is wrong


def test_an_artifact_that_is_corrupt(broken: str, serve: Callable[..., str], capsys: Capture) -> None:
    url = serve(lambda request: None) + "/predict"
    for arguments in ([broken], [url, "--artifact", broken]):
        assert bench(*arguments) == 4
        assert re.match(r"error\[\w+\]: .*model\.onnx", complaint(capsys))


def test_rows_that_do_not_fit(
    iris_artifact: Artifact, tmp_path: Path, serve: Callable[..., str], capsys: Capture
) -> None:
    np.save(tmp_path / "rows.npy", np.ones((3, 3)))
    url = serve(lambda request: None) + "/predict"
    assert bench(iris_artifact.directory, "--data", tmp_path / "rows.npy") == 5
    assert complaint(capsys) == (
        "error[bench_failed]: rows.npy: iris/1 does not take these rows: expected 4 values a row, got 3"
    )
    assert bench(url, "--artifact", iris_artifact.directory, "--data", tmp_path / "rows.npy") == 5
    assert complaint(capsys) == (
        f"error[bench_failed]: {tmp_path / 'rows.npy'}: expected rows that iris/1 takes and JSON can carry, got none: row 0: "
        "expected a list of length 4"
    )


def test_rows_in_another_form_than_the_server_takes(
    skerry_server: str, models: object, tmp_path: Path, capsys: Capture
) -> None:
    """Without the artifact nobody knows that a file's columns are to be sent without their names."""
    pd.DataFrame(np.ones((3, 4)), columns=list("abcd")).to_csv(tmp_path / "rows.csv", index=False)
    assert bench(f"{skerry_server}/models/iris/predict", "--data", tmp_path / "rows.csv", *BRIEF) == 5
    assert complaint(capsys).endswith("(with --artifact the rows get the form that its model takes)")


WRONG = {
    "two targets": (["{iris}", "{iris}"], 2, "expected one ARTIFACT or URL, got several: compare them with --compare"),
    "one to compare": (["--compare", "{iris}"], 2, "expected several ARTIFACTs or URLs to --compare, got one"),
    "both kinds": (["--compare", "{iris}", "http://127.0.0.1:1/x"], 2, "expected artifacts or URLs to compare, got both"),
    "no URL": (["127.0.0.1:8000/predict"], 4, "127.0.0.1:8000/predict: no such artifact (expected a directory such as "
               "artifacts/<name>/<version>, or a URL, which begins with http://)"),
    "no host": (["http://"], 5, "http://: expected a URL such as http://127.0.0.1:8000/predict"),
    "of a URL": (["{iris}", "--connections", "3", "--knee", "1"], 2, "--connections, --knee: only for a URL, and {iris} is an artifact"),
    "of an artifact": (["http://127.0.0.1:1/x", "--threads", "1"], 2, "--threads: only for an artifact, and http://127.0.0.1:1/x is a URL"),
    "of another URL": (["http://127.0.0.1:1/x", "--artifact", "{iris}"], 5, "http://127.0.0.1:1/x: --artifact is only for a URL that ends in /predict or /infer, and this is a GET of another URL"),
    "nothing to send": (["http://127.0.0.1:1/predict"], 5, "http://127.0.0.1:1/predict: nothing to send (give the artifact behind it with --artifact"),
    "no rows": (["{iris}", "--rows", "0"], 2, "Invalid value for '--rows': expected whole numbers above 0, separated by commas, got '0'"),
    "several counts": (["http://127.0.0.1:1/predict", "--artifact", "{iris}", "--rows", "1,10"], 2, "--rows: expected one count for a URL, got 2"),
    "no header": (["http://127.0.0.1:1/x", "-H", "X"], 2, "Invalid value for '--header' / '-H': expected 'Name: value', got 'X'"),
    "no rate": (["http://127.0.0.1:1/x", "--rate", "0"], 2, "Invalid value for '--rate': 0.0 is not in the range x>0"),
    "no page": (["{iris}", "--report", "x.pdf"], 2, "Invalid value for --report: expected a name that ends in .html or .svg, got x.pdf"),
    "no directory": (["{iris}", "--report", "nowhere/x.svg"], 2, "Invalid value for --report: nowhere/x.svg: expected a file in a directory that is there"),
    "no method": (["{iris}", "--method", "foresee"], 5, "method 'foresee': expected some of predict, predict_proba, decision_function"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_one_line(case: str, iris_artifact: Artifact, capsys: Capture) -> None:
    arguments, status, line = _with_artifact(WRONG[case], iris_artifact)
    assert bench(*arguments) == status
    code, _, text = complaint(capsys).partition(": ")
    assert re.fullmatch(r"error\[\w+\]", code)
    assert text.startswith(line)


def _with_artifact(case: tuple[Sequence[str], int, str], artifact: Artifact) -> tuple[list[str], int, str]:
    arguments, status, line = case
    directory = str(artifact.directory)
    return [each.replace("{iris}", directory) for each in arguments], status, line.replace("{iris}", directory)
