"""Fields and values of ``/predict``."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.bodies import Literally, fields_of, rows_in, tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, infer_path, predict_path
from skerry.bench.measured.bad_requests.draws import BOOLEANS, Draw, pick
from skerry.bench.measured.bad_requests.samples import Samples
from skerry.bench.measured.bad_requests.values import wrong_of
from skerry.bench.measured.border_models import DATATYPES, MATRIX, NUMBERS, PEOPLE, WIDTH


def good_rows(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = rows_in(pick(draw, fields_of(model)), model, rows)
    document |= pick(draw, ({}, {"outputs": ["predict_proba"]}, {"outputs": ["predict", "predict_proba"]}))
    return Case("rows", "good", predict_path(model), write_json(document))


def _with_a_row(draw: Draw, samples: Samples) -> tuple[str, dict[str, Any], Any]:
    """A model, a good body for it, and one row of that, to be spoilt."""
    model, rows = samples.draw(draw)
    field = pick(draw, fields_of(model))
    document = rows_in(field, model, rows)
    row = pick(draw, document[field]["data"] if field == "dataframe_split" else document[field])
    return model, document, row


def wrong_cell(draw: Draw, samples: Samples) -> Case:
    model, document, row = _with_a_row(draw, samples)
    if isinstance(row, dict):
        name = pick(draw, list(row))
        row[name] = Literally(pick(draw, wrong_of(name, DATATYPES[name])))
    else:
        place = draw(st.integers(0, len(row) - 1))
        name = list(DATATYPES)[place] if model == PEOPLE else MATRIX
        row[place] = Literally(pick(draw, wrong_of(name, DATATYPES.get(name, "FP64"))))
    return Case("rows", "bad", predict_path(model), write_json(document))


def wrong_fields(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    field = pick(draw, fields_of(model))
    document = rows_in(field, model, rows)
    other = next(one for one in fields_of(model) if one != field)
    spoilt: tuple[dict[str, Any], ...] = (
        {},
        {"Y": document[field]},
        {field.upper() + "_": document[field]},
        {**document, "extra": 1},
        {**document, other: rows_in(other, model, rows)[other]},
        {**document, "outputs": ["predictions"]},
        {**document, "outputs": "predict"},
        {**document, "outputs": [1]},
        {**document, "outputs": {"predict": True}},
        {field: None},
        {field: {}},
        {field: "rows"},
        {field: [None]},
        {field: [1.5]},
        {field: ["a"]},
        {field: [[]]},
        {field: [{}]},
        {field: [[[1.0] * WIDTH]]},
    )
    return Case("rows", "bad", predict_path(model), write_json(pick(draw, spoilt)))


def wrong_row(draw: Draw, samples: Samples) -> Case:
    """Longer or shorter than the others, or with other names."""
    model, document, row = _with_a_row(draw, samples)
    if isinstance(row, dict):
        name = pick(draw, list(row))
        value = row.pop(name)
        row |= pick(
            draw, ({}, {name + "_": value}, {name: value, "more": 1}, {name: value, "": 1}, {name.upper(): value})
        )
    elif draw(BOOLEANS):
        row.append(deepcopy(row[0]))
    else:
        row.pop()
    return Case("rows", "bad", predict_path(model), write_json(document))


def other_numbers(draw: Draw, samples: Samples) -> Case:
    """Any floats at all that JSON has, such as the largest: answered as scikit-learn does, or refused."""
    rows = [[draw(st.floats(allow_nan=False, allow_infinity=False)) for _ in range(WIDTH)]]
    if draw(BOOLEANS):
        return Case("rows", "either", predict_path(NUMBERS), write_json({"X": rows, "outputs": ["predict_proba"]}))
    return Case("tensors", "either", infer_path(NUMBERS), write_json(tensors(NUMBERS, rows)))


def other_people(draw: Draw, samples: Samples) -> Case:
    """Any values of the columns' types."""
    _, rows = samples.draw(draw, PEOPLE)
    row = {**rows[0], "city": draw(st.text(max_size=6)), "children": draw(st.integers(-(2**70), 2**70))}
    field = pick(draw, fields_of(PEOPLE))
    document = rows_in(field, PEOPLE, [row])
    return Case("rows", "either", predict_path(PEOPLE), json.dumps(document | {"outputs": ["predict_proba"]}).encode())
