from xml.etree import ElementTree

import matplotlib
import pytest

from skerry.bench.plots import pictures
from skerry.bench.results import Measurement

SVG = "{http://www.w3.org/2000/svg}"
TITLES = {
    "models": ["Latency by rows", "Throughput by rows", "Comparison"],
    "one model": ["Latency by rows", "Throughput by rows"],
    "one point": ["Latency by rows"],
    "closed loop": ["Latency distribution"],
    "sweep": ["Throughput against latency", "Latency distribution"],
    "two sweeps": ["Throughput against latency", "Latency distribution"],
    "comparison": ["Latency distribution", "Throughput against latency", "Comparison"],
    "long names": ["Latency distribution", "Throughput against latency", "Comparison"],
    "long model names": ["Latency by rows", "Throughput by rows", "Comparison"],
    "failure": [],
    "nothing": [],
    "no ratio": ["Latency distribution"],
}


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", TITLES)
def test_every_measurement_has_its_pictures(measurements: dict[str, Measurement], name: str) -> None:
    drawn = pictures(measurements[name])
    assert [picture.title for picture in drawn] == TITLES[name]
    assert all(ElementTree.fromstring(picture.svg).tag == f"{SVG}svg" for picture in drawn)


def test_axes_have_units(measurements: dict[str, Measurement]) -> None:
    throughput, distribution = (texts(picture.svg) for picture in pictures(measurements["sweep"]))
    assert {"answered requests per second", "latency", "10 ms", "p99 bound 20 ms", "knee 3,500/s"} <= set(throughput)
    assert {"0 %", "50 %", "90 %", "99 %", "99.9 %", "10 ms", "250/s"} <= set(distribution)


def test_a_name_is_drawn_as_it_is_written(measurements: dict[str, Measurement]) -> None:
    written = " ".join(texts(pictures(measurements["long names"])[0].svg))
    assert '<script>alert("x")</sc… & $\\frac{1}{0}$ | 模型' in written


def test_the_same_measurement_gives_the_same_picture(measurements: dict[str, Measurement]) -> None:
    assert pictures(measurements["closed loop"]) == pictures(measurements["closed loop"])


def test_drawing_leaves_the_settings_of_matplotlib_alone(measurements: dict[str, Measurement]) -> None:
    before = dict(matplotlib.rcParams)
    pictures(measurements["closed loop"])
    assert dict(matplotlib.rcParams) == before
