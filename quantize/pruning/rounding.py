"""``on_grid``: leaf values as whole multiples of a power of two, few enough of them for 8 or 16 bits."""

from __future__ import annotations

import numpy as np

from skerry.quantize.pruning.collapse import TINY, Pruned
from skerry.quantize.pruning.leaves import Goal, curvature
from skerry.quantize.teacher import Array

FINER = 256.0
"""The baseline's grid is so much finer; float32 still holds the sums of most ensembles, and it needs no sum of its own then."""


def on_grid(pruned: Pruned, goal: Goal | None, *, bits: int, l2: float, scale: Array) -> Array:
    """The values of the leaves, times ``scale`` (columns,), and the baseline: (nodes + 1, columns).

    In each column they become multiples of one power of two, at most ``2**(bits - 1) - 1`` on either side of 0; the baseline
    of one ``FINER`` than that. The error is fed back: before a tree is rounded, its leaves take a Newton step towards the ``goal``, of
    all rows, from what rounding has made of the sums so far; the baseline comes last. Without a goal each value is rounded
    by itself.
    """
    leaf, most = pruned.structure.is_leaf[:, None], 2.0 ** (bits - 1) - 1
    values = np.where(leaf, pruned.values[:-1], 0.0)
    unit = _units(values * scale, most)
    grid = unit / scale
    if goal is None:
        whole, baseline = np.clip(np.round(values / grid), -most, most), pruned.values[-1]
    else:
        whole, baseline = _with_feedback(pruned, goal, values, grid, most, l2)
    fine = unit / FINER
    return np.concatenate([np.where(leaf, whole, 0.0) * unit, (np.round(baseline * scale / fine) * fine)[None]])


def _units(values: Array, most: float) -> Array:
    """Of each column the smallest power of two of which its highest value is few enough multiples."""
    highest = np.abs(values).max(axis=0, initial=0)
    highest[highest == 0] = most
    return np.asarray(2.0 ** np.ceil(np.log2(highest / most)))


def _with_feedback(
    pruned: Pruned, goal: Goal, values: Array, grid: Array, most: float, l2: float
) -> tuple[Array, Array]:
    """Each leaf's multiple of the ``grid``, and the baseline."""
    structure, sums, whole = pruned.structure, pruned.sums(), np.zeros_like(values)
    ends = np.append(structure.roots[1:], len(structure.left))
    for tree, (start, end) in enumerate(zip(structure.roots, ends, strict=True)):
        nodes, at = slice(start, end), pruned.leaves[:, tree] - start
        old, target = values[nodes], structure.target[tree]
        pull = _by_leaf(at, goal.answers(sums) - goal.targets, len(old)) + l2 * (old - structure.values[nodes])
        weight = _by_leaf(at, curvature(goal, sums), len(old)) + l2 + TINY
        new = np.clip(np.round((old - pull / weight) / grid), -most, most)
        if target >= 0:
            new[:, np.arange(new.shape[1]) != target] = 0.0
        whole[nodes], sums = new, sums + (new * grid - old)[at]
    pull = (goal.answers(sums) - goal.targets).sum(axis=0)
    return whole, pruned.values[-1] - pull / (curvature(goal, sums).sum(axis=0) + TINY)


def _by_leaf(at: Array, rows: Array, nodes: int) -> Array:
    """The sums of ``rows`` (rows, columns) over those ``at`` each node of a tree."""
    return np.stack([np.bincount(at, column, minlength=nodes) for column in rows.T], axis=1)
