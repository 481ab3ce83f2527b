from pathlib import Path

import pytest

from skerry.runtime.errors import FileError
from skerry.runtime.whole import written_whole


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "answers.csv"
    target.write_text("old")
    with written_whole(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "answers.csv"
    target.write_text("old")

    def write() -> None:
        with written_whole(target) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="expected a file to write"), written_whole(tmp_path):
        pass
