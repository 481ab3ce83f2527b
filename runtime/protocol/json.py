"""``JsonRows``: rows in JSON, as people and other servers' clients write them → feeds.

{"X": [[5.1, 3.5], [4.9, 3.0]]}                                        rows in the order of the inputs
{"records": [{"age": 31, "city": "Oslo"}]}                             objects with a field per input
{"instances": [...]}                                                   either; TensorFlow Serving, KServe's V1 protocol
{"dataframe_split": {"columns": ["city", "age"], "data": [["Oslo", 31]]}}        pandas' ``to_dict("split")``; MLflow
{"dataframe_records": [{"age": 31, "city": "Oslo"}]}                   pandas' ``to_dict("records")``; MLflow

Beside them may be "outputs": ["predict", "predict_proba"]. The types are made of the model's inputs once, so that msgspec
refuses what is not a number where one belongs, while it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from skerry.runtime.errors import InvalidInput, nearest
from skerry.runtime.feeds import Feeds
from skerry.runtime.manifest import Manifest, form_of
from skerry.runtime.model import Model
from skerry.runtime.protocol.columns import ColumnContract
from skerry.runtime.protocol.duplicates import check_keys
from skerry.runtime.protocol.lane import Lane
from skerry.runtime.protocol.values import check_outputs, convert, decode, explain, json_type
from skerry.runtime.records import RECORD_TYPES

PREDICTIONS = ("instances", "dataframe_split", "dataframe_records")
"""Fields of other servers' protocols: their clients expect the answer under ``predictions``."""

ASKED = 256
"""Different lists of outputs that are remembered: clients choose them."""

_UNNAMEABLE = re.compile(r'["\\\x00-\x1f\x7f]')
"""What msgspec does not take in the name of a field."""
_UNKNOWN = re.compile(r"field '(?P<name>.*)': unknown", re.DOTALL)

_UNSET = msgspec.UNSET
_optional = msgspec.UnsetType
_astuple = msgspec.structs.astuple


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    """pandas' "split" orient; the index names rows, and feeds no input."""

    columns: list[str | int]
    data: list[list[Any]]
    index: list[Any] | _optional = _UNSET


class JsonRows:
    """Decodes rows for one model: the feeds, the methods to answer with, and the name of the field that had the rows."""

    def __init__(self, model: Model, contract: ColumnContract) -> None:
        manifest = model.manifest
        self._contract = contract
        self._methods = manifest.methods
        self.default = manifest.methods[:1]
        self._names = model.feeds.names
        self._layout = manifest.layout
        self._lane = Lane(model.feeds)
        self._named = not any(_UNNAMEABLE.search(name) for name in self._names)
        self._rows_type = msgspec.defstruct("Rows", [("X", list[_row_type(manifest)])])  # type: ignore[misc]
        self._readers = self._tabulate(manifest)
        self.fields = tuple(self._readers)
        types = _row_types(manifest, _record_type(manifest, contract.extra) if self._named else dict[str, Any])
        fields: list[tuple[str, Any, Any]] = [(name, types[name] | _optional, _UNSET) for name in self._readers]
        fields.append(("outputs", list[str] | _optional, _UNSET))
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("PredictBody", fields, forbid_unknown_fields=True))
        self._decode = self._decoder.decode
        self._lines = msgspec.json.Decoder(types["line"])
        self.methods = lru_cache(ASKED)(self._check_methods)
        """The methods that a client asks for, each once.

        Raises:
            InvalidInput: the model has not got one of them, there is none, or one is there twice.
        """

    def decode(self, body: bytes) -> tuple[Feeds, tuple[str, ...], int, str]:
        """Feeds, methods, the number of rows, and the field that they were in.

        Raises:
            InvalidInput: it says which field, input and row, what was expected and what came.
            TooLarge: there are more rows than a request may have.
        """
        try:
            found = _astuple(self._decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._explain(body)
            raise
        if found[0] is not _UNSET and found.count(_UNSET) == len(found) - 1:  # X, and nothing else
            rows, field, methods = found[0], "X", self.default
            if body.find(b":", body.find(b":") + 1) >= 0:
                check_keys(body, self._as_they_are(rows)[1])
        else:
            rows, keys, field, methods = self._look(found)
            check_keys(body, keys)
        if len(rows) != 1:
            self._check_size(rows)
        return self._lane(rows), methods, len(rows), field

    def decode_lines(self, body: bytes) -> Feeds:
        """Feeds from JSON Lines: in each a row as in ``instances``."""
        try:
            found: list[Any] = self._lines.decode_lines(body)
        except msgspec.ValidationError as error:
            raise InvalidInput(explain(str(error).replace("`$[", "`$.X["), self._names)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"expected JSON Lines: {error}") from None
        self._check_size(found)
        rows, keys = self._readers["instances"](found)
        lines = [line for line in body.split(b"\n") if line.strip()]
        check_keys(b"[%b]" % b",".join(lines), keys - 1)
        return self._lane(rows)

    def _tabulate(self, manifest: Manifest) -> dict[str, Callable[[Any], tuple[Sequence[Any], int]]]:
        """Field → its rows in the order of the inputs, and the keys that it has with its own."""
        readers: dict[str, Callable[[Any], tuple[Sequence[Any], int]]] = {"X": self._as_they_are}
        if manifest.layout in ("columns", "records"):
            readers["records"] = readers["dataframe_records"] = (
                self._of_records if manifest.layout == "columns" else self._as_they_are
            )
        readers["instances"] = self._of_instances if manifest.layout == "columns" else self._as_they_are
        readers["dataframe_split"] = self._of_split
        return readers

    def _look(self, found: Sequence[Any]) -> tuple[Sequence[Any], int, str, tuple[str, ...]]:
        """Rows, keys, field and methods of a body that is not ``X`` alone."""
        given = [name for name, rows in zip(self.fields, found, strict=False) if rows is not _UNSET]
        if len(given) != 1:
            expected = ", ".join(f'"{name}"' for name in self.fields)
            raise InvalidInput(f"expected one of {expected}, got {' and '.join(given) or 'none'}")
        rows, keys = self._readers[given[0]](found[self.fields.index(given[0])])
        outputs = found[-1]
        if outputs is _UNSET:
            return rows, keys, given[0], self.default
        return rows, keys + 1, given[0], self.methods(tuple(outputs))

    def _check_methods(self, outputs: tuple[str, ...]) -> tuple[str, ...]:
        check_outputs(outputs, self._methods)
        if not outputs or len(set(outputs)) != len(outputs):
            raise InvalidInput("outputs: expected at least one, each once")
        return outputs

    def _as_they_are(self, rows: Sequence[Any]) -> tuple[Sequence[Any], int]:
        return rows, 1 + sum(len(row) for row in rows if isinstance(row, dict))

    def _of_records(self, records: Sequence[Any]) -> tuple[Sequence[Any], int]:
        keys = 1 + len(records) * len(self._names)
        return (list(map(_astuple, records)) if self._named else self._picked(records)), keys

    def _of_instances(self, rows: Sequence[Any]) -> tuple[Sequence[Any], int]:
        kinds = set(map(type, rows))
        if len(kinds) > 1:
            raise InvalidInput("instances: expected all rows as lists or all as objects, got both")
        return (rows, 1) if kinds <= {tuple} else self._of_records(rows)

    def _of_split(self, split: _Split) -> tuple[Sequence[Any], int]:
        places = [column.place for column in self._contract.columns([str(name) for name in split.columns])]
        width = len(split.columns)
        for row, values in enumerate(split.data):
            if len(values) != width:
                raise InvalidInput(f"row {row}: expected a list of length {width}, got {len(values)}")
        index = split.index
        if index is not _UNSET and len(index) != len(split.data):
            raise InvalidInput(f"dataframe_split.index: expected {len(split.data)} values, got {len(index)}")
        rows = self._converted(split.data, places)
        return rows, 3 + (index is not _UNSET)

    def _picked(self, records: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Records whose fields no Struct can have, as rows of values in the order of the inputs."""
        for index, record in enumerate(records):
            self._contract.check_names(list(record), f" row {index}")
        rows = [[record[name] for name in self._names] for record in records]
        return convert({"X": rows}, self._rows_type, self._names).X

    def _converted(self, data: Sequence[Sequence[Any]], places: Sequence[int]) -> Sequence[Any]:
        if self._layout in ("vector", "records"):
            rows: Sequence[Any] = [row[places[0]] for row in data]
        elif len(places) == 1:
            rows = [(row[places[0]],) for row in data]
        else:
            rows = list(map(itemgetter(*places), data))
        return convert({"X": rows}, self._rows_type, self._names).X

    def _check_size(self, rows: Sequence[Any]) -> None:
        self._contract.check_size(len(rows), len(rows[0]) if rows and isinstance(rows[0], tuple) else 1)

    def _explain(self, body: bytes) -> None:
        """Say what is wrong with a body that was refused."""
        try:
            decode(self._decoder, body, self._names)
        except InvalidInput as error:
            unknown = _UNKNOWN.fullmatch(error.text)
            hint = nearest(unknown["name"], (*self.fields, "outputs")) if unknown else ""
            raise InvalidInput(error.text + hint) from None


def _row_types(manifest: Manifest, record: Any) -> dict[str, Any]:
    """Field → the type of its value."""
    row = _row_type(manifest)
    if manifest.layout != "columns":
        record = row
    either = row | record if manifest.layout == "columns" else row
    return {
        "X": list[row],  # type: ignore[valid-type]
        "records": list[record],
        "dataframe_records": list[record],
        "instances": list[either],  # type: ignore[valid-type]
        "line": either,
        "dataframe_split": _Split,
    }


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


def _record_type(manifest: Manifest, extra: str) -> type[msgspec.Struct]:
    """A Struct whose fields are the inputs, under their own names by ``rename``."""
    fields = [(f"input_{index}", json_type(spec)) for index, spec in enumerate(manifest.inputs)]
    names = {f"input_{index}": spec.name for index, spec in enumerate(manifest.inputs)}
    return msgspec.defstruct("Record", fields, rename=names, forbid_unknown_fields=extra == "refuse", gc=False)
