from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.runtime.errors import ArtifactError, Conflict, InvalidInput, ModelNotFound
from skerry.runtime.models.aliases import FILE, HISTORY, Aliases, read_aliases, write_aliases


def test_the_stable_version_answers_or_the_newest() -> None:
    assert Aliases().answering([]) is None
    assert Aliases().answering([1, 10, 9]) == 10
    assert Aliases(aliases={"canary": 9}).answering([1, 10, 9]) == 10
    assert Aliases(aliases={"stable": 9}).answering([1, 10, 9]) == 9


def test_a_move_of_stable_remembers_what_answered_before() -> None:
    first = Aliases().with_alias("stable", 1, [1, 2])
    assert first == Aliases(aliases={"stable": 1}, history=(2,))
    assert first.with_alias("stable", 1, [1, 2]) == first
    assert first.with_alias("stable", 3, [1, 2, 3]) == Aliases(aliases={"stable": 3}, history=(2, 1))


def test_other_aliases_have_no_history() -> None:
    assert Aliases().with_alias("canary", 1, [1, 2]) == Aliases(aliases={"canary": 1})


def test_the_history_is_bounded() -> None:
    aliases = Aliases()
    for version in range(1, 100):
        aliases = aliases.with_alias("stable", version, range(1, 200))
    assert aliases.history == tuple(range(99 - HISTORY, 99))


def test_a_roll_back_goes_to_what_answered_before_and_then_further() -> None:
    aliases = Aliases(aliases={"stable": 3, "canary": 4}, history=(1, 2))
    once = aliases.rolled_back([1, 2, 3, 4])
    assert once == Aliases(aliases={"stable": 2, "canary": 4}, history=(1,))
    assert once.rolled_back([1, 2, 3, 4]) == Aliases(aliases={"stable": 1, "canary": 4})


def test_a_roll_back_without_a_history_goes_to_the_next_older_version() -> None:
    assert Aliases().rolled_back([1, 2, 3]) == Aliases(aliases={"stable": 2})
    assert Aliases(aliases={"stable": 2}).rolled_back([1, 2, 3]) == Aliases(aliases={"stable": 1})


@pytest.mark.parametrize("versions", [[], [2]])
def test_there_must_be_something_to_roll_back_to(versions: list[int]) -> None:
    with pytest.raises(Conflict, match="no version to go back to"):
        Aliases().rolled_back(versions)


def test_without_stable_there_is_no_history() -> None:
    aliases = Aliases(aliases={"stable": 3, "canary": 4}, history=(1, 2))
    assert aliases.without_alias("canary") == Aliases(aliases={"stable": 3}, history=(1, 2))
    assert aliases.without_alias("stable") == Aliases(aliases={"canary": 4})


def test_an_alias_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(ModelNotFound, match=r"^alias 'stabel': not found \(did you mean 'stable'\?\)$"):
        Aliases(aliases={"stable": 3}).without_alias("stabel")


@pytest.mark.parametrize("alias", ["", "1", "01", "-1", "Stable", "a/b", "..", "a b", "é", "a\n", "x" * 65])
def test_an_alias_cannot_be_taken_for_something_else(alias: str) -> None:
    with pytest.raises(InvalidInput, match=r"^alias: expected "):
        Aliases().with_alias(alias, 1, [1])


def test_an_alias_names_a_version_that_is_there() -> None:
    with pytest.raises(ModelNotFound, match=r"^version 3: not loaded; there is 1, 2$"):
        Aliases().with_alias("stable", 3, [2, 1])


def test_aliases_come_back_from_the_disk(tmp_path: Path) -> None:
    aliases = Aliases(aliases={"stable": 3, "canary": 4}, history=(1, 2))
    assert read_aliases(tmp_path) == Aliases()
    write_aliases(tmp_path, aliases)
    assert read_aliases(tmp_path) == aliases
    assert os.listdir(tmp_path) == [FILE]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"aliases": {"stable": "2"}}',
        '{"aliases": {"stable": 2.0}}',
        '{"aliases": {"stable": 0}}',
        '{"aliases": {"1": 2}}',
        '{"aliases": {"stable": 2}, "pinned": true}',
        '{"aliases": {"stable": 2}',
        "[" * 10_000,
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ArtifactError, match=r"aliases\.json: "):
        read_aliases(tmp_path)


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_aliases(tmp_path, Aliases(aliases={"stable": 1}))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_aliases(tmp_path, Aliases(aliases={"stable": 2}))
    assert read_aliases(tmp_path) == Aliases(aliases={"stable": 1})
    assert os.listdir(tmp_path) == [FILE]
