"""``InferenceCodec``: the Open Inference Protocol, version 2, over REST: named tensors with datatype and shape.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and the extensions of Triton
for binary tensors, classification and scheduling.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from skerry.runtime.errors import InferenceError, InvalidInput
from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.limits import Limits
from skerry.runtime.model import Model
from skerry.runtime.protocol.binary import JSON_SIZE_HEADER, write_tensor
from skerry.runtime.protocol.classification import classify, count_scores, labels_of
from skerry.runtime.protocol.duplicates import check_keys
from skerry.runtime.protocol.inputs import InputReader, Tensor
from skerry.runtime.protocol.parameters import (
    Parameters,
    check_reserved,
    read_count,
    read_flag,
    read_schedule,
)
from skerry.runtime.protocol.request import Reply, Request
from skerry.runtime.protocol.typed import KEYS, TypedReader, is_typed
from skerry.runtime.protocol.values import check_outputs, decode, to_json
from skerry.runtime.redaction import redact
from skerry.runtime.tensors import TensorSpec

MATRIX = "X"
"""What one tensor of all columns is called, as it is where a model was fitted on an array."""

TYPED_BODY = 2**18
"""Bytes up to which a body is first taken for a common one. Above, values are counted before they are decoded."""

HEAD = 192
"""Bytes in which data that is nested begins to be, in a common body."""

ASKED = 256
"""Different lists of outputs that are remembered: clients choose them."""

OCTETS = b"application/octet-stream"

_FIELDS = ("data", "timeout", "priority", "binary_data", "binary_data_output", "binary_data_size", "classification")
"""Names in errors that are the protocol's, beside those of the model."""

_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""Ids that clients make: UUIDs, ULIDs, counters, traces, base64. They go into logs and answers as they are."""


class _Requested(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An output that is asked for."""

    name: str
    parameters: Parameters | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A request without its inputs. KServe's client also sends ``model_name``."""

    id: str | None = None
    model_name: str | None = None
    parameters: Parameters | None = None
    outputs: list[_Requested] | None = None


class _Body(_Envelope, forbid_unknown_fields=True, kw_only=True, gc=False):
    inputs: list[Tensor]


class _Output(msgspec.Struct, omit_defaults=True, gc=False):
    """An output of an answer; of a binary one the data is behind the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: dict[str, int] | None = None
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class _Answer(msgspec.Struct, omit_defaults=True, gc=False):
    model_name: str
    model_version: str
    id: str = ""
    outputs: Sequence[_Output] = ()


class _Form(msgspec.Struct, frozen=True):
    """How an output is to be answered: as bytes or as JSON, whole or as the ``classes`` highest of its scores."""

    binary: bool = False
    classes: int = 0


class InferenceCodec:
    """Decodes and encodes inference requests for one model, with types made from its inputs once.

    ``redacted`` leaves what the client sent out of errors.
    """

    def __init__(self, model: Model, limits: Limits | None = None, *, redacted: bool = False) -> None:
        manifest, limits = model.manifest, limits or Limits()
        self._feeds = model.feeds
        self._methods = manifest.methods
        self._labels = {method: labels_of(manifest, method) for method in manifest.methods}
        self._scores = {method: count_scores(manifest, method) for method in manifest.methods}
        self._datatypes = {output.name: output.datatype for output in manifest.outputs}
        self._floats = any(output.is_float for output in manifest.outputs)
        self._name, self._version = manifest.name, str(manifest.version)
        is_column = model.feeds.layout == "columns"
        self._readers = {spec.name: InputReader(spec, limits, is_column=is_column) for spec in manifest.inputs}
        self.matrix = matrix = _matrix_of(model)
        """The one tensor that may come in place of a tensor for each input, or None."""
        self._matrix = InputReader(matrix, limits) if matrix else None
        self._matrix_name = matrix.name if matrix else ""
        self._typed = (
            [TypedReader(model.feeds, _Envelope, matrix, limits, nested=nested) for nested in (False, True)]
            if is_typed(model.feeds)
            else []
        )
        self._redacted = redacted
        self._known = {*self._readers, *self._methods, self._matrix_name, *_FIELDS}
        self._body = msgspec.json.Decoder(_Body)
        self._encode = msgspec.json.Encoder().encode
        self._wanted = lru_cache(ASKED)(self._check_wanted)
        """The methods of the outputs that are asked for by these names; all, where none is."""

    def decode(self, body: bytes, json_size: int | None = None) -> Request:
        """The request in ``body``, of which the first ``json_size`` bytes are JSON: None for all of it, 0 for none.

        Raises:
            InvalidInput: it says which tensor and row, what was expected and what came.
            TooLarge: it declares more rows or values than the limits allow.
        """
        try:
            if json_size is None and self._typed and len(body) <= TYPED_BODY:
                found = self._typed[body.find(b"[[", 0, HEAD) >= 0](body)
                if found is not None:
                    envelope, feeds = found
                    others = _count_keys(envelope)
                    check_keys(body, KEYS * len(envelope.inputs) + others)
                    if others == 1:
                        return Request(feeds=feeds, methods=self._methods, rows=rows_of(feeds))
                    return self._request(envelope, feeds)
            return self._read_raw(body) if json_size == 0 else self._read(body, json_size)
        except InferenceError as error:
            if self._redacted:
                raise type(error)(redact(error.text, self._known)) from None
            raise

    def encode(self, request: Request, answers: Sequence[Array]) -> Reply:
        if request.form is not None:
            return self._encode_as(request, answers)
        outputs = [
            _Output(method, self._datatypes[method], array.shape, None, array.ravel().tolist())
            for method, array in zip(request.methods, answers, strict=True)
        ]
        content = self._encode(_Answer(self._name, self._version, request.id, outputs))
        if self._floats and b"null" in content:  # what JSON has no number for
            for method, array in zip(request.methods, answers, strict=True):
                to_json(array, request.feeds, method)
        return Reply(content)

    def _encode_as(self, request: Request, answers: Sequence[Array]) -> Reply:
        outputs, parts = [], [b""]
        for method, array, form in zip(request.methods, answers, request.form, strict=True):
            datatype = self._datatypes[method]
            if form.classes:
                array, datatype = classify(array, form.classes, self._labels[method]), "BYTES"
            if form.binary:
                parts.append(write_tensor(array))
                outputs.append(_Output(method, datatype, array.shape, {"binary_data_size": len(parts[-1])}))
            else:
                outputs.append(
                    _Output(method, datatype, array.shape, None, to_json(array, request.feeds, method, flat=True))
                )
        parts[0] = self._encode(_Answer(self._name, self._version, request.id, outputs))
        if len(parts) == 1:
            return Reply(parts[0])
        return Reply(b"".join(parts), OCTETS, ((JSON_SIZE_HEADER.lower().encode(), b"%d" % len(parts[0])),))

    def _request(self, envelope: _Envelope, feeds: Feeds) -> Request:
        rows = rows_of(feeds)
        if envelope.id is None and envelope.model_name is None and envelope.parameters is None:
            names = _plain_names(envelope.outputs or ())
            if names is not None:
                return Request(feeds=feeds, methods=self._wanted(names), rows=rows)
        if envelope.model_name is not None and envelope.model_name != self._name:
            raise InvalidInput(f"model_name: expected {self._name!r}, as in the path, got {envelope.model_name!r:.80}")
        if envelope.id and not _ID.fullmatch(envelope.id):
            raise InvalidInput(f"id: expected 1 to 128 of letters, digits and . _ : / + = @ -, got {envelope.id!r:.40}")
        parameters, outputs = envelope.parameters or {}, envelope.outputs or ()
        check_reserved(parameters, "request")
        schedule = read_schedule(parameters)
        methods = self._wanted(tuple(output.name for output in outputs))
        return Request(
            feeds=feeds,
            methods=methods,
            rows=rows,
            id=envelope.id or "",
            timeout=schedule.timeout,
            priority=schedule.priority,
            form=self._form(methods, outputs, read_flag(parameters, "binary_data_output", "request", False)),
        )

    def _check_wanted(self, names: tuple[str, ...]) -> tuple[str, ...]:
        check_outputs(names, self._methods)
        if len(set(names)) != len(names):
            twice, count = Counter(names).most_common(1)[0]
            raise InvalidInput(f"output {twice!r}: expected once, got {count} times")
        return names or self._methods

    def _form(self, methods: Sequence[str], outputs: Sequence[_Requested], binary: bool) -> tuple[_Form, ...] | None:
        """A form for each of ``methods``; None where each is JSON, and whole."""
        forms = tuple(self._form_of(output, binary) for output in outputs) or (_Form(binary),) * len(methods)
        return None if all(form == _JSON for form in forms) else forms

    def _form_of(self, output: _Requested, binary: bool) -> _Form:
        parameters, where = output.parameters or {}, f"output {output.name!r}"
        check_reserved(parameters, where)
        scores = self._scores[output.name]
        if not scores and "classification" in parameters:
            raise InvalidInput(
                f"{where}: parameter 'classification': expected an output of several scores a row, got {output.name}"
            )
        count = read_count(parameters, "classification", where, 1, scores)
        return _Form(read_flag(parameters, "binary_data", where, binary), count or 0)

    def _read(self, body: bytes, json_size: int | None) -> Request:
        """The thorough way: JSON and binary tensors, flat and nested, of any datatype that fits."""
        header = body if json_size is None else body[:json_size]
        request: _Body = decode(self._body, header, ())
        check_keys(header, sum(map(_count_tensor_keys, request.inputs)) + _count_keys(request))
        readers = self._readers_of(request.inputs)
        arrays, start = {}, json_size
        for tensor in request.inputs:
            arrays[tensor.name], size = readers[tensor.name].read(tensor, body, start)
            start = None if start is None else start + size
        if start is not None and start != len(body):
            raise InvalidInput(
                f"expected {start - (json_size or 0)} bytes of binary tensors behind the JSON, got {len(body) - (json_size or 0)}"
            )
        return self._request(request, self._feeds_of(arrays))

    def _read_raw(self, body: bytes) -> Request:
        """A body that is one tensor's bytes; everything is answered, as bytes."""
        if self._matrix is None:
            raise InvalidInput(
                f"{JSON_SIZE_HEADER}: expected more than 0, as the model takes {len(self._readers)} tensors"
            )
        feeds = self._feeds.from_matrix(self._matrix.read_raw(body))
        forms = (_Form(binary=True),) * len(self._methods)
        return Request(feeds=feeds, methods=self._methods, rows=rows_of(feeds), form=forms)

    def _readers_of(self, tensors: Sequence[Tensor]) -> dict[str, InputReader]:
        """Who reads which tensor: one for each column, or one for the matrix of all."""
        names = {tensor.name: None for tensor in tensors}
        if len(names) != len(tensors):
            twice, count = Counter(tensor.name for tensor in tensors).most_common(1)[0]
            raise InvalidInput(f"input {twice!r:.80}: expected once, got {count} times")
        if self._matrix is not None and list(names) == [self._matrix_name]:
            return {self._matrix_name: self._matrix}
        self._feeds.check_names(names)
        return self._readers

    def _feeds_of(self, arrays: dict[str, Array]) -> Feeds:
        if self._feeds.layout == "columns" and arrays.keys() == self._readers.keys():
            return self._feeds.from_columns(arrays)
        return self._feeds.from_matrix(next(iter(arrays.values())))


_JSON = _Form()


def _matrix_of(model: Model) -> TensorSpec | None:
    """The one tensor of all values: the input of an array, or the columns beside one another, where they have one datatype.

    None where there is no such thing: columns of several datatypes, or one that is called like the matrix itself. It takes
    what any column takes; which of them does, ``FeedBuilder`` knows.
    """
    feeds = model.feeds
    if feeds.layout != "columns":
        return feeds.inputs[0]
    if len(feeds.groups) > 1 or MATRIX in feeds.names:
        return None
    return TensorSpec(
        name=MATRIX,
        datatype=feeds.inputs[0].datatype,
        shape=(-1, len(feeds.inputs)),
        missing=any(spec.missing for spec in feeds.inputs),
        infinite=any(spec.infinite for spec in feeds.inputs),
        single=any(spec.single for spec in feeds.inputs),
    )


def _plain_names(outputs: Sequence[_Requested]) -> tuple[str, ...] | None:
    """The names of outputs that are asked for without parameters; None where one has some."""
    names = []
    for output in outputs:
        if output.parameters is not None:
            return None
        names.append(output.name)
    return tuple(names)


def _count_keys(envelope: _Envelope) -> int:
    """The keys of a request beside those of its inputs; too few where one is null, which is then looked at closely."""
    names, parameters, outputs = (envelope.id, envelope.model_name), envelope.parameters, envelope.outputs
    if parameters is None and outputs is None:
        return 3 - names.count(None)
    count = 3 - names.count(None) + (0 if parameters is None else 1 + len(parameters))
    return count if outputs is None else count + 1 + sum(1 + _count_parameters(output) for output in outputs)


def _count_tensor_keys(tensor: Tensor) -> int:
    return 3 + bool(tensor.data) + _count_parameters(tensor)


def _count_parameters(part: Tensor | _Requested) -> int:
    return 0 if part.parameters is None else 1 + len(part.parameters)
