"""``probe``: one request before a run, whose answer must be right: what is wrong is then one clear line."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from time import monotonic

import msgspec

from skerry.bench.http.endpoint import Endpoint
from skerry.bench.http.exchange import Exchange, shown
from skerry.runtime.errors import BenchError

LARGEST = 2**28
"""Bytes of an answer that are read at most."""
_PART = 2**16


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    reason: str
    location: str | None
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def probe(endpoint: Endpoint, exchange: Exchange, *, timeout: float) -> Answer:
    """Send ``exchange`` once.

    Raises:
        BenchError: no answer came within ``timeout`` seconds, or another than a right one.
    """
    answer = ask(endpoint, exchange.request, timeout=timeout)
    if not answer.is_good:
        raise BenchError(
            f"{endpoint.url}: expected an answer with status 200, got {describe(answer)}",
            hint=_HINTS.get(answer.status),
        )
    if exchange.check and (wrong := exchange.check(answer.body)):
        raise BenchError(f"{endpoint.url}: wrong answer: {wrong}")
    return answer


_HINTS = {
    404: "give the endpoint itself, such as http://127.0.0.1:8000/predict",
    405: "choose the method with --request",
    401: "give what it asks for with --header",
    403: "give what it asks for with --header",
    413: "send less: another --body, or fewer --rows",
}


def ask(endpoint: Endpoint, request: bytes, *, timeout: float) -> Answer:
    """The answer to ``request``, on a connection of its own.

    Raises:
        BenchError: there is no server, or none that speaks HTTP and answers within ``timeout`` seconds.
    """
    url, deadline = endpoint.url, monotonic() + timeout
    where = f"{endpoint.address.host} port {endpoint.address.port}"
    try:
        connection = _connect(endpoint, timeout)
    except ssl.SSLError as error:
        hint = "does the server speak https, or http?" if "version" in _reason(error) else None
        raise BenchError(f"{url}: TLS failed: {_reason(error)}", hint=hint) from None
    except TimeoutError:
        raise BenchError(f"{url}: no connection to {where} within {timeout:g} s") from None
    except socket.gaierror as error:
        raise BenchError(f"{url}: no host {endpoint.address.host}: {_reason(error)}") from None
    except OSError as error:
        raise BenchError(f"{url}: no connection to {where}: {_reason(error)}", hint="is the server running?") from None
    with connection:
        try:
            connection.sendall(request)
            return _read(connection, request, deadline)
        except TimeoutError:
            raise BenchError(f"{url}: no whole answer within {timeout:g} s") from None
        except http.client.RemoteDisconnected:
            raise BenchError(f"{url}: the server closed the connection without an answer") from None
        except http.client.IncompleteRead as error:
            raise BenchError(f"{url}: the answer ended early, after {len(error.partial)} bytes of its body") from None
        except http.client.BadStatusLine as error:
            raise BenchError(
                f"{url}: expected HTTP, got {shown(str(error.args[0]).encode('latin-1', 'replace'))}"
            ) from None
        except (http.client.HTTPException, ValueError) as error:
            raise BenchError(f"{url}: expected HTTP, got what is none: {type(error).__name__}: {error!s:.80}") from None
        except OSError as error:
            raise BenchError(f"{url}: the connection broke: {_reason(error)}") from None


def _connect(endpoint: Endpoint, timeout: float) -> socket.socket:
    address = endpoint.address
    plain = socket.create_connection((address.host, address.port), timeout)
    if not address.tls:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def _read(connection: socket.socket, request: bytes, deadline: float) -> Answer:
    response = http.client.HTTPResponse(connection, method=request.partition(b" ")[0].decode("latin-1"))
    with response:
        response.begin()
        parts: list[bytes] = []
        while part := response.read1(_PART):
            parts.append(part)
            if monotonic() > deadline or len(parts) * _PART > LARGEST:
                raise TimeoutError
        body = b"".join(parts)
        if response.length:
            raise http.client.IncompleteRead(body, response.length)
        return Answer(response.status, response.reason, response.getheader("Location"), body)


def describe(answer: Answer) -> str:
    """A status and what the server said about it: the text of ``{"error"}``, or the first line."""
    to = f" to {answer.location}" if answer.location else ""
    said = _said(answer.body)
    return f"{answer.status} {answer.reason}".strip() + to + (f": {said}" if said else "")


def _said(body: bytes) -> str:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    if isinstance(content, dict) and isinstance(content.get("error"), str):
        return shown(content["error"].encode(), 300)
    first = next((line for line in body.splitlines() if line.strip()), b"")
    return shown(first, 200) if first else ""


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return (error.strerror or str(error) or type(error).__name__).lower()
