"""Rows as CSV, JSON Lines, .npy, Arrow and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.bodies import listed, rows_in, write_json
from skerry.bench.measured.bad_requests.case import Case, Verdict, predict_path
from skerry.bench.measured.bad_requests.draws import Draw, changed_bytes, pick
from skerry.bench.measured.bad_requests.samples import Rows, Samples
from skerry.bench.measured.border_models import DATATYPES, NUMBERS, PEOPLE, WIDTH
from skerry.runtime.protocol.media import ARROW, CSV, JSON, NDJSON, NPY, PARQUET


def _table(model: str, rows: Rows) -> pa.Table:
    if model == NUMBERS:
        return pa.table({f"column {place}": [row[place] for row in rows] for place in range(WIDTH)})
    types = {"FP64": pa.float64(), "INT64": pa.int64(), "BOOL": pa.bool_(), "BYTES": pa.string()}
    return pa.table({name: pa.array([row[name] for row in rows], types[kind]) for name, kind in DATATYPES.items()})


def _arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _npy(model: str, rows: Rows) -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.array(rows, float), allow_pickle=False)
    return sink.getvalue()


def _csv(model: str, rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DATATYPES if model == PEOPLE else [f"column {place}" for place in range(WIDTH)])
    writer.writerows(listed(row) for row in rows)
    return text.getvalue().encode()


def _ndjson(model: str, rows: Rows) -> bytes:
    return b"".join(write_json(row) + b"\n" for row in rows)


FORMATS: dict[str, Callable[[str, Rows], bytes]] = {
    CSV: _csv,
    NDJSON: _ndjson,
    NPY: _npy,
    ARROW: lambda model, rows: _arrow(_table(model, rows)),
    PARQUET: lambda model, rows: _parquet(_table(model, rows)),
}


def _formatted(draw: Draw, samples: Samples, kinds: Sequence[str] = tuple(FORMATS)) -> tuple[str, str, bytes]:
    """A model, a media type, and rows in it."""
    kind = pick(draw, kinds)
    model, rows = samples.complete(draw, NUMBERS if kind == NPY else None)
    return model, kind, FORMATS[kind](model, rows)


def _format_case(verdict: Verdict, model: str, kind: str, body: bytes) -> Case:
    return Case("formats", verdict, predict_path(model), body, {"Content-Type": kind})


def good_format(draw: Draw, samples: Samples) -> Case:
    return _format_case("good", *_formatted(draw, samples))


def cut_format(draw: Draw, samples: Samples) -> Case:
    """Nothing but text can end early and still be whole."""
    model, kind, body = _formatted(draw, samples)
    text = kind in (CSV, NDJSON, ARROW)  # Arrow's readers take the end of a stream for its end
    return _format_case("either" if text else "bad", model, kind, body[: draw(st.integers(0, len(body) - 1))])


def changed_format(draw: Draw, samples: Samples) -> Case:
    model, kind, body = _formatted(draw, samples)
    return _format_case("either", model, kind, changed_bytes(draw, body))


def other_format(draw: Draw, samples: Samples) -> Case:
    """One format under the name of another."""
    model, kind, body = _formatted(draw, samples)
    other = pick(draw, [one for one in (JSON, *FORMATS) if one != kind])
    return _format_case("bad", model, other, body)


def unknown_format(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    kinds = (
        "application/xml",
        "text/html",
        "image/png",
        "application/json; charset=utf-16",
        "text/csv; header=absent",
        "a",
        "multipart/form-data",
    )
    return _format_case("bad", model, pick(draw, kinds), write_json(rows_in("X", model, rows)))


def wrong_table(draw: Draw, samples: Samples) -> Case:
    """Columns that the model does not have, or not enough of them, or of another kind."""
    kind = pick(draw, (ARROW, PARQUET))
    _, rows = samples.complete(draw, PEOPLE)
    table = _table(PEOPLE, rows)
    name = pick(draw, list(DATATYPES))
    place = table.column_names.index(name)
    count = len(rows)
    other = pa.array(["1"] * count) if DATATYPES[name] != "BYTES" else pa.array([1] * count)
    changes = (
        table.drop_columns([name]),
        table.append_column("more", pa.array([1] * count)),
        table.append_column(name, table.column(name)),
        table.set_column(place, name, other),
        table.set_column(place, name, pa.array([[1.0]] * count)),
        table.set_column(place, name, pa.array([b"\xff"] * count)),
        table.set_column(place, name, pa.array([{"a": 1}] * count)),
    )
    changed = pick(draw, changes)
    return _format_case("bad", PEOPLE, kind, _parquet(changed) if kind == PARQUET else _arrow(changed))


def wrong_csv(draw: Draw, samples: Samples) -> Case:
    _, rows = samples.complete(draw, PEOPLE)
    row = [*listed(rows[0])]
    place = draw(st.integers(0, 3))
    row[place] = pick(draw, ("x", "1,2", "1_0", "0x10", "１", "1e", "--1", "tru", "1.5.2", " "))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=pick(draw, ("\n", "\r\n")))
    writer.writerow(DATATYPES)
    writer.writerow(row)
    return _format_case("bad", PEOPLE, CSV, text.getvalue().encode())


def wrong_npy(draw: Draw, samples: Samples) -> Case:
    arrays: tuple[Any, ...] = (
        np.ones((2, WIDTH), complex), np.ones((2, WIDTH + 1)), np.ones((2, WIDTH - 1)), np.ones((2, 2, 2)), np.ones(()),
        np.array([[object()] * WIDTH]), np.array([["1.5"] * WIDTH]), np.ones((1, WIDTH), "M8[s]"), np.full((2, WIDTH), np.nan),
        np.ones((1, WIDTH), bool), np.ones(1, [("a", float)] ), np.full((1, WIDTH), np.inf), np.ones((1, WIDTH), "S4"),
    )  # fmt: skip
    sink = io.BytesIO()
    array = pick(draw, arrays)
    np.save(sink, np.array([[None] * WIDTH]) if array.dtype == object else array, allow_pickle=True)
    return _format_case("bad", NUMBERS, NPY, sink.getvalue())
