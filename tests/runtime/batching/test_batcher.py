from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import numpy as np
import pytest

from skerry.runtime import Model
from skerry.runtime.batching.batcher import UNSEEN, Batcher, Outcome
from skerry.runtime.batching.plan import Plan
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded
from skerry.runtime.protocol.request import Request
from tests.runtime.held import Held

INLINE = Plan(loop_rows=100)
GATHERED = Plan(loop_rows=100, batch_rows=8)
THREADED = Plan(loop_rows=0, batch_rows=8)
PLANS = {"inline": INLINE, "gathered": GATHERED, "threaded": THREADED}


@pytest.fixture
def held(iris_model: Model) -> Held:
    return Held(iris_model)


@pytest.fixture
def requests(iris_rows: np.ndarray) -> list[Request]:
    """One row of iris each."""
    return [Request(feeds={"X": iris_rows[[row]]}, methods=("predict",), rows=1) for row in range(0, 150, 3)]


@pytest.fixture
def species(iris_model: Model, iris_rows: np.ndarray) -> list[list[int]]:
    """The answers to ``requests``."""
    return [[label] for label in iris_model.predict(iris_rows[::3]).tolist()]


def soon(seconds: float = 30.0) -> float:
    return perf_counter() + seconds


async def ask(batcher: Batcher, requests: Sequence[Request]) -> list[Outcome]:
    return await asyncio.gather(*(ask_one(batcher, one) for one in requests))


async def ask_one(batcher: Batcher, request: Request) -> Outcome:
    """As the application does."""
    if batcher.is_free(request.rows):
        return Outcome(batcher.engine.answer(request.feeds, request.methods), 0.0, 0.0, request.rows)
    return await batcher.answer(request, soon())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def answered(outcomes: Sequence[Outcome]) -> list[list[int]]:
    return [outcome.answers[0].tolist() for outcome in outcomes]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_everybody_gets_their_own_answer(
    iris_model: Model, requests: list[Request], species: list[list[int]], plan: Plan
) -> None:
    assert answered(asyncio.run(ask(Batcher(iris_model, plan=plan), requests))) == species


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_batcher_works_in_one_event_loop_after_another(
    iris_model: Model, requests: list[Request], species: list[list[int]], plan: Plan
) -> None:
    batcher = Batcher(iris_model, plan=plan)
    for _ in range(3):
        assert answered(asyncio.run(ask(batcher, requests))) == species


def test_only_cheap_models_may_be_asked_directly(iris_model: Model) -> None:
    assert [Batcher(iris_model, plan=plan).inline_rows for plan in PLANS.values()] == [100, 0, 0]


def test_those_of_one_turn_run_together(held: Held, requests: list[Request], species: list[list[int]]) -> None:
    """The first of all runs at once, as nobody could know of the others."""
    held.go.set()
    batcher = Batcher(held, plan=GATHERED)
    outcomes = asyncio.run(ask(batcher, requests[:20]))
    assert answered(outcomes) == species[:20]
    assert held.runs == [1, 8, 8, 3]
    assert [outcome.batch for outcome in outcomes] == [1] + [8] * 16 + [3] * 3
    assert sum(outcome.runs for outcome in outcomes) == 4
    assert batcher.queued == 0


def test_it_is_remembered_that_several_come(held: Held, requests: list[Request]) -> None:
    held.go.set()

    async def rounds() -> list[int]:
        batcher = Batcher(held, plan=GATHERED)
        for count in (3, 3, 1, 1, 8, 8):
            await ask(batcher, requests[:count])
            await asyncio.sleep(0)
        return held.runs

    lone = UNSEEN + 1
    assert asyncio.run(rounds()) == [1, 2, 3, 1, 1] + [1] * (lone - 1) + [8 - lone + 1, 8]


def test_a_lone_request_to_a_dear_model_needs_no_thread(held: Held, requests: list[Request]) -> None:
    held.go.set()

    async def rounds() -> list[int]:
        batcher = Batcher(held, plan=Plan(loop_rows=1, batch_rows=8))
        for count in (1, 1, 6):
            await ask(batcher, requests[:count])
            await asyncio.sleep(0)
        assert not batcher.is_free(2)
        assert (batcher.is_free(1), batcher.is_free(1)) == (True, False)
        return held.runs

    assert asyncio.run(rounds()) == [1, 1, 1, 1, 4]


def test_while_the_engine_is_busy_requests_gather(
    held: Held, requests: list[Request], species: list[list[int]]
) -> None:
    async def crowd() -> list[Outcome]:
        batcher = Batcher(held, plan=THREADED)
        asking = asyncio.ensure_future(ask(batcher, requests[:13]))
        await until(lambda: batcher.queued == 12)
        held.go.set()
        return await asking

    outcomes = asyncio.run(crowd())
    assert answered(outcomes) == species[:13]
    assert held.runs == [1, 8, 4]
    assert [outcome.batch for outcome in outcomes] == [1] + [8] * 8 + [4] * 4
    assert all(outcome.queue >= 0 and outcome.infer > 0 for outcome in outcomes)


@pytest.mark.parametrize("plan", [INLINE, GATHERED], ids=["inline", "gathered"])
def test_many_rows_run_on_the_thread(held: Held, iris_rows: np.ndarray, plan: Plan) -> None:
    """The event loop stays free meanwhile."""

    async def large() -> Outcome:
        rows = Request(feeds={"X": iris_rows}, methods=("predict",), rows=len(iris_rows))
        running = asyncio.ensure_future(Batcher(held, plan=plan).answer(rows, soon()))
        await until(held.began.is_set)
        held.go.set()
        return await running

    assert asyncio.run(large()).batch == len(iris_rows)


def test_a_slow_model_delays_no_other(held: Held, iris_model: Model, requests: list[Request]) -> None:
    async def two() -> Outcome:
        slow = asyncio.ensure_future(Batcher(held, plan=THREADED).answer(requests[0], soon()))
        await until(held.began.is_set)
        other = await Batcher(iris_model, plan=THREADED).answer(requests[0], soon())
        assert not slow.done()
        held.go.set()
        await slow
        return other

    assert answered([asyncio.run(two())]) == [[0]]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_texts_of_any_width_are_answered(reviews_model: Model, plan: Plan) -> None:
    texts = ["a good film", "a bad film", "not worth it at all", "", "great fun, great cast, good acting"] * 3
    feeds = [reviews_model.feeds.from_rows([text]) for text in texts]
    requests = [Request(feeds=one, methods=("predict", "predict_proba"), rows=1) for one in feeds]
    outcomes = asyncio.run(ask(Batcher(reviews_model, plan=plan), requests))
    for one, outcome in zip(feeds, outcomes, strict=True):
        label, scores = reviews_model.answer(one, ("predict", "predict_proba"))
        assert outcome.answers[0].tolist() == label.tolist()
        np.testing.assert_allclose(outcome.answers[1], scores, rtol=1e-15)


@pytest.mark.parametrize("plan", [GATHERED, THREADED], ids=["gathered", "threaded"])
def test_the_first_may_wait_for_others(held: Held, requests: list[Request], plan: Plan) -> None:
    held.go.set()

    async def trickle() -> list[int]:
        batcher = Batcher(held, BatchPolicy(max_queue_delay=0.05), plan)
        asking = [asyncio.ensure_future(batcher.answer(requests[0], soon()))]
        await asyncio.sleep(0.01)
        asking.append(asyncio.ensure_future(batcher.answer(requests[1], soon())))
        await asyncio.gather(*asking)
        return held.runs

    assert asyncio.run(trickle()) == [2]


@pytest.mark.parametrize("plan", [GATHERED, THREADED], ids=["gathered", "threaded"])
def test_a_full_batch_waits_for_nobody(held: Held, requests: list[Request], plan: Plan) -> None:
    held.go.set()
    asyncio.run(ask(Batcher(held, BatchPolicy(max_queue_delay=20.0), plan), requests[:8]))
    assert held.runs == [8]


@pytest.mark.parametrize("plan", [GATHERED, THREADED], ids=["gathered", "threaded"])
def test_nobody_waits_for_others_longer_than_they_may(held: Held, requests: list[Request], plan: Plan) -> None:
    async def wait() -> None:
        batcher = Batcher(held, BatchPolicy(max_queue_delay=20.0), plan)
        with pytest.raises(DeadlineExceeded):
            await batcher.answer(requests[0], soon(0.02))

    asyncio.run(wait())
    assert held.runs == []


def test_work_whose_time_is_over_is_dropped_before_it_runs(held: Held, requests: list[Request]) -> None:
    """And said so in time, not when its turn would have come."""

    async def late() -> None:
        batcher = Batcher(held, plan=THREADED)
        running = asyncio.ensure_future(batcher.answer(requests[0], soon()))
        await until(held.began.is_set)
        with pytest.raises(DeadlineExceeded, match="over before the model ran"):
            await batcher.answer(requests[1], soon(0.02))
        assert not held.go.is_set()
        held.go.set()
        await running
        assert batcher.queued == 0

    asyncio.run(late())
    assert held.runs == [1]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_what_comes_late_does_not_run(held: Held, requests: list[Request], plan: Plan) -> None:
    async def late() -> None:
        batcher = Batcher(held, plan=plan)
        results = await asyncio.gather(
            *(batcher.answer(one, perf_counter()) for one in requests[:3]), return_exceptions=True
        )
        assert [type(result) for result in results] == [DeadlineExceeded] * 3

    asyncio.run(late())
    assert held.runs == []


def test_a_client_that_goes_away_takes_its_work_along(held: Held, requests: list[Request]) -> None:
    async def leave() -> None:
        batcher = Batcher(held, plan=THREADED)
        running = asyncio.ensure_future(batcher.answer(requests[0], soon()))
        await until(held.began.is_set)
        with pytest.raises(ConnectionResetError):
            await batcher.answer(requests[1], soon(), departure)
        held.go.set()
        await running

    async def departure() -> None:
        raise ConnectionResetError

    asyncio.run(leave())
    assert held.runs == [1]


def test_a_client_that_does_not_wait_for_others_takes_its_work_along(held: Held, requests: list[Request]) -> None:
    async def leave() -> None:
        with pytest.raises(ConnectionResetError):
            await Batcher(held, BatchPolicy(max_queue_delay=10.0), GATHERED).answer(requests[0], soon(), departure)

    async def departure() -> None:
        raise ConnectionResetError

    asyncio.run(leave())
    assert held.runs == []


def test_a_client_that_stays_is_no_longer_watched(held: Held, requests: list[Request]) -> None:
    async def stay() -> int:
        batcher = Batcher(held, plan=THREADED)
        asking = [asyncio.ensure_future(batcher.answer(one, soon(), asyncio.Event().wait)) for one in requests[:3]]  # type: ignore[arg-type]
        await until(lambda: batcher.queued == 2)
        held.go.set()
        await asyncio.gather(*asking)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(stay()) == 1


def test_a_request_that_is_cancelled_leaves_the_queue(held: Held, requests: list[Request]) -> None:
    async def cancel() -> None:
        batcher = Batcher(held, plan=THREADED)
        asking = [asyncio.ensure_future(batcher.answer(one, soon())) for one in requests[:3]]
        await until(lambda: batcher.queued == 2)
        asking[1].cancel()
        await until(lambda: batcher.queued == 1)
        held.go.set()
        await asyncio.gather(*asking, return_exceptions=True)

    asyncio.run(cancel())
    assert held.runs == [1, 1]


def test_too_many_are_sent_away_and_there_is_room_at_once(held: Held, requests: list[Request]) -> None:
    async def flood() -> None:
        batcher = Batcher(held, BatchPolicy(max_queue_size=2), THREADED)
        asking = [asyncio.ensure_future(batcher.answer(one, soon())) for one in requests[:3]]
        await until(lambda: batcher.queued == 2)
        with pytest.raises(Overloaded) as refused:
            await batcher.answer(requests[3], soon())
        assert refused.value.retry_after >= 1
        held.go.set()
        await asyncio.gather(*asking)
        await batcher.answer(requests[3], soon())

    asyncio.run(flood())
    assert sum(held.runs) == 4


def test_a_lower_priority_overtakes(held: Held, requests: list[Request]) -> None:
    async def crowd() -> list[str]:
        batcher = Batcher(held, plan=Plan(loop_rows=0))
        order: list[str] = []
        asking = [note("first", requests[0], 0), note("later", requests[1], 9), note("urgent", requests[2], 1)]
        done = asyncio.gather(*(asked(batcher, order) for asked in asking))
        await until(lambda: batcher.queued == 2)
        held.go.set()
        await done
        return order

    def note(name: str, one: Request, priority: int) -> Callable[[Batcher, list[str]], Awaitable[None]]:
        async def asked(batcher: Batcher, order: list[str]) -> None:
            await batcher.answer(Request(feeds=one.feeds, methods=one.methods, rows=1, priority=priority), soon())
            order.append(name)

        return asked

    assert asyncio.run(crowd()) == ["first", "urgent", "later"]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_one_request_cannot_fail_another(passengers_model: Model, plan: Plan) -> None:
    feeds = passengers_model.sample
    assert feeds is not None
    decks = feeds["BYTES"][:6].copy()
    decks[3, 1] = "Z"
    rows = [{**{name: array[[row]] for name, array in feeds.items()}, "BYTES": decks[[row]]} for row in range(6)]
    requests = [Request(feeds=one, methods=("predict",), rows=1) for one in rows]

    async def crowd() -> list[Outcome | BaseException]:
        batcher = Batcher(passengers_model, plan=plan)
        return await asyncio.gather(*(batcher.answer(one, soon()) for one in requests), return_exceptions=True)

    results = asyncio.run(crowd())
    assert [type(result) for result in results] == [Outcome] * 3 + [InvalidInput] + [Outcome] * 2
    assert isinstance(results[3], InvalidInput)
    assert "row 0" in results[3].text
