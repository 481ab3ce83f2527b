"""``goals``: what compression is to reach, and whether it does; missed ones are said to be missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from skerry.bench.measured.compression.bound import MAX_LOSS
from skerry.bench.measured.compression.cases import BOOSTING, FORESTS, KERNELS, NEIGHBOURS, NETWORKS, TEXTS
from skerry.bench.measured.compression.records import Estimate, Fronts, Measured, Row, Trial
from skerry.bench.units import plural, seconds

POINTS = 0.002
"""Loss that the goals allow: 0.2 points."""
SLOWER = 1.05
"""Ratios of latencies whose interval is above this are called slower: less matters to nobody."""
EXCEEDING = 0.05
"""Share of written artifacts that may exceed their bound."""

Goal = tuple[str, str, bool]
"""What is to be reached, what was measured, and whether that is enough."""


def goals(measured: Measured) -> list[Goal]:
    """Those of all parts that were measured."""
    return [
        *_family_goals(measured.table),
        *_front_goals(measured.fronts),
        *_bound_goals(measured.bound),
        *_demo_goals(measured),
    ]


def _family_goals(rows: Sequence[Row]) -> Iterator[Goal]:
    for family, title, ratio, least in FAMILY_GOALS:
        members = [row for row in rows if row.family == family]
        if not members:
            continue
        # A case where nothing was written counts as one that did not get smaller at all.
        values = [ratio(row) if row.result else 1.0 for row in members]
        known = [value for value in values if value is not None]
        found = median(known) if known else 0.0
        yield f"{family}: {title}, at least {least:g}", f"{found:,.1f} (median of {len(known)})", found >= least
    for family in families(rows):
        losses = [row.quality.loss.value if row.quality else 0.0 for row in rows if row.family == family]
        yield (
            f"{family}: loss on unseen rows, at most {100 * POINTS:g} points",
            f"{100 * median(losses):+.2f} (median of {len(losses)})",
            median(losses) <= POINTS,
        )
    if rows:
        worse = list(_worse(rows))
        yield "nothing written is larger or slower", ", ".join(worse) or "none is", not worse
        written = [row for row in rows if row.quality]
        over = [row.case for row in written if row.quality and row.quality.loss.value > row.bound]
        yield (
            f"at most {EXCEEDING:.0%} of those written lose more than their bound on unseen rows",
            f"{len(over)} of {len(written)}" + (f": {'; '.join(over)}" if over else ""),
            len(over) <= EXCEEDING * len(written),
        )


def stock_ratio(row: Row) -> float | None:
    return row.stock.size / row.result.size if row.stock and row.result else None


def exact_ratio(row: Row) -> float | None:
    return row.teacher.size / row.result.size if row.result else None


def amount_ratio(row: Row) -> float | None:
    """Of nodes or vectors; where the result has another kind, of all numbers."""
    before, after = row.teacher.amount, row.result.amount if row.result else None
    if before is None or after is None:
        return None
    if before.kind == after.kind:
        return before.count / max(1, after.count)
    return before.numbers / max(1, after.numbers)


FAMILY_GOALS: list[tuple[str, str, Callable[[Row], float | None], float]] = [
    (FORESTS, "times smaller than skl2onnx's file", stock_ratio, 30),
    (FORESTS, "times fewer nodes", amount_ratio, 10),
    (BOOSTING, "times smaller than the exact artifact", exact_ratio, 3),
    (KERNELS, "times fewer vectors", amount_ratio, 3),
    (NEIGHBOURS, "times fewer vectors", amount_ratio, 3),
    (NETWORKS, "times smaller than the exact artifact", exact_ratio, 3),
    (TEXTS, "times smaller than the exact artifact", exact_ratio, 1),
]


def _worse(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if row.result and row.result.size >= row.teacher.size:
            yield f"{row.case} is larger"
        for count, ratio in row.ratios.items():
            if row.result and ratio is not None and ratio.low > SLOWER:
                before, after = (seconds(side.latency[count]) for side in (row.teacher, row.result) if side)
                yield f"{row.case} is slower with {plural(count, 'row')} ({ratio.value:.2f}: {before} → {after})"


def _front_goals(sets: Sequence[Fronts]) -> Iterator[Goal]:
    for kind in dict.fromkeys(duel.kind for each in sets for duel in each.duels):
        lost = [each.case for each in sets if any(duel.is_lost for duel in each.duels if duel.kind == kind)]
        found = f"on {len(sets) - len(lost)} of {len(sets)} sets" + (f"; not on {', '.join(lost)}" if lost else "")
        yield f"the front is at least as good as {kind} at each size", found, not lost


def _bound_goals(trials: Sequence[Trial]) -> Iterator[Goal]:
    written = [trial for trial in trials if trial.loss is not None]
    if written:
        for what, losses in (
            ("a fresh split", [trial.loss for trial in written]),
            ("all fresh rows", [trial.true_loss for trial in written]),
        ):
            over = exceeding(losses)
            goal = f"at most {EXCEEDING:.0%} of written artifacts lose more than {MAX_LOSS:g} on {what}"
            yield goal, f"{over} of {len(losses)} ({over / len(losses):.1%})", over / len(losses) <= EXCEEDING


def exceeding(losses: Sequence[Estimate | None]) -> int:
    """How many are beyond the bound."""
    return sum(loss is not None and loss.value > MAX_LOSS for loss in losses)


def _demo_goals(measured: Measured) -> Iterator[Goal]:
    if demo := measured.flights:
        yield (
            f"`skerry optimize` on the demo's flights within 300 s on {demo.cores} cores",
            f"{demo.seconds:.0f} s",
            demo.seconds <= 300,
        )
        yield "its result serves: answers that differ", f"{demo.differing} of {demo.asked:,}", demo.differing == 0


def families(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.family for row in rows))
