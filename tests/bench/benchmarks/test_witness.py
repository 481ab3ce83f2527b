"""What wrk prints, read."""

from skerry.bench.benchmarks.witness import read_wrk

PRINTED = """\
Running 2s test @ http://127.0.0.1:8000/predict
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.60ms    1.20ms  20.10ms   90.00%
    Req/Sec     5.74k   512.00     6.50k    70.00%
  11480 requests in 2.00s, 2.10MB read
{errors}Requests/sec:   5740.12
Transfer/sec:      1.05MB
"""


def test_requests_per_second_are_read() -> None:
    assert read_wrk(PRINTED.format(errors="")) == 5740.12


def test_a_run_with_errors_has_no_figure() -> None:
    assert read_wrk(PRINTED.format(errors="  Non-2xx or 3xx responses: 11480\n")) is None
    assert read_wrk(PRINTED.format(errors="  Socket errors: connect 0, read 12, write 0, timeout 0\n")) is None


def test_a_run_that_failed_has_none_either() -> None:
    assert read_wrk("") is None
