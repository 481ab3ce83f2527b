"""URLs as users write them → where to connect, and what the request says."""

from __future__ import annotations

import pytest

from skerry.bench.http.endpoint import Endpoint
from skerry.bench.http.generator import Address
from skerry.runtime.errors import BenchError


@pytest.mark.parametrize(
    ("url", "address", "authority", "path"),
    [
        ("http://127.0.0.1:8000/predict", Address("127.0.0.1", 8000, False), "127.0.0.1:8000", "/predict"),
        ("http://example.com", Address("example.com", 80, False), "example.com", "/"),
        ("https://example.com", Address("example.com", 443, True), "example.com", "/"),
        ("http://example.com:80/a", Address("example.com", 80, False), "example.com", "/a"),
        ("https://example.com:80/a", Address("example.com", 80, True), "example.com:80", "/a"),
        ("HTTP://Example.com/A", Address("example.com", 80, False), "example.com", "/A"),
        ("http://[::1]:8000/", Address("::1", 8000, False), "[::1]:8000", "/"),
        ("http://h/a b?q=é&r=%20#part", Address("h", 80, False), "h", "/a%20b?q=%C3%A9&r=%20"),
        ("http://h/v2/models/a%2Fb/infer", Address("h", 80, False), "h", "/v2/models/a%2Fb/infer"),
        ("http://h?q", Address("h", 80, False), "h", "/?q"),
    ],
)
def test_a_url(url: str, address: Address, authority: str, path: str) -> None:
    assert Endpoint.parse(url) == Endpoint(url, address, authority, path)


@pytest.mark.parametrize(
    "url",
    ["", "predict", "127.0.0.1:8000", "ftp://h/", "http://", "http:///predict", "http://h:x/", "http://h:99999/", "http://a b/", "http://h\r\nX: y/", "http://[::1", "http://modèle/"],
)  # fmt: skip
def test_what_is_no_url_of_a_server(url: str) -> None:
    with pytest.raises(BenchError, match=r"expected a URL such as|not a URL"):
        Endpoint.parse(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(BenchError, match="expected no user or password") as caught:
        Endpoint.parse("http://me:secret@h/")
    assert "secret" not in caught.value.text


def test_another_path_of_the_same_server() -> None:
    endpoint = Endpoint.parse("https://h:8443/v2/models/iris/infer").sibling("/v2/models/iris")
    assert endpoint == Endpoint.parse("https://h:8443/v2/models/iris")
