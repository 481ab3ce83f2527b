"""``Target``: what answers at a path, and the wire format that is spoken there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from skerry.runtime.feeds import Array
from skerry.runtime.http.call import QUERY, Headers
from skerry.runtime.models.repository import ModelRepository
from skerry.runtime.models.served import ServedModel
from skerry.runtime.observability.ledger import Key
from skerry.runtime.protocol.binary import read_json_size
from skerry.runtime.protocol.request import Reply, Request


class Operation(NamedTuple):
    """One wire format: how its bytes become a request, and answers become its bytes."""

    name: str
    decode: Callable[[ServedModel, bytes, Headers], Request]
    encode: Callable[[ServedModel, Request, list[Array], Headers], Reply]


def _decode_predict(served: ServedModel, body: bytes, headers: Headers) -> Request:
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    return served.predict.decode(body, content_type, headers.get(QUERY, b""))


def _encode_predict(served: ServedModel, request: Request, answers: list[Array], headers: Headers) -> Reply:
    return served.predict.encode(request, answers, headers.get(b"accept", b"").decode("latin-1"))


def _decode_infer(served: ServedModel, body: bytes, headers: Headers) -> Request:
    size = headers.get(b"inference-header-content-length")
    return served.inference.decode(body, None if size is None else read_json_size(size.decode("latin-1"), len(body)))


def _encode_infer(served: ServedModel, request: Request, answers: list[Array], headers: Headers) -> Reply:
    return served.inference.encode(request, answers)


PREDICT = Operation("predict", _decode_predict, _encode_predict)
INFER = Operation("infer", _decode_infer, _encode_infer)

PATHS: tuple[tuple[str, Operation], ...] = (
    ("/predict", PREDICT),
    ("/models/{name}/predict", PREDICT),
    ("/models/{name}/versions/{version}/predict", PREDICT),
    ("/v2/models/{name}/infer", INFER),
    ("/v2/models/{name}/versions/{version}/infer", INFER),
)
"""Where inference is asked for, by POST."""


class Target(NamedTuple):
    """What answers at a path."""

    served: ServedModel
    operation: Operation
    key: Key


def targets_of(repository: ModelRepository) -> dict[str, Target]:
    """Every path at which a version answers: under its number and its aliases, or without a version, or without a name."""
    targets = _paths(repository.get()) if repository.default else {}
    for name in repository.names:
        for label, served in repository.labels(name).items():
            targets |= _paths(served, name) if label is None else _paths(served, name, label)
    return targets


def _paths(served: ServedModel, *names: str) -> dict[str, Target]:
    """The paths with as many names in them as given: a model's, and what its version is called."""
    places = dict(zip(("name", "version"), names, strict=False))
    return {
        path.format(**places): Target(served, operation, Key(*identity(served), operation.name))
        for path, operation in PATHS
        if path.count("{") == len(names)
    }


def identity(served: ServedModel) -> tuple[str, int]:
    """The model's name and version."""
    return served.model.manifest.name, served.model.manifest.version
