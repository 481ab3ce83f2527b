"""``/predict``: rows as people have them, answers under plain names, both in the media type that they like.

{"X": [[5.1, 3.5], [4.9, 3.0]]}                       → {"prediction": [0, 0], "model": "iris", "version": 1}
{"records": [{"age": 31, "city": "Oslo"}],
 "outputs": ["predict", "predict_proba"]}             → {"prediction": [...], "probabilities": [[...]], ...}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from skerry.runtime.errors import InferenceError, InvalidInput, nearest
from skerry.runtime.feeds import Array, Feeds, rows_of
from skerry.runtime.limits import Limits
from skerry.runtime.model import Model
from skerry.runtime.protocol.arrow import decode_arrow, encode_arrow
from skerry.runtime.protocol.columns import FIELDS, ColumnContract, ExtraColumns, answer_columns
from skerry.runtime.protocol.csv import decode_csv, encode_csv
from skerry.runtime.protocol.json import PREDICTIONS, JsonRows
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET, content, negotiate
from skerry.runtime.protocol.npy import decode_npy, encode_npy
from skerry.runtime.protocol.parquet import decode_parquet, encode_parquet
from skerry.runtime.protocol.request import Reply, Request
from skerry.runtime.protocol.values import to_json
from skerry.runtime.redaction import redact

CONTENT = (JSON, NDJSON, CSV, ARROW, PARQUET, NPY)
"""Media types of rows, and of answers; JSON where a client says nothing."""

_FORM = "application/x-www-form-urlencoded"
"""What ``curl -d`` says of any body."""

_FIELDS = ("X", "outputs", "columns", "data", "index")
"""Names in errors that are ours, beside those of the model and of the fields for rows."""

Encode = Callable[[Request, Sequence[Array]], Reply]
_encode = msgspec.json.Encoder().encode


class PredictCodec:
    """Decodes and encodes ``/predict`` for one model, with types and tables made from its inputs once.

    ``extra_columns`` says what is done with columns that the model does not take, in every format; ``redacted`` leaves
    what the client sent out of errors.
    """

    def __init__(
        self,
        model: Model,
        *,
        extra_columns: ExtraColumns = "refuse",
        limits: Limits | None = None,
        redacted: bool = False,
    ) -> None:
        manifest = model.manifest
        self._manifest = manifest
        self._contract = ColumnContract(model.feeds, extra_columns, limits)
        self._json = JsonRows(model, self._contract)
        self._default = self._json.default
        self._decoders: dict[str, Callable[[bytes], Request]] = {
            JSON: self._of_json,
            NDJSON: self._of(self._json.decode_lines),
            CSV: self._of(lambda body: decode_csv(body, self._contract)),
            ARROW: self._of(lambda body: decode_arrow(body, self._contract)),
            PARQUET: self._of(lambda body: decode_parquet(body, self._contract)),
            NPY: self._of(lambda body: model.feeds.from_matrix(decode_npy(body, self._contract, model.feeds.inputs))),
        }
        self._encoders: dict[str, Encode] = {
            JSON: self._to_json,
            NDJSON: self._to_lines,
            CSV: self._in_columns(CSV, lambda columns, _: encode_csv(columns)),
            ARROW: self._in_columns(ARROW, encode_arrow),
            PARQUET: self._in_columns(PARQUET, encode_parquet),
            NPY: lambda _, answers: self._reply(encode_npy(answers), NPY),
        }
        self._by_content = self._decoders | {"": self._of_json, _FORM: self._of_json}
        self._by_accept = self._encoders | {"": self._to_json, "*/*": self._to_json}
        self._begin = {method: _encode(FIELDS.get(method, method)) + b":" for method in manifest.methods}
        self._end = b',"model":%b,"version":%d}' % (_encode(manifest.name), manifest.version)
        self._redacted = redacted
        self._known = {*model.feeds.names, *manifest.methods, *self._json.fields, *_FIELDS}
        self._names = {"model": manifest.name, "version": str(manifest.version)}
        self._headers = ((b"model-name", manifest.name.encode()), (b"model-version", b"%d" % manifest.version))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a JSON body that may hold the rows; beside one of them may be ``outputs``."""
        return self._json.fields

    @property
    def extra(self) -> ExtraColumns:
        """What is done with columns that the model does not take."""
        return self._contract.extra

    def decode(self, body: bytes, content_type: str = "", query: bytes = b"") -> Request:
        """Rows of the media type ``content_type``. The methods are in JSON's ``outputs``, or in the URL's ``query``.

        Raises:
            InvalidInput: it says which field, input and row, what was expected and what came.
            TooLarge: there are more rows or values than a request may have.
            UnsupportedMedia: the media type is not read here, or its extra is not installed.
        """
        try:
            decode = self._by_content.get(content_type) or self._decoders[content(content_type, CONTENT)]
            request = decode(body)
            return self._asked(request, query) if query else request
        except InferenceError as error:
            if self._redacted:
                raise type(error)(redact(error.text, self._known)) from None
            raise

    def encode(self, request: Request, answers: Sequence[Array], accept: str = "") -> Reply:
        """The answers of the request's methods in the best media type of ``accept``.

        Raises:
            NotAcceptable: none of its media types is written here, or not for these answers: JSON has no infinity.
            InvalidInput: JSON has no answer for a missing value.
        """
        encode = self._by_accept.get(accept) or self._encoders[negotiate(accept, CONTENT)]
        return encode(request, answers)

    def _of_json(self, body: bytes) -> Request:
        feeds, methods, rows, field = self._json.decode(body)
        return Request(feeds=feeds, methods=methods, rows=rows, form=field)

    def _of(self, decode: Callable[[bytes], Feeds]) -> Callable[[bytes], Request]:
        """A decoder of requests from one of rows alone."""

        def decode_request(body: bytes) -> Request:
            feeds = decode(body)
            return Request(feeds=feeds, methods=self._default, rows=rows_of(feeds))

        return decode_request

    def _asked(self, request: Request, query: bytes) -> Request:
        """The request with the methods that ``?outputs=predict,predict_proba`` names."""
        wanted: list[str] = []
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name != "outputs":
                raise InvalidInput(f"query {name!r:.80}: unknown{nearest(name, ['outputs'])}")
            wanted += value.split(",")
        if wanted and request.methods is not self._default:
            raise InvalidInput("outputs: expected in the body or in the query, got both")
        return msgspec.structs.replace(request, methods=self._json.methods(tuple(wanted))) if wanted else request

    def _to_json(self, request: Request, answers: Sequence[Array]) -> Reply:
        if request.form in PREDICTIONS:
            return Reply(b'{"predictions":' + _encode(self._by_row(request, answers)) + self._end)
        parts = [
            self._begin[method] + self._values(array, request, method)
            for method, array in zip(request.methods, answers, strict=True)
        ]
        return Reply(b"{" + b",".join(parts) + self._end)

    def _values(self, array: Array, request: Request, method: str) -> bytes:
        """An answer in JSON; msgspec writes null for what is not finite, which would be a lie."""
        encoded = _encode(array.tolist())
        if b"null" in encoded:
            return _encode(to_json(array, request.feeds, method))
        return encoded

    def _to_lines(self, request: Request, answers: Sequence[Array]) -> Reply:
        rows = self._by_row(request, answers, named=True)
        return self._reply(b"".join(_encode(row) + b"\n" for row in rows), NDJSON)

    def _by_row(self, request: Request, answers: Sequence[Array], *, named: bool = False) -> list[Any]:
        """An answer for each row; of several methods, or where it is to be ``named``, an object of them."""
        lists = [to_json(array, request.feeds, method) for method, array in zip(request.methods, answers, strict=True)]
        if len(lists) == 1 and not named:
            return lists[0]
        fields = [FIELDS.get(method, method) for method in request.methods]
        return [dict(zip(fields, row, strict=True)) for row in zip(*lists, strict=True)]

    def _in_columns(self, media_type: str, encode: Callable[[dict[str, Array], dict[str, str]], bytes]) -> Encode:
        """An encoder of answers from one of columns."""

        def encode_answers(request: Request, answers: Sequence[Array]) -> Reply:
            columns = answer_columns(self._manifest, request.methods, answers)
            return self._reply(encode(columns, self._names), media_type)

        return encode_answers

    def _reply(self, content: bytes, media_type: str) -> Reply:
        return Reply(content, media_type.encode(), self._headers)
