from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from skerry.runtime.observability import tally as tally_module
from skerry.runtime.observability.ledger import OK, Key, Record
from skerry.runtime.observability.tally import OTHERS, ROWS, SECONDS, SIZES, Tally, Totals

IRIS = Key("iris", 1, "predict")


def answered(key: Key = IRIS, began: float = 100.0, **changed: Any) -> Record:
    record = Record(key, began, rows=2, batch=2, parse=1e-5, infer=2e-5, encode=3e-6, ended=began + 4e-5)
    return msgspec.structs.replace(record, request_size=30, answer_size=50, **changed)


def refused(**changed: Any) -> Record:
    return answered(**{"status": 400, "outcome": "invalid_input", "rows": 0, "batch": 0, **changed})


def plain(tally: Tally) -> dict[str, object]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in msgspec.structs.asdict(tally).items()
    }


def test_each_record_is_counted_once_and_in_its_bucket() -> None:
    rng = random.Random(0)
    records = [
        answered(
            parse=rng.choice(SECONDS),
            infer=rng.uniform(0, 20),
            rows=(rows := rng.randint(1, 100_000)),
            batch=rows,
            ended=100 + rng.uniform(0, 3),
        )
        for _ in range(500)
    ]
    totals = Totals()
    totals.count(records, now=1e9, clock=200.0)
    tally = totals.tallies[IRIS]
    for place, values in enumerate([[r.parse for r in records], [0.0] * 500, [r.infer for r in records]]):
        expected = Counter(bisect_left(SECONDS, value) for value in values)
        assert tally.times[place].tolist() == [expected[bucket] for bucket in range(len(SECONDS) + 1)]
        assert tally.seconds[place] == pytest.approx(sum(values))
    expected = Counter(bisect_left(ROWS, record.rows) for record in records)
    assert tally.rows.tolist() == tally.batches.tolist() == [expected[bucket] for bucket in range(len(ROWS) + 1)]
    assert (tally.row_sum, tally.answered) == (sum(record.rows for record in records), 500)
    assert tally.last == pytest.approx(1e9 + records[-1].ended - 200.0)


def test_a_refused_request_counts_with_its_outcome_and_time_alone() -> None:
    totals = Totals()
    totals.count([answered(), refused(), refused(status=413, outcome="too_large")], now=1e9, clock=100.0)
    tally = totals.tallies[IRIS]
    assert tally.outcomes == {(200, OK): 1, (400, "invalid_input"): 1, (413, "too_large"): 1}
    assert (tally.answered, tally.failed.sum(), tally.row_sum) == (1, 2, 2)
    assert (tally.request_bytes, tally.answer_bytes) == (90, 150)


def test_requests_that_ran_together_are_one_run() -> None:
    totals = Totals()
    together = [answered(rows=1, batch=3, runs=runs) for runs in (1, 0, 0)]
    totals.count([*together, answered(rows=5, batch=5)], now=1e9, clock=100.0)
    tally = totals.tallies[IRIS]
    assert (tally.row_sum, tally.batch_sum, tally.batches.sum(), tally.rows.sum()) == (8, 8, 2, 4)
    assert {size: counts[0] for size, counts in tally.sizes.items()} == {3: 1, 5: 1}
    np.testing.assert_allclose(tally.sizes[3][1:], (3e-5, 2e-5, 9e-6))


def test_the_sum_of_two_workers_is_what_one_would_have_counted() -> None:
    rng = random.Random(1)
    keys = [IRIS, Key("iris", 2, "infer"), Key("", 0, "live")]
    makers: list[Callable[..., Record]] = [answered, refused]
    records = [rng.choice(makers)(key=rng.choice(keys), began=float(i)) for i in range(300)]
    one, first, second = Totals(), Totals(), Totals()
    one.count(records, now=1e9, clock=0.0)
    first.count(records[::2], now=1e9, clock=0.0)
    second.count(records[1::2], now=1e9, clock=0.0)
    first.add(second)
    assert one.tallies.keys() == first.tallies.keys()
    for key, tally in one.tallies.items():
        added = first.tallies[key]
        assert added.outcomes == tally.outcomes
        assert added.last == tally.last
        np.testing.assert_array_equal(added.times, tally.times)
        np.testing.assert_allclose(added.seconds, tally.seconds)


def test_sizes_of_runs_are_kept_apart_up_to_a_number() -> None:
    totals = Totals()
    totals.count([answered(rows=rows, batch=rows) for rows in range(1, 10_000)], now=1e9, clock=0.0)
    assert len(totals.tallies[IRIS].sizes) == SIZES


def test_versions_that_come_and_go_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "KEYS", 10)
    totals = Totals()
    for version in range(1, 101):
        totals.count([answered(Key("iris", version, "infer"), began=float(version))], now=1e9, clock=0.0)
    assert len(totals.tallies) <= 11
    assert Key("iris", 100, "infer") in totals.tallies
    assert sum(tally.answered for tally in totals.tallies.values()) == 100
    assert totals.tallies[OTHERS].answered >= 90
