"""Arrow's IPC stream: record batches as rows, one record batch as the answer. pyarrow is imported when the first one comes.

https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skerry.runtime.errors import InferenceError, InvalidInput, NotAcceptable, TooLarge, UnsupportedMedia
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.protocol.columns import Column, ColumnContract
from skerry.runtime.protocol.media import ARROW

_KINDS = {
    "halffloat": "f",
    "float": "f",
    "double": "f",
    "int8": "i",
    "int16": "i",
    "int32": "i",
    "int64": "i",
    "uint8": "u",
    "uint16": "u",
    "uint32": "u",
    "uint64": "u",
    "bool": "b",
    "string": "O",
    "large_string": "O",
    "string_view": "O",
    "null": "-",
}
"""Arrow's type → its kind; other types (decimals, dates, times, binary, lists, structs) feed no input."""
_TAKEN = {"f": "fiu-", "i": "iu", "u": "iu", "b": "b", "O": "O-"}
"""Kind of an input's dtype → the kinds of columns that it takes: integers for floats, and nothing else's."""
FAULTS = (ValueError, OSError, EOFError, struct.error)
"""What pyarrow raises for bytes that are not what they should be, beside its own errors."""
_BATCHES = ("record batch", "dictionary")


def pyarrow(media_type: str, refusal: type[InferenceError] = UnsupportedMedia) -> Any:
    """The library, or a ``refusal`` where its extra is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise refusal(
            f"{media_type} needs the extra `arrow`, which is not installed on this server: pip install 'skerry[arrow]'"
        ) from None
    return pyarrow


def decode_arrow(body: bytes, contract: ColumnContract) -> Feeds:
    """Feeds from an IPC stream; batches are read until there are more rows than a request may have.

    Raises:
        InvalidInput: it is no such stream, or not what the contract wants.
        TooLarge: it has more rows or values than a request may have.
    """
    library = pyarrow(ARROW)
    try:
        _check_plain(library, body)
        with library.ipc.open_stream(library.py_buffer(body)) as stream:
            columns = contract.columns(stream.schema.names)
            check_types(columns, stream.schema)
            table = library.Table.from_batches(_batches(stream, contract), stream.schema)
    except (*FAULTS, library.ArrowException) as error:
        raise InvalidInput(f"expected an Arrow IPC stream: {first_line(error)}") from None
    return table_feeds(table, columns, contract)


def encode_arrow(columns: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """An IPC stream of one record batch; NaN stays NaN."""
    library = pyarrow(ARROW, NotAcceptable)
    table = answer_table(library, columns, metadata)
    sink = library.BufferOutputStream()
    with library.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def answer_table(library: Any, columns: Mapping[str, Array], metadata: Mapping[str, str]) -> Any:
    arrays = {
        name: library.array(column.tolist() if column.dtype.kind in "UO" else column)
        for name, column in columns.items()
    }
    return library.table(arrays, metadata=dict(metadata))


def check_types(columns: Sequence[Column], schema: Any) -> None:
    """Every column must be of a type that its input takes; its values are looked at later."""
    for column in columns:
        kind = schema.field(column.place).type
        plain = kind.value_type if hasattr(kind, "indices") or str(kind).startswith("dictionary<") else kind
        if _KINDS.get(str(plain), "?") not in _TAKEN[column.spec.numpy_dtype.kind]:
            column.refuse_type(f"{kind!s:.60}")


def table_feeds(table: Any, columns: Sequence[Column], contract: ColumnContract) -> Feeds:
    contract.check_size(table.num_rows, len(columns))
    return contract.feeds(columns, [_values(table.column(column.name), column, contract) for column in columns])


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _batches(stream: Any, contract: ColumnContract) -> list[Any]:
    """Record batches whose offsets and texts are what they should be: a reader of Arrow trusts them."""
    batches: list[Any] = []
    rows = 0
    for batch in stream:
        rows += batch.num_rows
        contract.check_size(rows)
        contract.check_size(len(batches))
        batch.validate(full=True)
        batches.append(batch)
    return batches


def _values(column: Any, place: Column, contract: ColumnContract) -> Array:
    """A column as an array, None or NaN where a value is missing."""
    if column.null_count and place.spec.numpy_dtype.kind in "iub":
        place.refuse(int(np.argmax(column.is_null().to_numpy())), "a missing value")
    parts = [_chunk(chunk, place, contract) for chunk in column.chunks]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, place.spec.numpy_dtype)


def _chunk(chunk: Any, place: Column, contract: ColumnContract) -> Array:
    if hasattr(chunk, "dictionary"):
        return _looked_up(chunk, place, contract)
    if str(chunk.type) == "string_view":  # views may all show the same text
        chunk = chunk.dictionary_encode()
        return _looked_up(chunk, place, contract)
    return np.asarray(chunk.to_numpy(zero_copy_only=False))


def _looked_up(chunk: Any, place: Column, contract: ColumnContract) -> Array:
    """A dictionary's values by their indices. A few bytes may stand for a long text, so the sum is bounded first."""
    values = np.asarray(chunk.dictionary.to_numpy(zero_copy_only=False))
    missing = chunk.indices.is_null().to_numpy(zero_copy_only=False)
    indices = chunk.indices.fill_null(0).to_numpy(zero_copy_only=False)
    if missing.all():
        return np.full(len(chunk), np.nan if place.spec.is_float else None)
    if values.dtype == object:
        _check_length(values, indices, place, contract)
    found = values[indices]
    if missing.any():
        found = found.astype(object if values.dtype == object else np.float64)
        found[missing] = None if values.dtype == object else np.nan
    return found


def _check_length(values: Array, indices: Array, place: Column, contract: ColumnContract) -> None:
    lengths = np.array([len(value) if value is not None else 0 for value in values.tolist()], np.int64)
    if lengths[indices].sum() > contract.limits.max_body:
        raise TooLarge(
            f"input {place.name!r}: expected at most {contract.limits.max_body} characters of text, got more"
        )


def _check_plain(library: Any, body: bytes) -> None:
    """Refuse compressed buffers: what they become is bounded for a compressed body, not inside of one."""
    for message in library.ipc.MessageReader.open_stream(library.py_buffer(body)):
        if message.type in _BATCHES and _is_compressed(message.metadata.to_pybytes(), message.type):
            raise UnsupportedMedia(
                "expected an Arrow stream without compressed buffers; compress the whole body, and send Content-Encoding: gzip"
            )


def _is_compressed(message: bytes, kind: str) -> bool:
    """Whether the flatbuffer of a message has a ``RecordBatch`` with ``compression`` (Arrow's format/Message.fbs)."""
    table = struct.unpack_from("<I", message)[0]
    batch = _field(message, table, 2)
    if kind == "dictionary":
        batch = _field(message, batch, 1)
    return _field(message, batch, 3) != 0


def _field(message: bytes, table: int, number: int) -> int:
    """Where the table in a field of the table at ``table`` is, or 0 where it is absent (flatbuffers' internals)."""
    names = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, names)[0]
    offset = struct.unpack_from("<H", message, names + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
    return table + offset + struct.unpack_from("<I", message, table + offset)[0] if offset else 0
