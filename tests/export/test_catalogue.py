"""The catalogue names every estimator that can infer."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from sklearn.utils import all_estimators

from skerry.export.catalogue import Line, read_catalogue, write_json, write_markdown, write_text
from skerry.export.converters.ties import EXACT
from skerry.export.estimators import ESTIMATORS
from skerry.export.oracle import METHODS

LINES = [
    Line("sklearn", "PCA", "exact", EXACT, ""),
    Line("sklearn", "NMF", "refused", None, "it iterates"),
    Line("xgboost", "XGBRanker", "close", 1e-6, "no objective of one's own"),
]


def test_every_estimator_of_scikit_learn_that_can_infer_is_in_the_table() -> None:
    able = {name for name, kind in all_estimators() if any(hasattr(kind, method) for method in METHODS)}
    assert able - {line.estimator for line in read_catalogue() if line.library == "sklearn"} == set()


def test_whoever_is_refused_is_told_why() -> None:
    assert [line.estimator for line in read_catalogue() if line.answers == "refused" and not line.note] == []


def test_it_is_the_table_by_library_and_alphabet() -> None:
    found = read_catalogue()
    assert {f"{line.library}.{line.estimator}" for line in found} == set(ESTIMATORS)
    assert list(dict.fromkeys(line.library for line in found)) == [
        "sklearn",
        "catboost",
        "lightgbm",
        "xgboost",
        "skerry",
    ]
    names = [line.estimator.lower() for line in found if line.library == "sklearn"]
    assert names == sorted(names)


def test_notes_fit_into_a_cell_and_a_line() -> None:
    assert [line.estimator for line in read_catalogue() if re.search(r"[|\n]|\.$", line.note)] == []


def test_for_a_terminal_there_is_a_block_for_each_library() -> None:
    assert write_text(LINES) == (
        "sklearn\n"
        "  PCA        exact\n"
        "  NMF        refused       it iterates\n"
        "\n"
        "xgboost\n"
        "  XGBRanker  within 1e-06  no objective of one's own\n"
    )


def test_json_has_every_field() -> None:
    assert json.loads(write_json(LINES))[2] == {
        "library": "xgboost",
        "estimator": "XGBRanker",
        "answers": "close",
        "tolerance": 1e-6,
        "note": "no objective of one's own",
    }


def test_markdown_is_a_page_with_a_table_for_each_library() -> None:
    page = write_markdown(LINES)
    assert page.startswith("# Estimators\n")
    assert "\n## sklearn\n\n| estimator | answers | note |\n| --- | --- | --- |\n| PCA | exact |  |\n" in page
    assert page.endswith("\n| XGBRanker | within 1e-06 | no objective of one's own |\n")


def test_the_module_prints_the_page() -> None:
    command = [sys.executable, "-m", "skerry.export.catalogue"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == write_markdown(read_catalogue())
