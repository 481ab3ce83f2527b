"""``Hasher``: names → columns, as scikit-learn's FeatureHasher and HashingVectorizer have it, with MurmurHash3.

ONNX has no operator for it. Follows sklearn.feature_extraction._hashing_fast and the published
algorithm, MurmurHash3_x86_32 with seed 0 (Austin Appleby, public domain).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct

from skerry.runtime.manifest import Hashing

_MASK = 0xFFFFFFFF
_BLOCK = Struct("<I")
_C1, _C2 = 0xCC9E2D51, 0x1B873593
_SHORT = 64
"""Characters of a name that is remembered: words come again, long texts do not."""


class Hasher:
    """Calling it with a row's names and values gives its columns, each once, and the sums of their values."""

    def __init__(self, settings: Hashing) -> None:
        self._columns = settings.n_features
        self._signed = settings.alternate_sign
        self._remembered = lru_cache(maxsize=2**16)(self._place)

    def __call__(self, values: Mapping[str, float]) -> dict[int, float]:
        found: dict[int, float] = {}
        for name, value in values.items():
            if value != 0:
                column, sign = self._remembered(name) if len(name) <= _SHORT else self._place(name)
                found[column] = found.get(column, 0.0) + sign * value
        return found

    def _place(self, name: str) -> tuple[int, int]:
        code = murmurhash3(name.encode())
        return abs(code) % self._columns, -1 if self._signed and code < 0 else 1


def murmurhash3(data: bytes) -> int:
    """MurmurHash3_x86_32 of ``data`` with seed 0, as a signed integer."""
    code = 0
    end = len(data) & ~3
    for (block,) in _BLOCK.iter_unpack(data[:end]):
        code ^= _scrambled(block)
        code = (code << 13 | code >> 19) & _MASK
        code = (code * 5 + 0xE6546B64) & _MASK
    code ^= _scrambled(int.from_bytes(data[end:], "little"))
    code = _finished(code ^ len(data))
    return code - 2**32 if code >= 2**31 else code


def _scrambled(block: int) -> int:
    block = block * _C1 & _MASK
    return (block << 15 | block >> 17) * _C2 & _MASK


def _finished(code: int) -> int:
    code ^= code >> 16
    code = code * 0x85EBCA6B & _MASK
    code ^= code >> 13
    code = code * 0xC2B2AE35 & _MASK
    return code ^ code >> 16
