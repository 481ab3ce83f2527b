"""The id by which a request is found again: in the access log, in spans, in the answer's ``X-Request-ID``."""

from __future__ import annotations

import re
from itertools import count
from secrets import token_hex

_ALLOWED = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_PROCESS = token_hex(4)
_next = count(1).__next__


def read_request_id(header: bytes) -> str:
    """The client's own id; nothing where it is none that may be repeated in a header and a log."""
    return header.decode() if _ALLOWED.fullmatch(header) else ""


def new_request_id() -> str:
    """One that no other request has, of this worker or another."""
    return f"{_PROCESS}-{_next()}"
