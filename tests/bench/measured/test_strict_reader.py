from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("pyarrow")

from skerry.bench.measured.bad_requests.bodies import tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, predict_path
from skerry.bench.measured.bad_requests.formats import FORMATS
from skerry.bench.measured.border_models import NUMBERS, PEOPLE
from skerry.bench.measured.strict_reader import NoRows, rows_sent
from skerry.runtime.protocol.media import NPY

ROWS: dict[str, list[Any]] = {
    NUMBERS: [[5.1, 3.5, 1.4, 0.2], [1.0, 2.0, 3.0, 4.0]],
    PEOPLE: [{"age": None, "height in cm": 170.5, "children": 2, "member": True, "city": "Kyōto"}],
}
NO_GAPS = ROWS | {PEOPLE: [{**ROWS[PEOPLE][0], "age": 31.5}]}


def infer(model: str, document: Any) -> Case:
    return Case("tensors", "either", f"/v2/models/{model}/infer", write_json(document))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("model", [NUMBERS, PEOPLE])
def test_tensors_have_the_rows_they_were_made_of(model: str, nested: bool) -> None:
    assert rows_sent(infer(model, tensors(model, ROWS[model], nested=nested))) == ROWS[model]


@pytest.mark.parametrize(
    ("model", "kind"),
    [(model, kind) for model in (NUMBERS, PEOPLE) for kind in FORMATS if (model, kind) != (PEOPLE, NPY)],
)
def test_formats_have_the_rows_they_were_made_of(model: str, kind: str) -> None:
    body = FORMATS[kind](model, NO_GAPS[model])
    assert rows_sent(Case("formats", "either", predict_path(model), body, {"Content-Type": kind})) == NO_GAPS[model]


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [1, 4]},
        {"datatype": "FP16"},
        {"datatype": "BYTES"},
        {"data": [1.0, 2.0, 3.0, True, 1, 1, 1, 1]},
        {"data": [1.0, 2.0, 3.0, "4", 1, 1, 1, 1]},
        {"data": [1.0, 2.0, 3.0, None, 1, 1, 1, 1]},
        {"data": [[1.0, 2.0, 3.0], [4.0, 1, 1, 1, 1]]},
        {"more": 1},
    ],
)
def test_what_is_no_tensor_has_none(changed: dict[str, Any]) -> None:
    document = tensors(NUMBERS, ROWS[NUMBERS])
    document["inputs"][0] |= changed
    with pytest.raises(NoRows):
        rows_sent(infer(NUMBERS, document))


def test_a_name_may_be_there_once() -> None:
    case = infer(NUMBERS, tensors(NUMBERS, ROWS[NUMBERS]))
    with pytest.raises(NoRows, match="twice"):
        rows_sent(case._replace(body=case.body.replace(b'{"name"', b'{"name": "X", "name"', 1)))
