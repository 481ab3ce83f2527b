"""``optimize``: estimator or artifact, and rows → the front of smaller and faster models, and the best one, proved.

rows ─▶ learn ─▶ arrows ─▶ candidates ─▶ combinations
        judge ─▶ their losses and the order of the proof        ─▶ Front
        prove ─▶ the chosen one's loss, once                    ─▶ artifact
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from time import monotonic
from typing import Any

import msgspec
import numpy as np

from skerry.export.exporter import check_name
from skerry.export.signature import take
from skerry.quantize.arrows import ARROWS, GRAPH_ARROWS, GraphArrow
from skerry.quantize.candidate import Arrow
from skerry.quantize.distill import DISTILLED
from skerry.quantize.drawing import Turns, draw, is_promising
from skerry.quantize.front import OBJECTIVES, Front, Objective, Point, pareto
from skerry.quantize.problem import Problem, problem_of, training
from skerry.quantize.proof import order, prove, with_proofs
from skerry.quantize.teacher import teacher_of
from skerry.quantize.timing import time_trials
from skerry.quantize.trial import Trial
from skerry.quantize.writing import Target, write_best
from skerry.runtime.errors import ExportError, SkerryError
from skerry.runtime.manifest import Step

BUDGET = 240.0
"""Seconds; timing, the proof, comparing with scikit-learn and writing come on top."""
MOST = 200
"""Candidates drawn at most."""
HEAD_START = 0.06
"""Of the budget: how long the other arrows are asked before the first student is taught, which may take far longer."""
AGAIN = 2
"""How many of the best candidates the arrows are tried on again."""
NARROWED = 6
"""How many candidates have their graphs rewritten."""
TIMED = 28
"""How many models are timed, at most."""
SHARES = (0.6, 0.75, 0.9)
"""Of the budget: when the first candidates must be drawn, when their combinations, when graphs rewritten."""
LEAST = 0.15
"""Share of the budget that rewriting graphs may take however late it begins: it costs little, and gains much."""


def optimize(
    model: Any,
    X: Any,
    y: Any,
    *,
    max_loss: float,
    metric: str | None = None,
    objective: Objective = "size",
    budget: float = BUDGET,
    candidates: int = MOST,
    name: str,
    to: str | os.PathLike[str] = "artifacts",
    seed: int = 0,
    confidence: float = 0.95,
    license: str | None = None,
    author: str | None = None,
    arrows: Mapping[str, Arrow] = ARROWS,
    graph_arrows: Mapping[str, GraphArrow] = GRAPH_ARROWS,
    progress: Callable[[str], None] = lambda _: None,
) -> Front:
    """Search for a smaller or faster model that loses at most ``max_loss``, prove it, and write it as an artifact.

    Args:
        model: a fitted classifier or regressor, or an artifact (or its directory); an artifact can be distilled and its
            graph rewritten, an estimator can be pruned as well.
        X, y: rows that the model was not fitted on, and their truth. Half are learned from, a quarter judges, and a
            quarter proves; equal rows are never divided.
        max_loss: how much of ``metric`` may be lost against the model itself, in the metric's own unit.
        metric: a name of ``skerry.quantize.metrics.METRICS``; default accuracy or r2.
        objective: what the result is best in: "size" of model.onnx, "latency" of 1 row, or "rows-per-second" with 1,000.
        budget: seconds after which no more candidates are drawn; what follows comes on top.
        candidates: how many are drawn at most.
        name, to, license, author: as of ``export``. Before the result, the exact model of an estimator is written there, as
            its parent, unless there is one.
        confidence: that the loss on as many fresh rows stays within ``max_loss``.
        arrows, graph_arrows: what proposes candidates.
        progress: called with one line now and then.

    Returns:
        The front. Where nothing keeps the bound, or nothing is better than the exact model, its ``directory`` is None,
        its ``reason`` says why, and nothing was written.

    For a seed, a search that comes to its end tries the same candidates on one machine, and finds the same losses and
    sizes. What depends on the clock is which are tried where the budget (``is_cut_off``) or ``candidates`` ends it before, and
    latencies: they decide for the other objectives, and keep out a result that is slower than the exact model.

    Raises:
        InvalidRows, UnsupportedEstimator, NotFitted, ExportError: it cannot be searched for with these rows.
    """
    began = monotonic()
    import_module("matplotlib")  # draws the result: where it is not installed, this is said now and not after minutes
    check_name(name)
    _check_settings(max_loss, budget, candidates, confidence, objective, seed)
    progress("converting the model as it is, dividing the rows")
    problem = problem_of(
        model, X, y, max_loss=max_loss, metric=metric, seed=seed, confidence=confidence, to=to, name=name
    )
    turns = Turns(candidates, lambda: False, progress, HEAD_START * budget, DISTILLED)
    trials = _search(problem, arrows, graph_arrows, turns, seed, lambda: (monotonic() - began) / budget)
    progress(f"timing {len(trials)} of {turns.drawn} candidates")
    teacher, points = _timed(problem, trials, seconds=max(2.0, 0.05 * budget))
    progress(f"proving on {problem.rows.prove:,} rows that nothing has seen")
    tried = prove(order(points, teacher, objective), lambda place: problem.prove(trials[place], turns.notes))
    front = Front(
        metric=problem.proof.metric.name,
        max_loss=max_loss,
        objective=objective,
        seed=seed,
        rows=problem.rows,
        teacher=teacher,
        points=pareto(with_proofs(points, tried)),
        chosen=None,
        directory=None,
        reason="",
        drawn=turns.drawn,
        is_cut_off=turns.is_cut_off,
        seconds=0.0,
        notes=tuple(dict.fromkeys(turns.notes)),
    )
    front = write_best(problem, trials, front, tried, Target(name, to, license, author, progress))
    return msgspec.structs.replace(front, seconds=round(monotonic() - began, 1))


def _check_settings(
    max_loss: float, budget: float, candidates: int, confidence: float, objective: str, seed: int
) -> None:
    if not (np.isfinite(max_loss) and max_loss > 0):
        raise ExportError(f"max_loss: expected a number above 0, got {max_loss}")
    if not budget > 0:
        raise ExportError(f"budget: expected seconds above 0, got {budget}")
    if candidates < 1:
        raise ExportError(f"candidates: expected 1 or more, got {candidates}")
    if not 0.5 <= confidence < 1:
        raise ExportError(f"confidence: expected a number from 0.5 to below 1, got {confidence}")
    if seed < 0:
        raise ExportError(f"seed: expected 0 or more, got {seed}")
    if objective not in OBJECTIVES:
        raise ExportError(f"objective: expected one of {', '.join(OBJECTIVES)}, got {objective!r}")


def _search(
    problem: Problem,
    arrows: Mapping[str, Arrow],
    graph_arrows: Mapping[str, GraphArrow],
    turns: Turns,
    seed: int,
    spent: Callable[[], float],
) -> list[Trial]:
    """All trials: of the arrows, of the arrows on the best of these, and of rewritten graphs; ``spent`` is the share of the
    budget that is."""
    turns.is_over = lambda: spent() > SHARES[0]
    trials = draw(arrows, problem.teacher, problem.learn, problem.judge, turns, seed=(seed, 0))
    turns.is_over = lambda: spent() > SHARES[1]
    pruning = {family: arrow for family, arrow in arrows.items() if family not in DISTILLED}
    for place, trial in enumerate(_best(trials, AGAIN)):
        trials += _again(problem, trial, pruning, turns, (seed, 1 + place))
    end = max(SHARES[2], spent() + LEAST)
    turns.is_over = lambda: spent() > end
    return trials + list(_rewrites(problem, [problem.exact, *_best(trials, NARROWED)], graph_arrows, turns))


def _best(trials: Sequence[Trial], most: int) -> list[Trial]:
    """The smallest that may well keep the bound, by what the judge can say; one of each family first."""
    kept = sorted(
        (trial for trial in trials if is_promising(trial.loss)), key=lambda trial: (len(trial.content), trial.name)
    )
    firsts = list({trial.family: trial for trial in reversed(kept)}.values())
    rest = [trial for trial in kept if not any(trial is first for first in firsts)]
    return sorted(firsts, key=lambda trial: len(trial.content))[:most] + rest[: max(0, most - len(firsts))]


def _again(
    problem: Problem, trial: Trial, arrows: Mapping[str, Arrow], turns: Turns, seed: tuple[int, ...]
) -> Iterator[Trial]:
    """The arrows on what one of them made; they learn from what the first teacher says, if that is of the same kind."""
    teacher = teacher_of(trial.estimator, methods=problem.teacher.methods)
    learn = problem.learn
    scores = learn.scores if teacher.scored_by == problem.teacher.scored_by else None
    rows = training(teacher, learn.X, learn.y, scores)
    for found in draw(arrows, teacher, rows, problem.judge, turns, seed=seed):
        family = trial.family if found.family == trial.family else f"{trial.family}, {found.family}"
        yield replace(found, family=family, steps=(*trial.steps, *found.steps))


def _rewrites(
    problem: Problem, trials: Sequence[Trial], graph_arrows: Mapping[str, GraphArrow], turns: Turns
) -> Iterator[Trial]:
    """Rewritten graphs of these trials."""
    rows = take(problem.learn.X, slice(min(1000, problem.rows.learn)))
    for trial in trials:
        feeds = trial.loaded().feeds.from_rows(rows)
        for family, arrow in graph_arrows.items():
            for step, content in _proposed(arrow, trial, feeds, family, turns):
                if not turns.go_on():
                    return
                turns.drawn += 1
                if not turns.is_new(content):
                    continue
                try:
                    yield problem.judge.judge_graph(trial, content, step)
                except (SkerryError, ValueError) as error:
                    turns.notes.append(f"{family}: {error}")


def _proposed(arrow: GraphArrow, trial: Trial, feeds: Any, family: str, turns: Turns) -> Iterator[tuple[Step, bytes]]:
    try:
        yield from arrow(trial.content, feeds)
    except SkerryError as error:
        turns.notes.append(f"{family}: {error}")


def _timed(problem: Problem, trials: Sequence[Trial], *, seconds: float) -> tuple[Point, tuple[Point, ...]]:
    """The teacher and all trials as points; those that matter with their latencies."""
    points = [trial.point() for trial in trials]
    ranked = sorted(range(len(points)), key=lambda place: _rank(points, place))[:TIMED]
    measured = time_trials([problem.exact, *(trials[place] for place in ranked)], problem.judge.X, seconds=seconds)
    for place, (one, many) in zip(ranked, measured[1:], strict=True):
        points[place] = msgspec.structs.replace(points[place], latency_1=one, latency_1000=many)
    one, many = measured[0]
    teacher = msgspec.structs.replace(
        problem.exact.point(), name=problem.described, family="teacher", latency_1=one, latency_1000=many
    )
    return teacher, tuple(points)


def _rank(points: Sequence[Point], place: int) -> tuple[bool, int, int]:
    """First what keeps the bound; then how many others are smaller and lose less; then size."""
    point = points[place]
    lost = point.loss.fresh if point.loss else 0.0
    better = sum(
        1
        for other in points
        if other.loss and other.loss.fresh <= lost and other.bytes <= point.bytes and other is not point
    )
    return not (point.loss and point.loss.loss < (point.loss.bound or 0.0)), better, point.bytes
