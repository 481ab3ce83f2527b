"""Who is called when: cells, how many turns each gets of the time there is, and in which order. No clock here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

Item = TypeVar("Item")


class Cell(NamedTuple):
    """What is measured at once: calls of a contender with so many rows on so many threads."""

    contender: str
    rows: int
    threads: int


def turns_of(calls: Mapping[Cell, float], rounds: int, share: float) -> dict[Cell, int]:
    """In how many rounds each cell has a turn; ``calls`` are seconds of a call, ``share`` seconds for all turns of a cell.

    The warm-up has had one turn of ``rounds + 1``. A call that is longer than a turn has as many rounds as fit, and none if
    the warm-up took it all.
    """
    return {cell: min(rounds, max(0, _fitting(taken, rounds, share))) for cell, taken in calls.items()}


def _fitting(taken: float, rounds: int, share: float) -> int:
    return rounds if taken <= share / (rounds + 1) else int(share / taken) - 1


def schedule(turns: Mapping[Cell, int], rounds: int, seed: int = 0) -> list[list[Cell]]:
    """The cells of each round: a cell with fewer turns is in the first ones.

    Contenders with as many rows and threads come one right after the other, so that what slows one slows all, in an
    ``order`` that changes; the rest is shuffled.
    """
    groups: dict[tuple[int, int], list[Cell]] = {}
    for cell in turns:
        groups.setdefault((cell.rows, cell.threads), []).append(cell)
    everything = [_of_round(list(groups.values()), number, seed) for number in range(rounds)]
    return [[cell for cell in cells if turns[cell] > number] for number, cells in enumerate(everything)]


def _of_round(groups: Sequence[list[Cell]], number: int, seed: int) -> list[Cell]:
    random = np.random.default_rng((seed, number))
    return [cell for place in random.permutation(len(groups)) for cell in order(groups[place], number)]


def order(items: Sequence[Item], number: int) -> list[Item]:
    """``items`` as they have their turns in round ``number``: another goes first every two rounds, and every other round is
    the one before it backwards, so that none comes always after the same one."""
    first = number // 2 % len(items)
    turned = [*items[first:], *items[:first]]
    return turned[::-1] if number % 2 else turned


def expected_call(known: Sequence[tuple[int, float]], rows: int) -> float | None:
    """Seconds that a call of ``rows`` rows will take, judged by (rows, seconds) of fewer: a line through the last two;
    of one the same; None of none."""
    if len(known) < 2:
        return known[0][1] if known else None
    (fewer, less), (more, longer) = known[-2:]
    return longer + max(0.0, longer - less) / (more - fewer) * (rows - more)
