from __future__ import annotations

import pytest

from skerry.runtime.http.request_id import new_request_id, read_request_id


@pytest.mark.parametrize("header", [b"7", b"4bf92f35-77b3/a.b_c:d+e=f@g", b"x" * 128])
def test_a_clients_id_is_taken(header: bytes) -> None:
    assert read_request_id(header) == header.decode()


@pytest.mark.parametrize("header", [b"", b"x" * 129, b"a b", b"a\n", b"a\r\nb: c", b'"', b"\xff", b"\x1b[31m", b"a,b"])
def test_what_could_break_a_header_or_a_log_is_not(header: bytes) -> None:
    assert read_request_id(header) == ""


def test_ids_differ_and_could_be_a_clients() -> None:
    ids = [new_request_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(read_request_id(one.encode()) == one for one in ids)
