from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skerry.runtime.errors import ServerError
from skerry.runtime.observability import access_log
from skerry.runtime.observability.access_log import PIPE_CHUNK, AccessLog, LineMaker, chunks
from skerry.runtime.observability.ledger import Key, Record

RECORD = Record(
    Key("iris", 1, "predict"),
    began=5.0,
    method="POST",
    path="/models/iris/predict",
    client=("192.0.2.77", 4711),
    rows=1,
    batch=4,
    parse=1.25e-5,
    queue=1e-3,
    infer=2e-5,
    encode=3e-6,
    ended=5.002,
    request_size=30,
    answer_size=52,
    request_id="abc",
    traceparent=b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
NASTY = [
    '/x\n{"time":"2026-01-01T00:00:00Z","status":200}',
    "/\r\n",
    "/\x1b[2J\x1b[31m",
    "/\u2028\u2029\x85\x0b\x0c\x1c",
    "/\x00\x07\x7f\x9b31m",
    '/"},{"',
    "/\\",
    "/%s{}%n{0}",
    "/\ud800\udfff",
    "/" + "é" * 1_000_000,
    "/" + "\U0001f600" * 1_000_000,
    "",
]


def line_of(record: Record, **settings: str) -> dict[str, object]:
    return json.loads(LineMaker(**settings)(record, now=1_790_000_000.0, clock=5.0))  # type: ignore[arg-type]


def test_a_line_says_it_all() -> None:
    assert line_of(RECORD) == {
        "time": "2026-09-21T14:13:20.002Z",
        "request_id": "abc",
        "client": "192.0.2.0",
        "method": "POST",
        "path": "/models/iris/predict",
        "operation": "predict",
        "model": "iris",
        "version": 1,
        "status": 200,
        "rows": 1,
        "batch": 4,
        "request_bytes": 30,
        "response_bytes": 52,
        "duration_us": 2000,
        "parse_us": 13,
        "queue_us": 1000,
        "infer_us": 20,
        "encode_us": 3,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


def test_a_refused_request_says_why() -> None:
    refused = Record(Key(), 5.0, "GET", "/nope", status=404, outcome="not_found", ended=5.0)
    line = line_of(refused)
    assert line.pop("request_id")
    assert line == {
        "time": "2026-09-21T14:13:20.000Z",
        "method": "GET",
        "path": "/nope",
        "status": 404,
        "error": "not_found",
        "duration_us": 0,
    }


@pytest.mark.parametrize("place", ["path", "method", "request_id"])
@pytest.mark.parametrize("text", NASTY)
def test_one_line_whatever_is_in_the_request(place: str, text: str) -> None:
    record = Record(Key("iris", 1, "predict"), 5.0, "POST", "/", ("192.0.2.77", 1), ended=5.0)
    setattr(record, place, text if place == "path" else text[:128])
    line = LineMaker()(record, now=1_790_000_000.0, clock=5.0)
    assert line.isascii()
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert len(line) < PIPE_CHUNK
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["status"] == 200


@pytest.mark.parametrize(
    "header", [b"", b"0" * 10_000, b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01", b"00-xyz-1-01", b"\xff\n"]
)
def test_a_malformed_trace_is_none(header: bytes) -> None:
    record = Record(Key(), 5.0, "GET", "/", ended=5.0, traceparent=header)
    assert "trace_id" not in line_of(record)


@pytest.mark.parametrize(
    ("clients", "host", "written"),
    [
        ("network", "192.0.2.77", "192.0.2.0"),
        ("network", "2001:db8:1:2:3::4", "2001:db8:1::"),
        ("network", "fe80::1%eth0", "fe80::"),
        ("network", "::ffff:192.0.2.77", "192.0.2.0"),
        ("network", "testclient", None),
        ("address", "192.0.2.77", "192.0.2.77"),
        ("none", "192.0.2.77", None),
    ],
)
def test_of_a_client_is_written_what_may_be(clients: str, host: str, written: str | None) -> None:
    record = Record(Key(), 5.0, "GET", "/", (host, 1), ended=5.0)
    assert line_of(record, clients=clients).get("client") == written


def test_times_are_when_the_answers_were_given() -> None:
    lines, maker = [], LineMaker()
    for ended in (5.0, 5.9994, 6.0, 6.5):
        record = Record(Key(), 5.0, "GET", "/", ended=ended)
        lines.append(json.loads(maker(record, now=1_790_000_000.0, clock=5.0))["time"])
    assert [datetime.fromisoformat(one).timestamp() for one in lines] == pytest.approx(
        [1_790_000_000.0, 1_790_000_000.999, 1_790_000_001.0, 1_790_000_001.5]
    )
    assert datetime.fromisoformat(lines[0]).tzinfo == UTC


def test_lines_are_joined_to_pieces_that_a_pipe_takes_whole() -> None:
    lines = [b"x" * size for size in (10, 4000, 85, 84, 4095, 1)]
    pieces = chunks(lines, 4096)
    assert [number for _, number in pieces] == [2, 2, 1, 1]
    assert b"".join(content for content, _ in pieces) == b"".join(line + b"\n" for line in lines)
    assert chunks([]) == []


def test_lines_are_appended(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(b"before\n")
    log = AccessLog(str(file))
    log.write([b"one", b"two"])
    log.write([b"three"])
    log.close()
    assert (file.read_bytes(), log.lost) == (b"before\none\ntwo\nthree\n", 0)


def test_a_file_that_was_moved_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(file))
    log.write([b"one"])
    while not file.read_bytes():
        time.sleep(0.001)
    file.rename(moved)
    monkeypatch.setattr(access_log, "monotonic", lambda: float("inf"))
    log.write([b"two"])
    log.close()
    assert (moved.read_bytes(), file.read_bytes()) == (b"one\n", b"two\n")


def test_a_pipe_that_nobody_reads_loses_lines_and_nothing_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(access_log, "PATIENCE", 0.1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(pipe))
    began = time.monotonic()
    lines = [b"x" * 99] * 1000
    for _ in range(200):
        log.write(lines)
    log.close()
    assert time.monotonic() - began < 5
    assert 0 < log.lost < 200_000
    os.close(reader)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_loses_lines() -> None:
    log = AccessLog("/dev/full")
    log.write([b"one", b"two"])
    log.close()
    assert log.lost == 2


def test_a_line_that_a_full_disk_cut_off_breaks_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 6
    real = os.write

    def write(file: int, content: bytes) -> int:
        nonlocal room
        if room == 0:
            room = 100
            raise OSError(28, "No space left on device")
        written = real(file, content[:room])
        room -= written
        return written

    file = tmp_path / "access.log"
    log = AccessLog(str(file))
    monkeypatch.setattr(os, "write", write)
    log.write([b"aaa", b"bbb"])
    while not log.lost:
        time.sleep(0.001)
    log.write([b"ccc"])
    log.close()
    assert (file.read_bytes(), log.lost) == (b"aaa\nbb\nccc\n", 2)


def test_a_log_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="the access log cannot be written: No such file or directory"):
        AccessLog(str(tmp_path / "missing" / "access.log"))
