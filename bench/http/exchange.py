"""``Exchange``: the bytes of one request, how many rows are in it, and the check of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import isclose
from typing import Any

import msgspec

from skerry.runtime.errors import BenchError

TOLERANCE = 1e-9
"""How far numbers may be apart, relative above 1 and absolute below."""

JSON = "application/json"
Headers = Sequence[tuple[str, str]]
Check = Callable[[bytes], str | None]
"""The body of a 200 answer → what is wrong with it, or None."""


@dataclass(frozen=True)
class Exchange:
    """``request`` is a whole HTTP/1.1 request that keeps the connection open; ``rows`` the samples in it, None if not known.

    ``check`` is called only for bodies that are not yet known to be right: the connection remembers right ones.
    All of it can be pickled, for a generator of several processes.
    """

    request: bytes
    rows: int | None
    check: Check | None


def build_request(
    method: str, path: str, authority: str, headers: Headers = (), body: bytes | None = None, *, given: Headers = ()
) -> bytes:
    """A request that keeps its connection open. ``headers`` are the user's, and go before those ``given`` by the protocol
    and the usual ones.

    Raises:
        BenchError: a name or a value cannot be written into a request, or says how long the body is.
    """
    usual = (("Host", authority), ("User-Agent", f"skerry-bench/{version('skerry')}"), ("Accept", "*/*"))
    chosen: dict[str, tuple[str, str]] = {}
    for name, value in (*usual, *given):
        chosen[name.lower()] = (name, value)
    for name, value in headers:
        _check_header(name, value)
        chosen[name.lower()] = (name, value)
    if body is not None or method in _WITH_BODY:
        chosen["content-length"] = ("Content-Length", str(len(body or b"")))
    if not _TOKEN.fullmatch(method) or method in _REFUSED:
        raise BenchError(f"method {method!r}: expected one such as GET or POST")
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in chosen.values()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2."""
_WITH_BODY = {"POST", "PUT", "PATCH"}
_REFUSED = {"CONNECT"}
"""Methods after which the connection is no longer one of HTTP."""
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_FRAMING = {"content-length", "transfer-encoding", "connection"}


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise BenchError(f"header {name!r}: expected a name and a value that HTTP can carry, got {value!r:.60}")
    if name.lower() in _FRAMING:
        raise BenchError(f"header {name!r}: expected none that says how the request is framed")


@dataclass(frozen=True)
class SameBytes:
    """The body must be ``expected``."""

    expected: bytes

    def __call__(self, body: bytes) -> str | None:
        return None if body == self.expected else f"expected {shown(self.expected)}, got {shown(body)}"


class SameJson:
    """The body must be the same JSON: numbers within ``TOLERANCE``, all else equal, the order of names no matter."""

    def __init__(self, expected: Any) -> None:
        self._expected = expected
        self._encoded = msgspec.json.encode(expected)

    def __call__(self, body: bytes) -> str | None:
        try:
            return self.compare(decode_json(body))
        except ValueError as error:
            return str(error)

    def compare(self, got: Any, where: str = "") -> str | None:
        """What is wrong with a value that is decoded already."""
        if msgspec.json.encode(got) == self._encoded:  # far faster than looking at each number
            return None
        return difference(self._expected, got, where)


class SameFields:
    """The body must be a JSON object with one or more of the ``expected`` fields, and those must be the same."""

    def __init__(self, expected: dict[str, Any]) -> None:
        self._fields = {name: SameJson(value) for name, value in expected.items()}

    def __call__(self, body: bytes) -> str | None:
        try:
            answer = decode_json(body)
        except ValueError as error:
            return str(error)
        found = [name for name in self._fields if isinstance(answer, dict) and name in answer]
        if not found:
            return f"expected {' or '.join(map(repr, self._fields))}, got {shown(body)}"
        wrong = (self._fields[name].compare(answer[name], name) for name in found)
        return next((text for text in wrong if text), None)


def expect_body(expected: bytes) -> Check:
    """Compared as JSON where it is JSON, else byte by byte."""
    try:
        return SameJson(decode_json(expected))
    except ValueError:
        return SameBytes(expected)


def decode_json(body: bytes) -> Any:
    """Raises ``ValueError`` that shows what came instead."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"expected JSON, got {shown(body)}") from None


def difference(expected: Any, got: Any, where: str = "") -> str | None:
    """The first place where two decoded JSON values differ, in words, or None."""
    if isinstance(expected, dict) and isinstance(got, dict):
        if expected.keys() == got.keys():
            pairs = [(expected[name], got[name], f"{where}.{name}".lstrip(".")) for name in expected]
            return _first_difference(pairs)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{_at(where)}expected {len(expected)} values, got {len(got)}"
        pairs = [
            (one, other, f"{where}[{place}]") for place, (one, other) in enumerate(zip(expected, got, strict=True))
        ]
        return _first_difference(pairs)
    elif _is_number(expected) and _is_number(got):
        if _are_near(expected, got):
            return None
    elif type(expected) is type(got) and expected == got:
        return None
    return f"{_at(where)}expected {_shown_value(expected)}, got {_shown_value(got)}"


def _first_difference(pairs: Sequence[tuple[Any, Any, str]]) -> str | None:
    return next((text for pair in pairs if (text := difference(*pair))), None)


def _are_near(expected: float, got: float) -> bool:
    try:
        return isclose(expected, got, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an integer beyond float64
        return expected == got


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(where: str) -> str:
    return f"{where}: " if where else ""


def _shown_value(value: Any) -> str:
    return shown(msgspec.json.encode(value))


def shown(body: bytes, longest: int = 80) -> str:
    """A body in one line, shortened."""
    text = " ".join(body[: 4 * longest].decode("utf-8", "replace").split())
    text = "".join(letter if letter.isprintable() else "·" for letter in text)
    return (text if len(text) <= longest else text[: longest - 1] + "…") or "nothing"
