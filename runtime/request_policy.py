"""``RequestPolicy``: what is accepted in a request, the same for every model and format."""

from __future__ import annotations

import msgspec

from skerry.runtime.limits import Limits
from skerry.runtime.protocol.columns import ExtraColumns


class RequestPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How large a request may be, what is done with columns that a model does not take, and whether errors leave out what
    the client sent (``redacted``)."""

    limits: Limits = Limits()
    extra_columns: ExtraColumns = "refuse"
    redacted: bool = False
