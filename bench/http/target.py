"""``prepare``: a URL and what is to be sent there → a ``Target`` and its ``Exchange``s, one of which was tried."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec

from skerry.bench.http.endpoint import Endpoint
from skerry.bench.http.exchange import JSON, Check, Exchange, SameFields, build_request, decode_json, expect_body
from skerry.bench.http.generator import Address
from skerry.bench.http.open_inference import (
    HEADER_LENGTH,
    ModelMetadata,
    RightOutputs,
    Row,
    decode_metadata,
    encode_binary,
    encode_json,
    fits_binary,
    to_tensors,
)
from skerry.bench.http.probe import Answer, ask, describe, probe
from skerry.bench.http.reference import Reference
from skerry.bench.http.rows import deal, make_rows, read_rows
from skerry.bench.results import Target
from skerry.runtime.errors import BenchError
from skerry.runtime.protocol.columns import FIELDS

TIMEOUT = 10.0
"""Seconds that the probe waits."""


@dataclass(frozen=True)
class Prepared:
    """A target that answered a probe as it should, and what it is sent; ``verified`` says whether the values of its
    answers are compared with expected ones, ``answer_size`` how many bytes the body of that answer had."""

    target: Target
    address: Address
    exchanges: tuple[Exchange, ...]
    verified: bool = False
    answer_size: int = 200


def prepare(
    url: str,
    *,
    body: Path | None = None,
    headers: Sequence[tuple[str, str]] = (),
    data: Path | None = None,
    artifact: Path | None = None,
    rows: int = 1,
    binary: bool = False,
    expect: Path | None = None,
    method: str | None = None,
    name: str | None = None,
    timeout: float = TIMEOUT,
) -> Prepared:
    """Make the requests for ``url``, which is the endpoint itself, and send the first of them once.

    A ``body`` goes there as it is; of a .jsonl file each line, in turns; ``expect`` has the answers likewise. Without one,
    what ends in /predict or /infer is sent ``rows`` rows a request: those of ``data``, or the golden rows of ``artifact``,
    with whose answers all are compared; for /infer they can be made up from the server's own metadata, and
    ``binary`` sends tensors in binary. Anything else is a GET. ``method`` is the HTTP method, if it is to be another.

    Raises:
        BenchError: there is no server, it does not answer within ``timeout`` seconds, or not as it should; or options
            do not fit each other.
        SkerryError: a file or the artifact cannot be read.
    """
    endpoint = Endpoint.parse(url)
    wish = _Wish(endpoint, tuple(headers), body, data, artifact, rows, binary, expect, method, timeout)
    requests = _kind(wish)(wish)
    exchanges = tuple(requests.exchanges)
    answer = _probe(wish, exchanges[0])
    target = Target(
        name=name or url,
        url=url,
        protocol=requests.protocol,
        rows=exchanges[0].rows,
        body_size=round(mean(map(_body_size, exchanges))),
        description=requests.description,
    )
    return Prepared(target, endpoint.address, exchanges, requests.verified, len(answer.body))


@dataclass(frozen=True)
class _Wish:
    """What was asked for."""

    endpoint: Endpoint
    headers: tuple[tuple[str, str], ...]
    body: Path | None
    data: Path | None
    artifact: Path | None
    rows: int
    binary: bool
    expect: Path | None
    method: str | None
    timeout: float

    def request(self, body: bytes | None, *given: tuple[str, str], method: str = "POST") -> bytes:
        endpoint = self.endpoint
        return build_request(self.method or method, endpoint.path, endpoint.authority, self.headers, body, given=given)


def _probe(wish: _Wish, exchange: Exchange) -> Answer:
    try:
        return probe(wish.endpoint, exchange, timeout=wish.timeout)
    except BenchError as error:
        raise BenchError(error.text, hint=_hint(wish) or error.hint) from None


def _hint(wish: _Wish) -> str | None:
    if wish.binary:
        return "not every server speaks the binary form"
    return "with --artifact the rows get the form that its model takes" if wish.data and not wish.artifact else None


@dataclass(frozen=True)
class _Requests:
    protocol: str
    exchanges: list[Exchange]
    verified: bool
    description: str


def _kind(wish: _Wish) -> Callable[[_Wish], _Requests]:
    """How requests are made, by the options and the end of the path."""
    path = wish.endpoint.path.partition("?")[0]
    kind = _bodies if wish.body else next((kind for end, kind in _KINDS.items() if path.endswith(end)), _get)
    refused = {
        "data": wish.data and kind not in (_predict, _infer),
        "artifact": wish.artifact and kind not in (_predict, _infer),
        "binary": wish.binary and kind is not _infer,
        "expect": wish.expect and kind not in (_bodies, _get),
    }
    wrong = [option for option, given in refused.items() if given]
    if wrong:
        raise BenchError(
            f"{wish.endpoint.url}: --{wrong[0]} is only for {_FOR[wrong[0]]}, and this is {_MEANING[kind]}"
        )
    return kind


def _get(wish: _Wish) -> _Requests:
    check = expect_body(_read(wish.expect)) if wish.expect else None
    exchange = Exchange(wish.request(None, method="GET"), None, check)
    return _Requests("get", [exchange], check is not None, f"{wish.method or 'GET'} of the URL")


def _bodies(wish: _Wish) -> _Requests:
    assert wish.body is not None
    bodies = _parts(wish.body)
    checks: Sequence[Check | None] = [None] * len(bodies)
    if wish.expect:
        answers = _parts(wish.expect)
        if len(answers) not in (1, len(bodies)):
            raise BenchError(f"{wish.expect}: expected an answer for each of {len(bodies)} bodies, got {len(answers)}")
        checks = list(islice(cycle(map(expect_body, answers)), len(bodies)))
    kind = _content_type(wish.body, bodies[0])
    exchanges = [
        Exchange(wish.request(body, ("Content-Type", kind)), None, check)
        for body, check in zip(bodies, checks, strict=True)
    ]
    several = f", {len(bodies)} bodies in turns" if len(bodies) > 1 else ""
    return _Requests("body", exchanges, wish.expect is not None, wish.body.name + several)


def _parts(path: Path) -> list[bytes]:
    """The whole file; of a .jsonl its lines."""
    content = _read(path)
    if path.suffix != ".jsonl":
        return [content]
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        raise BenchError(f"{path}: expected a body in each line, got none")
    return lines


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _content_type(path: Path, body: bytes) -> str:
    try:
        decode_json(body)
    except ValueError:
        return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return JSON


def _predict(wish: _Wish) -> _Requests:
    reference = Reference(wish.artifact) if wish.artifact else None
    rows, origin = _rows(wish, reference)
    if rows is None:
        raise BenchError(
            f"{wish.endpoint.url}: nothing to send",
            hint="give the artifact behind it with --artifact, rows with --data, or a --body",
        )
    exchanges = []
    for sent in deal(rows, wish.rows):
        body = msgspec.json.encode(reference.body(sent) if reference else _predict_body(sent))
        check = SameFields(_fields(reference.answers(sent))) if reference else None
        exchanges.append(Exchange(wish.request(body, ("Content-Type", JSON)), len(sent), check))
    return _Requests("predict", exchanges, reference is not None, origin)


def _predict_body(rows: Sequence[Row]) -> dict[str, Any]:
    return {"records" if all(isinstance(row, dict) for row in rows) else "X": rows}


def _fields(answers: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {FIELDS.get(method, method): answer for method, answer in answers.items()}


def _infer(wish: _Wish) -> _Requests:
    reference = Reference(wish.artifact) if wish.artifact else None
    inputs = _metadata(wish, reference).inputs or (reference.inputs if reference else [])
    if not inputs:
        raise BenchError(
            f"{wish.endpoint.url}: the server's metadata names no inputs",
            hint="give the artifact behind it with --artifact, or a --body",
        )
    rows, origin = _rows(wish, reference)
    if rows is None:
        rows, origin = make_rows(inputs, wish.rows), "made-up rows"
    if wish.binary and not (rows := [row for row in rows if fits_binary(row, inputs)]):
        raise BenchError(
            f"{wish.endpoint.url}: expected rows without missing texts, which the binary form cannot carry"
        )
    exchanges = []
    for sent in deal(rows, wish.rows):
        check = RightOutputs(reference.answers(sent, flat=True) if reference else None)
        exchanges.append(Exchange(_infer_request(wish, sent, inputs), len(sent), check))
    return _Requests("infer-binary" if wish.binary else "infer", exchanges, reference is not None, origin)


def _infer_request(wish: _Wish, rows: Sequence[Row], inputs: Sequence[Any]) -> bytes:
    tensors = to_tensors(rows, inputs)
    if not wish.binary:
        return wish.request(encode_json(tensors), ("Content-Type", JSON))
    length, body = encode_binary(tensors)
    return wish.request(body, ("Content-Type", "application/octet-stream"), (HEADER_LENGTH, str(length)))


def _metadata(wish: _Wish, reference: Reference | None) -> ModelMetadata:
    """What the server says of its model; of a server that says nothing, nothing, if a reference knows it."""
    model = wish.endpoint.sibling(wish.endpoint.path.partition("?")[0].removesuffix("/infer"))
    answer = ask(model, build_request("GET", model.path, model.authority, wish.headers), timeout=wish.timeout)
    if answer.is_good:
        return decode_metadata(answer.body, where=model.url)
    if reference is None:
        raise BenchError(f"{model.url}: expected a model's metadata, got {describe(answer)}")
    return ModelMetadata()


def _rows(wish: _Wish, reference: Reference | None) -> tuple[list[Row] | None, str]:
    """The rows to be sent, and where they are from."""
    rows = read_rows(wish.data) if wish.data else None
    if reference is None:
        return rows, f"{len(rows)} rows of {wish.data.name}" if rows and wish.data else ""
    given = reference.golden_rows() if rows is None else rows
    taken = reference.taken(given, where=str(wish.data or wish.artifact))
    of = f" of {len(given)}" if len(taken) < len(given) else ""
    return taken, f"{len(taken)}{of} " + (
        f"rows of {wish.data.name}" if wish.data else f"golden rows of {reference.name}"
    )


def _body_size(exchange: Exchange) -> int:
    return len(exchange.request.partition(b"\r\n\r\n")[2])


_KINDS: dict[str, Callable[[_Wish], _Requests]] = {"/predict": _predict, "/infer": _infer}
"""End of a path → how requests for it are made."""
_FOR = {
    "data": "a URL that ends in /predict or /infer",
    "artifact": "a URL that ends in /predict or /infer",
    "binary": "a URL that ends in /infer",
    "expect": "a --body or a GET",
}
_MEANING: dict[Callable[[_Wish], _Requests], str] = {
    _get: "a GET of another URL",
    _bodies: "a --body",
    _predict: "/predict",
    _infer: "/infer",
}
