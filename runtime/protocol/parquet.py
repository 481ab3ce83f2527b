"""Parquet: a file as rows, a file as the answer. Sizes are known from the footer and from each page before one is unpacked.

https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift

pyarrow trusts a page to unpack to what it says of itself, whatever the footer says: 10 kB become 10 MB, or 2 GB. And to ask
it for the columns of a damaged footer ends the process. So what is declared is read here, and the file by pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skerry.runtime.errors import InvalidInput, NotAcceptable, TooLarge
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.protocol.arrow import FAULTS, answer_table, check_types, first_line, pyarrow, table_feeds
from skerry.runtime.protocol.columns import ColumnContract
from skerry.runtime.protocol.media import PARQUET
from skerry.runtime.protocol.thrift import Fields, decode_struct

MAGIC = b"PAR1"
_NUM_ROWS, _ROW_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK_FILE, _CHUNK_DATA = 1, 3
_CHUNK_SIZE, _FIRST_DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11
_PAGE_UNPACKED, _PAGE_SIZE = 2, 3
"""Numbers of the fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and PageHeader."""
_PAGES = 10_000
"""Pages of a file at most; writers make them of about 1 MB."""


def decode_parquet(body: bytes, contract: ColumnContract) -> Feeds:
    """Feeds from a Parquet file.

    Raises:
        InvalidInput: it is no such file, or not what the contract wants.
        TooLarge: it has more rows or values than a request may have, or would unpack to more bytes.
    """
    library = pyarrow(PARQUET)
    try:
        _check_sizes(body, contract)
        with _open(library, body) as file:
            schema = file.schema_arrow
        columns = contract.columns(schema.names)
        check_types(columns, schema)
        texts = [column.name for column in columns if column.spec.datatype == "BYTES"]
        with _open(library, body, read_dictionary=texts) as file:  # a text that many rows share is there once
            table = file.read([column.name for column in columns], use_threads=False)
            table.validate(full=True)
    except (*FAULTS, library.ArrowException) as error:
        raise InvalidInput(f"expected a Parquet file: {first_line(error)}") from None
    return table_feeds(table, columns, contract)


def encode_parquet(columns: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A file of one row group."""
    library = pyarrow(PARQUET, NotAcceptable)
    from pyarrow import parquet

    sink = library.BufferOutputStream()
    parquet.write_table(answer_table(library, columns, metadata), sink)
    return bytes(sink.getvalue())


def _open(library: Any, body: bytes, **options: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(library.BufferReader(body), pre_buffer=False, **options)


def _check_sizes(body: bytes, contract: ColumnContract) -> None:
    """Rows, and bytes when unpacked, within the limits, by all that the file says of itself."""
    metadata = _footer(body)
    groups = _structs(metadata, _ROW_GROUPS)
    rows = [_size(group, _GROUP_ROWS) for group in groups]
    if sum(rows) != _size(metadata, _NUM_ROWS):
        raise ValueError("its row groups have not the rows of the file")
    if not sum(rows):
        raise InvalidInput("expected at least one row, got none")
    contract.check_size(sum(rows))
    limit, unpacked = contract.limits.max_body, 0
    for count, page in enumerate(_pages(body, groups)):
        unpacked += page
        if unpacked > limit or count > _PAGES:
            raise TooLarge(f"body: expected at most {limit} bytes and {_PAGES} pages when unpacked, got more")


def _footer(body: bytes) -> Fields:
    if len(body) < 12 or not body.startswith(MAGIC) or not body.endswith(MAGIC):
        raise ValueError("it does not begin and end as one")
    size = int.from_bytes(body[-8:-4], "little")
    if size > len(body) - 12:
        raise ValueError("its footer is longer than itself")
    return decode_struct(body, len(body) - 8 - size, len(body) - 8)[0]


def _pages(body: bytes, groups: list[Fields]) -> Iterator[int]:
    """The bytes that each page unpacks to, as its header says."""
    for chunk in (chunk for group in groups for chunk in _structs(group, _GROUP_COLUMNS)):
        data = chunk.get(_CHUNK_DATA)
        if not isinstance(data, dict) or _CHUNK_FILE in chunk:
            raise ValueError("a column is not in it")
        at = _size(data, _FIRST_DATA_PAGE)
        at = min(at, _size(data, _DICTIONARY_PAGE, at) or at)
        end = at + _size(data, _CHUNK_SIZE)
        if end > len(body):
            raise ValueError("a column ends after its end")
        while at < end:
            page, at = decode_struct(body, at, end)
            at += _size(page, _PAGE_SIZE)
            yield _size(page, _PAGE_UNPACKED)


def _structs(struct: Fields, number: int) -> list[Fields]:
    found = struct.get(number)
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        raise ValueError("its footer lacks a list")
    return found


def _size(struct: Fields, number: int, absent: int | None = None) -> int:
    found = struct.get(number, absent)
    if type(found) is not int or found < 0:
        raise ValueError("it lacks a size")
    return found
