"""Proof: which points are tried on the rows that nothing has seen, in which order, and which of them is the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from skerry.quantize.front import TIE, Objective, Point
from skerry.quantize.loss import rows_needed
from skerry.runtime.manifest import Loss

SMALLER, FASTER = 0.95, 0.9
"""What is called smaller has at most this share of the teacher's bytes, what is called faster takes this of its time."""
STEP = 1.4
"""Of models whose sizes, or times, are closer than this only one is tried: each that is tried may fail, which ends it."""
SURE = 1.5
"""So safe (``_safety``) that it will pass: in 99.4 of 100 cases, by normal approximation."""
TINY = 1e-12
"""A limit is at least so far above its loss."""


def order(points: Sequence[Point], teacher: Point, objective: Objective) -> list[int]:
    """Places of the points to try, mild ones first: in steps of ``STEP`` by the objective, of each step the safest.

    How safe a point is the judged rows say. That does not decide the order as a whole: of many small models some are judged
    well by luck, and what is milder must have been proved before these may fail. But what may fail itself, and is no safer
    than a better one, is passed over. Points are likely to pass, or it is the safest alone. What is not better than
    the teacher's own exact model, or larger than it, is not among them, nor is what loses more than the bound as it is.
    For the objective "size" no clock has a say.
    """
    useful = [place for place, point in enumerate(points) if _is_useful(point, teacher, objective)]
    rest = [place for place in useful if _is_likely(points[place])]
    if not rest:
        return sorted(useful, key=lambda place: _safest_first(points[place]))[:1]
    chosen: list[int] = []
    while rest:
        limit = max(points[place].cost(objective) for place in rest) / STEP
        window = [place for place in rest if points[place].cost(objective) >= limit]
        chosen.append(min(window, key=lambda place: _safest_first(points[place])))
        rest = [place for place in rest if points[place].cost(objective) * TIE < points[chosen[-1]].cost(objective)]
    safety = [_safety(points[place]) for place in chosen]
    return [
        place
        for number, place in enumerate(chosen)
        if safety[number] > min(SURE, max(safety[number + 1 :], default=-np.inf))
    ]


def prove(places: Sequence[int], measure: Callable[[int], Loss | None]) -> dict[int, Loss]:
    """What the points lose on the rows to prove on, each tried once and in order, up to the first that fails, or that
    does not answer all of them (None).

    The order was fixed before the rows were looked at, so all that pass keep the bound together with the confidence of
    a single test (fixed-sequence testing; A. N. Angelopoulos et al., "Learn then Test", 2021). Several starts, each with
    a part of the error, are no better: in simulations of such ladders they lost more to the wider limits than they won.
    """
    tried: dict[int, Loss] = {}
    for place in places:
        loss = measure(place)
        if loss is None:
            break
        tried[place] = loss
        if not passes(loss):
            break
    return tried


def passes(loss: Loss) -> bool:
    """Whether the loss on fresh rows stays within the bound with the confidence that was asked for."""
    return loss.bound is not None and loss.fresh <= loss.bound


def with_proofs(points: Sequence[Point], tried: dict[int, Loss]) -> tuple[Point, ...]:
    return tuple(msgspec.structs.replace(point, proof=tried.get(place)) for place, point in enumerate(points))


def why_none(
    points: Sequence[Point], tried: dict[int, Loss], teacher: Point, objective: Objective, bound: float
) -> str:
    """One sentence, with numbers, for a search that writes nothing."""
    if not points:
        return "nothing is written: no arrow proposes anything for this model, or nothing that loses little"
    if tried:
        place, loss = next(iter(tried.items()))
        return (
            f"nothing is written: no model was proved to lose at most {bound:g} of {loss.metric}; the safest, {points[place].name}, "
            f"loses {loss.loss:+.5f} on {loss.rows:,} unseen rows, where up to {loss.fresh:.5f} may be seen on fresh ones"
            + _rows_hint(loss)
        )
    kept = [point for point in points if point.loss and point.loss.loss < bound]
    if kept:
        best = min(kept, key=lambda point: point.cost(objective))
        return (
            f"nothing is written: none of {len(kept)} models within the bound is better by {objective} than the exact model, "
            f"which has {teacher.bytes:,} bytes, without being larger; the best has {best.bytes:,} bytes"
        )
    best = min(points, key=lambda point: point.loss.loss if point.loss else 0.0)
    lost = best.loss.loss if best.loss else 0.0
    return f"nothing is written: all {len(points)} models lose more than {bound:g} on the judged rows; the best, {best.name}, {lost:+.5f}"


def _rows_hint(loss: Loss) -> str:
    needed = rows_needed(loss)
    if needed is None:
        return ", which is over the bound as it is"
    # A quarter of the rows is for the proof.
    return f"; to show that it keeps the bound, about {4 * needed:,} rows would be needed instead of {4 * loss.rows:,}"


def _safety(point: Point) -> float:
    """How far below the bound the limit for fresh rows is, in parts of how far it is above the loss."""
    loss = point.loss
    if loss is None or loss.bound is None:
        return -np.inf
    return (loss.bound - loss.fresh) / max(loss.fresh - loss.loss, TINY)


def _safest_first(point: Point) -> tuple[float, int, str]:
    return -_safety(point), point.bytes, point.name


def _is_likely(point: Point) -> bool:
    return point.loss is not None and point.loss.bound is not None and point.loss.high <= point.loss.bound


def _is_useful(point: Point, teacher: Point, objective: Objective) -> bool:
    if point.loss is None or point.loss.bound is None or point.loss.loss >= point.loss.bound:
        return False
    is_better = point.cost(objective) < teacher.cost(objective) * (SMALLER if objective == "size" else FASTER)
    return is_better and point.bytes <= teacher.bytes
