"""``prune_trees``: an ensemble of trees made smaller: fewer trees, less depth, fewer splits, leaves refitted and rounded."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from skerry.quantize.candidate import Candidate, TrainingRows
from skerry.quantize.pruning.collapse import Pruned, shrink
from skerry.quantize.pruning.task import PruningTask, Refit
from skerry.quantize.teacher import Teacher, teacher_of
from skerry.runtime.errors import UnsupportedEstimator
from skerry.runtime.manifest import Step

LARGEST, LARGE = 0.15, 100_000
"""The nodes of the first candidate, as a share of the teacher's, if it has more than so many; else ``STEP``."""
STEP = 0.65
"""The nodes of a candidate, as a share of those of the one before."""
FEWEST_NODES = 10
FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
"""Of these the first trees are a smaller forest: each was grown without regard to the others."""
BITS = 8
"""Of a candidate's leaves; with the error fed back, more of them gain nothing."""


def prune_trees(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    trees: int | None = None,
    max_depth: int | None = None,
    nodes: int | None = None,
    refit: Refit = "both",
    leaf_bits: int = 16,
    l2: float | None = None,
    seed: int = 0,
) -> Any:
    """A smaller ensemble in the stead of a fitted one of decision trees, or of a Pipeline that ends in one.

    Args:
        estimator: RandomForest, ExtraTrees, a single tree, GradientBoosting, HistGradientBoosting, LightGBM, XGBoost.
        X: rows as the estimator takes them, such as those it was fitted on.
        y: their truth, (rows,) or (rows, targets); without it leaves are refitted to what the estimator says.
        trees: keep the first so many trees.
        max_depth: cut them below this depth.
        nodes: take away the splits that are worth least, of all trees, until no more nodes are left. All leaves are
            refitted again and again on the way. This loses far less than the other two.
        refit: what the leaves are fitted to, all trees together: "labels", "teacher", or the mean of "both"; None keeps
            the means that the trees have; of a forest then only ``trees`` can be asked for.
        leaf_bits: each leaf's value becomes a multiple of one power of two, of so many bits: from 2 to 24.
        l2: how strongly leaves are drawn to the value they had (of a classifying forest: to 0), as by so many rows;
            default 10, of more than two classes 20 divided by their number.
        seed: for the rows that are taken of many.

    Returns:
        A fitted ``TreeSum`` or ``ScoredClassifier`` over one, or a forest of the same kind if its trees stay as they are; in a
        Pipeline of the same steps where there were some.

    Raises:
        UnsupportedEstimator: it is of no such family, or a setting cannot be kept; the text says which.
    """
    teacher = teacher_of(estimator)
    _check(trees=trees, max_depth=max_depth, nodes=nodes, leaf_bits=leaf_bits)
    if refit is None and isinstance(teacher.final, FORESTS) and trees is not None and max_depth is nodes is None:
        return _first(teacher, trees)
    truth = None if y is None or refit in ("teacher", None) else np.asarray(y)
    scores = None if refit is None or (refit == "labels" and truth is not None) else teacher.scores(X)
    task = PruningTask.of(teacher, teacher.prepared(X), truth, scores, np.random.default_rng(seed))
    if task is None:
        raise UnsupportedEstimator(f"{type(teacher.final).__name__}: expected an ensemble of decision trees")
    if task.goal is None and (nodes is not None or not task.ensemble.additive):
        raise UnsupportedEstimator(f"{type(teacher.final).__name__}: its leaves have to be refitted, got refit=None")
    l2 = task.l2 if l2 is None else l2
    return task.model(_smaller(task, trees, max_depth, nodes, l2), bits=leaf_bits, l2=l2)


def _check(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UnsupportedEstimator(f"{name}: expected 1 or more, got {number}")
    if not 2 <= (numbers["leaf_bits"] or 0) <= 24:
        raise UnsupportedEstimator(f"leaf_bits: expected 2 to 24, got {numbers['leaf_bits']}")


def _smaller(task: PruningTask, trees: int | None, max_depth: int | None, nodes: int | None, l2: float) -> Pruned:
    pruned = task.start
    if trees is not None:
        pruned = pruned.only(np.arange(min(trees, len(pruned.structure.roots))))
    if max_depth is not None:
        pruned = pruned.cut(max_depth)
    if task.goal is None:
        return pruned
    if nodes is not None:
        pruned = next(each for each in shrink(pruned, task.goal, l2=l2, end=nodes) if each.nodes <= nodes)
    return pruned.refitted(task.goal, l2)


def _first(teacher: Teacher, trees: int) -> Any:
    forest = copy(teacher.final)
    forest.estimators_ = forest.estimators_[:trees]
    forest.n_estimators = len(forest.estimators_)
    return teacher.with_final(forest)


def forest_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """The first trees of a forest as they are, ever fewer: where leaves are pure, their counts take less room than sums."""
    if not isinstance(teacher.final, FORESTS):
        return
    most = count = len(teacher.final.estimators_)
    while (count := int(count * STEP)) >= 1:
        nodes = sum(tree.tree_.node_count for tree in teacher.final.estimators_[:count])
        detail = {"trees": f"{count} of {most}"}
        yield Candidate(_first(teacher, count), (Step(arrow="prune", detail=detail),), nodes)


def tree_candidates(teacher: Teacher, rows: TrainingRows, rng: np.random.Generator) -> Iterator[Candidate]:
    """Ever smaller ensembles, each made of the one before, down to a few nodes."""
    task = PruningTask.of(teacher, rows.prepared, rows.y, rows.scores, rng)
    if task is None or task.goal is None:
        return
    most = task.start.nodes
    limit = most * (LARGEST if most > LARGE else STEP)
    for pruned in shrink(task.start, task.goal, l2=task.l2):
        if pruned.nodes < FEWEST_NODES:
            return
        if pruned.nodes <= limit:
            limit = pruned.nodes * STEP
            detail = {"nodes": f"{pruned.nodes}", "trees": f"{len(pruned.structure.roots)}", "leaf bits": f"{BITS}"}
            model = task.model(pruned.refitted(task.goal, task.l2), bits=BITS, l2=task.l2)
            yield Candidate(model, (Step(arrow="prune", detail=detail),), pruned.nodes)
