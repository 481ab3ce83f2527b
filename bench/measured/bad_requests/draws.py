"""What a recipe draws with: a choice of values, of bytes, and of any JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from skerry.bench.measured.border_models import NUMBERS, PEOPLE

Draw = Callable[[st.SearchStrategy[Any]], Any]


def pick(draw: Draw, values: Sequence[Any]) -> Any:
    return values[draw(st.integers(0, len(values) - 1))]


BOOLEANS = st.booleans()
MODELS = st.sampled_from((NUMBERS, PEOPLE))
FEW = st.integers(1, 3)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["inputs", "X", "name", "data", "a"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_PUT = st.sampled_from(
    [b"", *(bytes([code]) for code in range(256)), b'"', b",", b"[", b"]", b"{", b"}", b":", b"-", b"e9", b"null"]
)


def changed_bytes(draw: Draw, body: bytes, most: int = 3) -> bytes:
    """With some bytes replaced, added or left out."""
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(body) - 1)))
        cut = draw(st.integers(0, 2))
        put = draw(_PUT)
        body = body[:place] + put + body[place + cut :]
    return body
