"""The bytes of requests, and the checks of answers."""

from __future__ import annotations

import json
import pickle
from importlib.metadata import version
from typing import Any

import pytest

from skerry.bench.http.exchange import (
    SameBytes,
    SameFields,
    SameJson,
    build_request,
    difference,
    expect_body,
    shown,
)
from skerry.runtime.errors import BenchError

AGENT = f"User-Agent: skerry-bench/{version('skerry')}"


def test_a_request_without_a_body() -> None:
    assert (
        build_request("GET", "/", "h:80") == f"GET / HTTP/1.1\r\nHost: h:80\r\n{AGENT}\r\nAccept: */*\r\n\r\n".encode()
    )


def test_a_request_with_a_body() -> None:
    request = build_request("POST", "/predict", "h", body=b"{}", given=[("Content-Type", "application/json")])
    lines = ["POST /predict HTTP/1.1", "Host: h", AGENT, "Accept: */*", "Content-Type: application/json"]
    assert request == "\r\n".join([*lines, "Content-Length: 2", "", "{}"]).encode()


def test_a_post_without_a_body_says_so() -> None:
    assert b"\r\nContent-Length: 0\r\n\r\n" in build_request("POST", "/", "h")


def test_the_users_headers_go_before_the_usual_ones_whatever_their_case() -> None:
    headers = [("host", "other"), ("USER-AGENT", "me"), ("content-type", "text/csv"), ("X-Key", "ä"), ("Accept", "")]
    request = build_request("POST", "/", "h", headers, b"a", given=[("Content-Type", "application/json")])
    lines = ["POST / HTTP/1.1", "host: other", "USER-AGENT: me", "Accept: ", "content-type: text/csv", "X-Key: ä"]
    assert request == "\r\n".join([*lines, "Content-Length: 1", "", "a"]).encode("latin-1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a b", "x"), ("a:", "x"), ("é", "x"), ("X", "a\r\nY: b"), ("X", "\x00"), ("X", "模"), ("X\n", "x"), ("Content-Length", "3"), ("transfer-encoding", "chunked"), ("Connection", "close")],
)  # fmt: skip
def test_a_header_that_would_break_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(BenchError, match="header"):
        build_request("GET", "/", "h", [(name, value)])


@pytest.mark.parametrize("method", ["", "GET /x", "A\r\n", "CONNECT"])
def test_a_method_that_would_break_the_request_is_refused(method: str) -> None:
    with pytest.raises(BenchError, match="method"):
        build_request(method, "/", "h")


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1, "b": [True, None, "x"]}, {"b": [True, None, "x"], "a": 1.0}),
        (0.1 + 0.2, 0.3),
        (1e300, 1e300 * (1 + 1e-12)),
        (1e-300, 0),
        (10**400, 10**400),
        ([], []),
        (2**63, 2.0**63),
    ],
)
def test_the_same(expected: Any, got: Any) -> None:
    assert difference(expected, got) is None
    assert SameJson(expected)(json.dumps(got).encode()) is None


@pytest.mark.parametrize(
    ("expected", "got", "text"),
    [
        ([0.5], [0.5000001], "[0]: expected 0.5, got 0.5000001"),
        ({"a": [1, 2]}, {"a": [1]}, "a: expected 2 values, got 1"),
        ({"a": {"b": ["x"]}}, {"a": {"b": ["y"]}}, 'a.b[0]: expected "x", got "y"'),
        ({"a": 1}, {"b": 1}, 'expected {"a":1}, got {"b":1}'),
        (1, True, "expected 1, got true"),
        (True, 1, "expected true, got 1"),
        (0, False, "expected 0, got false"),
        ("1", 1, 'expected "1", got 1'),
        (None, 0, "expected null, got 0"),
        ([1], 1, "expected [1], got 1"),
        (10**400, 1.0, f"expected 1{'0' * 78}…, got 1.0"),
    ],
)
def test_not_the_same(expected: Any, got: Any, text: str) -> None:
    assert difference(expected, got) == text
    assert SameJson(expected)(json.dumps(got).encode()) == text


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xff", b"<html>", b"[" * 100_000, b"{} {}"])
def test_what_is_no_json(body: bytes) -> None:
    wrong = SameJson({})(body)
    assert wrong is not None
    assert wrong.startswith("expected JSON, got ")


def test_fields_that_are_there_are_compared_and_others_passed_over() -> None:
    check = SameFields({"prediction": ["a"], "probabilities": [[0.25, 0.75]]})
    assert check(b'{"prediction": ["a"], "model": "iris", "id": "7f"}') is None
    assert check(b'{"probabilities": [[0.25, 0.75]]}') is None
    assert check(b'{"prediction": ["b"]}') == 'prediction[0]: expected "a", got "b"'
    assert (
        check(b'{"prediction": ["a"], "probabilities": [[0.3, 0.7]]}') == "probabilities[0][0]: expected 0.25, got 0.3"
    )
    assert check(b'{"answer": 1}') == "expected 'prediction' or 'probabilities', got {\"answer\": 1}"
    assert check(b"[1]") == "expected 'prediction' or 'probabilities', got [1]"
    assert check(b"oops") == "expected JSON, got oops"


def test_an_expected_body_that_is_no_json_is_compared_byte_by_byte() -> None:
    check = expect_body(b"a,b\n1,2\n")
    assert check(b"a,b\n1,2\n") is None
    assert check(b"a,b\n1,3\n") == "expected a,b 1,2, got a,b 1,3"
    assert expect_body(b"[1.0]")(b"[ 1 ]") is None


@pytest.mark.parametrize("check", [SameBytes(b"a"), SameJson([1]), SameFields({"a": 1})])
def test_checks_go_to_other_processes(check: Any) -> None:
    assert pickle.loads(pickle.dumps(check))(b"?") == check(b"?")


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"", "nothing"), (b"a\r\n  b\x00", "a b·"), (b"x" * 81, "x" * 79 + "…"), (b"\xff", "\ufffd")],
)
def test_a_body_in_one_line(body: bytes, text: str) -> None:
    assert shown(body) == text
