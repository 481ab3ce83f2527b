"""Answers of every shape, from servers that behave and servers that do not: raw sockets, the real generator."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

import pytest

from skerry.bench.http.exchange import Exchange
from skerry.bench.http.generator import generate
from skerry.bench.http.plan import LoadPlan
from skerry.bench.results import Run
from tests.bench.http.serving import serving

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
BRIEF = LoadPlan(connections=1, duration=0.2, warmup=0, timeout=10)
IMPATIENT = LoadPlan(connections=1, duration=0.1, warmup=0, timeout=0.15)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"


def answering(*pieces: bytes, then_close: bool = False, pause: float = 0.002) -> Callable[[socket.socket], None]:
    """Every request gets the pieces, one by one."""

    def serve(connection: socket.socket) -> None:
        while connection.recv(65_536):
            for place, piece in enumerate(pieces):
                if place:
                    time.sleep(pause)
                connection.sendall(piece)
            if then_close:
                return

    return serve


def right(body: bytes) -> str | None:
    return None if body == b"right" else f"expected right, got {body.decode()}"


def load(
    serve: Callable[[socket.socket], None],
    plan: LoadPlan = BRIEF,
    exchanges: Sequence[Exchange] = (Exchange(GET, 3, right),),
) -> Run:
    with serving(serve) as address:
        return generate(address, exchanges, plan, target="raw")


@pytest.mark.parametrize(
    "pieces",
    [
        (PLAIN,),
        (PLAIN[:7], PLAIN[7:40], PLAIN[40:]),
        (PLAIN[:-5], PLAIN[-5:]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrig\r\n2\r\nht\r\n0\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nri", b"ght\r\n0\r\n", b"Sum: 5\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PLAIN[:20], PLAIN[20:]),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nright",),
        (b"HTTP/1.1 201 Created\r\ncontent-length:5\r\n\r\nright",),
    ],
)
def test_a_right_answer_is_counted_however_it_is_framed_and_cut(pieces: Sequence[bytes]) -> None:
    run = load(answering(*pieces))
    assert run.errors == {}
    assert run.complete
    assert run.verified == run.requests
    assert run.requests >= 3
    assert run.rows_per_second == pytest.approx(3 * run.requests_per_second)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nright",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nright",  # nothing but the end of the connection ends it
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nright",
    ],
)
def test_a_server_that_closes_after_each_answer_is_connected_to_again(answer: bytes) -> None:
    run = load(answering(answer, then_close=True))
    assert run.errors == {}
    assert run.requests >= 2


@pytest.mark.parametrize(
    ("method", "answer", "errors"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", set()),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", set()),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", set()),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", set()),
        (b"HEAD", b"HTTP/1.1 405 Not Allowed\r\n\r\n", {"status 405"}),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", set()),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", {"status 304"}),
    ],
)
def test_an_answer_without_a_body_keeps_the_connection(method: bytes, answer: bytes, errors: set[str]) -> None:
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        connections.append(1)
        answering(answer)(connection)

    run = load(serve, exchanges=[Exchange(GET.replace(b"GET", method), None, None)])
    assert set(run.errors) == errors
    assert len(connections) == 1
    assert run.requests + sum(run.errors.values()) >= 5
    assert (run.verified, run.rows_per_second) == (None, None)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nbroken\r\nx", "status 500", "broken x"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404", "nothing"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "status 301", "nothing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", "wrong answer", "expected right, got wrong"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", "wrong answer", "UnicodeDecodeError"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP", "SSH-2.0-OpenSSH"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nright", "not HTTP", "Content-Length: five"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nright", "not HTTP", "right"),
        (PLAIN + PLAIN, "not HTTP", "more than one answer"),
        (PLAIN + PLAIN[:12], "not HTTP", "more than one answer"),
    ],
)
def test_an_answer_that_is_not_right_is_an_error_of_its_kind(answer: bytes, kind: str, text: str) -> None:
    run = load(answering(answer))
    assert set(run.errors) == {kind}
    assert text in run.examples[kind]
    assert run.requests == run.verified == 0
    assert run.latency is None
    assert run.complete


def test_a_connection_that_ends_in_the_middle_of_an_answer_is_closed() -> None:
    run = load(answering(PLAIN[:-1], then_close=True))
    assert run.errors.keys() == {"closed"}
    assert run.examples == {"closed": "the server closed the connection in the middle of an answer"}


def test_a_server_that_hangs_up_is_asked_again_but_not_in_a_tight_loop() -> None:
    run = load(lambda connection: None, LoadPlan(connections=1, duration=0.5, warmup=0, timeout=0.2))
    assert run.errors.keys() == {"closed"}
    assert 2 <= run.errors["closed"] <= 20


def test_a_server_that_never_answers_is_a_timeout() -> None:
    run = load(lambda connection: time.sleep(2), IMPATIENT)
    assert run.errors.keys() == {"timeout"}
    assert run.examples == {"timeout": "no answer within 0.15 s"}


def test_a_server_that_never_ends_its_answer_is_a_timeout_too() -> None:
    assert load(answering(PLAIN[:-1]), IMPATIENT).errors.keys() == {"timeout"}


def test_an_answer_that_changes_is_checked_each_time() -> None:
    bodies = iter([b"right", b"right", b"wrong"] * 10_000)

    def serve(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(PLAIN[:-5] + next(bodies))

    run = load(serve)
    assert run.requests >= 6
    assert run.errors["wrong answer"] == pytest.approx(run.requests / 2, abs=1)


def test_an_answer_that_is_right_for_one_request_is_not_for_another() -> None:
    def other(body: bytes) -> str | None:
        return None if body == b"other" else f"expected other, got {body.decode()}"

    run = load(answering(PLAIN), exchanges=[Exchange(GET, 1, right), Exchange(GET, 1, other)])
    assert run.examples == {"wrong answer": "expected other, got right"}
    assert run.errors["wrong answer"] == pytest.approx(run.requests, abs=1)


def test_a_check_is_made_once_for_a_body_that_comes_again() -> None:
    checked = []

    def check(body: bytes) -> str | None:
        checked.append(body)
        return None

    dates = iter(range(10, 1_000_000))

    def serve(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: %06d\r\nContent-Length: 5\r\n\r\nright" % next(dates))

    run = load(serve, exchanges=[Exchange(GET, 1, check)])
    assert checked == [b"right"]
    assert run.verified == run.requests >= 5


def test_a_large_body_in_many_pieces_is_put_together() -> None:
    body = bytes(range(256)) * 8_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    run = load(answering(head + body), exchanges=[Exchange(GET, 1, lambda got: None if got == body else "cut")])
    assert run.errors == {}
    assert run.requests >= 1


def test_server_timing_is_taken_from_right_answers_by_name() -> None:
    values = iter([b"parse;dur=2, infer;dur=4", b"parse;dur=2"] * 100_000)

    def serve(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nserver-timing: %b\r\nContent-Length: 5\r\n\r\nright" % next(values))

    run = load(serve)
    assert run.server_timing.keys() == {"parse", "infer"}
    parse, infer = run.server_timing["parse"], run.server_timing["infer"]
    assert parse.count == run.requests
    assert infer.count == pytest.approx(run.requests / 2, abs=1)
    assert (parse.mean, infer.max) == pytest.approx((0.002, 0.004))
