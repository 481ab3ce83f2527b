from __future__ import annotations

import pytest

from skerry.bench.http.ceiling import constant_server
from skerry.bench.http.exchange import Exchange, SameBytes
from skerry.bench.http.plan import LoadPlan
from skerry.bench.measured.rounds import as_target, difference, medians, rates, ratio, take_turns
from skerry.runtime.errors import BenchError

REQUEST = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
PLAN = LoadPlan(connections=2, duration=0.1, warmup=0.0)


def test_servers_take_turns() -> None:
    told: list[int] = []
    with constant_server(5) as one, constant_server(5) as other:
        targets = [
            as_target(name, at, [Exchange(REQUEST, 1, SameBytes(b"xxxxx"))]) for name, at in (("a", one), ("b", other))
        ]
        found = take_turns(targets, PLAN, 2, told.append)
    assert (targets[0].target.body_size, targets[0].target.url) == (2, f"http://{one}/predict")
    assert [(name, [run.round for run in runs]) for name, runs in found.items()] == [("a", [0, 1]), ("b", [0, 1])]
    assert told == [0, 1]
    assert all(rate > 0 for rate in rates(found["a"]))
    assert all(0 < seconds < 1 for seconds in medians(found["b"]))


def test_a_wrong_answer_ends_it() -> None:
    with constant_server(5) as address:
        target = as_target("a", address, [Exchange(REQUEST, 1, SameBytes(b"yyyyy"))])
        with pytest.raises(BenchError, match="wrong answer"):
            take_turns([target], PLAN, 1)


def test_figures_are_of_pairs() -> None:
    assert ratio([2.0] * 6, [4.0] * 6) == "0.50 (0.50 to 0.50)"
    assert ratio([2.0, 2.0, 3.0], [4.0, 4.0, 4.0]) == "0.50"
    assert difference([3e-6] * 6, [1e-6] * 6, 1e-6, "µs") == "2.0 (2.0 to 2.0) µs"
