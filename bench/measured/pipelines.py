"""Composed pipelines as people write them, fitted on frames of mixed columns: can they be exported, and how exact are they?

    python -m skerry.bench.measured.pipelines [--only TEXT] [--markdown FILE] [--json FILE]

Each pipeline is fitted on a table with numbers, booleans, strings, categories and pandas' nullable columns, with values
missing in every way that pandas has. It is exported with the gate that every export has to pass, loaded again, and
compared on rows that the export has not seen: with missing values and unseen categories, all at once and one by one, with
their columns in another order and as records. It counts as exact, refused (no artifact, with a reason), or wrong (there is
an artifact, and it differs: this must never happen).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from skerry.bench.measured.coverage import Verdict, exported, judged, ties_of
from skerry.bench.measured.page import keep_page, page_options
from skerry.bench.measured.pipeline_cases import Case, all_cases
from skerry.export.oracle import call
from skerry.export.parity import Comparison, compare
from skerry.export.signature import take
from skerry.runtime import Model
from skerry.runtime.batching import cost

ROWS, GIVEN, UNSEEN, ALONE = 200, 100, 80, 3
"""Rows that a pipeline is fitted on, given to the export, compared on, and those of them that are asked for one by one."""


@dataclass(frozen=True, kw_only=True)
class Result(Verdict):
    """That of one pipeline; of the ``rows`` it was compared on, ``refused`` are refused by scikit-learn, and ``tied`` are
    answered otherwise where scikit-learn's own answer hangs on the last bit."""

    name: str
    pipeline: str
    rows: int = 0
    refused: int = 0
    tied: int = 0
    seconds: float


def measure(name: str, case: Case) -> Result:
    """Fit, export and load one pipeline, and compare it on rows that neither has seen."""
    start = perf_counter()
    verdict, comparisons = attempt(case)
    return Result(
        **asdict(verdict),
        name=name,
        pipeline=" ".join(repr(case.estimator).split()),
        rows=sum(len(comparison.wrong) for comparison in comparisons),
        refused=sum(int(comparison.expected.refused.sum()) for comparison in comparisons),
        tied=sum(int(comparison.tied.sum()) for comparison in comparisons),
        seconds=perf_counter() - start,
    )


def attempt(case: Case) -> tuple[Verdict, list[Comparison]]:
    """Exported with rows like those of training, and compared also on rows that are not."""
    try:
        estimator = case.fitted(ROWS, seed=0)
    except Exception as error:
        return Verdict("unfit", f"{type(error).__name__}: {str(error)[:200]}"), []
    given, unseen = case.rows(GIVEN, seed=1), case.rows(UNSEEN, seed=2, unseen=True)
    model = exported(estimator, given)
    if isinstance(model, Verdict):
        return model, []
    alone = [take(unseen, slice(row, row + 1)) for row in range(ALONE)]
    ties = ties_of(estimator, given)
    comparisons = [compare(estimator, model, rows, ties) for rows in (unseen, given, *alone)]
    verdict = judged(estimator, model, comparisons)
    answered = take(unseen, np.flatnonzero(~comparisons[0].got.refused))
    if verdict.status == "exact" and not same_in_any_form(model, answered):
        return Verdict("wrong", "the rows are answered otherwise in another form"), comparisons
    return verdict, comparisons


def same_in_any_form(model: Model, rows: Any) -> bool:
    """Whether the rows of a frame are answered alike with their columns in another order, and as records."""
    forms = [rows[rows.columns[::-1]], rows.to_dict("records")] if isinstance(rows, pd.DataFrame) else []
    methods = model.manifest.methods
    expected = [call(model, method, rows) for method in methods]
    return all(
        np.array_equal(call(model, method, form), answer, equal_nan=answer.dtype.kind == "f")
        for form in forms
        for method, answer in zip(methods, expected, strict=True)
    )


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="pipelines whose name has this in it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    cost.SECONDS = 0.0  # how long a model takes is measured elsewhere
    results = []
    for name, case in all_cases().items():
        if arguments.only in name:
            results.append(found := measure(name, case))
            print(
                f"{found.status:8} {found.seconds:5.1f} s {found.max_error:8.1e} {name:45} {found.reason}", flush=True
            )
    for status, count in sorted(Counter(result.status for result in results).items()):
        print(f"{status}: {count}")
    keep_page(markdown(results), arguments.markdown)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    sys.exit(any(result.status in ("wrong", "crashed") for result in results))


def markdown(results: Iterable[Result]) -> str:
    """A table with a line for each pipeline."""
    lines = ["| pipeline | result | largest error | rows compared, refused, tied |", "|---|---|---|---|"]
    for result in results:
        status = result.status + (f": {result.reason}" if result.reason else "")
        lines.append(
            f"| {result.name} | {status} | {result.max_error:.0e} | {result.rows}, {result.refused}, {result.tied} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
