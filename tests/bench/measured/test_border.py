"""The judge itself: servers that do wrong are found out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("pyarrow")

from skerry.bench.measured.bad_requests.case import Case, Verdict
from skerry.bench.measured.bad_requests.recipes import RECIPES
from skerry.bench.measured.border import (
    ACCEPTED,
    REFUSED,
    SERVER_FAULT,
    SHAPELESS,
    WRONG_ANSWER,
    Answer,
    make_cases,
    try_all,
)
from skerry.bench.measured.border_models import NUMBERS, PEOPLE, BorderModel

ROWS: dict[str, list[Any]] = {
    NUMBERS: [[5.1, 3.5, 1.4, 0.2], [1.0, 2.0, 3.0, 4.0]],
    PEOPLE: [{"age": 31.5, "height in cm": 170.5, "children": 2, "member": True, "city": "Kyōto"}],
}


class Sums(BorderModel):
    """Answers the sum of a row."""

    def answers(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        return {"predict": [sum(row) for row in rows], "predict_proba": [[sum(row)] for row in rows]}


MODELS = {NUMBERS: Sums(None, ROWS[NUMBERS])}
RIGHT = json.dumps({"prediction": [10.0], "model": NUMBERS, "version": 1}).encode()
WRONG = RIGHT.replace(b"10.0", b"11.0")
ERROR = b'{"error": "expected a number, got a string"}'


def case(verdict: Verdict, body: str = '{"X": [[1.0, 2.0, 3.0, 4.0]]}') -> Case:
    return Case("rows", verdict, "/models/numbers/predict", body.encode())


@pytest.mark.parametrize(
    ("verdict", "answer", "faults"),
    [
        ("good", Answer(200, RIGHT), []),
        ("bad", Answer(400, ERROR), []),
        ("either", Answer(413, ERROR), []),
        ("good", Answer(200, WRONG), [WRONG_ANSWER]),
        ("good", Answer(400, ERROR), [REFUSED]),
        ("bad", Answer(200, RIGHT), [ACCEPTED]),
        ("bad", Answer(500, ERROR), [SERVER_FAULT]),
        ("bad", Answer(400, b"Bad Request"), [SHAPELESS]),
    ],
)
def test_faults_are_found(verdict: Verdict, answer: Answer, faults: list[str]) -> None:
    found = try_all([case(verdict)], lambda _: answer, MODELS)
    assert list(found.faults) == faults


def test_what_has_no_rows_must_not_be_answered() -> None:
    found = try_all([case("either", '{"X": [["1", 2.0, 3.0, 4.0]]}')], lambda _: Answer(200, RIGHT), MODELS)
    assert list(found.faults) == [WRONG_ANSWER]


def test_requests_are_the_same_every_time_and_all_different() -> None:
    made = list(make_cases(ROWS, 300, first=5))
    assert made == list(make_cases(ROWS, 300, first=5))
    assert sum(one.verdict != "good" for one in made) == 300
    assert len({(one.method, one.path, one.body, *one.headers.items()) for one in made}) == len(made)
    assert {one.layer for one in made} == {"HTTP", "JSON", "binary", "formats", "rows", "tensors"}
    assert len(RECIPES) > 40
