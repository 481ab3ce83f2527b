"""``cases``: a hypothesis strategy of requests of which each is known to be good, or to be bad, or may be either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests import binary, formats, http, json, rows, tensors
from skerry.bench.measured.bad_requests.case import Case
from skerry.bench.measured.bad_requests.draws import Draw
from skerry.bench.measured.bad_requests.samples import Rows, Samples

RECIPES: tuple[Callable[[Draw, Samples], Case], ...] = (
    json.changed, json.cut_off, json.other_json, json.no_json, json.framed, json.too_deep, json.key_twice,
    tensors.wrong_value, tensors.wrong_shape, tensors.wrong_datatype, tensors.wrong_name, tensors.wrong_tensors,
    tensors.wrong_keys, tensors.wrong_count, tensors.wrong_rows_of_one, tensors.wrong_parts,
    binary.wrong_raw, binary.wrong_header_length, binary.wrong_binary_size, binary.wrong_end, binary.both_kinds_of_data,
    binary.wrong_floats, binary.wrong_truths, binary.wrong_texts, binary.changed_binary,
    rows.wrong_cell, rows.wrong_fields, rows.wrong_row, rows.other_numbers, rows.other_people,
    formats.cut_format, formats.changed_format, formats.other_format, formats.unknown_format, formats.wrong_table,
    formats.wrong_csv, formats.wrong_npy,
    http.wrong_place, http.wrong_call, http.wrong_method, http.wrong_query, http.wrong_accept, http.wrong_compressed,
    http.no_timeout,
    tensors.good_tensors, rows.good_rows, binary.good_binary, binary.good_raw, formats.good_format, http.good_compressed,
)  # fmt: skip
"""Each draws one request."""


def cases(models: Mapping[str, Rows]) -> st.SearchStrategy[Case]:
    """Requests to the ``models`` that have these rows, of every recipe alike."""
    samples = Samples(models)

    @st.composite
    def case(draw: Any) -> Case:
        return RECIPES[draw(st.integers(0, len(RECIPES) - 1))](draw, samples)

    return case()
