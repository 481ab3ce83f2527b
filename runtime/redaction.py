"""``redact``: an error's text without what the client sent.

A text says where, what was expected, and after ", got" what came; and it quotes names. What stays are places, expectations
and the names of the model.
"""

from __future__ import annotations

import re
from collections.abc import Container

_CAME = re.compile(r"(, got |(?<=Arrow IPC stream): |(?<=Parquet file): ).*", re.DOTALL)
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


def redact(text: str, names: Container[str]) -> str:
    """``text`` up to what came, with '…' for every quoted word that is not one of ``names``."""
    return _QUOTED.sub(
        lambda quoted: quoted[0] if (quoted[1] or quoted[2] or "") in names else "'…'", _CAME.sub("", text)
    )
