from __future__ import annotations

from pathlib import Path

import pytest

from skerry.runtime.errors import Conflict
from skerry.runtime.models.aliases import Aliases
from skerry.runtime.models.follower import Follower
from skerry.runtime.models.wanted import Wanted, WantedFiles

TWO = Wanted(versions={1: "sha256:a", 2: "sha256:b"}, aliases=Aliases(aliases={"stable": 1}))


def test_versions_come_and_go() -> None:
    assert TWO.with_versions({3: "sha256:c"}).versions == {1: "sha256:a", 2: "sha256:b", 3: "sha256:c"}
    assert TWO.without_version(2) == Wanted(versions={1: "sha256:a"}, aliases=TWO.aliases)


def test_a_version_that_an_alias_names_stays() -> None:
    with pytest.raises(Conflict, match=r"^version 1: 'stable' names it; move the alias first$"):
        TWO.without_version(1)


def test_what_is_wanted_comes_back_from_the_disk(tmp_path: Path) -> None:
    files = WantedFiles(tmp_path)
    assert (files.read("iris"), files.read_all()) == (None, {})
    files.write("iris", TWO)
    files.write("iris.v-2_x", Wanted())
    assert (files.read("iris"), files.read_all()) == (TWO, {"iris": TWO, "iris.v-2_x": Wanted()})


def test_a_file_that_was_written_anew_has_another_stamp(tmp_path: Path) -> None:
    files = WantedFiles(tmp_path)
    seen = set()
    for _ in range(100):
        files.write("iris", TWO)
        seen.add(files.stamps()["iris"])
    assert len(seen) > 1
    files.write("iris", Wanted())
    assert files.stamps()["iris"] not in seen


def test_one_at_a_time_changes_a_model(tmp_path: Path) -> None:
    files, others = WantedFiles(tmp_path), WantedFiles(tmp_path)
    with files.lock("iris"):
        with pytest.raises(Conflict, match=r"^model 'iris': another change is under way"), others.lock("iris"):
            pass
        with others.lock("diabetes"):
            pass
    with others.lock("iris"):
        pass


class Worker:
    """Hears of what is wanted, and serves it if it ``can``."""

    def __init__(self, *, can: bool = True) -> None:
        self.heard: list[str] = []
        self.can = can

    def follow(self, name: str) -> bool:
        self.heard.append(name)
        return self.can


def test_a_follower_hears_of_each_change_once(tmp_path: Path) -> None:
    files, worker = WantedFiles(tmp_path), Worker()
    follower = Follower(files, worker.follow)
    follower.look()
    files.write("iris", TWO)
    files.write("diabetes", TWO)
    follower.look()
    follower.look(retry=True)
    assert worker.heard == ["diabetes", "iris"]
    files.write("iris", Wanted())
    follower.look()
    assert worker.heard[2:] == ["iris"]


def test_what_failed_is_tried_again_now_and_then(tmp_path: Path) -> None:
    files, worker = WantedFiles(tmp_path), Worker(can=False)
    follower = Follower(files, worker.follow)
    files.write("iris", TWO)
    follower.look()
    follower.look()
    assert worker.heard == ["iris"]
    follower.look(retry=True)
    worker.can = True
    follower.look(retry=True)
    follower.look(retry=True)
    assert worker.heard == ["iris"] * 3
