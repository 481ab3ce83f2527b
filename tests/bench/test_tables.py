from skerry.bench.grid import markdown
from skerry.bench.results import HttpMeasurement, Measurement
from skerry.bench.tables import comparison, grids


def test_models_have_a_column_for_each_count_of_rows(measurements: dict[str, Measurement]) -> None:
    latency = grids(measurements["models"])[0]
    assert [column.name for column in latency.columns] == [
        "contender", "threads", "1 row, µs", "10 rows, µs", "100 rows, µs", "1,000 rows, ms", "10,000 rows, ms",
    ]  # fmt: skip
    assert latency.rows[0][:3] == ("skerry artifact", "1", "19.1 ±0.5")
    assert len(latency.rows) == 8


def test_a_comparison_is_a_markdown_table(measurements: dict[str, Measurement]) -> None:
    measurement = measurements["comparison"]
    assert isinstance(measurement, HttpMeasurement)
    head, rule, first, *others = markdown(comparison(measurement)).splitlines()
    assert head == "| target | requests/s | p50, ms | p99, ms | errors | requests per second, times skerry |"
    assert rule == "| --- | ---: | ---: | ---: | ---: | ---: |"
    assert first.startswith("| skerry | ")
    assert first.endswith(" | 0 | 1 |")
    assert len(others) == 2
