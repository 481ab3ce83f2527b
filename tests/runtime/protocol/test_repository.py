from __future__ import annotations

import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput
from skerry.runtime.models.repository import Entry, ModelRepository
from skerry.runtime.protocol.repository import (
    decode_alias,
    decode_call,
    decode_index,
    encode_index,
    encode_model,
    encode_models,
)


def test_an_index_may_be_asked_for_with_nothing() -> None:
    assert [decode_index(body) for body in (b"", b"{}", b'{"ready": false}', b'{"ready": true}')] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "body", [b" ", b"null", b"[]", b'{"ready": 1}', b'{"ready": "true"}', b'{"raedy": true}', b"\xff"]
)
def test_an_index_is_asked_for_with_nothing_else(body: bytes) -> None:
    with pytest.raises(InvalidInput, match=r'^expected such as {"ready": true}: '):
        decode_index(body)


def test_a_call_may_name_a_version() -> None:
    assert [decode_call(body, "load") for body in (b"", b"{}", b'{"parameters": {}}')] == [None] * 3
    assert decode_call(b'{"parameters": {"version": 12}}', "load") == 12
    assert decode_call(b'{"parameters": {"unload_dependents": true, "version": "12"}}', "unload") == 12


def test_dependents_are_for_unloading() -> None:
    with pytest.raises(InvalidInput, match=r"^parameter 'unload_dependents': expected one of version"):
        decode_call(b'{"parameters": {"unload_dependents": true}}', "load")


def test_an_alias_names_a_version() -> None:
    assert decode_alias(b'{"version": 3}') == 3
    for body in (b"", b"{}", b'{"version": null}', b'{"version": "3"}', b'{"version": 3.0}', b'{"version": -3}'):
        with pytest.raises(InvalidInput):
            decode_alias(body)


def test_an_index_is_written_as_triton_does() -> None:
    entries = [Entry("iris", 1, "READY"), Entry("iris", 2, "UNAVAILABLE", "damaged")]
    ready = {"name": "iris", "version": "1", "state": "READY", "reason": ""}
    assert encode_index(entries, ready=True) == [ready]
    assert encode_index(entries, ready=False) == [
        ready,
        {"name": "iris", "version": "2", "state": "UNAVAILABLE", "reason": "damaged"},
    ]


def test_a_model_is_described_with_the_version_that_answers(iris_model: Model) -> None:
    repository = ModelRepository([iris_model])
    version = {"version": 1, "state": "READY", "reason": ""}
    expected = {"name": "iris", "default_version": 1, "aliases": {}, "versions": [version]}
    assert encode_models(repository, repository.index()) == [expected]
    repository.set_alias("iris", "canary", 1)
    assert encode_model(repository, "iris", repository.index()) == expected | {"aliases": {"canary": 1}}
    assert encode_model(repository, "nobody", repository.index()) == {
        "name": "nobody",
        "default_version": None,
        "aliases": {},
        "versions": [],
    }
