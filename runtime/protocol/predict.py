"""``/predict``: rows as people write them, answers under plain names.

{"X": [[5.1, 3.5], [4.9, 3.0]]}                       → {"prediction": [0, 0], "model": "iris", "version": 1}
{"records": [{"age": 31, "city": "Oslo"}],
 "outputs": ["predict", "predict_proba"]}             → {"prediction": [...], "probabilities": [[...]], ...}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from skerry.runtime.errors import InvalidInput
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.manifest import Manifest, form_of
from skerry.runtime.model import Model
from skerry.runtime.protocol.values import check_outputs, convert, decode, json_type, to_json
from skerry.runtime.records import RECORD_TYPES

FIELDS = {"predict": "prediction", "predict_proba": "probabilities"}
"""Method → the field of the answer; other methods answer under their own names."""


_UNNAMEABLE = re.compile(r'["\\\x00-\x1f\x7f]')
"""What msgspec does not take in the name of a field."""


class PredictRequest(msgspec.Struct, frozen=True):
    """Rows, ready for the model, and the methods to answer with."""

    feeds: Feeds
    methods: tuple[str, ...]


class PredictCodec:
    """Decodes and encodes ``/predict`` for one model, with types made from its inputs once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names = model.feeds.names
        self._default = model.manifest.methods[:1]
        self._named = not any(_UNNAMEABLE.search(name) for name in self._names)
        self._rows_type = _rows_type(model.manifest)
        self._decoder = msgspec.json.Decoder(_request_type(model.manifest, named=self._named))
        self._encoder = msgspec.json.Encoder()

    def decode(self, body: bytes) -> PredictRequest:
        """Raises ``InvalidInput``: it says which field, input and row, what was expected and what came."""
        request = decode(self._decoder, body, self._names)
        return PredictRequest(self._model.feeds.from_typed(self._rows(request)), self._methods(request.outputs))

    def _rows(self, request: Any) -> Sequence[Any]:
        given = {name: getattr(request, name, msgspec.UNSET) for name in ("X", "records")}
        found = [name for name, rows in given.items() if rows is not msgspec.UNSET]
        if len(found) != 1:
            raise InvalidInput(f"expected one of {self._fields()}, got {' and '.join(found) or 'none'}")
        rows: Any = given[found[0]]
        if found == ["X"]:
            return rows
        if self._model.manifest.layout == "records":
            return rows
        return [msgspec.structs.astuple(record) for record in rows] if self._named else self._picked(rows)

    def _picked(self, records: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Records whose fields no Struct can have, as rows of values in the order of the inputs."""
        for index, record in enumerate(records):
            self._model.feeds.check_names(record, f" row {index}")
        rows = [[record[name] for name in self._names] for record in records]
        return convert({"X": rows}, self._rows_type, self._names).X

    def encode(self, request: PredictRequest, answers: Sequence[Array]) -> bytes:
        manifest = self._model.manifest
        answer: dict[str, Any] = {
            FIELDS.get(method, method): to_json(array, request.feeds, method)
            for method, array in zip(request.methods, answers, strict=True)
        }
        return self._encoder.encode(answer | {"model": manifest.name, "version": manifest.version})

    def _methods(self, outputs: Any) -> tuple[str, ...]:
        if outputs is msgspec.UNSET:
            return self._default
        check_outputs(outputs, self._model.manifest.methods)
        if not outputs or len(set(outputs)) != len(outputs):
            raise InvalidInput("outputs: expected at least one, each once")
        return tuple(outputs)

    def _fields(self) -> str:
        return '"X" and "records"' if self._model.manifest.layout in ("columns", "records") else '"X"'


def _request_type(manifest: Manifest, *, named: bool) -> type[msgspec.Struct]:
    """A Struct with the rows typed as this model's inputs are; records are Structs too, where their fields can be ``named``."""
    optional = msgspec.UnsetType
    fields: list[tuple[str, Any, Any]] = [
        ("X", list[_row_type(manifest)] | optional, msgspec.UNSET),  # type: ignore[misc]
        ("outputs", list[str] | optional, msgspec.UNSET),
    ]
    if manifest.layout in ("columns", "records"):
        record = (
            _row_type(manifest) if manifest.layout == "records" else _record_type(manifest) if named else dict[str, Any]
        )
        fields.append(("records", list[record] | optional, msgspec.UNSET))  # type: ignore[valid-type]
    return msgspec.defstruct("PredictBody", fields, forbid_unknown_fields=True)


def _row_type(manifest: Manifest) -> Any:
    """A record, a value, or a row of as many values as the model has inputs."""
    if manifest.layout == "records":
        return RECORD_TYPES[form_of(manifest.extractors)]
    if manifest.layout == "vector":
        return json_type(manifest.inputs[0])
    if manifest.layout == "columns":
        return tuple[tuple(json_type(spec) for spec in manifest.inputs)]  # type: ignore[misc]
    spec = manifest.inputs[0]
    return tuple[(json_type(spec),) * spec.shape[1]]  # type: ignore[misc]


def _rows_type(manifest: Manifest) -> type[msgspec.Struct]:
    """A Struct of ``X`` alone, typed as this model's inputs are."""
    return msgspec.defstruct("Rows", [("X", list[_row_type(manifest)])])  # type: ignore[misc]


def _record_type(manifest: Manifest) -> type[msgspec.Struct]:
    """A Struct whose fields are the inputs, under their own names by ``rename``."""
    fields = [(f"input_{index}", json_type(spec)) for index, spec in enumerate(manifest.inputs)]
    names = {f"input_{index}": spec.name for index, spec in enumerate(manifest.inputs)}
    return msgspec.defstruct("Record", fields, rename=names, forbid_unknown_fields=True)
