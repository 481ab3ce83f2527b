"""``write_best``: of what was proved the best, through the gate of export, as an artifact that tells all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import cast

import msgspec

from skerry.export.exporter import export, write_model
from skerry.quantize.derived import agreement, rewritten
from skerry.quantize.front import Front
from skerry.quantize.graphs.tolerance import tolerance_of
from skerry.quantize.graphs.variants import Arithmetic
from skerry.quantize.picture import draw_front
from skerry.quantize.problem import Problem
from skerry.quantize.proof import passes, why_none
from skerry.quantize.timing import slower
from skerry.quantize.trial import Trial
from skerry.runtime.artifact import GOLDEN, MODEL, Artifact
from skerry.runtime.errors import ExportError, InferenceError
from skerry.runtime.golden import decode_golden
from skerry.runtime.manifest import Derivation, Loss
from skerry.runtime.model import load


@dataclass(frozen=True)
class Target:
    """Where a result goes, and what its manifest says of it."""

    name: str
    to: str | os.PathLike[str]
    license: str | None = None
    author: str | None = None
    say: Callable[[str], None] = lambda _: None


def write_best(
    problem: Problem, trials: Sequence[Trial], front: Front, tried: dict[int, Loss], target: Target
) -> Front:
    """The front with the best that passed, written; with the one before it where that is slower than the exact model, or
    the gate of export refuses it."""
    refused: list[str] = []
    for place in reversed([place for place, loss in tried.items() if passes(loss)]):
        trial, chosen = trials[place], msgspec.structs.replace(front, chosen=place)
        try:
            if found := slower(trial, problem.exact, problem.judge.X):
                refused.append(f"{trial.name}: slower than the exact model, {found}")
                continue
            artifact = _write(problem, trial, chosen, target, refused)
        except (ExportError, InferenceError) as error:
            refused.append(f"{trial.name}: {error}")
            continue
        notes = (*front.notes, *refused)
        return msgspec.structs.replace(chosen, directory=str(artifact.directory), notes=notes)
    reason = why_none(front.points, tried, front.teacher, front.objective, front.max_loss)
    reason = f"nothing is written: {refused[0]}" if refused else reason
    return msgspec.structs.replace(front, reason=reason, notes=(*front.notes, *refused))


def _write(problem: Problem, trial: Trial, front: Front, target: Target, notes: list[str]) -> Artifact:
    """Through its gate elsewhere first: only then the exact model is written, and after it the result, whose parent it is."""
    derivation = Derivation(
        teacher=problem.described,
        teacher_size=len(problem.exact.content),
        agreement=agreement(problem.teacher.model, trial.model, problem.X_prove),
        loss=front.best.proof if front.best else None,
    )
    with TemporaryDirectory() as folder:
        made = _made(problem, trial, derivation, target, folder)
        files, picture = made.read(), draw_front(front)
        parent = problem.parent or _exact(problem, target, notes)
        return write_model(
            msgspec.structs.replace(made.manifest, parent=parent),
            files[MODEL],
            decode_golden(files[GOLDEN]),
            target.to,
            compress=made.manifest.files[MODEL].encoding == "zstd",
            front=picture,
        )


def _exact(problem: Problem, target: Target, notes: list[str]) -> str | None:
    """The digest of the exact model, written as the version before the result; None where its own gate refuses it."""
    target.say("writing the exact model as the version before")
    try:
        return _exported(problem, problem.exact, None, target, target.to).digest
    except ExportError as error:
        notes.append(f"the exact model is not written: {error}")
        return None


def _made(
    problem: Problem, trial: Trial, derivation: Derivation, target: Target, to: str | os.PathLike[str]
) -> Artifact:
    """An estimator is compared with its own graph; a rewritten graph then with that."""
    if not trial.rewrites:
        return _exported(problem, trial, derivation, target, to)
    if trial.estimator is None and problem.artifact is not None:
        return _rewritten(_signed(problem.artifact, target), problem, trial, derivation, target, to)
    return _rewritten(_exported(problem, trial, None, target, to), problem, trial, derivation, target, to)


def _signed(artifact: Artifact, target: Target) -> Artifact:
    """The artifact under the licence and the author that were asked for; its own where nothing was."""
    known = artifact.manifest
    license, author = target.license or known.license, target.author or known.author
    return replace(artifact, manifest=msgspec.structs.replace(known, license=license, author=author))


def _exported(
    problem: Problem, trial: Trial, derivation: Derivation | None, target: Target, to: str | os.PathLike[str]
) -> Artifact:
    known = _signed(problem.artifact, target).manifest if problem.artifact else None
    return export(
        trial.estimator,
        problem.X_prove,
        problem.y_prove,
        name=target.name,
        to=to,
        methods=problem.teacher.methods,
        license=known.license if known else target.license,
        author=known.author if known else target.author,
        steps=(*(known.steps if known else ()), *trial.steps[: len(trial.steps) - len(trial.rewrites)]),
        derivation=derivation,
        progress=target.say,
    )


def _rewritten(
    base: Artifact,
    problem: Problem,
    trial: Trial,
    derivation: Derivation,
    target: Target,
    to: str | os.PathLike[str],
) -> Artifact:
    step, model = trial.rewrites[-1], load(base)
    arithmetic = cast(Arithmetic, step.detail["arithmetic"])
    tolerance = tolerance_of(model, base.read()[MODEL], arithmetic, model.feeds.from_rows(problem.X_prove))
    return rewritten(
        base,
        trial.content,
        step=step,
        X=problem.X_prove,
        y=problem.y_prove,
        to=to,
        name=target.name,
        tolerance=tolerance,
        derivation=derivation,
    )
