from __future__ import annotations

from pathlib import Path

import pytest

from skerry.bench.measured.page import keep_page, measure_page, page_options


def test_a_page_has_its_sections_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.md"
    sections = [("How fast", "In µs.", iter(["| 1 |", "| 2 |"])), ("How right", "All rows.", ["- none wrong"])]
    measure_page("# Title\n\nWhat it is.\n", sections, file)
    assert file.read_text("utf-8").splitlines() == [
        "# Title", "", "What it is.", "", "## How fast", "", "In µs.", "", "| 1 |", "| 2 |", "",
        "## How right", "", "All rows.", "", "- none wrong",
    ]  # fmt: skip
    assert capsys.readouterr().out == "| 1 |\n| 2 |\n- none wrong\n"


def test_a_page_that_was_not_measured_to_its_end_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    keep_page("old", file)
    with pytest.raises(ZeroDivisionError):
        measure_page("# Title\n", [("How fast", "In µs.", (f"{1 / left}" for left in (1, 0)))], file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_page_is_kept_where_it_is_said_to_be(tmp_path: Path) -> None:
    options = page_options(None).parse_args([])
    assert options.markdown is None
    keep_page("lost", options.markdown)
    keep_page("kept", page_options(None).parse_args(["--markdown", str(tmp_path / "page.md")]).markdown)
    assert (tmp_path / "page.md").read_text() == "kept"
