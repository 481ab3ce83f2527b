import unicodedata

import msgspec
import pytest

from skerry.bench.results import HttpMeasurement, Measurement
from skerry.bench.tables import Column, Grid, comparison, findings, grids, machine_line, markdown, short, table


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


def test_long_names_give_way_in_the_middle() -> None:
    assert short("gradient-boosting-v12", 10) == "gradi…-v12"
    assert short("short", 10) == "short"


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


def test_models_have_a_column_for_each_count_of_rows(measurements: dict[str, Measurement]) -> None:
    latency = grids(measurements["models"])[0]
    assert [column.name for column in latency.columns] == [
        "contender", "threads", "1 row, µs", "10 rows, µs", "100 rows, µs", "1,000 rows, ms", "10,000 rows, ms",
    ]  # fmt: skip
    assert latency.rows[0][:3] == ("skerry artifact", "1", "19.1 ±0.5")
    assert len(latency.rows) == 8


def test_the_largest_difference_comes_first(measurements: dict[str, Measurement]) -> None:
    sentences = findings(measurements["comparison"])
    assert len(sentences) == 6
    assert all(sentence.startswith("MLServer") for sentence in sentences[:3])
    assert findings(measurements["sweep"]) == [
        "skerry: 3,500 requests/s is the highest rate at which p99 stays under 20 ms"
    ]
    assert findings(measurements["no ratio"]) == ["a against b, requests per second: too few rounds to say (1, not 6)"]


def test_the_machine_is_one_line(measurements: dict[str, Measurement]) -> None:
    line = machine_line(measurements["sweep"].machine)
    assert line.startswith("Intel(R) Xeon(R) Processor @ 2.20GHz; 2 cores (quota 2); 8.33 GB memory; Linux")
    assert "noise 4.20 %; steal 0.03 %; python 3.12.11" in line


def test_a_comparison_is_a_markdown_table(measurements: dict[str, Measurement]) -> None:
    measurement = measurements["comparison"]
    assert isinstance(measurement, HttpMeasurement)
    head, rule, first, *others = markdown(comparison(measurement)).splitlines()
    assert head == "| target | requests/s | p50, ms | p99, ms | errors | requests per second, times skerry |"
    assert rule == "| --- | ---: | ---: | ---: | ---: | ---: |"
    assert first.startswith("| skerry | ")
    assert first.endswith(" | 0 | 1 |")
    assert len(others) == 2


def test_a_bar_in_a_name_ends_no_cell() -> None:
    grid = Grid("", (Column("name", ("a|b",), is_number=False),))
    assert markdown(grid) == "| name |\n| --- |\n| a\\|b |\n"


def test_it_reads_the_same_from_json(measurements: dict[str, Measurement]) -> None:
    for measurement in measurements.values():
        again = msgspec.json.decode(msgspec.json.encode(measurement), type=Measurement)
        assert table(again) == table(measurement)
