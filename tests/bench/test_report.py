import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from skerry.bench.report import page, tiles, write_report
from skerry.bench.results import Measurement
from skerry.runtime.errors import BenchError, FileError

NAMES = [
    "models", "one point", "sweep", "comparison", "long names", "failure", "nothing", "no ratio",
]  # fmt: skip
VOID = {"meta"}


class Outline(HTMLParser):
    """The tags and attributes of a page; complains of what is closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole_and_needs_nothing_else(measurements: dict[str, Measurement], name: str) -> None:
    tags = Outline(page(measurements[name])).tags
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags}
    links = [value for _, held in tags for key, value in held.items() if key in ("href", "xlink:href", "src")]
    assert all(link and link.startswith(("#", "data:application/json;base64,")) for link in links)
    assert all(held["role"] == "img" and held["aria-label"] for tag, held in tags if tag == "svg")
    assert all(held["scope"] in ("col", "row") for tag, held in tags if tag == "th")


def test_the_page_holds_the_measurement_as_it_is(measurements: dict[str, Measurement]) -> None:
    found = re.search(r'href="data:application/json;base64,([^"]+)"', page(measurements["sweep"]))
    assert found is not None
    assert msgspec.json.decode(b64decode(found[1]), type=Measurement) == measurements["sweep"]


def test_foreign_text_is_text(measurements: dict[str, Measurement]) -> None:
    content = page(measurements["long names"])
    assert "<script" not in content
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in content


def test_a_partial_measurement_is_marked_on_top(measurements: dict[str, Measurement]) -> None:
    content = page(measurements["failure"])
    assert content.index("Partial result.") < content.index("<h2>")
    assert "Nothing was answered: 12,043 errors." in content
    assert "Partial result." not in page(measurements["sweep"])


def test_large_numbers_are_those_of_the_knee(measurements: dict[str, Measurement]) -> None:
    assert [(what, of) for _, what, of in tiles(measurements["sweep"])] == [
        ("requests per second", "at the knee"),
        ("p50", "at the knee"),
        ("p99", "at the knee"),
        ("errors", "in 222,055 requests"),
    ]


def test_a_report_is_a_page_or_its_main_picture(measurements: dict[str, Measurement], tmp_path: Path) -> None:
    write_report(measurements["sweep"], tmp_path / "sweep.html")
    write_report(measurements["sweep"], str(tmp_path / "sweep.svg"))
    assert (tmp_path / "sweep.html").read_text(encoding="utf-8") == page(measurements["sweep"])
    assert ElementTree.parse(tmp_path / "sweep.svg").getroot().attrib["role"] == "img"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["sweep.html", "sweep.svg"]


def test_a_report_that_cannot_be_written_leaves_nothing(measurements: dict[str, Measurement], tmp_path: Path) -> None:
    sweep = measurements["sweep"]
    with pytest.raises(FileError, match=r"expected a name that ends in \.html, \.svg, got '\.pdf'"):
        write_report(sweep, tmp_path / "sweep.pdf")
    with pytest.raises(FileError, match="No such file or directory"):
        write_report(sweep, tmp_path / "missing" / "sweep.html")
    with pytest.raises(BenchError, match="nothing was answered"):
        write_report(measurements["failure"], tmp_path / "failure.svg")
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(FileError, match="expected a file to write"):
        write_report(sweep, tmp_path / "taken.html")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.html"]


def test_matplotlib_is_imported_when_something_is_drawn() -> None:
    code = "import sys, skerry.bench.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
