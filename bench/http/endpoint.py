"""``Endpoint``: a URL as a load generator needs it: where to connect, and what to write into a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from skerry.bench.http.generator import Address
from skerry.runtime.errors import BenchError

PORTS = {"http": 80, "https": 443}
_KEPT = "%/:@!$&'()*+,;=~-._?"
"""What a path and a query may hold as it is (RFC 3986, section 3.3)."""
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


@dataclass(frozen=True)
class Endpoint:
    """``path`` is the request's target with its query; ``authority`` the value of ``Host``."""

    url: str
    address: Address
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Raises ``BenchError`` if it is no URL of a server."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise BenchError(f"{url}: not a URL: {error}") from None
        if parts.scheme not in PORTS or not _HOST.fullmatch(host):
            raise BenchError(f"{url}: expected a URL such as http://127.0.0.1:8000/predict")
        if parts.username is not None:
            raise BenchError(f"{parts.scheme}://{host}: expected no user or password in the URL; send them as a header")
        shown = f"[{host}]" if ":" in host else host
        authority = shown if port == PORTS[parts.scheme] else f"{shown}:{port}"
        path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
        return cls(url, Address(host, port, parts.scheme == "https"), authority, path)

    def sibling(self, path: str) -> Endpoint:
        """Another path of the same server."""
        scheme = "https" if self.address.tls else "http"
        return Endpoint(f"{scheme}://{self.authority}{path}", self.address, self.authority, path)
