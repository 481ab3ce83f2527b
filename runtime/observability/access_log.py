"""``AccessLog``: a line of JSON for each request, written by a thread that nobody waits for."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from time import monotonic
from typing import Literal

import msgspec

from skerry.runtime.errors import ServerError
from skerry.runtime.http.request_id import new_request_id
from skerry.runtime.observability.ledger import OK, Record

Clients = Literal["none", "network", "address"]
"""What of a client's address is written: nothing, its /24 or /48, or all of it."""

WAITING = 8 * 2**20
"""Bytes of lines that wait for a slow file at most; more are lost, and counted."""
CHUNK = 64 * 2**10
"""Bytes that are written at once."""
PIPE_CHUNK = 4096
"""The same for standard output: so many a pipe takes whole (POSIX, PIPE_BUF), so that workers can share it."""
PATH = 250
"""Characters of a path that are written, twelve bytes each at most."""
PATIENCE = 2.0
"""Seconds that the end of the server waits for the last lines."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is written about a request; fields that say nothing are left out. ``time`` is when it was answered."""

    time: str
    request_id: str
    client: str = ""
    method: str
    path: str
    operation: str = ""
    model: str = ""
    version: int = 0
    status: int
    error: str = ""
    rows: int = 0
    batch: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    duration_us: int
    parse_us: int = 0
    queue_us: int = 0
    infer_us: int = 0
    encode_us: int = 0
    trace_id: str = ""


class LineMaker:
    """Records → lines. ``now`` is the time since the epoch when ``perf_counter`` was ``clock``."""

    def __init__(self, clients: Clients = "network") -> None:
        self._client: Callable[[str], str] = _CLIENTS[clients]
        self._second, self._prefix = -1, ""

    def __call__(self, record: Record, now: float, clock: float) -> bytes:
        """One line of ASCII without its end, whatever is in the request: shorter than ``PIPE_CHUNK``."""
        line = Line(
            time=self._time(now + record.ended - clock),
            request_id=record.request_id or new_request_id(),
            client=self._client(record.client[0]) if record.client else "",
            method=record.method[:20],
            path=record.path if len(record.path) <= PATH else f"{record.path[:PATH]}...",
            operation=record.key.operation,
            model=record.key.model,
            version=record.key.version,
            status=record.status,
            error="" if record.outcome == OK else record.outcome,
            rows=record.rows,
            batch=record.batch,
            request_bytes=record.request_size,
            response_bytes=record.answer_size,
            duration_us=_microseconds(record.ended - record.began),
            parse_us=_microseconds(record.parse),
            queue_us=_microseconds(record.queue),
            infer_us=_microseconds(record.infer),
            encode_us=_microseconds(record.encode),
            trace_id=record.trace_id or (_trace_id(record.traceparent) if record.traceparent else ""),
        )
        return _encode(line)

    def _time(self, at: float) -> str:
        """RFC 3339, in UTC, to the millisecond."""
        second, millis = divmod(int(at * 1000), 1000)
        if second != self._second:
            self._second, self._prefix = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        return f"{self._prefix}.{millis:03d}Z"


_plain = msgspec.json.Encoder().encode


def _encode(line: Line) -> bytes:
    """JSON in ASCII: U+2028, U+0085 and the like end a line for some who read it, and C1 controls move a terminal."""
    with suppress(UnicodeEncodeError):
        encoded = _plain(line)
        if encoded.isascii() and b"\x7f" not in encoded:
            return encoded
    return json.dumps(msgspec.to_builtins(line), separators=(",", ":")).replace("\x7f", "\\u007f").encode()


_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def _trace_id(traceparent: bytes) -> str:
    """The trace that the client says its request is part of (W3C Trace Context, section 3.2); nothing if it is not said so."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[1].decode() if found and found[1].strip(b"0") else ""


def _microseconds(seconds: float) -> int:
    return int(seconds * 1e6 + 0.5)


@lru_cache(4096)
def _network(host: str) -> str:
    """The first three bytes of an IPv4 address, the first six of an IPv6 one; nothing of anything else."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)


_CLIENTS: dict[Clients, Callable[[str], str]] = {
    "none": lambda host: "",
    "network": _network,
    "address": lambda host: host,
}


def chunks(lines: Iterable[bytes], most: int = CHUNK) -> list[tuple[bytes, int]]:
    """Lines, joined to pieces of at most ``most`` bytes, and how many are in each."""
    found: list[tuple[bytes, int]] = []
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) + 1 > most:
            found.append((b"\n".join([*part, b""]), len(part)))
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    return [*found, (b"\n".join([*part, b""]), len(part))] if part else found


class AccessLog:
    """Appends to the file at ``path``, or writes to standard output where it is ``-``.

    A file that was moved or removed, as logrotate does, is opened anew within a second.

    Raises:
        ServerError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = None if path == "-" else Path(path)
        try:
            self._open()
        except OSError as error:
            raise ServerError(f"{path}: the access log cannot be written: {error.strerror}") from None
        self._most = CHUNK if self._path else PIPE_CHUNK
        self._refused, self._failed = 0, 0
        self._torn = False
        self._queue: Queue[tuple[bytes, int] | None] = Queue(WAITING // self._most)
        self._thread = Thread(target=self._write_all, name="skerry-access-log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Lines that found no room, because the disk is full or nobody reads the pipe."""
        return self._refused + self._failed

    def write(self, lines: Iterable[bytes]) -> None:
        """Have lines written some time; never waits."""
        for chunk in chunks(lines, self._most):
            try:
                self._queue.put_nowait(chunk)
            except Full:
                self._refused += chunk[1]

    def close(self) -> None:
        """Write what waits; who does not read for ``PATIENCE`` seconds loses it."""
        with suppress(Full):
            self._queue.put(None, timeout=PATIENCE)
            self._thread.join(PATIENCE)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = 1 if self._path is None else os.open(self._path, flags, 0o640)
        self._looked = monotonic()

    def _write_all(self) -> None:
        while (chunk := self._queue.get()) is not None:
            try:
                self._reopen_if_moved()
                self._write(chunk[0])
            except OSError:
                self._failed += chunk[1]
        if self._path is not None:
            os.close(self._file)

    def _write(self, content: bytes) -> None:
        """What a full disk cut off stays a line of its own: it is broken, the next is not."""
        content = b"\n" + content if self._torn else content
        while content:
            written = os.write(self._file, content)
            content = content[written:]
            self._torn = bool(content)

    def _reopen_if_moved(self) -> None:
        if self._path is None or monotonic() - self._looked < 1:
            return
        self._looked = monotonic()
        with suppress(OSError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._file)):
                return
        old = self._file
        self._open()
        os.close(old)
