from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from random import Random
from typing import Any

import numpy as np
import pytest

from skerry.runtime.batching.queue import Batch, BatchPolicy, BatchQueue, Waiting
from skerry.runtime.errors import Overloaded
from skerry.runtime.protocol.request import Request


def request(rows: int = 1, *, priority: int = 0) -> Request:
    return Request(feeds={"X": np.zeros((rows, 1))}, methods=("predict",), rows=rows, priority=priority)


def queue(*, row_seconds: float = 0.0, **settings: Any) -> BatchQueue:
    return BatchQueue(BatchPolicy(**settings), row_seconds=row_seconds)


def taken(waiting: BatchQueue, now: float = 0.0) -> list[list[int]]:
    """The rows of the requests in each batch, until there is none."""
    found = []
    while (batch := waiting.next_batch(now)) is not None:
        found.append([one.request.rows for one in batch.waiting])
    return found


def test_nobody_waits_for_nobody() -> None:
    assert queue().next_batch(0.0) is None
    assert (queue().due, queue().deadline) == (inf, inf)


def test_an_idle_model_runs_a_request_at_once() -> None:
    waiting = queue()
    only = waiting.add(request(), 5.0)
    batch = waiting.next_batch(5.0)
    assert batch is not None
    assert (batch.waiting, batch.rows, batch.requests) == ([only], 1, [only.request])
    assert (len(waiting), waiting.rows) == (0, 0)


def test_those_that_wait_run_together_by_rows() -> None:
    waiting = queue(max_batch_size=8)
    for rows in (3, 3, 3, 2, 2, 1):
        waiting.add(request(rows), 0.0)
    assert taken(waiting) == [[3, 3], [3, 2, 2, 1]]


def test_a_request_larger_than_a_batch_runs_alone() -> None:
    waiting = queue(max_batch_size=4)
    for rows in (1, 9, 1, 4):
        waiting.add(request(rows), 0.0)
    assert taken(waiting) == [[1], [9], [1], [4]]


def test_a_lower_priority_goes_first_and_none_is_the_servers() -> None:
    waiting = queue(max_batch_size=1, priority=10)
    for rows, priority in ((1, 11), (2, 0), (3, 10), (4, 1), (5, 2**40), (6, 1)):
        waiting.add(request(rows, priority=priority), 0.0)
    assert taken(waiting) == [[4], [6], [2], [3], [1], [5]]


def test_only_requests_of_one_shape_run_together() -> None:
    waiting = queue()
    for rows, shape in enumerate("abaab", start=1):
        waiting.add(request(rows), 0.0, shape=shape)
    assert taken(waiting) == [[1, 3, 4], [2, 5]]


def test_the_first_may_wait_for_others() -> None:
    waiting = queue(max_batch_size=4, max_queue_delay=0.5)
    waiting.add(request(), 1.0)
    waiting.add(request(), 1.25)
    assert (waiting.due, waiting.next_batch(1.25)) == (1.5, None)
    assert taken(waiting, 1.5) == [[1, 1]]


def test_a_full_batch_waits_for_nobody() -> None:
    waiting = queue(max_batch_size=2, max_queue_delay=0.5)
    waiting.add(request(), 1.0)
    waiting.add(request(), 1.0)
    assert waiting.next_batch(1.0) is not None


def test_what_is_late_is_never_run() -> None:
    waiting = queue()
    late = waiting.add(request(), 0.0, deadline=1.0)
    timely = waiting.add(request(), 0.0, deadline=1.5)
    assert waiting.deadline == 1.0
    batch = waiting.next_batch(1.0)
    assert batch is not None
    assert batch.waiting == [timely]
    assert waiting.next_batch(1.0) is None
    assert (waiting.expired(1.0), waiting.expired(1.0), waiting.rows) == ([late], [], 0)


def test_what_nobody_waits_for_is_dropped_once() -> None:
    waiting = queue()
    gone = waiting.add(request(3), 0.0)
    assert (waiting.drop(gone), waiting.drop(gone), waiting.rows) == (True, False, 0)
    assert waiting.next_batch(0.0) is None


def test_a_full_queue_says_when_there_is_room_again() -> None:
    waiting = queue(max_queue_size=2, row_seconds=0.25)
    waiting.add(request(3), 0.0)
    waiting.add(request(7), 0.0)
    with pytest.raises(
        Overloaded, match="too busy: 2 requests of 10 rows wait for the model; come again in 3 s"
    ) as found:
        waiting.add(request(), 0.0)
    assert (found.value.retry_after, len(waiting), waiting.rows) == (3, 2, 10)
    waiting.next_batch(0.0)
    waiting.add(request(), 0.0)  # there is room at once


def test_rows_are_bounded_too_but_never_those_of_one_request() -> None:
    waiting = queue(max_queue_rows=10)
    waiting.add(request(11), 0.0)
    with pytest.raises(Overloaded) as found:
        waiting.add(request(), 0.0)
    assert found.value.retry_after == 1  # HTTP knows whole seconds only


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_batch_size", 0),
        ("max_queue_size", 0),
        ("max_queue_rows", 0),
        ("priority", 0),
        ("max_queue_delay", -1.0),
        ("max_queue_delay", inf),
        ("timeout", 0.0),
        ("timeout", inf),
    ],
)
def test_policies_that_make_no_sense_are_refused(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{setting}: expected"):
        BatchPolicy(**{setting: value})


class History:
    """What a random sequence of steps did with each request, checked at every step."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.policy = BatchPolicy(
            max_batch_size=self.random.choice([1, 2, 8]),
            max_queue_delay=self.random.choice([0.0, 0.0, 2.0]),
            max_queue_size=20,
            max_queue_rows=60,
            priority=5,
        )
        self.queue = BatchQueue(self.policy)
        self.now = 0.0
        self.waiting: list[Waiting] = []
        self.ran: list[Batch] = []
        self.ended: list[Waiting] = []

    def step(self) -> None:
        self.now += self.random.choice([0.0, 0.5, 1.0])
        self.random.choices([self.add, self.run, self.drop, self.expire], [6, 3, 1, 1])[0]()
        assert len(self.queue) == len(self.waiting) <= self.policy.max_queue_size
        assert self.queue.rows == sum(one.request.rows for one in self.waiting)

    def add(self) -> None:
        one = request(self.random.choice([1, 1, 1, 2, 5, 12]), priority=self.random.choice([0, 0, 1, 9]))
        full = len(self.waiting) == self.policy.max_queue_size
        full |= bool(self.waiting) and self.queue.rows + one.rows > self.policy.max_queue_rows
        deadline = self.now + self.random.choice([1.0, 4.0, inf])
        try:
            self.waiting.append(self.queue.add(one, self.now, deadline=deadline, shape=self.random.choice("ab")))
            assert not full
        except Overloaded:
            assert full

    def run(self) -> None:
        batch = self.queue.next_batch(self.now)
        if batch is None:
            assert self.now < self.queue.due or all(one.deadline <= self.now for one in self.waiting)
            return
        self.ran.append(batch)
        self.check(batch)
        for one in batch.waiting:
            self.waiting.remove(one)  # it was there, and only once

    def check(self, batch: Batch) -> None:
        assert batch.rows == sum(one.request.rows for one in batch.waiting)
        assert batch.rows <= self.policy.max_batch_size or len(batch.waiting) == 1
        assert all(one.deadline > self.now for one in batch.waiting)
        assert len({one.shape for one in batch.waiting}) == 1
        left = [one for one in self.waiting if one not in batch.waiting and one.deadline > self.now]
        assert all(one.priority >= batch.waiting[0].priority for one in left)
        alike = [one for one in left if one.shape == batch.waiting[0].shape]
        last = batch.waiting[-1]
        order = self.waiting.index
        assert all((one.priority, order(one)) > (last.priority, order(last)) for one in alike)
        assert all((a.priority, order(a)) < (b.priority, order(b)) for a, b in pairwise(batch.waiting))

    def drop(self) -> None:
        if self.waiting:
            one = self.random.choice(self.waiting)
            assert self.queue.drop(one)
            self.end([one])

    def expire(self) -> None:
        late = self.queue.expired(self.now)
        assert set(map(id, late)) == {id(one) for one in self.waiting if one.deadline <= self.now}
        self.end(late)

    def end(self, these: list[Waiting]) -> None:
        self.ended += these
        self.waiting = [one for one in self.waiting if one not in these]

    def drain(self) -> Iterator[Batch]:
        self.now += 10.0
        while self.waiting:
            self.expire()
            self.run()
        yield from self.ran


@pytest.mark.parametrize("seed", range(150))
def test_nothing_is_lost_nothing_runs_twice_and_nobody_is_overtaken(seed: int) -> None:
    history = History(seed)
    for _ in range(120):
        history.step()
    ran = [one for batch in history.drain() for one in batch.waiting]
    assert len({id(one) for one in [*ran, *history.ended]}) == len(ran) + len(history.ended)
    assert (len(history.queue), history.queue.rows) == (0, 0)
