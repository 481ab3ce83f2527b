from __future__ import annotations

import pytest

from skerry.bench.measured.swaps import RightForItsVersion, Swapped, measure_swaps


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b'{"prediction":[2002.5],"model":"steps","version":2}', None),
        (b'{"prediction":[2002.5],"model":"steps","version":1}', "version 1[0]: expected 1002.5, got 2002.5"),
        (b'{"prediction":[9002.5],"model":"steps","version":9}', "expected a version of (1, 2, 3), got 9"),
        (b'{"model_version":"3","outputs":[{"name":"predict","data":[3002.5]}]}', None),
    ],
)
def test_an_answer_is_of_the_version_that_it_names(body: bytes, wrong: str | None) -> None:
    assert RightForItsVersion(2.5)(body) == wrong


def test_nothing_is_wrong_while_versions_are_swapped() -> None:
    found = measure_swaps(500, 6, lambda text: None)
    assert (found.swaps, found.wrong, found.failed) == (6, 0, 0)
    assert found.verified >= 500


def test_what_is_no_right_answer_has_failed() -> None:
    assert (Swapped(errors={"wrong answer": 2, "status 503": 3}).wrong, Swapped(errors={"closed": 3}).failed) == (2, 3)
