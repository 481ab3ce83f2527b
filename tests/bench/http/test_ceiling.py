import http.client

import pytest

from skerry.bench.http.ceiling import constant_server, measure_ceiling
from skerry.bench.http.plan import LoadPlan


def test_the_ceiling_is_many_requests_per_second() -> None:
    assert measure_ceiling(LoadPlan(connections=4, rate=1, duration=0.2, warmup=0.1)) > 100


@pytest.mark.parametrize("size", [0, 200, 100_000])
def test_the_constant_server_answers_with_as_many_bytes_as_told(size: int) -> None:
    with constant_server(size) as address:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=30)
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (200, size)
        connection.close()
