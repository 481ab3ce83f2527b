"""Cells get turns by what their calls take, contenders of a kind right after each other."""

from __future__ import annotations

import pytest

from skerry.bench.turns import Cell, expected_call, order, schedule, turns_of


def cells(*contenders: str, rows: int = 1) -> list[Cell]:
    return [Cell(contender, rows, 1) for contender in contenders]


def test_what_is_short_has_a_turn_in_every_round_and_what_is_long_as_many_as_fit() -> None:
    short, longer, longest = cells("short", "longer", "longest")
    calls = {short: 0.001, longer: 0.25, longest: 2.0}
    assert turns_of(calls, rounds=9, share=1.0) == {short: 9, longer: 3, longest: 0}


@pytest.mark.parametrize("taken", [0.02, 0.1, 0.11, 0.3, 0.5])
def test_all_turns_and_the_warm_up_take_no_more_than_their_share(taken: float) -> None:
    [cell] = cells("a")
    turns = turns_of({cell: taken}, rounds=9, share=1.0)[cell]
    assert (turns + 1) * max(taken, 0.1) <= 1.0 + 1e-9


def test_contenders_take_turns_in_going_first() -> None:
    first, second = cells("a", "b")
    rounds = schedule({first: 4, second: 4}, 4)
    assert rounds == [[first, second], [second, first], [second, first], [first, second]]


def test_nobody_comes_always_after_the_same_one() -> None:
    assert ["".join(order("abc", number)) for number in range(6)] == ["abc", "cba", "bca", "acb", "cab", "bac"]
    for count in (3, 4, 5):
        orders = [order(range(count), number) for number in range(2 * count)]
        before = {each: [items[items.index(each) - 1] for items in orders if items[0] != each] for each in range(count)}
        assert all(len(set(others)) >= 2 for others in before.values())
        assert sorted(items[0] for items in orders) == sorted([*range(count)] * 2)


def test_contenders_with_as_many_rows_come_right_after_each_other() -> None:
    turns = {cell: 9 for rows in (1, 10, 100) for cell in cells("a", "b", "c", rows=rows)}
    for cells_of_round in schedule(turns, 9):
        assert sorted(cells_of_round) == sorted(turns)
        assert all(len({cell.rows for cell in cells_of_round[start : start + 3]}) == 1 for start in (0, 3, 6))


def test_the_order_changes_and_is_the_same_for_the_same_seed() -> None:
    turns = {cell: 9 for rows in (1, 10, 100, 1000) for cell in cells("a", rows=rows)}
    assert len({tuple(order) for order in schedule(turns, 9)}) > 3
    assert schedule(turns, 9, seed=1) == schedule(turns, 9, seed=1) != schedule(turns, 9, seed=2)


def test_fewer_turns_are_in_the_first_rounds() -> None:
    often, seldom, never = cells("often", "seldom", "never")
    rounds = schedule({often: 3, seldom: 1, never: 0}, 3)
    assert [set(order) for order in rounds] == [{often, seldom}, {often}, {often}]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], None),
        ([(1, 0.5)], 0.5),
        ([(1, 1.0), (10, 1.9)], 10.9),
        ([(1, 9.9), (10, 1.0), (20, 2.0)], 10.0),
        ([(1, 2.0), (10, 1.0)], 1.0),
    ],
    ids=["nothing is known", "one is", "a line through two", "the last two count", "more rows take no less"],
)
def test_a_call_of_more_rows_is_expected_to_take(known: list[tuple[int, float]], expected: float | None) -> None:
    assert expected_call(known, 100) == (None if expected is None else pytest.approx(expected))
