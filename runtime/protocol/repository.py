"""What the repository is asked, and what it answers: Triton's extension of the protocol, and our own calls.

Source: Triton, docs/protocol/extension_model_repository.md. A configuration or files that come with a request are refused:
what is served is what lies in the model repository, and was checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from skerry.runtime.artifact import is_version
from skerry.runtime.errors import InvalidInput, nearest
from skerry.runtime.models.repository import Entry, ModelRepository
from skerry.runtime.protocol.duplicates import check_keys

MAX_CALL = 2**16
"""Bytes of a call's body."""

Kind = TypeVar("Kind", bound=msgspec.Struct)

_PARAMETERS = {"load": ("version",), "unload": ("version", "unload_dependents")}


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    ready: bool = False


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    parameters: dict[str, Any] = {}


class _Alias(msgspec.Struct, forbid_unknown_fields=True):
    version: int


def decode_index(body: bytes) -> bool:
    """Whether only versions that are ready are asked for; the body may be empty. Raises InvalidInput."""
    return _decode(body, _Index, '{"ready": true}').ready if body else False


def decode_call(body: bytes, call: str) -> int | None:
    """The version to ``load`` or to ``unload``, None where none is named; the body may be empty. Raises InvalidInput."""
    if not body:
        return None
    parameters = _decode(body, _Call, '{"parameters": {"version": 3}}').parameters
    for name in parameters:
        if name == "config" or name.startswith("file:"):
            raise InvalidInput(
                f"parameter {name!r:.80}: not taken from a request; export the model into the repository, and load it"
            )
        if name not in _PARAMETERS[call]:
            known = ", ".join(_PARAMETERS[call])
            raise InvalidInput(f"parameter {name!r:.80}: expected one of {known}{nearest(name, _PARAMETERS[call])}")
    if type(parameters.get("unload_dependents", False)) is not bool:
        raise InvalidInput("parameter 'unload_dependents': expected true or false")
    return _version(parameters["version"]) if "version" in parameters else None


def decode_alias(body: bytes) -> int:
    """The version that an alias shall name. Raises InvalidInput."""
    return _version(_decode(body, _Alias, '{"version": 3}').version)


def encode_index(entries: Iterable[Entry], *, ready: bool) -> list[dict[str, str]]:
    return [
        {"name": entry.name, "version": str(entry.version), "state": entry.state, "reason": entry.reason}
        for entry in entries
        if entry.state == "READY" or not ready
    ]


def encode_models(repository: ModelRepository, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every model, as ``encode_model`` has it."""
    return [encode_model(repository, name, entries) for name in sorted({entry.name for entry in entries})]


def encode_model(repository: ModelRepository, name: str, entries: Iterable[Entry]) -> dict[str, Any]:
    """A model, its aliases and versions; ``default_version`` answers where none is named."""
    lineup = repository.lineup(name)
    answering = lineup.labels.get(None)
    return {
        "name": name,
        "default_version": answering.model.manifest.version if answering else None,
        "aliases": lineup.wanted.aliases.aliases,
        "versions": [
            {"version": entry.version, "state": entry.state, "reason": entry.reason}
            for entry in entries
            if entry.name == name
        ],
    }


def _version(given: object) -> int:
    """A version is a number in our own formats, and a string in the protocol's."""
    if type(given) is int and 1 <= given < 10**18:
        return given
    if isinstance(given, str) and is_version(given):
        return int(given)
    raise InvalidInput(f"version: expected a positive integer, got {given!r:.40}")


def _decode(body: bytes, kind: type[Kind], example: str) -> Kind:
    try:
        found = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"expected such as {example}: {error}") from None
    check_keys(body, -1)  # never so many: the body is looked at key by key
    return found
