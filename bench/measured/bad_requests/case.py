"""``Case``: a request to the server at the border, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Verdict = Literal["good", "bad", "either"]
"""A good request must be answered, a bad one refused; what may be either must be answered rightly, or refused."""


class Case(NamedTuple):
    """A request, and what is known of it."""

    layer: str
    verdict: Verdict
    path: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"


def infer_path(model: str) -> str:
    return f"/v2/models/{model}/infer"


def predict_path(model: str) -> str:
    return f"/models/{model}/predict"
