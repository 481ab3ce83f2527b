import pytest

from skerry.bench.http.server_timing import durations, read_header, summarize_timings

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n%b\r\n\r\nbody\r\nServer-Timing: not;dur=1\r\n"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"Server-Timing: parse;dur=0.02, infer;dur=0.4", b" parse;dur=0.02, infer;dur=0.4"),
        (b"server-timing:parse;dur=1", b"parse;dur=1"),
        (b"SERVER-TIMING: parse;dur=1", b" parse;dur=1"),
        (b"Server-Timing: a;dur=1\r\nX: y\r\nServer-Timing: b;dur=2", b" a;dur=1, b;dur=2"),
        (b"Server: uvicorn", None),
        (b"X-Server-Timing: a;dur=1", None),
    ],
)
def test_the_header_is_found_in_the_head_alone(header: bytes, value: bytes | None) -> None:
    assert read_header(HEAD % header) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b" parse;dur=0.02, infer;dur=0.4", {"parse": 0.00002, "infer": 0.0004}),
        (b'db;desc="a, b; c";dur=53', {"db": 0.053}),
        (b"cache ; desc=hit ; DUR = 1.5e1 ,x;dur=2", {"cache": 0.015, "x": 0.002}),
        (b"miss", {}),
        (b"a;dur=, b;dur=fast, c;dur=-1", {}),
        (b'quoted;dur="7"', {"quoted": 0.007}),
        (b"", {}),
        (b";;;===,,,", {}),
    ],
)
def test_durations_are_milliseconds_by_metric(value: bytes, expected: dict[str, float]) -> None:
    assert durations(value) == pytest.approx(expected)


def test_each_metric_is_summed_up_over_the_answers_that_have_it() -> None:
    timings = summarize_timings({b"a;dur=1": 3, b"a;dur=3, b;dur=2": 1})
    assert {name: (each.count, each.mean, each.max) for name, each in timings.items()} == {
        "a": (4, pytest.approx(0.0015), 0.003),
        "b": (1, 0.002, 0.002),
    }
