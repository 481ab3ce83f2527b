import http.client
import socket
import time

import pytest

from skerry.bench.http.ceiling import constant_request, constant_server, measure_ceiling
from skerry.bench.http.plan import LoadPlan


def test_the_ceiling_is_many_requests_per_second() -> None:
    assert measure_ceiling(LoadPlan(connections=4, rate=1, duration=0.2, warmup=0.1)) > 100


def test_the_ceiling_is_lower_for_large_bodies() -> None:
    """A million bytes there and back: many times the work, whatever the machine."""
    plan = LoadPlan(connections=2, duration=0.2, warmup=0.1)
    small, large = measure_ceiling(plan), measure_ceiling(plan, 1_000_000, 1_000_000)
    assert 0 < large < small


@pytest.mark.parametrize("body", [0, 30_000])
def test_a_request_is_as_long_as_told(body: int) -> None:
    head, _, content = constant_request(body).partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1" if body else b"GET / HTTP/1.1")
    assert f"\r\nContent-Length: {body}".encode() in head
    assert len(content) == body


def test_a_request_in_pieces_gets_one_answer() -> None:
    request = constant_request(30_000)
    with constant_server(5, len(request)) as address, socket.create_connection((address.host, address.port)) as client:
        for _ in range(2):
            for piece in (request[:100], request[100:]):
                time.sleep(0.02)
                client.sendall(piece)
            answer = client.recv(1_000)
            assert answer.count(b"HTTP/1.1 200 OK") == 1
            assert answer.endswith(b"\r\n\r\nxxxxx")


@pytest.mark.parametrize("size", [0, 200, 100_000])
def test_the_constant_server_answers_with_as_many_bytes_as_told(size: int) -> None:
    with constant_server(size) as address:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=30)
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (200, size)
        connection.close()
