"""``Front``: what a search found, as a value: sizes, latencies and losses, and which one was chosen and proved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from skerry.runtime.artifact import Artifact
from skerry.runtime.manifest import Loss, Step

Objective = Literal["size", "latency", "rows-per-second"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
TIE = 1.05
"""Latencies that are closer than this are taken for the same."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the search, or the teacher's own exact one, which loses nothing.

    ``bytes`` is the size of its model.onnx; ``parameters`` how many numbers it has learned (of trees: nodes), null where
    nobody counted; latencies are median seconds of a call with 1 and with 1,000 rows, null where they were not measured.
    ``loss`` was measured on the rows to judge by, ``proof`` on those that nothing has seen, null where it was not tried
    on them. ``is_on_front``: no other is better in one of size, latencies and loss, and as good in the rest.
    """

    name: str
    family: str
    steps: tuple[Step, ...]
    bytes: int
    parameters: int | None = None
    latency_1: float | None = None
    latency_1000: float | None = None
    loss: Loss | None = None
    proof: Loss | None = None
    is_on_front: bool = False

    def cost(self, objective: Objective) -> float:
        """What the objective wants little of: bytes or seconds; infinite where it was not measured."""
        value = {"size": self.bytes, "latency": self.latency_1, "rows-per-second": self.latency_1000}[objective]
        return float("inf") if value is None else float(value)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows were learned from, judged by and proved on."""

    learn: int
    judge: int
    prove: int


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """The result of ``optimize``.

    ``chosen`` is the place among ``points`` of the one that was proved and written to ``directory``; both null where none
    was, and then ``reason`` says why. ``drawn`` candidates were tried. ``is_cut_off`` says that the budget ended the search
    before it was through: with more time it may find other ones.
    """

    metric: str
    max_loss: float
    objective: Objective
    seed: int
    rows: Rows
    teacher: Point
    points: tuple[Point, ...]
    chosen: int | None
    directory: str | None
    reason: str
    drawn: int
    is_cut_off: bool
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Point | None:
        """The point that was chosen."""
        return None if self.chosen is None else self.points[self.chosen]

    @property
    def artifact(self) -> Artifact | None:
        """What was written."""
        return None if self.directory is None else Artifact.open(self.directory)

    def to_json(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def table(self, limit: int = 20) -> str:
        """The teacher, and at most ``limit`` points of the front by falling size, as aligned columns; * is the chosen one."""
        best = self.best
        front = sorted((point for point in self.points if point.is_on_front or point is best), key=_by_size)
        shown = [point for point in front if point is best or point in _spread(front, limit)]
        lines = [_HEAD, *(_cells(point, self.teacher, is_best=point is best) for point in (self.teacher, *shown))]
        cut = "the budget ended the search before it was through; with more there may be better ones"
        return "\n".join([_aligned(lines), *(["", cut] if self.is_cut_off else []), "", self.sentence()])

    def sentence(self) -> str:
        """What was chosen and proved, or why nothing was."""
        best = self.best
        if best is None or best.proof is None:
            return self.reason
        proof = best.proof
        return (
            f"chosen: {best.name}. On {proof.rows:,} rows that neither training nor search has seen, {proof.metric} is "
            f"{proof.result:.5f}, the teacher's {proof.teacher:.5f}: a loss of {proof.loss:+.5f}. With {100 * proof.confidence:g}% "
            f"confidence at most {self.max_loss:g} will be seen on as many fresh rows; of this model alone the limit is {proof.fresh:.5f}, "
            f"and that of its true loss {proof.high:.5f}."
        )


def pareto(points: Sequence[Point]) -> tuple[Point, ...]:
    """The same points, with ``is_on_front`` filled in; latencies closer than ``TIE`` are taken for the same."""
    return tuple(
        msgspec.structs.replace(point, is_on_front=not any(_dominates(other, point) for other in points))
        for point in points
    )


def _dominates(one: Point, other: Point) -> bool:
    """As good in everything that both were measured for, and better in something."""
    pairs = [(one.bytes, other.bytes, 1.0), (_lost(one), _lost(other), 1.0)]
    timed = ((one.latency_1, other.latency_1), (one.latency_1000, other.latency_1000))
    pairs += [(mine, its, TIE) for mine, its in timed if mine is not None and its is not None]
    return all(mine <= its * tie for mine, its, tie in pairs) and any(mine * tie < its for mine, its, tie in pairs)


def _lost(point: Point) -> float:
    """From 0 on: what gains is as good as what loses nothing, as the gain may be chance."""
    return 0.0 if point.loss is None else max(0.0, point.loss.loss)


def _by_size(point: Point) -> tuple[int, float]:
    return -point.bytes, _lost(point)


def _spread(points: Sequence[Point], limit: int) -> list[Point]:
    """At most ``limit`` of them, evenly; first and last among them."""
    if len(points) <= limit:
        return list(points)
    return [points[round(place * (len(points) - 1) / (limit - 1))] for place in range(limit)]


_HEAD = ["", "model", "bytes", "smaller", "parameters", "1 row", "1,000 rows", "metric", "loss", "at most"]


def _cells(point: Point, teacher: Point, *, is_best: bool) -> list[str]:
    loss = point.loss
    return [
        "*" if is_best else "",
        point.name,
        f"{point.bytes:,}",
        f"{teacher.bytes / point.bytes:.1f}x",
        f"{point.parameters:,}" if point.parameters is not None else "",
        seconds(point.latency_1),
        seconds(point.latency_1000),
        *(["", "", ""] if loss is None else [f"{loss.result:.4f}", f"{loss.loss:+.4f}", f"{loss.high:+.4f}"]),
    ]


def seconds(value: float | None) -> str:
    """In the unit that suits: ``12.3 µs``, ``4.1 ms``, ``1.2 s``; nothing of what was not measured."""
    if value is None:
        return ""
    scale, unit = next(((scale, unit) for scale, unit in ((1, "s"), (1e3, "ms")) if value * scale >= 1), (1e6, "µs"))
    return f"{value * scale:.3g} {unit}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns of text; the first two to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
