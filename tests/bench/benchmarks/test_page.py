"""The page and the README's table say what the results say, and are made of them alone."""

from pathlib import Path

import msgspec
import pytest

from skerry.bench.benchmarks.comparison import Comparison, read_comparison
from skerry.bench.benchmarks.page import (
    load_grid,
    replace_block,
    server_grid,
    write_page,
    write_pages,
    write_picture,
    write_readme_table,
)
from skerry.bench.grid import markdown
from skerry.runtime.errors import BenchError

ROOT = Path(__file__).parents[3]
README = "# A project\n\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\n\nMore.\n"


def test_a_load_has_a_line_for_each_route(comparison: Comparison) -> None:
    assert markdown(load_grid(comparison.loads[0])).splitlines() == [
        "|  | requests/s | of the constant answer | of Skerry /predict | p50, ms | p99, ms | cores | answers, all checked |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| constant answer | 41,200 ±1,200 | 1 | 2.00 | 0.777 ±0.024 | 1.55 ±0.05 | 1.00 | 576,800 |",
        "| Skerry /predict | 20,600 ±600 | 0.500 | 1 | 1.55 ±0.05 | 3.11 ±0.10 | 1.00 | 288,400 |",
        "| MLServer | 1,030 ±30 | 0.0250 | 0.0500 | 31.1 ±1.0 | 62.1 ±1.9 | 1.00 | 14,420 |",
    ]


def test_servers_have_memory_start_and_size(comparison: Comparison) -> None:
    assert markdown(server_grid(comparison)).splitlines()[2:] == [
        "| constant answer | 100 | 1.50 ±0.50 | 17 | 145 |",
        "| Skerry | 100 | 1.50 ±0.50 | 17 | 145 |",
        "| MLServer | 100 | 1.50 ±0.50 | 17 | 145 |",
    ]


def test_the_page_names_what_is_left_out_warned_of_and_set(comparison: Comparison) -> None:
    page = write_page(comparison)
    for text in (
        "**Left out:** BentoML: cannot be installed: no such version\n",
        "**Warning:** the machine is noisy\n",
        "Measured on 2026-01-31: a processor",
        "in 7 rounds of 2 s each after 300 ms of warm-up",
        "- **MLServer.** As MLServer is.\n",
        "| MLServer | 1,000 | 990 | 0.99 |",
        "](benchmarks.svg)",
        "10 minutes",
    ):
        assert text in page


def test_errors_get_a_column(comparison: Comparison) -> None:
    figures = comparison.loads[0]
    failing = [msgspec.structs.replace(each, errors={"status 500": 3}) for each in figures.figures]
    table = markdown(load_grid(msgspec.structs.replace(figures, figures=failing)))
    assert table.count("3 status 500") == 3


def test_a_page_without_wrk_and_without_intervals_is_whole(comparison: Comparison) -> None:
    bare = msgspec.structs.replace(
        comparison,
        witness=[],
        rounds=1,
        is_pinned=False,
        loads=[msgspec.structs.replace(each, ratios=[]) for each in comparison.loads],
    )
    page = write_page(bare)
    assert "wrk" not in page
    assert "95 %" not in page
    assert "benchmarks.svg" not in page
    assert "they share them" in page
    assert write_picture(bare) is None


def test_the_picture_is_small_and_says_what_it_shows(comparison: Comparison) -> None:
    picture = write_picture(comparison) or ""
    assert picture.startswith("<svg")
    assert len(picture.encode()) < 60_000
    assert "MLServer" in picture
    assert "requests per second, 1 row at 32 connections" in picture.lower()


def test_the_readmes_table_has_a_line_for_each_route_and_the_floor_last(comparison: Comparison) -> None:
    assert write_readme_table(comparison).splitlines()[3:] == [
        "|  | requests/s | p50, ms | p99, ms | 1 connection: p50, ms | 100 rows: requests/s | memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| Skerry /predict | 20,600 | 1.55 | 3.11 | 1.55 | 20,600 | 100 |",
        "| MLServer | 1,030 | 31.1 | 62.1 | 31.1 | 1,030 | 100 |",
        "| constant answer | 41,200 | 0.777 | 1.55 | 0.777 | 41,200 | 100 |",
    ]


def test_a_block_is_replaced_and_nothing_else() -> None:
    once = replace_block(README, "new\n")
    assert once == "# A project\n\n<!-- benchmarks -->\nnew\n<!-- /benchmarks -->\n\nMore.\n"
    assert replace_block(once, "new\n") == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        README.replace("<!-- benchmarks -->", ""),
        README.replace("<!-- /benchmarks -->", ""),
        README + README,
        README + "<!-- /benchmarks -->\n",
        "<!-- /benchmarks -->\n" + README,
        "<!-- /benchmarks -->\n<!-- benchmarks -->\n",
    ],
)
def test_without_both_markers_once_nothing_is_replaced(text: str) -> None:
    with pytest.raises(
        BenchError, match="expected one line <!-- benchmarks --> and after it one line <!-- /benchmarks -->"
    ):
        replace_block(text, "new\n")


def test_nothing_is_written_where_the_readme_has_no_place(comparison: Comparison, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# A project\n")
    with pytest.raises(BenchError, match="expected one line"):
        write_pages(comparison, tmp_path, readme)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_page_picture_and_table_are_written(comparison: Comparison, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    write_pages(comparison, tmp_path, readme)
    assert (tmp_path / "benchmarks.md").read_text() == write_page(comparison)
    assert (tmp_path / "benchmarks.svg").read_text() == write_picture(comparison)
    assert write_readme_table(comparison) in readme.read_text()


def test_the_projects_own_page_and_table_are_of_the_results_beside_them() -> None:
    """Otherwise: scripts/bench --pages."""
    results = read_comparison(ROOT / "docs" / "benchmarks.json")
    assert (ROOT / "docs" / "benchmarks.md").read_text() == write_page(results)
    readme = (ROOT / "README.md").read_text()
    assert replace_block(readme, write_readme_table(results)) == readme
