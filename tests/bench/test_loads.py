from msgspec.structs import replace

from skerry.bench.loads import describe, labels, loads_of
from skerry.bench.results import HttpMeasurement, Measurement


def http(measurements: dict[str, Measurement], name: str) -> HttpMeasurement:
    measurement = measurements[name]
    assert isinstance(measurement, HttpMeasurement)
    return measurement


def test_rounds_of_a_load_come_together(measurements: dict[str, Measurement]) -> None:
    skerry, fastapi, _ = loads_of(http(measurements, "comparison").runs)
    assert (skerry.target, len(skerry.runs), skerry.errors) == ("skerry", 7, {})
    assert fastapi.errors == {"status 503": 7 * 11 + 21, "timeout": 14}
    assert skerry.latency is not None
    assert skerry.latency.count == sum(run.latency.count for run in skerry.runs if run.latency)
    assert list(skerry.server_timing) == ["decode", "queue", "infer", "encode"]


def test_a_load_without_answers_has_no_latency(measurements: dict[str, Measurement]) -> None:
    (load,) = loads_of(http(measurements, "failure").runs)
    assert (load.latency, load.requests, load.complete) == (None, 0, False)


def test_a_disturbed_round_does_not_move_the_median_round(measurements: dict[str, Measurement]) -> None:
    (load,) = loads_of(http(measurements, "closed loop").runs)
    run = load.runs[0]
    assert run.latency is not None
    slow = replace(run, latency=replace(run.latency, p99=1.0), round=1)
    (three,) = loads_of([run, slow, replace(run, round=2)])
    assert three.median_round("p99") == run.latency.p99
    (none,) = loads_of(http(measurements, "failure").runs)
    assert none.median_round("p99") is None


def test_a_closed_loop_beside_rates_is_told_apart_by_name(measurements: dict[str, Measurement]) -> None:
    runs = [*http(measurements, "closed loop").runs, *http(measurements, "sweep").runs[:2]]
    assert labels(loads_of([replace(run, target="one") for run in runs])) == ["closed loop", "250/s", "500/s"]


def test_loads_are_named_for_what_tells_them_apart(measurements: dict[str, Measurement]) -> None:
    sweep = loads_of(http(measurements, "sweep").runs)
    assert labels(sweep)[:3] == ["250/s", "500/s", "1,000/s"]
    assert labels(sweep[:1]) == [""]
    assert describe(sweep[0]) == "open loop, 250 requests/s (poisson), 32 connections"
    assert describe(loads_of(http(measurements, "closed loop").runs)[0]) == "closed loop, 32 connections"
