from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("pyarrow")

from skerry.bench.measured.border import SERVER_FAULT, Border, Findings
from skerry.bench.measured.server import PARTS, _of_border


def test_what_became_of_requests_is_a_table_and_a_list_of_faults() -> None:
    counts = Counter({("JSON", "400"): 1_200, ("JSON", "answered"): 3, ("rows", "500"): 1})
    found = Findings(counts, {SERVER_FAULT: ["500 b'...'"]}, bad=1_201)
    assert list(_of_border(Border(found, growth=3 * 2**19))) == [
        "| layer | requests | answered | 400 | 500 |",
        "| --- | --- | --- | --- | --- |",
        "| JSON | 1,203 | 3 | 1,200 | 0 |",
        "| rows | 1 | 0 | 0 | 1 |",
        "",
        "- answers of 5xx: 1",
        "  - `500 b'...'`",
        "- wrong answers: 0",
        "- bad requests answered: 0",
        "- good requests refused: 0",
        "- errors that say nothing: 0",
        "- growth of the server's resident memory: 1.5 MiB (goal: at most 32)",
    ]


def test_every_part_has_a_heading_of_its_own() -> None:
    headings = [heading for heading, _, _ in PARTS.values()]
    assert len(set(headings)) == len(headings) == 6
