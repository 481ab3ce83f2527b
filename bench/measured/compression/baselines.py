"""``BASELINES``: smaller forests as people make them without Skerry, each with its size and its answers.

They are fitted on the same rows as the teacher and, where they learn anew, on those that the search may learn from as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skerry.bench.measured.compression.cases import Rows
from skerry.bench.measured.compression.data import Array
from skerry.export.signature import stack

FIRST = (1, 2, 3, 5, 8, 13, 20, 30, 50, 75)
"""Trees that are kept of a forest."""
SHARES = (0.4, 0.65, 0.85, 0.95, 0.98, 0.995)
"""Quantiles of the effective alphas of a tree: how much of it is pruned."""
TRIED = 3
"""Trees whose alphas are looked at."""
RETRAINED: tuple[dict[str, int], ...] = tuple(
    {"n_estimators": trees, **limit}
    for trees in (5, 15, 45)
    for limit in (
        {"max_depth": 4},
        {"max_depth": 7},
        {"max_depth": 10},
        {"min_samples_leaf": 2},
        {"min_samples_leaf": 5},
        {"min_samples_leaf": 15},
        {"min_samples_leaf": 40},
    )
)


@dataclass(frozen=True)
class Baseline:
    """A smaller forest: how it was made, what it is called, and itself."""

    kind: str
    settings: str
    model: Any
    nodes: int


def baselines(teacher: Any, trained: Rows, given: Rows) -> Iterator[Baseline]:
    """All of them for a fitted forest, or a pipeline that ends in one; ``given`` are rows with which one may fit again."""
    for kind, make in BASELINES.items():
        for settings, model in make(teacher, trained, given):
            yield Baseline(kind, settings, model, nodes_of(model))


def nodes_of(model: Any) -> int:
    """Of all trees of a forest."""
    return sum(tree.tree_.node_count for tree in final_of(model).estimators_)


def final_of(model: Any) -> Any:
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def first_trees(teacher: Any, trained: Rows, given: Rows) -> Iterator[tuple[str, Any]]:
    """The forest cut off after its first k trees."""
    trees = final_of(teacher).estimators_
    for count in FIRST:
        if count < len(trees):
            yield f"{count} trees", _with_final(teacher, _of_trees(final_of(teacher), trees[:count]))


def cost_complexity(teacher: Any, trained: Rows, given: Rows) -> Iterator[tuple[str, Any]]:
    """The same forest grown again with ``ccp_alpha``: minimal cost-complexity pruning (Breiman et al., 1984)."""
    for alpha in _alphas(teacher, trained):
        yield f"ccp_alpha={alpha:.3g}", _fitted_again(teacher, trained, {"ccp_alpha": alpha})


def retrained(teacher: Any, trained: Rows, given: Rows) -> Iterator[tuple[str, Any]]:
    """Fewer and shorter trees, fitted on the teacher's rows and on those given too."""
    rows = Rows(_stacked(trained.X, given.X), np.concatenate([trained.y, given.y]))
    for settings in RETRAINED:
        text = ", ".join(f"{name}={value}" for name, value in settings.items())
        yield text, _fitted_again(teacher, rows, settings)


BASELINES: dict[str, Callable[[Any, Rows, Rows], Iterator[tuple[str, Any]]]] = {
    "first trees": first_trees,
    "cost-complexity pruning": cost_complexity,
    "retrained": retrained,
}


def _stacked(first: Any, second: Any) -> Any:
    return stack([first, second])


def _with_final(model: Any, final: Any) -> Any:
    return Pipeline([*model.steps[:-1], (model.steps[-1][0], final)]) if isinstance(model, Pipeline) else final


def _of_trees(forest: Any, trees: Sequence[Any]) -> Any:
    """A forest that has these trees of another, which stays as it is."""
    fewer = clone(forest)
    fewer.__dict__ |= forest.__dict__ | {"estimators_": list(trees), "n_estimators": len(trees)}
    return fewer


def _fitted_again(model: Any, rows: Rows, settings: dict[str, Any]) -> Any:
    """The same pipeline with another forest: what prepares the rows is fitted already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forest = clone(final_of(model)).set_params(**settings).fit(_prepared(model, rows.X), rows.y)
    return _with_final(model, forest)


def _prepared(model: Any, X: Any) -> Any:
    return model[:-1].transform(X) if isinstance(model, Pipeline) else X


def _alphas(teacher: Any, trained: Rows) -> Array:
    """From light to heavy pruning, for the trees of this forest."""
    forest, X = final_of(teacher), _prepared(teacher, trained.X)
    y = trained.y if not hasattr(forest, "classes_") else np.searchsorted(forest.classes_, trained.y).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of feature names, which the trees were fitted without
        paths = [tree.cost_complexity_pruning_path(np.asarray(X, np.float32), y) for tree in forest.estimators_[:TRIED]]
    alphas = np.concatenate([path.ccp_alphas for path in paths])
    return np.unique(np.quantile(alphas[alphas > 0], SHARES))
