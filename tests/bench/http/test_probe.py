"""One request before a run: whatever is wrong with the server is one clear line."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from skerry.bench.http.endpoint import Endpoint
from skerry.bench.http.exchange import Exchange, SameJson, build_request
from skerry.bench.http.probe import Answer, ask, describe, probe
from skerry.runtime.errors import BenchError

TIMEOUT = 0.2


def try_out(url: str, expected: object = None, method: str = "GET", timeout: float = TIMEOUT) -> Answer:
    endpoint = Endpoint.parse(url)
    check = None if expected is None else SameJson(expected)
    request = build_request(method, endpoint.path, endpoint.authority)
    return probe(endpoint, Exchange(request, None, check), timeout=timeout)


def refusal(url: str, expected: object = None) -> str:
    with pytest.raises(BenchError) as caught:
        try_out(url, expected)
    assert caught.value.text.startswith(f"{url}: ")
    return caught.value.text.removeprefix(f"{url}: ")


def test_a_right_answer_is_returned(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    url = serve(lambda request: http(b'{"a": 1}'))
    assert try_out(url, {"a": 1.0}) == Answer(200, "OK", None, b'{"a": 1}')


def test_an_answer_in_chunks_is_put_together(serve: Callable[..., str]) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert try_out(serve(lambda request: chunks)).body == b"abcde"


def test_an_answer_to_head_has_no_body(serve: Callable[..., str]) -> None:
    url = serve(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert try_out(url, method="HEAD").body == b""


def test_a_server_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/predict") == f"no connection to 127.0.0.1 port {port}: connection refused"


def test_a_name_that_is_no_server() -> None:
    assert refusal("http://nowhere.invalid/").startswith("no host nowhere.invalid: ")


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (b"", "no whole answer within 0.2 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "no whole answer within 0.2 s"),
        (None, "the server closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "expected HTTP, got SSH-2.0-OpenSSH_9.6"),
        (b"\x00\xff\xfe\r\n\r\n", "expected HTTP, got "),
        (b"HTTP/1.1 two hundred\r\n\r\n", "expected HTTP, got HTTP/1.1 two hundred"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000, "expected HTTP, got what is none: LineTooLong"),
        (b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "expected an answer with status 200, got 500 Internal Server Error"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 14\r\n\r\n\n\nTraceback\nat", "expected an answer with status 200, got 500 Oops: Traceback"),
        (b"HTTP/1.1 307 Away\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", "expected an answer with status 200, got 307 Away to /there"),
        (b'HTTP/1.1 400 Bad\r\nContent-Length: 20\r\n\r\n{"error":"no input"}', "expected an answer with status 200, got 400 Bad: no input"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 2}", "wrong answer: a: expected 1, got 2"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "wrong answer: expected JSON, got <html>"),
    ],
)  # fmt: skip
def test_a_server_that_misbehaves(serve: Callable[..., str], reply: bytes | None, line: str) -> None:
    assert refusal(serve(lambda request: reply), {"a": 1}).startswith(line)


def test_an_answer_that_ends_early() -> None:
    """The connection is closed in the middle of the body."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")

    thread = threading.Thread(target=answer)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert refusal(url) == "the answer ended early, after 3 bytes of its body"
    thread.join()
    listener.close()


def test_a_server_that_speaks_no_tls(serve: Callable[..., str]) -> None:
    url = serve(lambda request: None).replace("http:", "https:")
    endpoint = Endpoint.parse(url)
    with pytest.raises(BenchError, match=r"TLS failed|no connection|no whole answer"):
        ask(endpoint, build_request("GET", endpoint.path, endpoint.authority), timeout=TIMEOUT)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_server_whose_certificate_nobody_trusts(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1")
    subprocess.run(["openssl", "req", "-x509", *curve, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True):
            pass

    thread = threading.Thread(target=accept)
    thread.start()
    line = refusal(f"https://127.0.0.1:{listener.getsockname()[1]}/")
    assert line.startswith("TLS failed: the certificate is not trusted: ")
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(503, "", None, b""), "503"),
        (Answer(500, "Oops", None, b'{"error": 7}'), '500 Oops: {"error": 7}'),
        (Answer(500, "Oops", None, b"\xff\xfe"), "500 Oops: \ufffd\ufffd"),
        (Answer(500, "Oops", None, b"x" * 500), "500 Oops: " + "x" * 199 + "…"),
    ],
)
def test_an_answer_in_words(answer: Answer, text: str) -> None:
    assert describe(answer) == text
