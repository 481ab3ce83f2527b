"""Answers of one turn of the event loop are sent together, in their order, and none waits long for the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skerry.runtime.http import outbox
from skerry.runtime.http.outbox import LONGEST, SEVERAL, UNSEEN, Outbox


class Loop:
    """What is to be called when the turn ends."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


class Sent:
    def __init__(self, name: str, sent: list[str]) -> None:
        self._name, self._sent = name, sent

    def flush(self) -> None:
        self._sent.append(self._name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(outbox, "perf_counter", lambda: now[0])
    return now


def test_all_of_a_turn_are_sent_when_it_ends_in_their_order(clock: list[float]) -> None:
    loop, box, sent = Loop(), Outbox(), list[str]()
    for names in ("abcd", "efghi"):
        sent.clear()
        for name in names:
            box.add(Sent(name, sent), loop.soon.append)
        assert (sent, len(loop.soon)) == ([], 1)
        loop.turn()
        assert sent == list(names)


def test_the_first_that_waits_waits_no_longer_than_it_may(clock: list[float]) -> None:
    loop, box, sent = Loop(), Outbox(), list[str]()
    for name in "ab":
        box.add(Sent(name, sent), loop.soon.append)
    clock[0] += 2 * LONGEST
    box.add(Sent("c", sent), loop.soon.append)
    assert sent == ["a", "b", "c"]
    box.add(Sent("d", sent), loop.soon.append)
    assert (sent, len(loop.soon)) == (["a", "b", "c"], 1)
    loop.turn()
    assert sent == ["a", "b", "c", "d"]


def test_where_few_come_in_a_turn_they_are_sent_at_once_and_it_is_looked_again_now_and_then(clock: list[float]) -> None:
    loop, box, sent = Loop(), Outbox(), list[str]()
    for _ in range(SEVERAL - 1):
        box.add(Sent("few", sent), loop.soon.append)
    loop.turn()
    sent.clear()
    for _ in range(UNSEEN):
        box.add(Sent("at once", sent), loop.soon.append)
    assert (len(sent), loop.soon) == (UNSEEN, [])
    box.add(Sent("looks", sent), loop.soon.append)
    assert (len(sent), len(loop.soon)) == (UNSEEN, 1)
