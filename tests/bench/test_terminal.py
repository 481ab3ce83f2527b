import unicodedata

import msgspec
import pytest

from skerry.bench.results import Measurement
from skerry.bench.terminal import table


def test_a_single_load_is_one_line(measurements: dict[str, Measurement]) -> None:
    shown = table(measurements["closed loop"]).splitlines()
    assert shown[0] == "http://127.0.0.1:8000/predict: closed loop"
    start = shown.index("Answers")
    assert shown[start + 1].split("  ") == [
        "target", "requests/s", "p50, ms", "p90, ms", "p99, ms", "p99.9, ms", "max, ms", "errors",
    ]  # fmt: skip
    assert shown[start + 3].split()[:2] == ["iris", "4,180"]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_stay_within_the_terminal(measurements: dict[str, Measurement], width: int) -> None:
    for name in ("closed loop", "sweep", "comparison", "failure", "one point"):
        assert max(map(len, table(measurements[name], width=width).splitlines())) <= width


def test_columns_stand_under_each_other_whatever_the_script(measurements: dict[str, Measurement]) -> None:
    def cells(line: str) -> int:
        return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)

    lines = table(measurements["long names"]).splitlines()
    start = lines.index("Answers")
    assert len({cells(line) for line in lines[start + 1 : start + 6]}) == 1


def test_a_partial_measurement_says_so_first(measurements: dict[str, Measurement]) -> None:
    shown = table(measurements["failure"])
    assert shown.splitlines()[1].startswith("PARTIAL")
    assert "warning: skerry: the server was gone after 3.1 s" in shown
    assert "12,042" in shown  # exact: errors are counted, not measured


def test_what_a_server_calls_itself_cannot_move_the_cursor(measurements: dict[str, Measurement]) -> None:
    assert "\x1b" not in table(msgspec.structs.replace(measurements["closed loop"], title="\x1b[2Jgone"))


def test_it_reads_the_same_from_json(measurements: dict[str, Measurement]) -> None:
    for measurement in measurements.values():
        again = msgspec.json.decode(msgspec.json.encode(measurement), type=Measurement)
        assert table(again) == table(measurement)
