"""What Arrow and Parquet could do to a server: few bytes that become many, and what no reader should be asked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder

from skerry.export import export
from skerry.runtime import Model, load
from skerry.runtime.errors import InvalidInput, TooLarge, UnsupportedMedia
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.media import ARROW, PARQUET
from skerry.runtime.protocol.predict import PredictCodec

LIMITS = Limits(max_body=2**20, max_rows=1000)


@pytest.fixture(scope="module")
def texts_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """One column of strings, ``city``."""
    frame = pd.DataFrame({"city": ["Oslo", "Bergen"] * 5})
    estimator = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]))
    return load(export(estimator.fit(frame), frame, name="cities", to=tmp_path_factory.mktemp("repository")))


@pytest.fixture(scope="module")
def codec(texts_model: Model) -> PredictCodec:
    return PredictCodec(texts_model, limits=LIMITS)


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def file(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("values", [pa.array(["Oslo"] * 9), pa.array(["Oslo"] * 9).dictionary_encode()], ids=["plain", "dictionary"])  # fmt: skip
def test_compressed_buffers_are_refused(codec: PredictCodec, compression: str, values: Any) -> None:
    content = stream(pa.table({"city": values}), compression=compression)
    with pytest.raises(
        UnsupportedMedia, match=r"^expected an Arrow stream without compressed buffers; compress the whole"
    ):
        codec.decode(content, ARROW)


def test_rows_are_counted_before_they_are_read(codec: PredictCodec) -> None:
    """A column of nulls has no bytes at all, however long it is."""
    for content, content_type in [
        (stream(pa.table({"city": pa.nulls(10**9)})), ARROW),
        (stream(pa.table({"city": pa.array(["x"] * 1001)}), emit_dictionary_deltas=True), ARROW),
        (file(pa.table({"city": pa.array(["x"] * 1001)})), PARQUET),
    ]:
        with pytest.raises(TooLarge, match=r"^expected at most 1000 rows, got \d+$"):
            codec.decode(content, content_type)


def test_many_empty_batches_are_as_many_rows(codec: PredictCodec) -> None:
    table = pa.table({"city": pa.array(["x"])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for _ in range(1002):
            writer.write_table(table[:0].combine_chunks())
            writer.write_batch(pa.record_batch({"city": pa.array([], pa.string())}))
    with pytest.raises(TooLarge, match=r"^expected at most 1000 rows, got 1001$"):
        codec.decode(sink.getvalue().to_pybytes(), ARROW)


def test_a_long_text_that_many_rows_share_is_bounded(codec: PredictCodec) -> None:
    shared = pa.table(
        {"city": pa.DictionaryArray.from_arrays(pa.array([0] * 999, pa.int32()), pa.array(["x" * 10_000]))}
    )
    views = pa.table({"city": pa.array(["x" * 10_000] * 999, pa.string_view())})
    for content, content_type in [(stream(shared), ARROW), (file(shared), PARQUET), (stream(views), ARROW)]:
        with pytest.raises(TooLarge, match=r"^input 'city': expected at most 1048576 characters of text, got more$"):
            codec.decode(content, content_type)


def test_a_file_says_what_it_unpacks_to(codec: PredictCodec) -> None:
    table = pa.table({"city": pa.array([str(row).rjust(5_000) for row in range(900)])})
    content = file(table, compression="zstd", use_dictionary=False)
    assert len(content) < 100_000
    with pytest.raises(
        TooLarge, match=r"^body: expected at most 1048576 bytes and 10000 pages when unpacked, got more$"
    ):
        codec.decode(content, PARQUET)


def test_offsets_beyond_the_text_are_refused(codec: PredictCodec) -> None:
    content = stream(pa.table({"city": pa.array(["Oslo", "Bergen"])}))
    offsets = b"\x00\x00\x00\x00\x04\x00\x00\x00\x0a\x00\x00\x00"
    assert content.count(offsets) == 1
    for wrong in (
        b"\x00\x00\x00\x00\x04\x00\x00\x00\x0a\x00\x00\x70",
        b"\x00\x00\x00\x00\x44\x00\x00\x00\x0a\x00\x00\x00",
    ):
        with pytest.raises(InvalidInput, match=r"^expected an Arrow IPC stream: "):
            codec.decode(content.replace(offsets, wrong), ARROW)


def test_text_that_is_no_utf_8_is_refused(codec: PredictCodec) -> None:
    for content, content_type in [
        (stream(pa.table({"city": pa.array(["Oslo", "Bergen"])})), ARROW),
        (stream(pa.table({"city": pa.array(["Oslo", "Bergen"]).dictionary_encode()})), ARROW),
        (file(pa.table({"city": pa.array(["Oslo", "Bergen"])}), use_dictionary=False, write_statistics=False), PARQUET),
    ]:
        with pytest.raises(InvalidInput, match=r"^expected (an Arrow IPC stream|a Parquet file): "):
            codec.decode(content.replace(b"Oslo", b"Osl\xff"), content_type)


def varint(number: int, width: int) -> bytes:
    """A number as Thrift's compact protocol has it, in ``width`` bytes."""
    return bytes(((number << 1) >> 7 * place & 127) | (128 if place < width - 1 else 0) for place in range(width))


def test_a_page_that_unpacks_to_more_than_the_footer_says_is_not_unpacked(codec: PredictCodec) -> None:
    content = file(pa.table({"city": pa.array(["x" * 10_000_000])}), compression="gzip", use_dictionary=False)
    said = parquet.ParquetFile(pa.BufferReader(content)).metadata.row_group(0).total_byte_size
    lie = content.replace(varint(said, 4), varint(1000, 4))
    assert parquet.ParquetFile(pa.BufferReader(lie)).metadata.row_group(0).total_byte_size == 1000
    assert len(lie) < 12_000
    with pytest.raises(TooLarge, match=r"^body: expected at most 1048576 bytes and "):
        codec.decode(lie, PARQUET)


def test_a_file_of_several_groups_and_pages_is_read(codec: PredictCodec) -> None:
    names = [f"city {row}" for row in range(900)]
    content = file(pa.table({"city": pa.array(names)}), row_group_size=250, data_page_size=500, use_dictionary=False)
    assert codec.decode(content, PARQUET).feeds["BYTES"].ravel().tolist() == names


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_every_codec_and_version_of_pages_is_read(codec: PredictCodec, compression: str, version: str) -> None:
    content = file(pa.table({"city": pa.array(["Oslo", "Bergen"])}), compression=compression, data_page_version=version)
    assert codec.decode(content, PARQUET).feeds["BYTES"].tolist() == [["Oslo"], ["Bergen"]]
