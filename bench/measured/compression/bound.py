"""``bound``: how often what a search writes loses more than it was allowed to, on rows that nobody knew of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skerry.bench.measured.compression.cases import BOOSTING, FORESTS, KERNELS, NEIGHBOURS, Case, parts_of
from skerry.bench.measured.compression.effort import Effort, each_in_turn
from skerry.bench.measured.compression.quality import answers_of, judged
from skerry.bench.measured.compression.records import Failure, Trial
from skerry.quantize.search import optimize
from skerry.runtime.batching import cost
from skerry.runtime.model import load

MAX_LOSS = 0.01
TRAINED, GIVEN = 3_000, 12_000
"""Rows of the teacher and of the search; a quarter of these prove. All others are fresh."""
TRIALS = [
    Case(FORESTS, "LED", RandomForestClassifier(30, min_samples_leaf=5)),
    Case(FORESTS, "waveform", ExtraTreesClassifier(30, min_samples_leaf=3)),
    Case(BOOSTING, "Friedman 1", GradientBoostingRegressor(max_depth=4)),
    Case(KERNELS, "ringnorm", SVC()),
    Case(NEIGHBOURS, "twonorm", KNeighborsClassifier(25)),
]
"""Synthetic sets, of which there are rows enough for twenty searches and fresh ones; and teachers that are about as good
there as can be, so that what is smaller loses something: the bound is not tried by what gains."""


def bound(seeds: int, effort: Effort, say: Callable[[str], None]) -> Iterator[Trial | Failure]:
    """So many seeds on each set; a seed is of the rows, the teacher and the search."""
    tasks = {f"{case.name}, seed {seed}": (case, seed, effort) for seed in range(seeds) for case in TRIALS}
    for name, found in each_in_turn(trial, tasks, effort.jobs, say):
        if isinstance(found, Exception):
            yield Failure(part="bound", case=name, error=f"{type(found).__name__}: {found}"[:300])
        else:
            yield found


def trial(case: Case, seed: int, effort: Effort) -> Trial:
    """One search, with the default metric."""
    cost.SECONDS = 0.0
    parts = parts_of(case.data, trained=TRAINED, given=GIVEN, seed=seed)
    teacher = clone(case.model)
    if "random_state" in teacher.get_params():
        teacher.set_params(random_state=seed)
    teacher.fit(parts.trained.X, parts.trained.y)
    with TemporaryDirectory() as folder:
        front = optimize(
            teacher,
            parts.given.X,
            parts.given.y,
            max_loss=MAX_LOSS,
            budget=effort.trial,
            name="result",
            to=folder,
            seed=seed,
        )
        if front.artifact is None:
            return Trial(case=case.name, seed=seed, written=False, reason=front.reason, seconds=front.seconds)
        result = load(front.artifact)
        answers = [answers_of(model, parts.unseen.X, front.metric) for model in (teacher, result)]
    few = slice(front.rows.prove)
    return Trial(
        case=case.name,
        seed=seed,
        written=True,
        rows=front.rows.prove,
        loss=judged([answer[few] for answer in answers], parts.unseen.y[few], front.metric)[1].loss,
        true_loss=judged(answers, parts.unseen.y, front.metric)[1].loss,
        shrunk=front.teacher.bytes / front.best.bytes if front.best else None,
        seconds=front.seconds,
    )
