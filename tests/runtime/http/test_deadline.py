from __future__ import annotations

import pytest

from skerry.runtime.errors import InvalidInput
from skerry.runtime.http.deadline import deadline_of, read_timeout


@pytest.mark.parametrize(
    ("text", "seconds"), [(b"1", 1.0), (b"0.25", 0.25), (b"3600", 3600.0), (b"007", 7.0), (b"0.000001", 1e-6)]
)
def test_seconds_are_read(text: bytes, seconds: float) -> None:
    assert read_timeout(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"0.0",
        b"-1",
        b"+1",
        b"1e9",
        b"1e-3",
        b"abc",
        b"nan",
        b"inf",
        b"3600.1",
        b"9999999999",
        b" 1",
        b"1,5",
        b"1.",
        b".5",
        b"0x10",
        "١".encode(),
        b"1_0",
        b"1s",
        b"9" * 500,
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(
        InvalidInput, match="header x-request-timeout: expected seconds above 0 and at most 3600"
    ) as found:
        read_timeout(text)
    assert len(found.value.text) < 200


def test_the_shorter_wish_counts_and_without_any_the_servers() -> None:
    assert deadline_of(100.0, 30.0, None, None) == 130.0
    assert deadline_of(100.0, 30.0, 60.0, None) == 160.0
    assert deadline_of(100.0, 30.0, None, b"2.5") == 102.5
    assert deadline_of(100.0, 30.0, 1.0, b"2.5") == 101.0
    assert deadline_of(100.0, 30.0, 5.0, b"2.5") == 102.5
