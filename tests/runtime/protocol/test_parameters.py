from __future__ import annotations

from typing import Any

import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.protocol.parameters import Schedule, check_reserved, read_count, read_flag, read_schedule


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Schedule()),
        ({"timeout": 0, "priority": 0}, Schedule()),
        ({"timeout": 1_500_000, "priority": 2}, Schedule(timeout=1.5, priority=2)),
        ({"timeout": 1}, Schedule(timeout=1e-6)),
    ],
)
def test_a_schedule_is_read_in_seconds(given: dict[str, Any], expected: Schedule) -> None:
    assert read_schedule(given) == expected


@pytest.mark.parametrize("value", [-1, 1.0, "1", True, 2**63])
@pytest.mark.parametrize("name", ["timeout", "priority"])
def test_a_schedule_is_made_of_integers(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as error:
        read_schedule({name: value})
    assert error.value.text == f"request: parameter {name!r}: expected an integer from 0 on, got {value!r}"


def test_flags_and_counts() -> None:
    assert [read_flag({"x": True}, "x", "request", False), read_flag({}, "x", "request", True)] == [True, True]
    assert [read_count({"n": 3}, "n", "output", 1, 3), read_count({}, "n", "output", 1, 3)] == [3, None]
    with pytest.raises(InvalidInput, match=r"^request: parameter 'x': expected true or false, got 1$"):
        read_flag({"x": 1}, "x", "request", False)
    with pytest.raises(InvalidInput, match=r"^output: parameter 'n': expected an integer from 1 to 3, got 1000000000$"):
        read_count({"n": 10**9}, "n", "output", 1, 3)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("sequence_id", "sequences are"),
        ("sequence_start", "sequences are"),
        ("sequence_end", "sequences are"),
        ("shared_memory_region", "shared memory is"),
        ("headers", "forwarded headers are"),
        ("triton_enable_empty_final_response", "Triton's own parameters are"),
    ],
)
def test_what_would_change_the_answer_elsewhere_is_refused(name: str, what: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_reserved({"content_type": "np", name: 1}, "input 'a'")
    assert error.value.text == f"input 'a': parameter {name!r}: {what} not supported"


def test_parameters_for_other_servers_are_passed_over() -> None:
    check_reserved({"content_type": "np", "timeout": 1}, "request")
