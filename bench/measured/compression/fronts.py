"""``fronts``: what a search finds on sets of forests, against baselines at each size, on rows that none of them has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from skerry.bench.measured.compression.amounts import amount_of
from skerry.bench.measured.compression.baselines import baselines
from skerry.bench.measured.compression.cases import Case, Parts, Rows, parts_of
from skerry.bench.measured.compression.data import Array
from skerry.bench.measured.compression.effort import Effort, each_in_turn
from skerry.bench.measured.compression.quality import adding, answers_of, estimate, judged, metric_of
from skerry.bench.measured.compression.recorded import Recorded
from skerry.bench.measured.compression.records import FRONT, Duel, Failure, FrontPoint, Fronts
from skerry.export.exporter import draft
from skerry.export.signature import take
from skerry.quantize.search import optimize
from skerry.quantize.splits import split
from skerry.quantize.teacher import Teacher, teacher_of
from skerry.runtime.batching import cost

ASKED = 0.02
"""The loss that the search is asked for: it looks at sizes that lose some more, too."""
GIVEN = 12_000
"""Rows that the search is given at most, and half of which baselines are fitted on again."""
WORST = 0.05
"""Baselines that lose more on the rows to choose by are of no use to anybody."""


@dataclass(frozen=True)
class Contestant:
    """A smaller model: what it is called, its bytes where they are known, and how good it is on the rows to choose by."""

    kind: str
    label: str
    model: Any
    size: int | None
    nodes: int
    chosen_by: float


def fronts(cases: Sequence[Case], effort: Effort, say: Callable[[str], None]) -> Iterator[Fronts | Failure]:
    """Each set of forests, in the order of ``cases``."""
    for name, found in each_in_turn(contest, {case.name: (case, effort) for case in cases}, effort.jobs, say):
        if isinstance(found, Exception):
            yield Failure(part="fronts", case=name, error=f"{type(found).__name__}: {found}"[:300])
        else:
            yield found


def contest(case: Case, effort: Effort) -> Fronts:
    """Search, make the baselines from the same rows, choose on the same rows, and compare on rows that are new to all."""
    cost.SECONDS = 0.0
    began = perf_counter()
    parts = parts_of(case.data, given=min(effort.given, GIVEN))
    model = case.fitted(parts.trained)
    teacher, metric = teacher_of(model), metric_of(parts.given.y)
    places = split(parts.given.X, parts.given.y, task=teacher.task)
    learn, judge = (_some(parts.given, place) for place in (places.learn, places.judge))
    score = _scorer(judge, metric)
    found = [*_searched(model, parts, metric, effort, score), *_made(model, parts, learn, score)]
    shown = [_sized(each, teacher, judge) for kind in _kinds(found) for each in _best_so_far(found, kind)]
    answers = [answers_of(each, parts.unseen.X, metric) for each in (model, *(each.model for each in shown))]
    qualities = judged(answers, parts.unseen.y, metric)
    points = [
        FrontPoint(
            kind=each.kind,
            label=each.label,
            nodes=each.nodes,
            size=each.size or 0,
            chosen_by=each.chosen_by,
            quality=quality,
        )
        for each, quality in zip(shown, qualities[1:], strict=True)
    ]
    added = [adding(answer, parts.unseen.y, metric) for answer in answers[1:]]
    return Fronts(
        case=case.name,
        source=parts.source,
        metric=metric,
        teacher_nodes=amount_of(model).count,
        teacher_size=_size(model, teacher, judge),
        teacher_score=qualities[0].score.value,
        points=points,
        duels=list(_duels(points, added, floor=score(model) - WORST)),
        seconds=perf_counter() - began,
    )


def _some(rows: Rows, places: Array) -> Rows:
    return Rows(take(rows.X, places), rows.y[places])


def _scorer(rows: Rows, metric: str) -> Callable[[Any], float]:
    """How good a model is on these rows."""
    return lambda model: float(adding(answers_of(model, rows.X, metric), rows.y, metric).mean())


def _searched(
    model: Any, parts: Parts, metric: str, effort: Effort, score: Callable[[Any], float]
) -> Iterator[Contestant]:
    """All that the search drew and could convert."""
    recorded = Recorded()
    with TemporaryDirectory() as folder:
        front = optimize(
            model,
            parts.given.X,
            parts.given.y,
            max_loss=ASKED,
            metric=metric,
            budget=effort.budget,
            name="result",
            to=folder,
            arrows=recorded.arrows,
        )
    for smaller, point in recorded.pairs(front.points):
        yield Contestant(FRONT, point.name, smaller, point.bytes, amount_of(smaller).numbers, score(smaller))


def _made(model: Any, parts: Parts, learn: Rows, score: Callable[[Any], float]) -> Iterator[Contestant]:
    for each in baselines(model, parts.trained, learn):
        yield Contestant(each.kind, each.settings, each.model, None, each.nodes, score(each.model))


def _kinds(found: Sequence[Contestant]) -> list[str]:
    return list(dict.fromkeys(each.kind for each in found))


def _best_so_far(found: Sequence[Contestant], kind: str) -> list[Contestant]:
    """Of one kind by rising size, those that are better than all smaller ones on the rows to choose by."""
    best: list[Contestant] = []
    members = [each for each in found if each.kind == kind]
    for each in sorted(members, key=lambda each: (each.size or each.nodes, -each.chosen_by)):
        if not best or each.chosen_by > best[-1].chosen_by:
            best.append(each)
    return best


def _sized(each: Contestant, teacher: Teacher, rows: Rows) -> Contestant:
    """With the bytes of its model.onnx as Skerry writes it."""
    return each if each.size else Contestant(**{**vars(each), "size": _size(each.model, teacher, rows)})


def _size(model: Any, teacher: Teacher, rows: Rows) -> int:
    return len(draft(model, rows.X, methods=teacher.methods).content)


def _duels(points: Sequence[FrontPoint], added: Sequence[Array], floor: float) -> Iterator[Duel]:
    """Each baseline that is of use, beside the model of the front that one would choose among those no larger."""
    for point, adds in zip(points, added, strict=True):
        if point.kind == FRONT or point.chosen_by < floor:
            continue
        rivals = [place for place, each in enumerate(points) if each.kind == FRONT and each.size <= point.size]
        best = max(rivals, key=lambda place: points[place].chosen_by, default=None)
        yield Duel(
            kind=point.kind,
            size=point.size,
            front_size=None if best is None else points[best].size,
            gain=None if best is None else estimate(added[best] - adds),
        )
