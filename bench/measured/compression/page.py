"""``page``: what was measured, as Markdown, with a verdict on every goal, met or missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from skerry.bench.measured.compression.bound import MAX_LOSS
from skerry.bench.measured.compression.fronts import ASKED, WORST
from skerry.bench.measured.compression.goals import amount_ratio, exact_ratio, exceeding, families, goals, stock_ratio
from skerry.bench.measured.compression.records import Estimate, Fronts, Measured, Quality, Row, Trial
from skerry.bench.units import seconds, size

NAMES = {"r2": "R²", "roc_auc": "AUC", "accuracy": "accuracy"}


def page(measured: Measured, stem: str) -> str:
    """The whole page; ``stem`` begins the names of the pictures beside it."""
    parts = [
        TITLE,
        _summary(measured),
        _table(measured.table, stem) if measured.table else "",
        _fronts(measured.fronts, stem) if measured.fronts else "",
        _bound(measured.bound) if measured.bound else "",
        _flights(measured, stem) if measured.flights else "",
        _failures(measured),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


TITLE = """# Smaller and faster within a stated loss

What `skerry optimize` makes of models as people have them, measured on rows that it never got. Made by
`python -m skerry.bench.measured.compression --markdown docs/measured/compression.md`; the numbers are in
[compression.json](compression.json). How it works is in [compression](../compression.md)."""


def _summary(measured: Measured) -> str:
    lines = ["| goal | measured | |", "| --- | --- | --- |"]
    lines += [f"| {goal} | {found} | {'met' if met else '**missed**'} |" for goal, found, met in goals(measured)]
    return "\n".join(["## Goals", "", *([measured.machine, ""] if measured.machine else []), *lines])


# Table


def _table(rows: Sequence[Row], stem: str) -> str:
    lines = [
        "## Models of every family",
        "",
        "Each teacher is fitted on the first rows; `optimize` is given others, of which it learns from half, judges by a quarter",
        "and proves on a quarter; the table is of rows that neither had. It writes the smallest model that it can prove to lose",
        "at most the bound. Intervals hold the true value with 95 %; a loss below 0 is a gain. File sizes are of model.onnx:",
        "skl2onnx's, Skerry's exact one, and the result's. Amounts are nodes of trees, vectors, or weights that are not 0.",
        "",
        f"![How many times smaller, over the points lost]({stem}-table.svg)",
        "",
        "| model and data | rows: fitted, given, unseen | bound | skl2onnx | exact | result | smaller than: skl2onnx, exact | amount | teacher | result | points lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_quality_line(row) for row in rows),
        "",
        "### By family",
        "",
        "Medians of the cases in which something was written; ratios of latencies and memory are the result's to the exact one's.",
        "",
        "| family | written | smaller than skl2onnx | than exact | fewer nodes, vectors, weights | 1 row | 1,000 rows | memory | points lost |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_family_line(family, [row for row in rows if row.family == family]) for family in families(rows)),
        "",
        "### Latency and memory",
        "",
        "Medians of calls in turns, on one thread, each with other rows; the ratio to the exact artifact has an interval. Memory",
        "is by how much a process of its own grows that loads the model once more.",
        "",
        "| model and data | 1 row: skl2onnx, exact, result | ratio | 1,000 rows: skl2onnx, exact, result | ratio | memory: skl2onnx, exact, result |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_cost_line(row) for row in rows),
        "",
        "### What was done",
        "",
        "| model and data | steps | search |",
        "| --- | --- | --- |",
        *(f"| {row.case} ({row.source}) | {row.steps or row.reason} | {row.seconds:.0f} s |" for row in rows),
    ]
    return "\n".join(lines)


def _quality_line(row: Row) -> str:
    fitted, given, unseen = row.rows
    head = f"| {row.case} | {fitted:,}, {given:,}, {unseen:,} | {row.bound:g} | {_size(row.stock)} | {_size(row.teacher)} | "
    before = row.teacher.amount
    metric = NAMES[row.teacher_quality.metric]
    teacher = f"{metric} {_interval(row.teacher_quality.score)}"
    if row.result is None or row.quality is None:
        return head + f"nothing written | | {before.count:,} {before.kind} | {teacher} | | |" if before else head
    after = row.result.amount
    amounts = f"{before.count:,} → {after.count:,} {after.kind}" if before and after else ""
    smaller = f"{_times(stock_ratio(row))}, {_times(exact_ratio(row))}"
    return head + (
        f"{_size(row.result)} | {smaller} | {amounts} | {teacher} | {_interval(row.quality.score)} | {_points(row.quality.loss)} |"
    )


def _family_line(family: str, rows: Sequence[Row]) -> str:
    written = [row for row in rows if row.result is not None]
    cells = [
        _times(_median(stock_ratio(row) for row in written)),
        _times(_median(exact_ratio(row) for row in written)),
        _times(_median(amount_ratio(row) for row in written)),
        *(_plain(_median(_latency_ratio(row, count) for row in written)) for count in (1, 1_000)),
        _plain(_median(_memory_ratio(row) for row in written)),
        _plain(_median(100 * row.quality.loss.value if row.quality else None for row in written), "+.2f"),
    ]
    return f"| {family} | {len(written)} of {len(rows)} | {' | '.join(cells)} |"


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _latency_ratio(row: Row, count: int) -> float | None:
    ratio = row.ratios.get(count)
    return None if ratio is None else ratio.value


def _memory_ratio(row: Row) -> float | None:
    return row.result.memory / row.teacher.memory if row.result and row.teacher.memory else None


def _plain(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else f"{value:{form}}"


def _size(side: object) -> str:
    found = getattr(side, "size", None)
    return "none" if found is None else size(found)


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3g}×" if ratio < 1_000 else f"{ratio:,.0f}×"


def _interval(value: Estimate) -> str:
    return f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"


def _points(loss: Estimate) -> str:
    return f"{100 * loss.value:+.2f} ({100 * loss.low:+.2f} to {100 * loss.high:+.2f})"


def _cost_line(row: Row) -> str:
    sides = (row.stock, row.teacher, row.result)
    cells = []
    for count in row.teacher.latency:
        cells.append(", ".join("–" if side is None else seconds(side.latency[count]) for side in sides))
        ratio = row.ratios.get(count)
        cells.append("" if ratio is None else f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})")
    memory = ", ".join("–" if side is None else size(side.memory) for side in sides)
    return f"| {row.case} | {' | '.join(cells)} | {memory} |"


# Fronts


def _fronts(sets: Sequence[Fronts], stem: str) -> str:
    kinds = list(dict.fromkeys(duel.kind for each in sets for duel in each.duels))
    lines = [
        "## Forests against baselines",
        "",
        f"One search for each set, with a bound of {ASKED:g}, and all that it found; beside it the same forest's first k trees, the",
        "same forest with cost-complexity pruning (`ccp_alpha`), and smaller forests fitted anew, with `n_estimators` and `max_depth`",
        "or `min_samples_leaf`, on the teacher's rows and on those that the search may learn from. All are chosen on the same rows",
        "(those the search judges by) and shown on rows that are new to all. Sizes are of model.onnx as Skerry writes it, so that",
        "a baseline gains from Skerry's exact export too.",
        "",
        f"![The metric on unseen rows over the size]({stem}-fronts.svg)",
        "",
        f"A duel is a baseline's model that loses at most {100 * WORST:g} points, beside the model of the front that one would choose",
        "among those no larger: won or lost where the interval of the paired difference does not hold 0, else even; lost too where",
        "the front has none as small.",
        "",
        f"| forest and data | metric | {' | '.join(f'{kind}: won, even, lost' for kind in kinds)} |",
        "| --- | --- |" + " --- |" * len(kinds),
        *(
            f"| {each.case} | {NAMES[each.metric]} | {' | '.join(_outcome(each, kind) for kind in kinds)} |"
            for each in sets
        ),
    ]
    return "\n".join(lines)


def _outcome(each: Fronts, kind: str) -> str:
    duels = [duel for duel in each.duels if duel.kind == kind]
    won = sum(1 for duel in duels if duel.gain is not None and duel.gain.low > 0)
    lost = sum(1 for duel in duels if duel.is_lost)
    return f"{won}, {len(duels) - won - lost}, {f'**{lost}**' if lost else 0}"


# Bound


def _bound(trials: Sequence[Trial]) -> str:
    cases = list(dict.fromkeys(trial.case for trial in trials))
    lines = [
        "## Does the bound hold?",
        "",
        f"Searches with `max_loss` {MAX_LOSS:g} and the default metric; every seed has other rows, another teacher and another search. What",
        "is written is then measured on fresh rows of which nobody knew: on a split of as many as proved it, where chance has as much",
        "to say as it had there, and on all that are left (tens of thousands), where it has little.",
        "",
        "| model and data | searches | written | beyond the bound: split, all | largest loss: split, all | median loss, all | median times smaller |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_bound_line(case, [trial for trial in trials if trial.case == case]) for case in cases),
        _bound_line("all", trials),
    ]
    reasons = Counter(trial.reason for trial in trials if not trial.written)
    lines += ["", *(f"- {count} × {reason}" for reason, count in reasons.most_common(5))] if reasons else []
    return "\n".join(lines)


def _bound_line(case: str, trials: Sequence[Trial]) -> str:
    splits = [trial.loss for trial in trials if trial.loss]
    alls = [trial.true_loss for trial in trials if trial.true_loss]
    head = f"| {case} | {len(trials)} | {len(splits)} | "
    if not splits or not alls:
        return head + "| | | |"
    shrunk = median(trial.shrunk for trial in trials if trial.shrunk)
    largest = ", ".join(f"{max(loss.value for loss in losses):+.4f}" for losses in (splits, alls))
    middle = median(loss.value for loss in alls)
    return head + f"{exceeding(splits)}, {exceeding(alls)} | {largest} | {middle:+.4f} | {shrunk:.1f} |"


# Demo


def _flights(measured: Measured, stem: str) -> str:
    demo = measured.flights
    assert demo is not None
    quality: Quality = demo.quality
    return "\n".join(
        [
            "## The demo's flights, from the command line",
            "",
            "```",
            f"$ {demo.command}",
            demo.output.strip(),
            "```",
            "",
            f"![The front]({stem}-flights.svg)",
            "",
            f"It took {demo.seconds:.0f} s on {demo.cores} cores: {size(demo.teacher_size)} became {size(demo.size)}. On {demo.asked:,} flights that",
            f"neither had, the {NAMES[quality.metric]} is {_interval(quality.score)}, {_points(quality.loss)} points lost. `skerry serve` answered all of",
            f"them, {demo.differing} otherwise than the artifact does in process; one flight over HTTP takes {seconds(demo.latency)} (median).",
        ]
    )


def _failures(measured: Measured) -> str:
    if not measured.failures:
        return ""
    lines = [f"- {failure.part}, {failure.case}: {failure.error}" for failure in measured.failures]
    return "## What failed\n\n" + "\n".join(lines)
