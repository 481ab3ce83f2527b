from __future__ import annotations

import re
from time import perf_counter

from skerry.runtime.observability.ledger import Key, Record
from skerry.runtime.observability.timing import server_timing, total_timing


def test_steps_are_in_milliseconds() -> None:
    record = Record(Key(), 0.0, parse=1.2e-5, infer=0.25, encode=3e-6)
    assert server_timing(record) == b"parse;dur=0.012, infer;dur=250.000, encode;dur=0.003"


def test_a_queue_is_named_where_there_was_one() -> None:
    record = Record(Key(), 0.0, parse=1.2e-5, queue=2e-3, infer=0.25, encode=3e-6)
    assert server_timing(record) == b"parse;dur=0.012, queue;dur=2.000, infer;dur=250.000, encode;dur=0.003"


def test_whoever_got_no_answer_of_a_model_learns_the_whole_time() -> None:
    assert re.fullmatch(rb"total;dur=100\d\.\d{3}", total_timing(Record(Key(), perf_counter() - 1)))
